#include "namespace.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <mot/base/arena.h>
#include <mot/base/backoff.h>
#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>
#include <mot/base/stop.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "complain.h"
#include "decide/termination.h"
#include "garbage/stored.h"

#define IDLE_MS    60000
#define AGAIN_MIN  50 /* ms until a namespace that is not empty is looked at again */
#define AGAIN_MAX  5000
#define PAGE       256
#define ARENA_MAX  ((size_t)16 << 20)
#define FINALIZERS 100 /* different ones that are counted */

/* A namespace on its way. */
struct task {
    int64_t due; /* clock_ms() */
    int64_t left;
    struct backoff backoff;
};

struct terminator {
    struct store *store;
    struct stored_kinds kinds;
    struct store_feed *feed;
    pthread_mutex_t lock; /* guards `feed` against being woken while it is replaced */
    struct map *tasks;    /* struct task by the namespace's name */
    struct writes *writes;
    struct arena *arena;
    atomic_bool stopping;
    pthread_t thread;
};

/* ------------------------------------------------------------------------------------------ which
 * ones */

static void add_task(struct terminator *terminator, const char *name)
{
    struct task *task = map_get(terminator->tasks, name);
    if (!task) {
        task = mem_zalloc(sizeof(*task));
        task->backoff = (struct backoff)BACKOFF_INIT(AGAIN_MIN, AGAIN_MAX);
        task->left = INT64_MAX;
        map_put(terminator->tasks, name, task);
    }
    task->due = 0;
}

static bool is_deleting(const char *selectable)
{
    return strstr(selectable, "\"deleting\":true") != NULL;
}

static int on_listed(void *context, const struct store_object *object, struct err *err)
{
    (void)err;
    if (is_deleting(object->selectable))
        add_task(context, object->key.name);
    return 0;
}

/* Its own status is written here: that is no news, but other changes may be. */
static int on_change(void *context, const struct store_change *change, struct err *err)
{
    struct terminator *terminator = context;
    const char *name = change->object.key.name;
    if (change->operation == STORE_DELETE)
        map_remove(terminator->tasks, name);
    else if (!map_has(terminator->tasks, name) || change->previous)
        return on_listed(context, &change->object, err);
    return 0;
}

static int list_namespaces(struct terminator *terminator, struct err *err)
{
    struct store_list_query query = {.resource = NAMESPACES, .brief = true};
    int64_t revision;
    if (store_list(terminator->store, &query, &revision, on_listed, terminator, err))
        return -1;
    pthread_mutex_lock(&terminator->lock);
    store_feed_close(terminator->feed);
    terminator->feed = store_feed_open(terminator->store, NAMESPACES, revision);
    pthread_mutex_unlock(&terminator->lock);
    return 0;
}

/* ------------------------------------------------------------------------------------------
 * content */

/* What was found in a namespace, and is there still. */
struct content {
    struct terminator *terminator;
    const struct stored_kind *kind; /* that is being listed */
    int64_t left;                   /* of that kind */
    json_t *finalizers;             /* name → count */
    size_t taken;                   /* of a page */
    char *last_name;
};

static void count_finalizers(struct content *content, const json_t *object)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_at(object, "metadata.finalizers"), index, item)
    {
        const char *name = json_string_value(item);
        if (!name)
            continue;
        json_int_t count = json_integer_value(json_object_get(content->finalizers, name));
        if (count || json_object_size(content->finalizers) < FINALIZERS)
            json_object_set_new(content->finalizers, name, json_integer(count + 1));
    }
}

static int delete_one(void *context, const struct store_object *stored, struct err *err)
{
    struct content *content = context;
    content->taken++;
    free(content->last_name);
    content->last_name = mem_strdup(stored->key.name);
    json_t *old = object_decode(stored->body, stored->body_len, stored->revision, err);
    if (!old)
        return -1;
    json_t *object = json_deep_copy(old);
    stored_delete(content->terminator->writes, content->kind, old, stored->revision, object, NULL);
    if (json_array_size(json_at(object, "metadata.finalizers"))) {
        content->left++;
        count_finalizers(content, object);
    }
    json_decref(object);
    json_decref(old);
    return content->taken == PAGE;
}

/* What somebody else changed meanwhile is left, and looked at again. */
static int commit(struct content *content, struct err *err)
{
    struct writes *writes = content->terminator->writes;
    struct store_commit commit = {.writes = writes->items, .write_count = writes->count};
    int rc = writes->count ? store_commit(content->terminator->store, &commit, err) : 0;
    for (size_t i = 0; rc == 0 && i < writes->count; i++) {
        if (writes->items[i].result != ERR_NONE && writes->items[i].result != ERR_NOT_FOUND &&
            writes->items[i].operation == STORE_DELETE)
            content->left++;
    }
    writes_clear(writes);
    return rc;
}

