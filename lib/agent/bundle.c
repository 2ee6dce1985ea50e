/*
 * The runtime of agents. One thread: restore the sinks, read the sources to where they ended at
 * start, decide every group once, then go on with what comes. Records that are there together are
 * taken in together, so that a group is decided once for them.
 *
 * A record counts as published in the agent's memory as soon as it is queued: what the memory holds
 * is what the sink must hold in the end. If the record is given up later (the region's own cluster
 * was away for too long), what the memory then holds for its key is published again.
 *
 * A cluster that was wiped is another one, with another id: then everything is read anew, as at
 * start, and what is missing in the sinks is published.
 */
#include <mot/agent/agent.h>
#include <mot/agent/restore.h>

#include <pthread.h>
#include <string.h>

#include <mot/base/backoff.h>
#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>
#include <mot/base/stop.h>

#include "groups.h"

#define DRAIN_MAX          2000
#define WAIT_MS            1000
#define PRODUCE_WAIT_MS    1000
#define SPIN_MS            10
#define AGAIN_MS           1000 /* until a record that was given up is published again */
#define PAUSE_MS           200
#define CHECK_MS           1000 /* are these still the same clusters? */
#define RESTORE_TIMEOUT_MS 60000
#define MEMORY_MAX         ((size_t)256 << 20)
#define STEP_ARENA_MAX     ((size_t)64 << 20)

struct source {
    const struct bundle_topic *topic;
    struct end_marks marks;
};

/* Something another thread asks of the bundle's: to decide a group again, or to publish a sink key
 * again, with the @revision that a tombstone is to have. */
struct touch {
    size_t agent;
    char *group; /* NULL: it is a key */
    char *key;
    int64_t revision;
    int64_t due_ms;
    struct touch *next;
};

struct bundle {
    struct bundle_options options;
    struct groups *groups; /* one per agent */
    struct source *sources;
    size_t source_count;
    struct bus_consumer *consumer;
    struct arena *arena;
    pthread_t thread;
    char source_cluster[BUS_CLUSTER_ID_SIZE];
    char sink_cluster[BUS_CLUSTER_ID_SIZE]; /* "" when no agent has a sink */
    int64_t next_check_ms;

    pthread_mutex_t lock; /* guards what follows */
    struct touch *touches;
    bool restored;
    bool stopping;
    size_t references; /* the owner's, and one per record whose delivery is still to be reported */
};

static const struct bundle_topic *topic_named(const struct bundle *bundle, const char *name)
{
    for (size_t i = 0; i < bundle->options.topic_count; i++) {
        if (strcmp(bundle->options.topics[i].topic, name) == 0)
            return &bundle->options.topics[i];
    }
    return NULL;
}

/* Of a topic that collect_sources() has found a place for. */
static const struct bundle_topic *topic_placed(const struct bundle *bundle, const char *name)
{
    const struct bundle_topic *topic = topic_named(bundle, name);
    if (!topic)
        abort();
    return topic;
}

static bool is_stopping(struct bundle *bundle)
{
    pthread_mutex_lock(&bundle->lock);
    bool stopping = bundle->stopping;
    pthread_mutex_unlock(&bundle->lock);
    return stopping || stop_requested();
}

static void touch_free(struct touch *touch)
{
    free(touch->group);
    free(touch->key);
    free(touch);
}

static void bundle_free(struct bundle *bundle)
{
    for (struct touch *touch = bundle->touches, *next; touch; touch = next) {
        next = touch->next;
        touch_free(touch);
    }
    for (size_t i = 0; i < bundle->options.agent_count; i++)
        groups_release(&bundle->groups[i]);
    for (size_t i = 0; i < bundle->source_count; i++)
        end_marks_release(&bundle->sources[i].marks);
    arena_free(bundle->arena);
    free(bundle->groups);
    free(bundle->sources);
    pthread_mutex_destroy(&bundle->lock);
    free(bundle);
}

static void bundle_ref(struct bundle *bundle)
{
    pthread_mutex_lock(&bundle->lock);
    bundle->references++;
    pthread_mutex_unlock(&bundle->lock);
}

static void bundle_unref(struct bundle *bundle)
{
    pthread_mutex_lock(&bundle->lock);
    bool last = --bundle->references == 0;
    pthread_mutex_unlock(&bundle->lock);
    if (last)
        bundle_free(bundle);
}

/* ---------------------------------------------------------------------------------- publishing */

