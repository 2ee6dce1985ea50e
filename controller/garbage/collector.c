#include "collector.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <mot/base/backoff.h>
#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/stop.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "complain.h"
#include "graph.h"
#include "owners.h"

#define CHECK_EVERY_MS 600000
#define IDLE_MS        60000
#define DRAIN_MAX      20
#define ROUND_MAX      200 /* objects per commit */
#define OWNERS_MAX     64  /* references that are looked at; an object with more is left alone */

/* Like Kubernetes: Events come and go by themselves. */
#define NOT_COLLECTED "events"

/* An object that is to be decided. */
struct item {
    char *resource;
    char *ns;
    char *name;
};

struct collector {
    struct collector_options options;
    struct stored_kinds kinds;
    char *resources; /* for the feed */
    struct store_feed *feed;
    pthread_mutex_t lock; /* guards `feed` against being woken while it is replaced */
    struct graph graph;
    struct owners owners;
    struct map *queue; /* struct item by uid */
    struct map *later; /* the same: those that could not be decided, or written */
    struct backoff later_backoff;
    int64_t later_at; /* clock_ms(); 0: not set */
    int64_t check_at;
    struct writes *writes;
    atomic_bool stopping;
    pthread_t thread;
};

static void item_free(void *value)
{
    struct item *item = value;
    free(item->resource);
    free(item->ns);
    free(item->name);
    free(item);
}

static void enqueue(struct map *queue, const char *uid, const struct store_key *key)
{
    if (map_has(queue, uid))
        return;
    struct item *item = mem_zalloc(sizeof(*item));
    item->resource = mem_strdup(key->resource);
    item->ns = mem_strdup(key->ns);
    item->name = mem_strdup(key->name);
    map_put(queue, uid, item);
}

static void on_touch(void *context, const struct node *node)
{
    struct collector *collector = context;
    struct store_key key = {node->resource, node->ns, node->name};
    enqueue(collector->queue, node->uid, &key);
}

/* ------------------------------------------------------------------------------------------ what
 * is seen */

/* JSON without blanks, in which quotes inside strings are escaped: the text is the member. */
static bool may_have(const char *selectable, const char *member)
{
    return strstr(selectable, member) != NULL;
}

static json_t *owners_in(const char *selectable)
{
    struct err err;
    if (!may_have(selectable, "\"owners\":{"))
        return NULL;
    json_t *decoded = json_parse(selectable, strlen(selectable), false, &err);
    json_t *owners = json_incref(json_object_get(decoded, "owners"));
    json_decref(decoded);
    return owners;
}

static bool is_deleting(const struct store_object *object)
{
    return may_have(object->selectable, "\"deleting\":true");
}

/* @decoded: NULL when the body was not read; then the same revision will say more of an object that
 * is being deleted. */
static void observe(struct collector *collector, const struct store_object *object,
                    const json_t *decoded)
{
    json_t *owners = owners_in(object->selectable);
    bool deleting = decoded && object_deleting(decoded);
    bool more = !decoded && is_deleting(object);
    struct observation observation = {
        .key = object->key,
        .uid = object->uid,
        .revision = object->revision - more,
        .owners = owners,
        .foreground = deleting && object_has_finalizer(decoded, FINALIZER_FOREGROUND),
        .orphan = deleting && object_has_finalizer(decoded, FINALIZER_ORPHAN),
    };
    graph_observe(&collector->graph, &observation);
    json_decref(owners);
}

/* Only what is being deleted comes with its body. */
static int on_change(void *context, const struct store_change *change, struct err *err)
{
    struct collector *collector = context;
    const struct store_object *object = &change->object;
    if (change->operation == STORE_DELETE) {
        graph_forget(&collector->graph, object->uid, object->revision);
        return 0;
    }
    json_t *decoded = NULL;
    if (is_deleting(object)) {
        decoded = object_decode(object->body, object->body_len, object->revision, err);
        if (!decoded)
            log_error("stored object can't be read", LOG_S("resource", object->key.resource),
                      LOG_S("namespace", object->key.ns), LOG_S("name", object->key.name));
    }
    observe(collector, object, decoded);
    json_decref(decoded);
    return 0;
}

/* ------------------------------------------------------------------------------------------
 * looking through everything */

static int on_listed(void *context, const struct store_object *object, struct err *err)
{
    struct collector *collector = context;
    (void)err;
    observe(collector, object, NULL);
    if (is_deleting(object))
        enqueue(collector->queue, object->uid, &object->key);
    return 0;
}