static int delete_kind(struct content *content, const char *ns, struct err *err)
{
    struct store_list_query query = {
        .resource = content->kind->controlled.resource, .ns = ns, .batch = PAGE};
    int rc;
    content->left = 0;
    do {
        int64_t revision;
        content->taken = 0;
        AUTO_FREE char *after = mem_take(&content->last_name);
        query.after_ns = after ? ns : NULL;
        query.after_name = after;
        rc = store_list(content->terminator->store, &query, &revision, delete_one, content, err);
        if (rc == 0)
            rc = commit(content, err);
        writes_clear(content->terminator->writes);
    } while (rc == 0 && content->taken == PAGE);
    free(content->last_name);
    content->last_name = NULL;
    return rc;
}

static int compare_counts(const void *a, const void *b)
{
    const struct termination_count *left = a;
    const struct termination_count *right = b;
    return strcmp(left->name, right->name);
}

/* Into the arena, sorted. */
static void take_finalizers(struct arena *arena, json_t *finalizers, struct termination_input *in)
{
    struct termination_count *counts =
        arena_array(arena, json_object_size(finalizers) + 1, sizeof(*counts));
    const char *name;
    json_t *count;
    json_object_foreach(finalizers, name, count)
    {
        counts[in->finalizer_count++] =
            (struct termination_count){arena_strdup(arena, name), json_integer_value(count)};
    }
    qsort(counts, in->finalizer_count, sizeof(*counts), compare_counts);
    in->finalizers = counts;
}

static int count_left(const struct termination_input *in, int64_t *ret_left)
{
    *ret_left = 0;
    for (size_t i = 0; i < in->resource_count; i++)
        *ret_left += in->resources[i].count;
    return *ret_left > 0;
}

/* Everything in the namespace, whatever its kind: also what this process knows nothing of. */
static int count_unknown(struct terminator *terminator, const char *ns, int64_t *ret_count,
                         struct err *err)
{
    struct store_list_query query = {.ns = ns};
    return store_count(terminator->store, &query, ret_count, err);
}

/* Deletes what can be deleted and says what is left. */
static int delete_content(struct terminator *terminator, const char *ns,
                          struct termination_input *in, int64_t *ret_left, struct err *err)
{
    struct content content = {.terminator = terminator, .finalizers = json_object()};
    struct termination_count *counts =
        arena_array(terminator->arena, terminator->kinds.count + 1, sizeof(*counts));
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < terminator->kinds.count; i++) {
        content.kind = &terminator->kinds.items[i];
        if (!content.kind->kind->namespaced)
            continue;
        rc = delete_kind(&content, ns, err);
        if (content.left > 0)
            counts[in->resource_count++] =
                (struct termination_count){content.kind->controlled.resource, content.left};
    }
    qsort(counts, in->resource_count, sizeof(*counts), compare_counts);
    in->resources = counts;
    take_finalizers(terminator->arena, content.finalizers, in);
    json_decref(content.finalizers);
    if (rc == 0 && count_left(in, ret_left) == 0)
        rc = count_unknown(terminator, ns, &in->unknown, err);
    return rc;
}

/* ------------------------------------------------------------------------------------------ the
 * namespace */

static const struct stored_kind *namespace_kind(const struct terminator *terminator)
{
    return stored_kinds_find(&terminator->kinds, NAMESPACES);
}

static void set_status(json_t *object, const struct termination_output *out)
{
    json_t *status = json_object_get(object, "status");
    if (!json_is_object(status)) {
        status = json_object();
        json_object_set_new(object, "status", status);
    }
    json_object_set_new(status, "phase", json_string("Terminating"));
    for (int i = 0; i < TERMINATION_CONDITIONS; i++)
        condition_set(status, out->conditions[i].type, out->conditions[i].status ? "True" : "False",
                      out->conditions[i].reason, out->conditions[i].message, 0, clock_wall_ms());
}

static void remove_finalizer(json_t *object)
{
    json_t *finalizers = json_at(object, "spec.finalizers");
    for (size_t i = json_array_size(finalizers); i-- > 0;) {
        const char *name = json_string_value(json_array_get(finalizers, i));
        if (name && strcmp(name, FINALIZER_NAMESPACE) == 0)
            json_array_remove(finalizers, i);
    }
    if (json_array_size(finalizers) == 0)
        json_object_del(json_object_get(object, "spec"), "finalizers");
}

/* Under the revision that was read before the content was. */
static int write_namespace(struct terminator *terminator, const json_t *old, int64_t revision,
                           const struct termination_output *out, struct err *err)
{
    json_t *object = json_deep_copy(old);
    int rc = 0;
    set_status(object, out);
    if (out->done)
        remove_finalizer(object);
    if (stored_finish(terminator->writes, namespace_kind(terminator), old, revision, object, NULL))
        rc = store_write(terminator->store, &terminator->writes->items[0], err);
    writes_clear(terminator->writes);
    json_decref(object);
    return rc;
}