/* Takes @touch. */
static void touch_add(struct bundle *bundle, struct touch *touch)
{
    pthread_mutex_lock(&bundle->lock);
    touch->next = bundle->touches;
    bundle->touches = touch;
    if (bundle->consumer && touch->due_ms == 0)
        bus_consumer_wake(bundle->consumer);
    pthread_mutex_unlock(&bundle->lock);
}

void bundle_touch(struct bundle *bundle, const char *agent, const char *group)
{
    for (size_t i = 0; i < bundle->options.agent_count; i++) {
        if (strcmp(bundle->options.agents[i]->name, agent) != 0)
            continue;
        struct touch *touch = mem_zalloc(sizeof(*touch));
        *touch = (struct touch){.agent = i, .group = mem_strdup(group)};
        touch_add(bundle, touch);
    }
}

/* A record on its way. */
struct delivery {
    struct bundle *bundle;
    size_t agent;
    char *key;
    int64_t revision;
};

static bool is_worth_repeating(const struct err *err)
{
    return err->code != ERR_INVALID && err->code != ERR_TOO_LARGE;
}

/* From the producer's thread, or (a record that was not taken) the bundle's. */
static void delivered(void *context, const struct err *err)
{
    struct delivery *delivery = context;
    struct bundle *bundle = delivery->bundle;
    if (err && is_worth_repeating(err)) {
        struct touch *touch = mem_zalloc(sizeof(*touch));
        *touch = (struct touch){.agent = delivery->agent,
                                .key = mem_take(&delivery->key),
                                .revision = delivery->revision,
                                .due_ms = clock_ms() + AGAIN_MS};
        touch_add(bundle, touch);
    } else if (err) {
        log_error("record refused", LOG_S("agent", bundle->options.agents[delivery->agent]->name),
                  LOG_S("key", delivery->key), LOG_S("error", err->message));
    }
    free(delivery->key);
    free(delivery);
    bundle_unref(bundle);
}

struct publisher {
    struct bundle *bundle;
    size_t agent;
};

/* Queues a record of the agent's sink; waits while the queue is full. */
static bool publish(void *context, const struct change *change)
{
    const struct publisher *publisher = context;
    struct bundle *bundle = publisher->bundle;
    const struct agent *agent = bundle->options.agents[publisher->agent];
    const struct bus_message message = {
        .topic = topic_placed(bundle, agent->sink)->real_name,
        .partition = -1,
        .key = change->key,
        .value = change->value,
        .value_len = change->len,
        .revision = change->revision,
        .trace = change->trace,
    };
    struct delivery *delivery = mem_zalloc(sizeof(*delivery));
    *delivery =
        (struct delivery){bundle, publisher->agent, mem_strdup(change->key), change->revision};
    bundle_ref(bundle);
    struct err err = {0};
    while (bus_produce(bundle->options.producer, &message, PRODUCE_WAIT_MS, delivered, delivery,
                       &err)) {
        if (err.code != ERR_TRANSIENT || is_stopping(bundle)) {
            delivered(delivery, &err);
            break;
        }
        stop_wait(SPIN_MS); /* not all refusals take their time */
    }
    return !is_stopping(bundle);
}

/* Those that are due, out of the list. */
static struct touch *touches_take(struct bundle *bundle)
{
    int64_t now = clock_ms();
    struct touch *due = NULL;
    pthread_mutex_lock(&bundle->lock);
    for (struct touch **at = &bundle->touches; *at;) {
        struct touch *touch = *at;
        if (touch->due_ms > now) {
            at = &touch->next;
            continue;
        }
        *at = touch->next;
        touch->next = due;
        due = touch;
    }
    pthread_mutex_unlock(&bundle->lock);
    return due;
}

static void publish_again(struct bundle *bundle, const struct touch *touch)
{
    const struct agent_output *held = groups_find_output(&bundle->groups[touch->agent], touch->key);
    const struct change change = {.key = touch->key,
                                  .value = held ? held->value : NULL,
                                  .len = held ? held->value_len : 0,
                                  .revision = held ? held->revision : touch->revision};
    struct publisher publisher = {bundle, touch->agent};
    publish(&publisher, &change);
}

static void touches_apply(struct bundle *bundle)
{
    int64_t again = 0;
    for (struct touch *touch = touches_take(bundle), *next; touch; touch = next) {
        next = touch->next;
        if (touch->group)
            groups_mark_name(&bundle->groups[touch->agent], touch->group);
        else if (!is_stopping(bundle))
            publish_again(bundle, touch);
        again += touch->key != NULL;
        touch_free(touch);
    }
    if (again)
        log_warn("records were given up and are published again",
                 LOG_S("bundle", bundle->options.name), LOG_I("records", again));
}