static int on_seen(void *context, const struct store_object *object, struct err *err)
{
    struct collector *collector = context;
    (void)err;
    graph_see(&collector->graph, object->uid, object->key.ns);
    return 0;
}

static bool is_collected(const struct stored_kind *kind)
{
    return strcmp(kind->controlled.resource, NOT_COLLECTED) != 0;
}

static int list_all(struct collector *collector, store_visit *visit, int64_t *ret_oldest,
                    struct err *err)
{
    *ret_oldest = INT64_MAX;
    for (size_t i = 0; i < collector->kinds.count; i++) {
        struct store_list_query query = {.resource = collector->kinds.items[i].controlled.resource,
                                         .brief = true};
        int64_t revision;
        if (!is_collected(&collector->kinds.items[i]))
            continue;
        if (store_list(collector->options.store, &query, &revision, visit, collector, err))
            return -1;
        if (revision < *ret_oldest)
            *ret_oldest = revision;
    }
    return 0;
}

/*
 * The graph anew: first all objects, then which of their owners there are. Owners are looked for
 * after their dependents: one that is not seen was gone by then, and that is still confirmed by a
 * read before it matters. What happens meanwhile comes with the feed, which begins at the oldest
 * list.
 */
static int check_all(struct collector *collector, struct err *err)
{
    int64_t oldest, ignored;
    graph_clear(&collector->graph);
    collector->graph.quiet = true;
    int rc = list_all(collector, on_listed, &oldest, err);
    collector->graph.quiet = false;
    graph_begin_seeing(&collector->graph);
    if (rc || list_all(collector, on_seen, &ignored, err))
        return -1;
    graph_touch_unseen(&collector->graph);
    pthread_mutex_lock(&collector->lock);
    store_feed_close(collector->feed);
    collector->feed = store_feed_open_brief(collector->options.store, collector->resources, oldest);
    pthread_mutex_unlock(&collector->lock);
    collector->check_at = clock_ms() + collector->options.check_every_ms;
    return 0;
}

/* ------------------------------------------------------------------------------------------
 * deciding */

/* The object that is being decided. */
struct subject {
    const char *uid; /* of the queue */
    const struct stored_kind *kind;
    struct store_object *stored;
    json_t *object;
    enum owner_state states[OWNERS_MAX];
};

static json_t *references_of(const json_t *object)
{
    return json_at(object, "metadata.ownerReferences");
}

static int read_owners(struct collector *collector, struct subject *subject,
                       struct garbage_input *in, struct err *err)
{
    size_t index;
    json_t *reference;
    if (json_array_size(references_of(subject->object)) > OWNERS_MAX)
        return 0;
    json_array_foreach(references_of(subject->object), index, reference)
    {
        if (owners_state(&collector->owners, subject->object, reference, &subject->states[index],
                         err))
            return -1;
        in->owner_count++;
    }
    in->owners = subject->states;
    return 0;
}

static void read_dependents(const struct collector *collector, const struct subject *subject,
                            struct garbage_input *in)
{
    const struct node *node = graph_find(&collector->graph, subject->uid);
    if (!node)
        return;
    in->dependents = map_count(node->dependents);
    in->blocking = node->blocking;
    in->circle = node->blocking > 0 && graph_in_circle(node);
}

/* What depends on dependents is decided when the graph has all that there were at that revision. */
static bool knows_enough(const struct collector *collector, const struct subject *subject,
                         const struct garbage_input *in)
{
    bool counts = in->deleting && (in->foreground || in->orphan);
    for (size_t i = 0; i < in->owner_count; i++)
        counts |= in->owners[i] == OWNER_WAITS;
    return !counts || store_feed_position(collector->feed) >= subject->stored->revision;
}

static void drop_references(const struct subject *subject, json_t *object, unsigned states)
{
    json_t *references = references_of(object);
    for (size_t i = json_array_size(references); i-- > 0;) {
        if (subject->states[i] & states)
            json_array_remove(references, i);
    }
    if (json_array_size(references) == 0)
        json_object_del(json_object_get(object, "metadata"), "ownerReferences");
}

static void unblock(json_t *object)
{
    size_t index;
    json_t *reference;
    json_array_foreach(references_of(object), index, reference)
    {
        json_object_set_new(reference, "blockOwnerDeletion", json_false());
    }
}