static int terminate(struct terminator *terminator, const char *name,
                     const struct store_object *stored, int64_t *ret_left, struct err *err)
{
    json_t *object = object_decode(stored->body, stored->body_len, stored->revision, err);
    if (!object)
        return -1;
    struct termination_input in = {.failure = ""};
    struct termination_output out;
    struct err why = {0};
    arena_clear(terminator->arena);
    int rc = delete_content(terminator, name, &in, ret_left, &why);
    if (rc)
        in.failure = arena_strdup(terminator->arena, why.message);
    termination_decide(terminator->arena, &in, &out);
    struct err *into = rc ? NULL : err;
    if (write_namespace(terminator, object, stored->revision, &out, into))
        rc = -1;
    else if (rc)
        err_set(err, why.code, "%s", why.message);
    json_decref(object);
    return rc;
}

/* True when the namespace is no task any more. */
static bool step(struct terminator *terminator, const char *name, struct task *task)
{
    struct store_key key = {NAMESPACES, "", name};
    struct err err = {0};
    int64_t left = INT64_MAX;
    AUTO_FREE struct store_object *stored = store_get(terminator->store, &key, &err);
    if ((!stored && err.code == ERR_NOT_FOUND) || (stored && !is_deleting(stored->selectable)))
        return true;
    if (!stored || terminate(terminator, name, stored, &left, &err)) {
        if (err.code != ERR_CONFLICT)
            log_warn("namespace is not emptied, trying again", LOG_S("namespace", name),
                     LOG_S("error", err.message));
    } else if (left < task->left) {
        backoff_reset(&task->backoff);
    }
    task->left = left;
    task->due = clock_ms() + backoff_next(&task->backoff);
    return false;
}

static void run_due(struct terminator *terminator)
{
    for (struct map_iter it = {0}; map_next(terminator->tasks, &it);) {
        struct task *task = it.value;
        if (atomic_load(&terminator->stopping) || task->due > clock_ms())
            continue;
        AUTO_FREE char *name = mem_strdup(it.key);
        if (step(terminator, name, task))
            map_remove(terminator->tasks, name);
    }
}

/* ------------------------------------------------------------------------------------------ the
 * loop */

static int64_t wait_for(const struct terminator *terminator)
{
    int64_t due = clock_ms() + IDLE_MS;
    for (struct map_iter it = {0}; map_next(terminator->tasks, &it);) {
        const struct task *task = it.value;
        if (task->due < due)
            due = task->due;
    }
    return due > clock_ms() ? due - clock_ms() : 0;
}

static int take_in_news(struct terminator *terminator, struct err *err)
{
    if (!terminator->feed && list_namespaces(terminator, err))
        return -1;
    int n = store_feed_next(terminator->feed, wait_for(terminator), on_change, terminator, err);
    if (n < 0 && err->code == ERR_GONE)
        return list_namespaces(terminator, err);
    return n < 0 ? -1 : 0;
}

static void *run(void *argument)
{
    struct terminator *terminator = argument;
    struct backoff backoff = BACKOFF_INIT(50, 5000);
    struct complaint complaint = {0};
    while (!atomic_load(&terminator->stopping)) {
        struct err err = {0};
        if (take_in_news(terminator, &err)) {
            complain(&complaint, "the namespaces wait for the store", NULL, &err);
            stop_wait(backoff_next(&backoff));
            continue;
        }
        backoff_reset(&backoff);
        complaint.next_ms = 0;
        run_due(terminator);
    }
    return NULL;
}

static void release(struct terminator *terminator)
{
    store_feed_close(terminator->feed);
    stored_kinds_release(&terminator->kinds);
    map_free(terminator->tasks);
    arena_free(terminator->arena);
    writes_clear(terminator->writes);
    free(terminator->writes);
    pthread_mutex_destroy(&terminator->lock);
    free(terminator);
}

struct terminator *terminator_start(struct store *store, const struct kinds *kinds, struct err *err)
{
    struct terminator *terminator = mem_zalloc(sizeof(*terminator));
    terminator->store = store;
    stored_kinds_init(&terminator->kinds, kinds);
    terminator->tasks = map_new(free);
    terminator->writes = mem_zalloc(sizeof(*terminator->writes));
    terminator->arena = arena_new(ARENA_MAX);
    pthread_mutex_init(&terminator->lock, NULL);
    int rc = pthread_create(&terminator->thread, NULL, run, terminator);
    if (rc) {
        err_set(err, ERR_INTERNAL, "no thread for the namespaces: %s", strerror(rc));
        release(terminator);
        return NULL;
    }
    return terminator;
}

void terminator_stop(struct terminator *terminator)
{
    if (!terminator)
        return;
    atomic_store(&terminator->stopping, true);
    pthread_mutex_lock(&terminator->lock);
    if (terminator->feed)
        store_feed_wake(terminator->feed);
    pthread_mutex_unlock(&terminator->lock);
    pthread_join(terminator->thread, NULL);
    release(terminator);
}