static void decide_dirty(struct bundle *bundle)
{
    for (size_t i = 0; i < bundle->options.agent_count; i++) {
        struct publisher publisher = {bundle, i};
        struct group *group;
        while (!is_stopping(bundle) && (group = groups_next(&bundle->groups[i]))) {
            struct err err = {0};
            if (group_decide(&bundle->groups[i], group, bundle->arena, publish, &publisher, &err))
                log_error("agent could not decide", LOG_S("agent", bundle->options.agents[i]->name),
                          LOG_S("group", group->name), LOG_S("error", err.message));
            groups_drop_empty(&bundle->groups[i], group);
        }
    }
}

/* ---------------------------------------------------------------------------------- reading */

static void take_in(struct bundle *bundle, const struct bus_record *record)
{
    for (size_t i = 0; i < bundle->source_count; i++) {
        struct source *source = &bundle->sources[i];
        if (strcmp(source->topic->real_name, record->topic) != 0)
            continue;
        end_marks_note(&source->marks, record);
        for (size_t a = 0; !record->end && a < bundle->options.agent_count; a++) {
            const struct agent *agent = bundle->options.agents[a];
            for (size_t s = 0; agent->sources[s]; s++) {
                if (strcmp(agent->sources[s], source->topic->topic) == 0)
                    groups_input(&bundle->groups[a], source->topic->topic, record);
            }
        }
    }
}

static void check_memory(const struct bundle *bundle)
{
    size_t total = 0;
    for (size_t i = 0; i < bundle->options.agent_count; i++)
        total += bundle->groups[i].memory;
    if (total > bundle->options.memory_max) {
        log_error("the records of this bundle do not fit into its memory limit",
                  LOG_S("bundle", bundle->options.name),
                  LOG_I("limit", bundle->options.memory_max));
        abort();
    }
}

/* Takes in what is there, waiting for the first record. */
static void read_some(struct bundle *bundle)
{
    for (int n = 0; n < DRAIN_MAX; n++) {
        struct bus_record record;
        struct err err = {0};
        int got = bus_consume(bundle->consumer, n == 0 ? WAIT_MS : 0, &record, &err);
        if (got < 0 && err.code != ERR_TRANSIENT)
            log_error("reading failed", LOG_S("bundle", bundle->options.name),
                      LOG_S("error", err.message));
        if (got <= 0)
            return;
        take_in(bundle, &record);
        check_memory(bundle);
    }
}

/* ---------------------------------------------------------------------------------- restoring */

static bool is_stopping_any(void *bundle)
{
    return is_stopping(bundle);
}

static struct patience patience_of(struct bundle *bundle)
{
    return (struct patience){clock_ms() + RESTORE_TIMEOUT_MS, is_stopping_any, bundle};
}

static void restore_output(void *context, const struct bus_record *record)
{
    groups_output(context, record);
}

static int restore_sink(struct bundle *bundle, size_t agent, struct err *err)
{
    const struct bundle_topic *sink = topic_placed(bundle, bundle->options.agents[agent]->sink);
    struct bus_consumer_options options = {
        .region = bundle->options.region,
        .cluster = sink->cluster,
        .bootstrap = sink->bootstrap,
        .name = "mot-restore",
        .queue_kb = 256,
    };
    struct patience patience = patience_of(bundle);
    if (restore_topic(&options, sink->real_name, &patience, restore_output, &bundle->groups[agent],
                      err))
        return err_wrap(err, "restoring %s from %s", sink->real_name, sink->cluster);
    return 0;
}

/* From nothing: also when it is tried again. */
static int restore_sinks(struct bundle *bundle, struct err *err)
{
    if (bundle->options.prepare && bundle->options.prepare(bundle->options.context, err))
        return -1;
    bundle->sink_cluster[0] = '\0';
    for (size_t i = 0; i < bundle->options.agent_count; i++) {
        groups_release(&bundle->groups[i]);
        groups_init(&bundle->groups[i], bundle->options.agents[i]);
        if (!bundle->options.agents[i]->sink)
            continue;
        if (!bundle->sink_cluster[0] &&
            !bus_producer_cluster_id(bundle->options.producer, WAIT_MS, bundle->sink_cluster))
            return err_set(err, ERR_TRANSIENT, "the cluster of its sinks can't be reached");
        if (restore_sink(bundle, i, err))
            return -1;
        check_memory(bundle);
    }
    return 0;
}