static void carry_out(struct collector *collector, const struct subject *subject,
                      const struct garbage_plan *plan)
{
    struct writes *writes = collector->writes;
    int64_t revision = subject->stored->revision;
    json_t *object = json_deep_copy(subject->object);
    switch (plan->verb) {
    case GARBAGE_KEEP:
    case GARBAGE_WAIT:
        break;
    case GARBAGE_RELEASE:
        drop_references(subject, object, plan->drop);
        stored_finish(writes, subject->kind, subject->object, revision, object, subject->uid);
        break;
    case GARBAGE_DELETE_FOREGROUND:
        if (plan->unblock)
            unblock(object);
        stored_sign(subject->kind, subject->object, object);
        object_add_finalizer(object, FINALIZER_FOREGROUND);
        stored_delete(writes, subject->kind, subject->object, revision, object, subject->uid);
        break;
    case GARBAGE_UNBLOCK:
        unblock(object);
        stored_finish(writes, subject->kind, subject->object, revision, object, subject->uid);
        break;
    case GARBAGE_DELETE:
        stored_delete(writes, subject->kind, subject->object, revision, object, subject->uid);
        break;
    case GARBAGE_FINISH_FOREGROUND:
    case GARBAGE_FINISH_ORPHAN:
        object_remove_finalizer(object, plan->verb == GARBAGE_FINISH_ORPHAN ? FINALIZER_ORPHAN
                                                                            : FINALIZER_FOREGROUND);
        stored_finish(writes, subject->kind, subject->object, revision, object, subject->uid);
        break;
    }
    json_decref(object);
}

/* -1: it could not be decided now. */
static int decide_subject(struct collector *collector, struct subject *subject, struct err *err)
{
    observe(collector, subject->stored, subject->object);
    bool deleting = object_deleting(subject->object);
    struct garbage_input in = {
        .deleting = deleting,
        .foreground = object_has_finalizer(subject->object, FINALIZER_FOREGROUND),
        .orphan = object_has_finalizer(subject->object, FINALIZER_ORPHAN),
    };
    if (read_owners(collector, subject, &in, err))
        return -1;
    read_dependents(collector, subject, &in);
    if (!knows_enough(collector, subject, &in))
        return err_set(err, ERR_CONFLICT, "the change feed has not come so far");
    struct garbage_plan plan = garbage_decide(&in);
    carry_out(collector, subject, &plan);
    return 0;
}

static int decide_item(struct collector *collector, const char *uid, const struct item *item,
                       struct err *err)
{
    struct store_key key = {item->resource, item->ns, item->name};
    struct subject subject = {.uid = uid,
                              .kind = stored_kinds_find(&collector->kinds, item->resource)};
    subject.stored = store_get(collector->options.store, &key, err);
    if (!subject.stored)
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    int rc = 0;
    if (strcmp(subject.stored->uid, uid) == 0) {
        subject.object = object_decode(subject.stored->body, subject.stored->body_len,
                                       subject.stored->revision, err);
        rc = subject.object ? decide_subject(collector, &subject, err) : -1;
    }
    json_decref(subject.object);
    free(subject.stored);
    return rc;
}

/* ------------------------------------------------------------------------------------------ rounds
 */

static void put_off(struct collector *collector, const char *uid, const struct item *item)
{
    struct store_key key = {item->resource, item->ns, item->name};
    enqueue(collector->later, uid, &key);
}

static void commit(struct collector *collector, const struct map *round)
{
    struct store_commit commit = {.writes = collector->writes->items,
                                  .write_count = collector->writes->count};
    struct err err = {0};
    bool failed = commit.write_count > 0 && store_commit(collector->options.store, &commit, &err);
    if (failed)
        log_warn("garbage not collected, trying again", LOG_S("error", err.message));
    for (size_t i = 0; i < collector->writes->count; i++) {
        const char *uid = collector->writes->owners[i];
        if (failed || collector->writes->items[i].result != ERR_NONE)
            put_off(collector, uid, map_get(round, uid));
    }
    writes_clear(collector->writes);
}

/* Up to ROUND_MAX of the queue; each leads to at most one write. */
static struct map *take_round(struct collector *collector)
{
    struct map *round = map_new(item_free);
    for (struct map_iter it = {0};
         map_count(round) < ROUND_MAX && map_next(collector->queue, &it);) {
        AUTO_FREE char *uid = mem_strdup(it.key);
        map_put(round, uid, map_steal(collector->queue, uid));
    }
    return round;
}

static void run_round(struct collector *collector)
{
    struct map *round = take_round(collector);
    owners_forget(&collector->owners);
    for (struct map_iter it = {0}; map_next(round, &it);) {
        struct err err = {0};
        if (decide_item(collector, it.key, it.value, &err)) {
            if (err.code != ERR_CONFLICT)
                log_warn("garbage not decided, trying again", LOG_S("error", err.message));
            put_off(collector, it.key, it.value);
        }
    }
    commit(collector, round);
    map_free(round);
}

