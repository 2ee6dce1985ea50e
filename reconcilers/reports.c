#include "reports.h"

#include <pthread.h>
#include <string.h>

#include <mot/agent/restore.h>
#include <mot/base/log.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>
#include <mot/base/stop.h>
#include <mot/model/json.h>

#define PRODUCE_WAIT_MS 1000

struct reports {
    struct bus_producer *producer;
    char *topic;
    pthread_mutex_t lock;
    struct map *restored; /* "<zone>/<ns>/<name>" → the report before this process: until the first
                             one of ours */
};

static void keep(void *context, const struct bus_record *record)
{
    struct map *restored = context;
    if (record->value)
        map_put(restored, record->key, mem_strndup(record->value, record->value_len));
    else
        map_remove(restored, record->key);
}

struct reports *reports_open(const struct bus_consumer_options *consumer,
                             struct bus_producer *producer, const char *topic, int64_t deadline_ms,
                             struct err *err)
{
    struct map *restored = map_new(free);
    if (restore_topic(consumer, topic, deadline_ms, keep, restored, err)) {
        map_free(restored);
        return NULL;
    }
    struct reports *reports = mem_zalloc(sizeof(*reports));
    reports->producer = producer;
    reports->topic = mem_strdup(topic);
    reports->restored = restored;
    pthread_mutex_init(&reports->lock, NULL);
    return reports;
}

void reports_free(struct reports *reports)
{
    if (!reports)
        return;
    map_free(reports->restored);
    pthread_mutex_destroy(&reports->lock);
    free(reports->topic);
    free(reports);
}

/* Without the times at which it was looked. */
static json_t *essence(const char *text, size_t len)
{
    struct err err;
    json_t *report = json_parse(text, len, false, &err);
    json_object_del(report, "observedAt");
    size_t index;
    json_t *instance;
    json_array_foreach(json_object_get(report, "instances"), index, instance)
    {
        json_object_del(instance, "observedAt");
        json_t *health = json_object_get(instance, "health");
        if (health)
            json_object_del(health, "checkedAt");
    }
    return report;
}

static bool says_the_same(const char *before, const char *report, size_t len)
{
    json_t *a = essence(before, strlen(before));
    json_t *b = essence(report, len);
    bool same = a && b && json_equal(a, b);
    json_decref(a);
    json_decref(b);
    return same;
}

void reports_publish(struct reports *reports, const char *zone, const char *key, const char *report,
                     size_t len, int64_t revision)
{
    AUTO_FREE char *full = mem_printf("%s/%s", zone, key);
    pthread_mutex_lock(&reports->lock);
    AUTO_FREE char *before = map_steal(reports->restored, full);
    pthread_mutex_unlock(&reports->lock);
    if (before && report && says_the_same(before, report, len))
        return;
    struct bus_message message = {.topic = reports->topic,
                                  .partition = -1,
                                  .key = full,
                                  .value = report,
                                  .value_len = len,
                                  .revision = revision};
    struct err err = {0};
    while (bus_produce(reports->producer, &message, PRODUCE_WAIT_MS, NULL, NULL, &err)) {
        if (err.code != ERR_TRANSIENT || stop_requested()) {
            log_error("zone report not sent", LOG_S("key", full), LOG_S("error", err.message));
            return;
        }
    }
}