static int begin_sources(struct bundle *bundle, struct bus_consumer *consumer, struct err *err)
{
    for (size_t i = 0; i < bundle->source_count; i++) {
        struct source *source = &bundle->sources[i];
        struct patience patience = patience_of(bundle);
        end_marks_release(&source->marks);
        if (end_marks_begin(&source->marks, consumer, source->topic->real_name, &patience, err))
            return err_wrap(err, "reading %s from %s", source->topic->real_name,
                            source->topic->cluster);
    }
    return 0;
}

static int open_sources(struct bundle *bundle, struct err *err)
{
    const struct bundle_topic *first = bundle->sources[0].topic;
    struct bus_consumer_options options = {
        .region = bundle->options.region,
        .cluster = first->cluster,
        .bootstrap = first->bootstrap,
        .name = bundle->options.name,
        .mark_end = true,
    };
    struct bus_consumer *consumer = bus_consumer_open(&options, err);
    if (!consumer)
        return -1;
    int rc = 0;
    if (!bus_consumer_cluster_id(consumer, WAIT_MS, bundle->source_cluster))
        rc = err_set(err, ERR_TRANSIENT, "the cluster %s can't be reached", first->cluster);
    if (rc || begin_sources(bundle, consumer, err)) {
        bus_consumer_close(consumer);
        return -1;
    }
    pthread_mutex_lock(&bundle->lock);
    bundle->consumer = consumer;
    pthread_mutex_unlock(&bundle->lock);
    return 0;
}

static void close_sources(struct bundle *bundle)
{
    pthread_mutex_lock(&bundle->lock);
    struct bus_consumer *consumer = bundle->consumer;
    bundle->consumer = NULL;
    pthread_mutex_unlock(&bundle->lock);
    bus_consumer_close(consumer);
}

/* Until the bundle stops, at most. */
static void pause_for(struct bundle *bundle, int64_t ms)
{
    int64_t until = clock_ms() + ms;
    for (int64_t left = ms; left > 0 && !is_stopping(bundle); left = until - clock_ms())
        stop_wait(left < PAUSE_MS ? left : PAUSE_MS);
}

/* Again and again until it works or the bundle stops: the cluster may be away for long. */
static bool retried(struct bundle *bundle, int (*try)(struct bundle *, struct err *))
{
    struct backoff backoff = BACKOFF_INIT(200, 10000);
    while (!is_stopping(bundle)) {
        struct err err = {0};
        if (try(bundle, &err) == 0)
            return true;
        if (!is_stopping(bundle))
            log_warn("bundle waits for its cluster", LOG_S("bundle", bundle->options.name),
                     LOG_S("error", err.message));
        pause_for(bundle, backoff_next(&backoff));
    }
    return false;
}

static bool sources_reached(const struct bundle *bundle)
{
    for (size_t i = 0; i < bundle->source_count; i++) {
        if (!end_marks_reached(&bundle->sources[i].marks))
            return false;
    }
    return true;
}

/* ---------------------------------------------------------------------------------- running */

static void set_restored(struct bundle *bundle, bool restored)
{
    pthread_mutex_lock(&bundle->lock);
    bundle->restored = restored;
    pthread_mutex_unlock(&bundle->lock);
}

/* One of the clusters was wiped since everything was read. Looks now and then. */
static bool clusters_changed(struct bundle *bundle)
{
    char id[BUS_CLUSTER_ID_SIZE];
    if (clock_ms() < bundle->next_check_ms)
        return false;
    bundle->next_check_ms = clock_ms() + CHECK_MS;
    if (bus_consumer_cluster_id(bundle->consumer, 0, id) && strcmp(id, bundle->source_cluster) != 0)
        return true;
    return bundle->sink_cluster[0] && bus_producer_cluster_id(bundle->options.producer, 0, id) &&
           strcmp(id, bundle->sink_cluster) != 0;
}

/* False: the bundle stops, or a cluster was wiped meanwhile. */
static bool restore(struct bundle *bundle)
{
    if (!retried(bundle, restore_sinks) || !retried(bundle, open_sources))
        return false;
    while (!sources_reached(bundle)) {
        if (is_stopping(bundle) || clusters_changed(bundle))
            return false;
        read_some(bundle);
    }
    decide_dirty(bundle);
    return !is_stopping(bundle);
}

static void work(struct bundle *bundle)
{
    while (!is_stopping(bundle)) {
        if (clusters_changed(bundle)) {
            log_warn("a cluster was wiped, reading everything anew",
                     LOG_S("bundle", bundle->options.name));
            return;
        }
        read_some(bundle);
        touches_apply(bundle);
        decide_dirty(bundle);
    }
}

