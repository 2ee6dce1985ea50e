#include "publisher.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <mot/base/backoff.h>
#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/stop.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#define POSITION        "launch"
#define RESOURCES       "regionaldeployments.mot.dev,deployments.mot.dev"
#define PARTS           "regionaldeployments.mot.dev"
#define IDLE_MS         60000
#define PRODUCE_WAIT_MS 1000
#define FLUSH_MS        30000
#define QUIET_MS        1000
#define RECORD_MAX      ((size_t)4 << 20)

struct publisher {
    struct publisher_options options;
    pthread_mutex_t lock; /* guards the pointer to the feed, which stop wakes */
    struct store_feed *feed;
    char *position;      /* as stored: the fence */
    size_t pending;      /* records since the last flush */
    bool marker_wanted;  /* something happened since the last marker */
    int64_t last_launch; /* clock_ms() */
    atomic_bool stopping;
    pthread_t thread;
};

static bool is_stopping(struct publisher *publisher)
{
    return atomic_load(&publisher->stopping) || stop_requested();
}

/* ------------------------------------------------------------------------------------------
 * records */

/* Waits while the queue is full: the cluster may be away for long. */
static int produce(struct publisher *publisher, const struct bus_message *message, struct err *err)
{
    while (bus_produce(publisher->options.producer, message, PRODUCE_WAIT_MS, NULL, NULL, err)) {
        if (err->code != ERR_TRANSIENT)
            return err_wrap(err, "%s %s", message->topic, message->key);
        if (is_stopping(publisher))
            return err_set(err, ERR_TRANSIENT, "asked to stop");
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
        publisher->last_launch = clock_ms();
        log_info(deleted ? "tombstone published" : "launch published", LOG_S("key", key),
                 LOG_S("region", region), LOG_I("revision", object->revision));
    }
    json_decref(part);
    return rc;
}

void publisher_answer_unknown(struct bus_producer *producer, const char *topic, const char *key,
                              int64_t revision)
{
    struct bus_message message = {
        .topic = topic, .partition = -1, .key = key, .revision = revision};
    struct err err = {0};
    if (bus_produce(producer, &message, PRODUCE_WAIT_MS, NULL, NULL, &err))
        log_warn("answer not sent", LOG_S("key", key), LOG_S("error", err.message));
    else
        log_info("unknown deployment answered with a tombstone", LOG_S("topic", topic),
                 LOG_S("key", key));
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

static int move_position(struct publisher *publisher, int64_t revision, struct err *err)
{
    AUTO_FREE char *value = mem_printf("%lld", (long long)revision);
    if (strcmp(value, publisher->position) == 0)
        return 0;
    struct store_position position = {
        .name = POSITION, .value = value, .expected = publisher->position};
    struct store_commit commit = {.positions = &position, .position_count = 1};
    if (store_commit(publisher->options.store, &commit, err))
        return -1;
    free(publisher->position);
    publisher->position = mem_take(&value);
    return 0;
}

/* Everything queued is durable, then the position says so. */
static int settle(struct publisher *publisher, int64_t revision, struct err *err)
{
    if (publisher->pending == 0)
        return 0;
    if (bus_flush(publisher->options.producer, FLUSH_MS, err))
        return -1;
    publisher->pending = 0;
    return move_position(publisher, revision, err);
}

/* ------------------------------------------------------------------------------------------ refill
 */

struct refill {
    struct publisher *publisher;
    bool *empty; /* per region of the topology */
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
        wanted |= refill->empty[i] && strcmp(topology->regions[i].name, region) == 0;
    json_decref(selectable);
    return wanted ? publish_part(refill->publisher, object, false, err) : 0;
}

/* Which launch topics hold nothing: new ones, or those of a cluster that was wiped. */
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
        int64_t highest = 0;
        for (int p = 0; route && p < topology->partitions && rc == 0; p++) {
            int64_t low, high = 0;
            rc =
                bus_consumer_watermarks(consumer, route->produced_topic, p, 5000, &low, &high, err);
            highest = high > highest ? high : highest;
        }
        empty[i] = rc == 0 && route && highest == 0;
        *ret_count += empty[i];
    }
    bus_consumer_close(consumer);
    return rc;
}