static void retry_later(struct collector *collector)
{
    if (map_count(collector->later) == 0) {
        backoff_reset(&collector->later_backoff);
        collector->later_at = 0;
        return;
    }
    if (collector->later_at == 0)
        collector->later_at = clock_ms() + backoff_next(&collector->later_backoff);
    if (clock_ms() < collector->later_at)
        return;
    for (struct map_iter it = {0}; map_next(collector->later, &it);) {
        const struct item *item = it.value;
        struct store_key key = {item->resource, item->ns, item->name};
        enqueue(collector->queue, it.key, &key);
    }
    map_clear(collector->later);
    collector->later_at = 0;
}

/* ------------------------------------------------------------------------------------------ the
 * loop */

static int64_t wait_for(const struct collector *collector)
{
    int64_t due = clock_ms() + IDLE_MS;
    if (map_count(collector->queue))
        return 0;
    if (collector->check_at < due)
        due = collector->check_at;
    if (collector->later_at && collector->later_at < due)
        due = collector->later_at;
    return due > clock_ms() ? due - clock_ms() : 0;
}

static int take_in_news(struct collector *collector, struct err *err)
{
    if (!collector->feed || clock_ms() >= collector->check_at) {
        if (check_all(collector, err))
            return -1;
    }
    int n = store_feed_next(collector->feed, wait_for(collector), on_change, collector, err);
    for (int i = 0; n > 0 && i < DRAIN_MAX; i++)
        n = store_feed_next(collector->feed, 0, on_change, collector, err);
    if (n < 0 && err->code == ERR_GONE)
        collector->check_at = 0;
    return n < 0 ? -1 : 0;
}

static void *run(void *argument)
{
    struct collector *collector = argument;
    struct backoff backoff = BACKOFF_INIT(50, 5000);
    struct complaint complaint = {0};
    while (!atomic_load(&collector->stopping)) {
        struct err err = {0};
        if (take_in_news(collector, &err)) {
            complain(&complaint, "the garbage collector waits for the store", NULL, &err);
            stop_wait(backoff_next(&backoff));
            continue;
        }
        backoff_reset(&backoff);
        complaint.next_ms = 0;
        if (map_count(collector->queue))
            run_round(collector);
        retry_later(collector);
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------ life
 */

static void release(struct collector *collector)
{
    store_feed_close(collector->feed);
    graph_release(&collector->graph);
    owners_release(&collector->owners);
    stored_kinds_release(&collector->kinds);
    map_free(collector->queue);
    map_free(collector->later);
    writes_clear(collector->writes);
    free(collector->writes);
    pthread_mutex_destroy(&collector->lock);
    free(collector->resources);
    free(collector);
}

static char *resources_of(const struct stored_kinds *kinds)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    for (size_t i = 0; i < kinds->count; i++) {
        if (is_collected(&kinds->items[i]))
            buf_addf(&buf, "%s%s", buf.len ? "," : "", kinds->items[i].controlled.resource);
    }
    return buf_take(&buf);
}

struct collector *collector_start(const struct collector_options *options, struct err *err)
{
    struct collector *collector = mem_zalloc(sizeof(*collector));
    collector->options = *options;
    if (collector->options.check_every_ms == 0)
        collector->options.check_every_ms = CHECK_EVERY_MS;
    stored_kinds_init(&collector->kinds, options->kinds);
    collector->resources = resources_of(&collector->kinds);
    graph_init(&collector->graph, on_touch, collector);
    owners_init(&collector->owners, options->store, &collector->kinds, options->recorder);
    collector->queue = map_new(item_free);
    collector->later = map_new(item_free);
    collector->later_backoff = (struct backoff)BACKOFF_INIT(20, 5000);
    collector->writes = mem_zalloc(sizeof(*collector->writes));
    pthread_mutex_init(&collector->lock, NULL);
    int rc = pthread_create(&collector->thread, NULL, run, collector);
    if (rc) {
        err_set(err, ERR_INTERNAL, "no thread for the garbage collector: %s", strerror(rc));
        release(collector);
        return NULL;
    }
    return collector;
}

void collector_stop(struct collector *collector)
{
    if (!collector)
        return;
    atomic_store(&collector->stopping, true);
    pthread_mutex_lock(&collector->lock);
    if (collector->feed)
        store_feed_wake(collector->feed);
    pthread_mutex_unlock(&collector->lock);
    pthread_join(collector->thread, NULL);
    release(collector);
}