static void *run(void *context)
{
    struct bundle *bundle = context;
    while (!is_stopping(bundle)) {
        if (restore(bundle)) {
            set_restored(bundle, true);
            log_info("bundle restored", LOG_S("bundle", bundle->options.name));
            if (bundle->options.restored)
                bundle->options.restored(bundle->options.context);
            work(bundle);
            set_restored(bundle, false);
        }
        close_sources(bundle);
    }
    return NULL;
}

/* ---------------------------------------------------------------------------------- life */

static int collect_sources(struct bundle *bundle, struct err *err)
{
    size_t most = 0;
    for (size_t a = 0; a < bundle->options.agent_count; a++) {
        for (size_t s = 0; bundle->options.agents[a]->sources[s]; s++)
            most++;
    }
    if (most == 0)
        return err_set(err, ERR_INVALID, "bundle %s: no agent has a source", bundle->options.name);
    bundle->sources = mem_array(most, sizeof(struct source));
    for (size_t a = 0; a < bundle->options.agent_count; a++) {
        const struct agent *agent = bundle->options.agents[a];
        if (agent->sink && !topic_named(bundle, agent->sink))
            return err_set(err, ERR_INVALID, "agent %s: its sink %s has no place", agent->name,
                           agent->sink);
        for (size_t s = 0; agent->sources[s]; s++) {
            const struct bundle_topic *topic = topic_named(bundle, agent->sources[s]);
            if (!topic)
                return err_set(err, ERR_INVALID, "agent %s: its source %s has no place",
                               agent->name, agent->sources[s]);
            size_t i = 0;
            while (i < bundle->source_count && bundle->sources[i].topic != topic)
                i++;
            if (i == bundle->source_count)
                bundle->sources[bundle->source_count++].topic = topic;
            if (strcmp(topic->cluster, bundle->sources[0].topic->cluster) != 0)
                return err_set(err, ERR_INVALID,
                               "agent %s: %s is in another cluster than the bundle's other sources",
                               agent->name, topic->topic);
        }
    }
    return 0;
}

struct bundle *bundle_start(const struct bundle_options *options, struct err *err)
{
    struct bundle *bundle = mem_zalloc(sizeof(*bundle));
    bundle->options = *options;
    if (bundle->options.memory_max == 0)
        bundle->options.memory_max = MEMORY_MAX;
    bundle->references = 1;
    pthread_mutex_init(&bundle->lock, NULL);
    bundle->arena = arena_new(STEP_ARENA_MAX);
    bundle->groups = mem_array(options->agent_count, sizeof(struct groups));
    for (size_t i = 0; i < options->agent_count; i++)
        groups_init(&bundle->groups[i], options->agents[i]);
    if (collect_sources(bundle, err)) {
        bundle_free(bundle);
        return NULL;
    }
    int rc = pthread_create(&bundle->thread, NULL, run, bundle);
    if (rc) {
        err_set(err, ERR_INTERNAL, "no thread for bundle %s: %s", options->name, strerror(rc));
        bundle_free(bundle);
        return NULL;
    }
    return bundle;
}

bool bundle_restored(struct bundle *bundle)
{
    pthread_mutex_lock(&bundle->lock);
    bool restored = bundle->restored;
    pthread_mutex_unlock(&bundle->lock);
    return restored;
}

int64_t bundle_lag(struct bundle *bundle, const char *name)
{
    const struct bundle_topic *topic = topic_named(bundle, name);
    pthread_mutex_lock(&bundle->lock);
    int64_t lag =
        bundle->consumer && topic ? bus_consumer_lag(bundle->consumer, topic->real_name) : -1;
    pthread_mutex_unlock(&bundle->lock);
    return lag;
}

struct bus_state bundle_state(struct bundle *bundle)
{
    struct bus_state state = {0};
    pthread_mutex_lock(&bundle->lock);
    if (bundle->consumer)
        state = bus_consumer_state(bundle->consumer);
    pthread_mutex_unlock(&bundle->lock);
    return state;
}

void bundle_stop(struct bundle *bundle)
{
    if (!bundle)
        return;
    pthread_mutex_lock(&bundle->lock);
    bundle->stopping = true;
    if (bundle->consumer)
        bus_consumer_wake(bundle->consumer);
    pthread_mutex_unlock(&bundle->lock);
    pthread_join(bundle->thread, NULL);
    bundle_unref(bundle);
}
