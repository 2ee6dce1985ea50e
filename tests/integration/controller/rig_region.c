/* A region as central sees it: it reads its launch topic and answers. */
#include "rig.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

struct heard {
    int64_t at_us;
    int64_t revision;
    int64_t generation;
    int launches, tombstones;
};

struct region {
    struct rig *rig;
    int which;
    struct bus_consumer *consumer;
    struct bus_producer *producer;
    pthread_t thread;
    pthread_mutex_t lock; /* everything below */
    struct region_options options;
    struct map *heard;
    int markers, reordered, launches, tombstones;
    int64_t launch_revision;
    bool stopping;
};

static const struct topology_region *read_from(struct rig *rig, int which, const char *flow,
                                               const char **ret_topic)
{
    const struct route *route = routes_find(rig->routes, flow, rig->regions[which]);
    assert_non_null(route);
    *ret_topic = route->consumed_topic;
    return route->consumed_in;
}

struct bus_producer *rig_producer(struct rig *rig, int which, int64_t epoch)
{
    const char *topic;
    const struct topology_region *cluster = read_from(rig, which, TOPIC_DEPLOYMENT_STATE, &topic);
    struct bus_producer_options options = {.region = cluster->name,
                                           .cluster = cluster->name,
                                           .bootstrap = cluster->bootstrap,
                                           .epoch = epoch};
    struct err err = {0};
    struct bus_producer *producer = bus_producer_open(&options, &err);
    if (!producer)
        fail_msg("%s", err.message);
    return producer;
}

void rig_produce(struct rig *rig, int which, struct bus_producer *producer, const char *flow,
                 const char *key, const char *value)
{
    const char *topic;
    read_from(rig, which, flow, &topic);
    struct bus_message message = {.topic = topic,
                                  .partition = -1,
                                  .key = key,
                                  .value = value,
                                  .value_len = value ? strlen(value) : 0,
                                  .revision = 1};
    struct err err = {0};
    if (bus_produce(producer, &message, RIG_WAIT_MS, NULL, NULL, &err))
        fail_msg("%s", err.message);
}

char *rig_state(const json_t *launch, const char *state)
{
    char now[CLOCK_TEXT_SIZE];
    bool gone = strcmp(state, "Gone") == 0;
    int count = 0;
    size_t index;
    json_t *zone;
    json_array_foreach(json_at(launch, "spec.zones"), index, zone)
    {
        count += gone ? 0 : (int)json_at_int(zone, "replicas", 0);
    }
    json_t *value = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:b, s:s, s:i, s:i, s:i, s:i, s:[], s:s}", "namespace",
        object_namespace(launch), "name", json_at_text(launch, "spec.deployment"), "uid",
        object_uid(launch), "region", json_at_text(launch, "spec.region"), "revision",
        (json_int_t)object_revision(launch), "generation", (json_int_t)object_generation(launch),
        "state", state, "gone", gone, "message", "", "desired", count, "running", count, "ready",
        count, "updated", count, "zones", "observedAt", clock_format(clock_wall_ms(), now));
    char *text = json_text(value);
    json_decref(value);
    return text;
}

static void note(struct region *region, const struct bus_record *record)
{
    struct heard *heard = map_get(region->heard, record->key);
    if (!heard) {
        heard = mem_zalloc(sizeof(*heard));
        map_put(region->heard, record->key, heard);
    }
    heard->at_us = clock_us();
    if (record->headers.revision < heard->revision)
        region->reordered++;
    heard->revision = record->headers.revision;
    struct err err;
    json_t *launch =
        record->value ? json_parse(record->value, record->value_len, false, &err) : NULL;
    heard->generation = object_generation(launch);
    json_decref(launch);
    heard->launches += record->value != NULL;
    heard->tombstones += record->value == NULL;
    region->launches += record->value != NULL;
    region->tombstones += record->value == NULL;
}

static void answer(struct region *region, const struct bus_record *record)
{
    struct err err;
    json_t *launch = json_parse(record->value, record->value_len, false, &err);
    if (!object_uid(launch)[0]) {
        json_decref(launch);
        return;
    }
    AUTO_FREE char *state = rig_state(launch, object_deleting(launch) ? "Gone" : "Converged");
    json_decref(launch);
    rig_produce(region->rig, region->which, region->producer, TOPIC_DEPLOYMENT_STATE, record->key,
                state);
}

