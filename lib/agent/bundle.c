/*
 * The runtime of agents. One thread: restore the sinks, read the sources to where they ended at
 * start, decide every group once, then go on with what comes. Records that are there together are
 * taken in together, so that a group is decided once for them.
 *
 * A record counts as published in the agent's memory as soon as it is queued. If it is given up
 * later (the region's own cluster was away for too long), the key is forgotten and its group
 * decided again, which publishes it anew.
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
#define RESTORE_TIMEOUT_MS 60000
#define MEMORY_MAX         ((size_t)256 << 20)
#define STEP_ARENA_MAX     ((size_t)64 << 20)

struct source {
    const struct bundle_topic *topic;
    struct end_marks marks;
};

/* Something another thread asks of the bundle's: to decide a group again, its sink key forgotten
 * first when @key is set. */
struct touch {
    size_t agent;
    char *group;
    char *key;
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

static bool is_stopping(struct bundle *bundle)
{
    pthread_mutex_lock(&bundle->lock);
    bool stopping = bundle->stopping;
    pthread_mutex_unlock(&bundle->lock);
    return stopping || stop_requested();
}

static void bundle_free(struct bundle *bundle)
{
    for (struct touch *touch = bundle->touches, *next; touch; touch = next) {
        next = touch->next;
        free(touch->group);
        free(touch->key);
        free(touch);
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

/* ------------------------------------------------------------------------------------------
 * touches */

static void touch_add(struct bundle *bundle, size_t agent, const char *group, const char *key)
{
    struct touch *touch = mem_zalloc(sizeof(*touch));
    touch->agent = agent;
    touch->group = mem_strdup(group);
    touch->key = key ? mem_strdup(key) : NULL;
    pthread_mutex_lock(&bundle->lock);
    touch->next = bundle->touches;
    bundle->touches = touch;
    struct bus_consumer *consumer = bundle->consumer;
    if (consumer)
        bus_consumer_wake(consumer);
    pthread_mutex_unlock(&bundle->lock);
}

static void touches_apply(struct bundle *bundle)
{
    pthread_mutex_lock(&bundle->lock);
    struct touch *touch = bundle->touches;
    bundle->touches = NULL;
    pthread_mutex_unlock(&bundle->lock);
    while (touch) {
        struct touch *next = touch->next;
        struct groups *groups = &bundle->groups[touch->agent];
        struct group *group = map_get(groups->by_name, touch->group);
        if (group && touch->key)
            group_set_output(groups, group, touch->key, NULL, 0, 0);
        if (group)
            groups_mark(groups, group);
        free(touch->group);
        free(touch->key);
        free(touch);
        touch = next;
    }
}

void bundle_touch(struct bundle *bundle, const char *agent, const char *group)
{
    for (size_t i = 0; i < bundle->options.agent_count; i++) {
        if (strcmp(bundle->options.agents[i]->name, agent) == 0)
            touch_add(bundle, i, group, NULL);
    }
}

/* ------------------------------------------------------------------------------------------
 * publishing */

struct delivery {
    struct bundle *bundle;
    size_t agent;
    char *group;
    char *key;
};

static void delivered(void *context, const struct err *err)
{
    struct delivery *delivery = context;
    struct bundle *bundle = delivery->bundle;
    if (err) {
        log_warn("record given up, deciding again",
                 LOG_S("agent", bundle->options.agents[delivery->agent]->name),
                 LOG_S("key", delivery->key), LOG_S("error", err->message));
        touch_add(bundle, delivery->agent, delivery->group, delivery->key);
    }
    free(delivery->group);
    free(delivery->key);
    free(delivery);
    bundle_unref(bundle);
}

/* Queues a record of the agent's sink; waits while the queue is full. False: the process is
 * stopping. */
static bool publish(struct bundle *bundle, size_t agent, struct group *group, const char *key,
                    const char *value, size_t len, int64_t revision)
{
    const struct bundle_topic *sink = topic_named(bundle, bundle->options.agents[agent]->sink);
    struct bus_message message = {
        .topic = sink->real_name,
        .partition = -1,
        .key = key,
        .value = value,
        .value_len = len,
        .revision = revision,
        .trace = group->trace[0] ? group->trace : NULL,
    };
    struct delivery *delivery = mem_zalloc(sizeof(*delivery));
    *delivery = (struct delivery){bundle, agent, mem_strdup(group->name), mem_strdup(key)};
    bundle_ref(bundle);
    struct err err = {0};
    while (bus_produce(bundle->options.producer, &message, PRODUCE_WAIT_MS, delivered, delivery,
                       &err)) {
        if (err.code != ERR_TRANSIENT || is_stopping(bundle)) {
            delivered(delivery, err.code == ERR_TRANSIENT ? NULL : &err);
            return false;
        }
    }
    return true;
}

static bool same_output(const struct agent_output *a, const struct agent_output *b)
{
    return a->value_len == b->value_len && memcmp(a->value, b->value, a->value_len) == 0;
}

static void publish_changes(struct bundle *bundle, size_t agent, struct group *group,
                            const struct agent_emit *emit)
{
    struct groups *groups = &bundle->groups[agent];
    for (size_t i = 0; i < emit->count; i++) {
        const struct agent_output *output = &emit->items[i];
        const struct agent_output *held = group_find_output(group, output->key);
        if (held && same_output(held, output))
            continue;
        if (publish(bundle, agent, group, output->key, output->value, output->value_len,
                    output->revision))
            group_set_output(groups, group, output->key, output->value, output->value_len,
                             output->revision);
    }
}

static bool emitted(const struct agent_emit *emit, const char *key)
{
    for (size_t i = 0; i < emit->count; i++) {
        if (strcmp(emit->items[i].key, key) == 0)
            return true;
    }
    return false;
}

static void publish_deletions(struct bundle *bundle, size_t agent, struct group *group,
                              const struct agent_emit *emit)
{
    for (size_t i = group->output_count; i-- > 0;) {
        if (emitted(emit, group->outputs[i].key))
            continue;
        AUTO_FREE char *key = mem_strdup(group->outputs[i].key);
        if (publish(bundle, agent, group, key, NULL, 0, group->revision))
            group_set_output(&bundle->groups[agent], group, key, NULL, 0, 0);
    }
}

/* ------------------------------------------------------------------------------------------
 * deciding */

static void decide(struct bundle *bundle, size_t index, struct group *group)
{
    const struct agent *agent = bundle->options.agents[index];
    struct agent_group view = {
        .name = group->name,
        .inputs = group->inputs,
        .input_count = group->input_count,
        .previous = group->outputs,
        .previous_count = group->output_count,
    };
    if (agent->changed)
        agent->changed(agent->context, &view);
    if (!agent->step)
        return;
    struct err err = {0};
    arena_clear(bundle->arena);
    struct agent_emit emit = {.arena = bundle->arena};
    if (agent->step(&view, bundle->arena, &emit, &err) || emit_finish(&emit, &err)) {
        log_error("agent could not decide", LOG_S("agent", agent->name),
                  LOG_S("group", group->name), LOG_S("error", err.message));
        return;
    }
    publish_changes(bundle, index, group, &emit);
    publish_deletions(bundle, index, group, &emit);
}

static void decide_dirty(struct bundle *bundle)
{
    for (size_t i = 0; i < bundle->options.agent_count; i++) {
        struct group *group;
        while (!is_stopping(bundle) && (group = groups_next(&bundle->groups[i]))) {
            decide(bundle, i, group);
            groups_drop_empty(&bundle->groups[i], group);
        }
    }
}

/* ------------------------------------------------------------------------------------------
 * reading */

static void take_in(struct bundle *bundle, const struct bus_record *record)
{
    for (size_t i = 0; i < bundle->source_count; i++) {
        struct source *source = &bundle->sources[i];
        if (strcmp(source->topic->real_name, record->topic) != 0)
            continue;
        end_marks_note(&source->marks, record->partition, record->offset);
        for (size_t a = 0; a < bundle->options.agent_count; a++) {
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
static void read_some(struct bundle *bundle, int64_t wait_ms)
{
    for (int n = 0; n < DRAIN_MAX; n++) {
        struct bus_record record;
        struct err err = {0};
        int got = bus_consume(bundle->consumer, n == 0 ? wait_ms : 0, &record, &err);
        if (got < 0 && err.code != ERR_TRANSIENT)
            log_error("reading failed", LOG_S("bundle", bundle->options.name),
                      LOG_S("error", err.message));
        if (got <= 0)
            break;
        take_in(bundle, &record);
    }
    check_memory(bundle);
}

/* ------------------------------------------------------------------------------------------
 * restoring */

static void restore_output(void *context, const struct bus_record *record)
{
    groups_output(context, record);
}

static int restore_sinks(struct bundle *bundle, struct err *err)
{
    for (size_t i = 0; i < bundle->options.agent_count; i++) {
        if (!bundle->options.agents[i]->sink)
            continue;
        const struct bundle_topic *sink = topic_named(bundle, bundle->options.agents[i]->sink);
        struct bus_consumer_options options = {
            .region = bundle->options.region,
            .cluster = sink->cluster,
            .bootstrap = sink->bootstrap,
            .name = "mot-restore",
            .queue_kb = 256,
        };
        groups_release(&bundle->groups[i]);
        groups_init(&bundle->groups[i], bundle->options.agents[i]);
        if (restore_topic(&options, sink->real_name, clock_ms() + RESTORE_TIMEOUT_MS,
                          restore_output, &bundle->groups[i], err))
            return err_wrap(err, "restoring %s from %s", sink->real_name, sink->cluster);
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
    };
    struct bus_consumer *consumer = bus_consumer_open(&options, err);
    if (!consumer)
        return -1;
    for (size_t i = 0; i < bundle->source_count; i++) {
        struct source *source = &bundle->sources[i];
        end_marks_release(&source->marks);
        if (end_marks_begin(&source->marks, consumer, source->topic->real_name,
                            clock_ms() + RESTORE_TIMEOUT_MS, err)) {
            bus_consumer_close(consumer);
            return err_wrap(err, "reading %s from %s", source->topic->real_name,
                            source->topic->cluster);
        }
    }
    pthread_mutex_lock(&bundle->lock);
    bundle->consumer = consumer;
    pthread_mutex_unlock(&bundle->lock);
    return 0;
}

/* Again and again until it works or the process stops: the cluster may be away for long. */
static bool retried(struct bundle *bundle, int (*try)(struct bundle *, struct err *))
{
    struct backoff backoff = BACKOFF_INIT(200, 10000);
    while (!is_stopping(bundle)) {
        struct err err = {0};
        if (try(bundle, &err) == 0)
            return true;
        log_warn("bundle waits for its cluster", LOG_S("bundle", bundle->options.name),
                 LOG_S("error", err.message));
        if (stop_wait(backoff_next(&backoff)))
            return false;
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

static void *run(void *context)
{
    struct bundle *bundle = context;
    if (!retried(bundle, restore_sinks) || !retried(bundle, open_sources))
        return NULL;
    while (!sources_reached(bundle) && !is_stopping(bundle))
        read_some(bundle, WAIT_MS);
    decide_dirty(bundle);
    pthread_mutex_lock(&bundle->lock);
    bundle->restored = true;
    pthread_mutex_unlock(&bundle->lock);
    log_info("bundle restored", LOG_S("bundle", bundle->options.name));
    if (bundle->options.restored)
        bundle->options.restored(bundle->options.context);
    while (!is_stopping(bundle)) {
        read_some(bundle, WAIT_MS);
        touches_apply(bundle);
        decide_dirty(bundle);
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------ life
 */

static int collect_sources(struct bundle *bundle, struct err *err)
{
    size_t most = 0;
    for (size_t a = 0; a < bundle->options.agent_count; a++) {
        for (size_t s = 0; bundle->options.agents[a]->sources[s]; s++)
            most++;
    }
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
    pthread_mutex_lock(&bundle->lock);
    struct bus_consumer *consumer = bundle->consumer;
    bundle->consumer = NULL;
    pthread_mutex_unlock(&bundle->lock);
    if (consumer)
        bus_consumer_close(consumer);
    bundle_unref(bundle);
}