/* A topic that holds nothing gets everything that its region must run. */
static int refill(struct publisher *publisher, struct err *err)
{
    size_t count = 0;
    struct refill work = {publisher,
                          mem_array(publisher->options.topology->region_count + 1, sizeof(bool))};
    int rc = find_empty(publisher, work.empty, &count, err);
    if (rc == 0 && count) {
        struct store_list_query query = {.resource = PARTS};
        int64_t revision;
        rc = store_list(publisher->options.store, &query, &revision, refill_part, &work, err);
        if (rc == 0)
            rc = bus_flush(publisher->options.producer, FLUSH_MS, err);
        publisher->pending = 0;
    }
    free(work.empty);
    return rc;
}

/* ------------------------------------------------------------------------------------------ the
 * feed */

static int on_change(void *context, const struct store_change *change, struct err *err)
{
    struct publisher *publisher = context;
    publisher->marker_wanted = true;
    if (strcmp(change->object.key.resource, PARTS) != 0)
        return 0;
    if (change->operation == STORE_UPDATE && !change->previous)
        return 0;
    return publish_part(publisher, &change->object, change->operation == STORE_DELETE, err);
}

static int64_t wait_for(const struct publisher *publisher)
{
    if (!publisher->marker_wanted)
        return IDLE_MS;
    int64_t left = publisher->last_launch + publisher->options.quiet_ms - clock_ms();
    return left > 0 ? left : 0;
}

static int step(struct publisher *publisher, struct err *err)
{
    int n = store_feed_next(publisher->feed, wait_for(publisher), on_change, publisher, err);
    if (n < 0)
        return -1;
    int64_t revision = store_feed_position(publisher->feed);
    if (n > 0)
        return settle(publisher, revision, err);
    if (publisher->marker_wanted && wait_for(publisher) == 0) {
        if (publish_markers(publisher, revision, err) || settle(publisher, revision, err))
            return -1;
        publisher->marker_wanted = false;
        publisher->last_launch = clock_ms();
    }
    return 0;
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
    free(publisher->position);
    publisher->position = store_position_get(publisher->options.store, POSITION, err);
    if (!publisher->position)
        return -1;
    if (refill(publisher, err))
        return err_wrap(err, "filling launch topics");
    change_feed(publisher,
                store_feed_open(publisher->options.store, RESOURCES, atoll(publisher->position)));
    publisher->marker_wanted = true;
    publisher->last_launch = clock_ms();
    return 0;
}

/* History older than the position is gone: everything is published anew from the objects as they
 * are. */
static int begin_anew(struct publisher *publisher, struct err *err)
{
    bool *all = mem_array(publisher->options.topology->region_count + 1, sizeof(bool));
    memset(all, 1, publisher->options.topology->region_count * sizeof(bool));
    struct refill work = {publisher, all};
    struct store_list_query query = {.resource = PARTS};
    int64_t revision;
    int rc = store_list(publisher->options.store, &query, &revision, refill_part, &work, err);
    if (rc == 0)
        rc = settle(publisher, revision, err);
    if (rc == 0)
        rc = move_position(publisher, revision, err);
    free(all);
    return rc;
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
            backoff_reset(&backoff);
            continue;
        }
        if (err.code == ERR_CONFLICT) {
            log_error("another publisher has taken over", LOG_S("error", err.message));
            publisher->options.lost(publisher->options.context);
            return NULL;
        }
        log_warn("the launch publisher starts over", LOG_S("error", err.message));
        if (err.code == ERR_GONE && begin_anew(publisher, &err))
            log_warn("publishing everything failed", LOG_S("error", err.message));
        begun = false;
        stop_wait(backoff_next(&backoff));
    }
    return NULL;
}

struct publisher *publisher_start(const struct publisher_options *options, struct err *err)
{
    struct publisher *publisher = mem_zalloc(sizeof(*publisher));
    publisher->options = *options;
    if (publisher->options.quiet_ms == 0)
        publisher->options.quiet_ms = QUIET_MS;
    pthread_mutex_init(&publisher->lock, NULL);
    int rc = pthread_create(&publisher->thread, NULL, run, publisher);
    if (rc) {
        pthread_mutex_destroy(&publisher->lock);
        free(publisher);
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
    change_feed(publisher, NULL);
    pthread_mutex_destroy(&publisher->lock);
    free(publisher->position);
    free(publisher);
}
