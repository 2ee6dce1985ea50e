#include "publisher.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <mot/agent/topics.h>
#include <mot/base/backoff.h>
#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>
#include <mot/base/stop.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "complain.h"
#include "spec.h"

#define RESOURCES       "regionaldeployments.mot.dev,deployments.mot.dev"
#define PARTS           "regionaldeployments.mot.dev"
#define IDLE_MS         5000
#define PRODUCE_WAIT_MS 1000
#define FLUSH_MS        500
#define FLUSH_TELL_MS   30000
#define ASK_MS          500
#define TOPICS_MS       5000
#define QUIET_MS        1000
#define QUIET_FACTOR    10 /* of a change that is none of a spec */
#define POSITION_EVERY                                                                             \
    60000 /* so that history need not be kept for a position that stands still                     \
           */
#define ANSWER_EVERY_MS 60000
#define ANSWER_WAIT_MS  2000
#define ANSWERS_MAX     1000

/* About a deployment that a region reports and that is not known here. */
struct answer {
    bool given;
    int64_t given_at; /* clock_ms() */
    int64_t revision; /* that the region reported */
};

struct publisher {
    struct publisher_options options;
    pthread_mutex_t lock; /* guards the pointer to the feed, which others wake, and the answers */
    pthread_cond_t answered;
    struct map *answers; /* "<region>\n<ns>/<name>" → struct answer */
    bool asked;          /* one of them is not given yet */
    struct store_feed *feed;

    char *position;   /* as stored: the fence; "<revision>:<cluster id>" */
    int64_t revision; /* of it */
    int64_t moved_at; /* clock_ms() */
    char cluster_id[BUS_CLUSTER_ID_SIZE];
    size_t pending;     /* records since the last flush */
    int64_t marker_due; /* clock_ms(); -1: nothing happened since the last one */
    struct complaint complaint;
    atomic_bool stopping;
    pthread_t thread;
};

static bool is_stopping(struct publisher *publisher)
{
    return atomic_load(&publisher->stopping) || stop_requested();
}

static int stopped(struct err *err)
{
    return err_set(err, ERR_TRANSIENT, "asked to stop");
}

/* ------------------------------------------------------------------------------------------
 * records */

/* Waits while the queue is full: the cluster may be away for long. What can never be sent must not
 * stand in the way of the rest. */
static int produce(struct publisher *publisher, const struct bus_message *message, struct err *err)
{
    while (bus_produce(publisher->options.producer, message, PRODUCE_WAIT_MS, NULL, NULL, err)) {
        if (err->code == ERR_TOO_LARGE || err->code == ERR_INVALID) {
            log_error("record can't be sent", LOG_S("topic", message->topic),
                      LOG_S("key", message->key), LOG_S("error", err->message));
            return 0;
        }
        if (err->code != ERR_TRANSIENT)
            return err_wrap(err, "%s %s", message->topic, message->key);
        if (is_stopping(publisher))
            return stopped(err);
    }
    publisher->pending++;
    return 0;
}

/* The launch event of a part; NULL when it can't be read. free() it. */
static char *launch_value(const struct store_object *object, json_t **ret_decoded, struct err *err)
{
    json_t *part = object_decode(object->body, object->body_len, object->revision, err);
    if (!part)
        return NULL;
    json_object_del(part, "status");
    *ret_decoded = part;
    return json_text(part);
}

static int publish_part(struct publisher *publisher, const struct store_object *object,
                        bool deleted, struct err *err)
{
    json_t *part = NULL;
    AUTO_FREE char *value = launch_value(object, &part, err);
    if (!value) {
        log_error("part can't be published", LOG_S("name", object->key.name),
                  LOG_S("error", err->message));
        return 0;
    }
    const char *region = json_at_text(part, "spec.region");
    const char *deployment = json_at_text(part, "spec.deployment");
    const struct route *route =
        region ? routes_find(publisher->options.routes, TOPIC_LAUNCH, region) : NULL;
    int rc = 0;
    if (!route || !deployment) {
        log_warn("part of a region that the topology does not know",
                 LOG_S("name", object->key.name), LOG_S("region", region));
    } else {
        AUTO_FREE char *key = mem_printf("%s/%s", object->key.ns, deployment);
        struct bus_message message = {
            .topic = route->produced_topic,
            .partition = -1,
            .key = key,
            .value = deleted ? NULL : value,
            .value_len = deleted ? 0 : strlen(value),
            .revision = object->revision,
        };
        rc = produce(publisher, &message, err);
        log_info(deleted ? "tombstone published" : "launch published", LOG_S("key", key),
                 LOG_S("region", region), LOG_I("revision", object->revision));
    }
    json_decref(part);
    return rc;
}

