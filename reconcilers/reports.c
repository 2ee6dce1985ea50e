/*
 * The newest report of every key stays here until its zone has another one. A thread sends what was
 * not sent yet, so that zones go on converging while the cluster is away; what was given up is sent
 * again, and everything is when the cluster was wiped.
 */
#include "reports.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include <mot/agent/restore.h>
#include <mot/base/log.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

#define PRODUCE_WAIT_MS 1000
#define AGAIN_MS        1000 /* between tries */
#define CHECK_MS        1000 /* is it still the same cluster? */

struct report {
    struct reports *owner;
    char *key;  /* "<zone>/<ns>/<name>" */
    char *text; /* NULL: a tombstone */
    size_t len;
    int64_t revision;
    bool restored; /* from before this process */
    bool queued;   /* in the list of those to send */
    struct report *next;
};

struct reports {
    struct bus_producer *producer;
    char *topic;
    pthread_t thread;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct map *items;     /* struct report by key */
    struct report *unsent; /* a list in the order of queueing */
    struct report **unsent_tail;
    bool stopping;
};

static void report_free(void *value)
{
    struct report *report = value;
    free(report->key);
    free(report->text);
    free(report);
}

/* ------------------------------------------------------------------------------------ queueing */

/* Under the lock, as the next one. */
static struct report *report_of(struct reports *reports, const char *key)
{
    struct report *report = map_get(reports->items, key);
    if (!report) {
        report = mem_zalloc(sizeof(*report));
        report->owner = reports;
        report->key = mem_strdup(key);
        map_put(reports->items, key, report);
    }
    return report;
}

static void queue(struct reports *reports, struct report *report)
{
    if (report->queued)
        return;
    report->queued = true;
    report->next = NULL;
    *reports->unsent_tail = report;
    reports->unsent_tail = &report->next;
    pthread_cond_signal(&reports->wake);
}

static void set_text(struct report *report, const char *text, size_t len, int64_t revision)
{
    free(report->text);
    report->text = text ? mem_strndup(text, len) : NULL;
    report->len = text ? strlen(report->text) : 0;
    report->revision = revision;
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

static bool says_the_same(const struct report *before, const char *text, size_t len)
{
    if (!before->text || !text)
        return !before->text && !text;
    json_t *a = essence(before->text, before->len);
    json_t *b = essence(text, len);
    bool same = a && b && json_equal(a, b);
    json_decref(a);
    json_decref(b);
    return same;
}

void reports_publish(struct reports *reports, const char *zone, const char *key, const char *text,
                     size_t len, int64_t revision)
{
    AUTO_FREE char *full = mem_printf("%s/%s", zone, key);
    pthread_mutex_lock(&reports->lock);
    struct report *report = report_of(reports, full);
    bool same = report->restored && says_the_same(report, text, len);
    report->restored = false;
    if (!same) {
        set_text(report, text, len, revision);
        queue(reports, report);
    }
    pthread_mutex_unlock(&reports->lock);
}

/* ------------------------------------------------------------------------------------ sending */

/* From the producer's thread. */
static void delivered(void *context, const struct err *err)
{
    struct report *report = context;
    if (!err)
        return;
    pthread_mutex_lock(&report->owner->lock);
    queue(report->owner, report);
    pthread_mutex_unlock(&report->owner->lock);
}

/* Under the lock, which is released meanwhile. False: the producer did not take it. */
static bool send_first(struct reports *reports)
{
    struct report *report = reports->unsent;
    AUTO_FREE char *text = report->text ? mem_strndup(report->text, report->len) : NULL;
    const struct bus_message message = {.topic = reports->topic,
                                        .partition = -1,
                                        .key = report->key,
                                        .value = text,
                                        .value_len = report->len,
                                        .revision = report->revision};
    reports->unsent = report->next;
    if (!reports->unsent)
        reports->unsent_tail = &reports->unsent;
    report->queued = false;
    pthread_mutex_unlock(&reports->lock);
    struct err err = {0};
    int rc = bus_produce(reports->producer, &message, PRODUCE_WAIT_MS, delivered, report, &err);
    pthread_mutex_lock(&reports->lock);
    if (rc == 0)
        return true;
    if (err.code == ERR_TOO_LARGE || err.code == ERR_INVALID)
        log_error("zone report refused", LOG_S("key", report->key), LOG_S("error", err.message));
    else
        queue(reports, report);
    return false;
}

/* Under the lock. */
static void wait_ms(struct reports *reports, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += (time_t)(ms / 1000 + until.tv_nsec / 1000000000);
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&reports->wake, &reports->lock, &until);
}

/* Under the lock: everything again when the cluster is another one than before. */
static void check_cluster(struct reports *reports, char known[BUS_CLUSTER_ID_SIZE])
{
    char id[BUS_CLUSTER_ID_SIZE];
    if (!bus_producer_cluster_id(reports->producer, 0, id) || strcmp(id, known) == 0)
        return;
    if (known[0]) {
        log_warn("the cluster was wiped, reporting everything again",
                 LOG_S("topic", reports->topic));
        for (struct map_iter it = {0}; map_next(reports->items, &it);)
            queue(reports, it.value);
    }
    memcpy(known, id, sizeof(id));
}

static void *run(void *context)
{
    struct reports *reports = context;
    char cluster[BUS_CLUSTER_ID_SIZE] = "";
    bool stopping = false; /* then what is left is tried once more */
    pthread_mutex_lock(&reports->lock);
    while (!stopping) {
        if (!reports->stopping && !reports->unsent)
            wait_ms(reports, CHECK_MS);
        stopping = reports->stopping;
        check_cluster(reports, cluster);
        bool refused = false;
        while (!refused && reports->unsent)
            refused = !send_first(reports);
        if (refused && !reports->stopping)
            wait_ms(reports, AGAIN_MS);
    }
    pthread_mutex_unlock(&reports->lock);
    return NULL;
}

/* ------------------------------------------------------------------------------------ life */

static void keep(void *context, const struct bus_record *record)
{
    struct reports *reports = context;
    struct report *report = report_of(reports, record->key);
    set_text(report, record->value, record->value_len, record->headers.revision);
    report->restored = true;
}

static void release(struct reports *reports)
{
    map_free(reports->items);
    pthread_cond_destroy(&reports->wake);
    pthread_mutex_destroy(&reports->lock);
    free(reports->topic);
    free(reports);
}

struct reports *reports_open(const struct bus_consumer_options *consumer,
                             struct bus_producer *producer, const char *topic, int64_t deadline_ms,
                             struct err *err)
{
    struct reports *reports = mem_zalloc(sizeof(*reports));
    reports->producer = producer;
    reports->topic = mem_strdup(topic);
    reports->items = map_new(report_free);
    reports->unsent_tail = &reports->unsent;
    pthread_mutex_init(&reports->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&reports->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    const struct patience patience = {.deadline_ms = deadline_ms};
    int rc = restore_topic(consumer, topic, &patience, keep, reports, err);
    if (rc == 0 && (rc = pthread_create(&reports->thread, NULL, run, reports)))
        err_set(err, ERR_INTERNAL, "no thread for %s: %s", topic, strerror(rc));
    if (rc) {
        release(reports);
        return NULL;
    }
    return reports;
}

void reports_stop(struct reports *reports)
{
    if (!reports)
        return;
    pthread_mutex_lock(&reports->lock);
    reports->stopping = true;
    pthread_cond_signal(&reports->wake);
    pthread_mutex_unlock(&reports->lock);
    pthread_join(reports->thread, NULL);
}

void reports_free(struct reports *reports)
{
    if (reports)
        release(reports);
}