static void take(struct region *region, const struct bus_record *record)
{
    pthread_mutex_lock(&region->lock);
    bool answers = region->options.answers && record->value;
    if (record->headers.revision > region->launch_revision)
        region->launch_revision = record->headers.revision;
    if (strcmp(record->key, "mot-marker") == 0) {
        region->markers++;
        answers = false;
    } else {
        note(region, record);
    }
    pthread_mutex_unlock(&region->lock);
    if (answers)
        answer(region, record);
}

static void beat(struct region *region)
{
    char now[CLOCK_TEXT_SIZE];
    AUTO_FREE char *value =
        mem_printf("{\"region\":\"%s\",\"epoch\":1,\"observedAt\":\"%s\",\"launchRevision\":%lld,"
                   "\"convergedRevision\":%lld,\"lag\":0,\"deployments\":0,\"instances\":0}",
                   region->rig->regions[region->which], clock_format_ms(clock_wall_ms(), now),
                   (long long)region->launch_revision, (long long)region->launch_revision);
    rig_produce(region->rig, region->which, region->producer, TOPIC_HEARTBEAT,
                region->rig->regions[region->which], value);
}

static void *run(void *argument)
{
    struct region *region = argument;
    int64_t due = 0;
    for (;;) {
        pthread_mutex_lock(&region->lock);
        bool stopping = region->stopping;
        int every = region->options.heartbeat_ms;
        pthread_mutex_unlock(&region->lock);
        if (stopping)
            return NULL;
        struct bus_record record;
        struct err err;
        if (bus_consume(region->consumer, 50, &record, &err) == 1)
            take(region, &record);
        if (every && clock_ms() >= due) {
            beat(region);
            due = clock_ms() + every;
        }
    }
}

struct region *region_start(struct rig *rig, int which, struct region_options options)
{
    struct region *region = mem_zalloc(sizeof(*region));
    const struct route *route = routes_find(rig->routes, TOPIC_LAUNCH, rig->regions[which]);
    struct bus_consumer_options consumer = {.region = route->produced_in->name,
                                            .cluster = route->produced_in->name,
                                            .bootstrap = route->produced_in->bootstrap,
                                            .name = "test"};
    struct err err = {0};
    region->rig = rig;
    region->which = which;
    region->options = options;
    region->heard = map_new(free);
    region->producer = rig_producer(rig, which, clock_wall_ms());
    region->consumer = bus_consumer_open(&consumer, &err);
    if (!region->consumer ||
        bus_consumer_assign(region->consumer, route->produced_topic, 0, BUS_OFFSET_BEGINNING, &err))
        fail_msg("%s", err.message);
    pthread_mutex_init(&region->lock, NULL);
    assert_int_equal(pthread_create(&region->thread, NULL, run, region), 0);
    return region;
}

void region_set(struct region *region, struct region_options options)
{
    pthread_mutex_lock(&region->lock);
    region->options = options;
    pthread_mutex_unlock(&region->lock);
}

void region_stop(struct region *region)
{
    pthread_mutex_lock(&region->lock);
    region->stopping = true;
    pthread_mutex_unlock(&region->lock);
    pthread_join(region->thread, NULL);
    bus_consumer_close(region->consumer);
    bus_producer_close(region->producer, 5000);
    map_free(region->heard);
    pthread_mutex_destroy(&region->lock);
    free(region);
}

static struct heard heard_of(struct region *region, const char *key)
{
    pthread_mutex_lock(&region->lock);
    const struct heard *heard = key ? map_get(region->heard, key) : NULL;
    struct heard copy = {.launches = region->launches, .tombstones = region->tombstones};
    if (key)
        copy = heard ? *heard : (struct heard){0};
    pthread_mutex_unlock(&region->lock);
    return copy;
}

int region_launches(struct region *region, const char *key)
{
    return heard_of(region, key).launches;
}

int region_tombstones(struct region *region, const char *key)
{
    return heard_of(region, key).tombstones;
}

int64_t region_heard(struct region *region, const char *key)
{
    return heard_of(region, key).at_us;
}

int64_t region_last(struct region *region, const char *key)
{
    return heard_of(region, key).generation;
}

int region_markers(struct region *region)
{
    pthread_mutex_lock(&region->lock);
    int markers = region->markers;
    pthread_mutex_unlock(&region->lock);
    return markers;
}

int region_reordered(struct region *region)
{
    pthread_mutex_lock(&region->lock);
    int reordered = region->reordered;
    pthread_mutex_unlock(&region->lock);
    return reordered;
}