static int publish_markers(struct publisher *publisher, int64_t revision, struct err *err)
{
    AUTO_FREE char *value = mem_printf("{\"revision\":%lld}", (long long)revision);
    const struct routes *routes = publisher->options.routes;
    for (size_t i = 0; i < routes->count; i++) {
        if (strcmp(routes->items[i].flow, TOPIC_LAUNCH) != 0)
            continue;
        for (int p = 0; p < publisher->options.topology->partitions; p++) {
            struct bus_message message = {
                .topic = routes->items[i].produced_topic,
                .partition = p,
                .key = MARKER_KEY,
                .value = value,
                .value_len = strlen(value),
                .revision = revision,
            };
            if (produce(publisher, &message, err))
                return -1;
        }
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------
 * position */

static int read_position(struct publisher *publisher, struct err *err)
{
    free(publisher->position);
    publisher->position = store_position_get(publisher->options.store, PUBLISHER_POSITION, err);
    if (!publisher->position)
        return -1;
    publisher->revision = atoll(publisher->position);
    publisher->moved_at = clock_ms();
    return 0;
}

/* The cluster that has everything up to the position; "": none, or only a part of it. */
static const char *position_cluster(const struct publisher *publisher)
{
    const char *colon = strchr(publisher->position, ':');
    return colon ? colon + 1 : "";
}

static int move_position(struct publisher *publisher, int64_t revision, const char *cluster_id,
                         struct err *err)
{
    AUTO_FREE char *value = mem_printf("%lld:%s", (long long)revision, cluster_id);
    publisher->moved_at = clock_ms();
    if (strcmp(value, publisher->position) == 0)
        return 0;
    struct store_position position = {
        .name = PUBLISHER_POSITION, .value = value, .expected = publisher->position};
    struct store_commit commit = {.positions = &position, .position_count = 1};
    if (store_commit(publisher->options.store, &commit, err))
        return -1;
    free(publisher->position);
    publisher->position = mem_take(&value);
    publisher->revision = revision;
    return 0;
}

/* A cluster that was wiped comes back under its old address, as another one. */
static bool cluster_changed(struct publisher *publisher)
{
    char id[BUS_CLUSTER_ID_SIZE];
    return bus_producer_cluster_id(publisher->options.producer, 0, id) &&
           strcmp(id, publisher->cluster_id) != 0;
}

/* Waits as long as it takes until everything queued is durable. */
static int flush(struct publisher *publisher, struct err *err)
{
    int64_t tell_at = clock_ms() + FLUSH_TELL_MS;
    while (bus_flush(publisher->options.producer, FLUSH_MS, err)) {
        if (err->code != ERR_TIMEOUT || bus_producer_state(publisher->options.producer).queued == 0)
            return -1;
        if (is_stopping(publisher))
            return stopped(err);
        if (cluster_changed(publisher))
            return err_set(err, ERR_TRANSIENT, "the cluster is another one now");
        if (clock_ms() < tell_at)
            continue;
        log_warn("launch events wait for the cluster", LOG_S("error", err->message));
        tell_at = clock_ms() + FLUSH_TELL_MS;
    }
    publisher->pending = 0;
    return 0;
}

/* Everything queued is durable, then the position says so. */
static int settle(struct publisher *publisher, struct err *err)
{
    bool due = clock_ms() - publisher->moved_at >= POSITION_EVERY;
    if (publisher->pending == 0 && !due)
        return 0;
    if (publisher->pending && flush(publisher, err))
        return -1;
    return move_position(publisher, store_feed_position(publisher->feed), publisher->cluster_id,
                         err);
}

/* ------------------------------------------------------------------------------------------ refill
 */

struct refill {
    struct publisher *publisher;
    bool *wanted; /* per region of the topology */
};

static int refill_part(void *context, const struct store_object *object, struct err *err)
{
    struct refill *refill = context;
    const struct topology *topology = refill->publisher->options.topology;
    struct err ignored;
    json_t *selectable =
        json_parse(object->selectable, strlen(object->selectable), false, &ignored);
    const char *region =
        json_string_value(json_object_get(json_object_get(selectable, "fields"), "spec.region"));
    bool wanted = false;
    for (size_t i = 0; i < topology->region_count && region; i++)
        wanted |= refill->wanted[i] && strcmp(topology->regions[i].name, region) == 0;
    json_decref(selectable);
    return wanted ? publish_part(refill->publisher, object, false, err) : 0;
}

static int is_empty(struct publisher *publisher, struct bus_consumer *consumer, const char *topic,
                    bool *ret_empty, struct err *err)
{
    *ret_empty = true;
    for (int p = 0; p < publisher->options.topology->partitions; p++) {
        int64_t low, high = 0;
        if (bus_consumer_watermarks(consumer, topic, p, ASK_MS, &low, &high, err))
            return -1;
        *ret_empty &= high == 0;
    }
    return 0;
}

/* Which launch topics hold nothing: new ones, or such that were deleted. */
static int find_empty(struct publisher *publisher, bool *empty, size_t *ret_count, struct err *err)
{
    const struct topology *topology = publisher->options.topology;
    struct bus_consumer_options options = {
        .region = topology->central->name,
        .cluster = topology->central->name,
        .bootstrap = topology->central->bootstrap,
        .name = "mot-publisher",
        .queue_kb = 64,
    };
    struct bus_consumer *consumer = bus_consumer_open(&options, err);
    if (!consumer)
        return -1;
    int rc = 0;
    for (size_t i = 0; i < topology->region_count && rc == 0; i++) {
        const struct route *route =
            routes_find(publisher->options.routes, TOPIC_LAUNCH, topology->regions[i].name);
        if (route)
            rc = is_empty(publisher, consumer, route->produced_topic, &empty[i], err);
        *ret_count += empty[i];
    }
    bus_consumer_close(consumer);
    return rc;
}

/*
 * Publishes what the wanted regions must run. While that is going on the position names no cluster:
 * killed in between, the next publisher fills all of them.
 */
static int publish_all(struct publisher *publisher, bool *wanted, int64_t *ret_revision,
                       struct err *err)
{
    struct refill work = {publisher, wanted};
    struct store_list_query query = {.resource = PARTS};
    if (move_position(publisher, publisher->revision, "", err) ||
        store_list(publisher->options.store, &query, ret_revision, refill_part, &work, err) ||
        flush(publisher, err))
        return -1;
    return 0;
}

/* Another cluster than the position's: everything anew, and on from there. The same: topics that
 * hold nothing get everything. */
static int refill(struct publisher *publisher, struct err *err)
{
    size_t count = publisher->options.topology->region_count;
    bool *wanted = mem_array(count + 1, sizeof(bool));
    bool same = strcmp(position_cluster(publisher), publisher->cluster_id) == 0;
    size_t empty = 0;
    int64_t listed = publisher->revision;
    memset(wanted, !same, count * sizeof(bool));
    int rc = same ? find_empty(publisher, wanted, &empty, err) : 0;
    if (rc == 0 && (empty || !same))
        rc = publish_all(publisher, wanted, &listed, err);
    if (rc == 0)
        rc = move_position(publisher, same ? publisher->revision : listed, publisher->cluster_id,
                           err);
    free(wanted);
    return rc;
}

/* ------------------------------------------------------------------------------------------
 * answers */

static bool split_id(const char *id, char **ret_region, char **ret_ns, char **ret_name)
{
    const char *end = strchr(id, '\n');
    const char *slash = end ? strchr(end, '/') : NULL;
    if (!slash)
        return false;
    *ret_region = mem_strndup(id, (size_t)(end - id));
    *ret_ns = mem_strndup(end + 1, (size_t)(slash - end - 1));
    *ret_name = mem_strdup(slash + 1);
    return true;
}

/*
 * Only this thread publishes, so it looks again itself: what is created after this look is
 * published behind the tombstone.
 */
static int publish_answer(struct publisher *publisher, const char *id, int64_t revision,
                          struct err *err)
{
    AUTO_FREE char *region = NULL;
    AUTO_FREE char *ns = NULL;
    AUTO_FREE char *deployment = NULL;
    if (!split_id(id, &region, &ns, &deployment))
        return 0;
    const struct route *route = routes_find(publisher->options.routes, TOPIC_LAUNCH, region);
    AUTO_FREE char *name = part_name(deployment, region);
    struct store_key part = {PARTS, ns, name};
    AUTO_FREE struct store_object *known = store_get(publisher->options.store, &part, err);
    if (!known && err->code != ERR_NOT_FOUND)
        return -1;
    if (known || !route)
        return 0;
    AUTO_FREE char *key = mem_printf("%s/%s", ns, deployment);
    struct bus_message message = {
        .topic = route->produced_topic, .partition = -1, .key = key, .revision = revision};
    log_info("unknown deployment answered with a tombstone", LOG_S("key", key),
             LOG_S("region", region));
    return produce(publisher, &message, err);
}

/* Those that are asked for, to be answered without the lock; an array for free(). */
static char **take_asked(struct publisher *publisher, int64_t **ret_revisions, size_t *ret_count)
{
    pthread_mutex_lock(&publisher->lock);
    size_t most = publisher->asked ? map_count(publisher->answers) : 0;
    char **ids = mem_array(most + 1, sizeof(*ids));
    *ret_revisions = mem_array(most + 1, sizeof(**ret_revisions));
    *ret_count = 0;
    for (struct map_iter it = {0}; most && map_next(publisher->answers, &it);) {
        const struct answer *answer = it.value;
        if (answer->given)
            continue;
        (*ret_revisions)[*ret_count] = answer->revision;
        ids[(*ret_count)++] = mem_strdup(it.key);
    }
    publisher->asked = false;
    pthread_mutex_unlock(&publisher->lock);
    return ids;
}

static void note_answers(struct publisher *publisher, char **ids, size_t count, bool given)
{
    pthread_mutex_lock(&publisher->lock);
    for (size_t i = 0; i < count; i++) {
        struct answer *answer = map_get(publisher->answers, ids[i]);
        answer->given = given;
        answer->given_at = clock_ms();
    }
    publisher->asked |= !given && count;
    pthread_cond_broadcast(&publisher->answered);
    pthread_mutex_unlock(&publisher->lock);
}

static int answer_all(struct publisher *publisher, struct err *err)
{
    int64_t *revisions;
    size_t count;
    char **ids = take_asked(publisher, &revisions, &count);
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = publish_answer(publisher, ids[i], revisions[i], err);
    if (rc == 0 && publisher->pending && count)
        rc = flush(publisher, err);
    if (count)
        note_answers(publisher, ids, count, rc == 0);
    for (size_t i = 0; i < count; i++)
        free(ids[i]);
    free(ids);
    free(revisions);
    return rc;
}

static void prune_answers(struct publisher *publisher)
{
    if (map_count(publisher->answers) < ANSWERS_MAX)
        return;
    for (struct map_iter it = {0}; map_next(publisher->answers, &it);) {
        const struct answer *answer = it.value;
        if (answer->given && clock_ms() - answer->given_at >= ANSWER_EVERY_MS)
            map_remove(publisher->answers, it.key);
    }
}

/* With the lock held. */
static struct answer *ask(struct publisher *publisher, const char *id, int64_t revision)
{
    struct answer *answer = map_get(publisher->answers, id);
    if (answer && answer->given && clock_ms() - answer->given_at < ANSWER_EVERY_MS)
        return answer;
    if (!answer) {
        prune_answers(publisher);
        answer = mem_zalloc(sizeof(*answer));
        map_put(publisher->answers, id, answer);
    }
    answer->given = false;
    answer->revision = revision;
    publisher->asked = true;
    if (publisher->feed)
        store_feed_wake(publisher->feed);
    return answer;
}

int publisher_answer_unknown(struct publisher *publisher, const char *region, const char *key,
                             int64_t revision, struct err *err)
{
    AUTO_FREE char *id = mem_printf("%s\n%s", region, key);
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ANSWER_WAIT_MS / 1000;
    pthread_mutex_lock(&publisher->lock);
    const struct answer *answer = ask(publisher, id, revision);
    int rc = 0;
    while (!answer->given && rc == 0)
        rc = pthread_cond_timedwait(&publisher->answered, &publisher->lock, &until);
    bool given = answer->given;
    pthread_mutex_unlock(&publisher->lock);
    return given ? 0
                 : err_set(err, ERR_TRANSIENT, "%s in %s is unknown and can't be answered now", key,
                           region);
}

/* ------------------------------------------------------------------------------------------ the
 * feed */

static void want_marker(struct publisher *publisher, bool launch)
{
    int64_t due = clock_ms() + publisher->options.quiet_ms * (launch ? 1 : QUIET_FACTOR);
    if (launch || publisher->marker_due < 0)
        publisher->marker_due = due;
}

static int on_change(void *context, const struct store_change *change, struct err *err)
{
    struct publisher *publisher = context;
    bool launch = change->operation != STORE_UPDATE || change->previous;
    want_marker(publisher, launch);
    if (!launch || strcmp(change->object.key.resource, PARTS) != 0)
        return 0;
    return publish_part(publisher, &change->object, change->operation == STORE_DELETE, err);
}

static int64_t wait_for(const struct publisher *publisher)
{
    if (publisher->marker_due < 0)
        return IDLE_MS;
    int64_t left = publisher->marker_due - clock_ms();
    return left > 0 ? left : 0;
}

static int mark_if_due(struct publisher *publisher, struct err *err)
{
    if (publisher->marker_due < 0 || clock_ms() < publisher->marker_due)
        return 0;
    if (publish_markers(publisher, store_feed_position(publisher->feed), err))
        return -1;
    publisher->marker_due = -1;
    return 0;
}

static int step(struct publisher *publisher, struct err *err)
{
    int n = store_feed_next(publisher->feed, wait_for(publisher), on_change, publisher, err);
    if (n < 0 || answer_all(publisher, err))
        return -1;
    if (cluster_changed(publisher))
        return err_set(err, ERR_TRANSIENT, "the cluster is another one now");
    /* A marker stands behind what it speaks of: that is durable first. */
    if (settle(publisher, err) || (n == 0 && mark_if_due(publisher, err)))
        return -1;
    return settle(publisher, err);
}

static void change_feed(struct publisher *publisher, struct store_feed *feed)
{
    pthread_mutex_lock(&publisher->lock);
    struct store_feed *old = publisher->feed;
    publisher->feed = feed;
    pthread_mutex_unlock(&publisher->lock);
    if (old)
        store_feed_close(old);
}

/* From the position on; what was queued and not made durable is read again. */
static int begin(struct publisher *publisher, struct err *err)
{
    change_feed(publisher, NULL);
    publisher->pending = 0;
    if (read_position(publisher, err))
        return -1;
    if (!bus_producer_cluster_id(publisher->options.producer, ASK_MS, publisher->cluster_id))
        return err_set(err, ERR_TRANSIENT, "the cluster does not answer");
    const struct topology *topology = publisher->options.topology;
    if (region_topics_create(topology, publisher->options.routes, topology->central, TOPICS_MS,
                             err))
        return -1;
    if (refill(publisher, err))
        return err_wrap(err, "filling launch topics");
    change_feed(publisher,
                store_feed_open(publisher->options.store, RESOURCES, publisher->revision));
    want_marker(publisher, true);
    return 0;
}

/* A position that names no cluster: everything is published from the objects as they are. */
static void forget_cluster(struct publisher *publisher)
{
    struct err err = {0};
    if (move_position(publisher, publisher->revision, "", &err))
        log_warn("position not moved", LOG_S("error", err.message));
}

static void *run(void *argument)
{
    struct publisher *publisher = argument;
    struct backoff backoff = BACKOFF_INIT(50, 5000);
    bool begun = false;
    while (!is_stopping(publisher)) {
        struct err err = {0};
        int rc = begun ? step(publisher, &err) : begin(publisher, &err);
        if (rc == 0) {
            begun = true;
            publisher->complaint.next_ms = 0;
            backoff_reset(&backoff);
            continue;
        }
        if (err.code == ERR_CONFLICT) {
            log_error("another publisher has taken over", LOG_S("error", err.message));
            publisher->options.lost(publisher->options.context);
            return NULL;
        }
        if (!is_stopping(publisher))
            complain(&publisher->complaint, "the launch publisher starts over", NULL, &err);
        /* The history behind the position is gone. */
        if (err.code == ERR_GONE)
            forget_cluster(publisher);
        begun = false;
        stop_wait(backoff_next(&backoff));
    }
    return NULL;
}

static void release(struct publisher *publisher)
{
    change_feed(publisher, NULL);
    map_free(publisher->answers);
    pthread_cond_destroy(&publisher->answered);
    pthread_mutex_destroy(&publisher->lock);
    free(publisher->position);
    free(publisher);
}

struct publisher *publisher_start(const struct publisher_options *options, struct err *err)
{
    struct publisher *publisher = mem_zalloc(sizeof(*publisher));
    pthread_condattr_t monotonic;
    publisher->options = *options;
    publisher->marker_due = -1;
    publisher->answers = map_new(free);
    if (publisher->options.quiet_ms == 0)
        publisher->options.quiet_ms = QUIET_MS;
    pthread_mutex_init(&publisher->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&publisher->answered, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int rc = pthread_create(&publisher->thread, NULL, run, publisher);
    if (rc) {
        release(publisher);
        err_set(err, ERR_INTERNAL, "no thread for the publisher: %s", strerror(rc));
        return NULL;
    }
    return publisher;
}

void publisher_stop(struct publisher *publisher)
{
    if (!publisher)
        return;
    pthread_mutex_lock(&publisher->lock);
    atomic_store(&publisher->stopping, true);
    if (publisher->feed)
        store_feed_wake(publisher->feed);
    pthread_mutex_unlock(&publisher->lock);
    pthread_join(publisher->thread, NULL);
    release(publisher);
}
