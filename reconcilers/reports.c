/*
 * The newest report of every key stays here until its zone has another one. A thread reads what the
 * topic holds, and then sends what was not sent yet, so that zones go on converging while the
 * cluster is away; what was given up is sent again, and everything is when the cluster was wiped.
 */
#include "reports.h"

#include <pthread.h>
#include <string.h>

#include <mot/agent/restore.h>
#include <mot/base/backoff.h>
#include <mot/base/clock.h>
#include <mot/base/cond.h>
#include <mot/base/log.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

#define PRODUCE_WAIT_MS 1000
#define AGAIN_MS        1000 /* between tries */
#define CHECK_MS        1000 /* is it still the same cluster? */
#define RESTORE_MS      30000

struct report {
    struct reports *owner;
    char *key;  /* "<zone>/<ns>/<name>" */
    char *text; /* NULL: a tombstone */
    size_t len;
    int64_t revision;
    bool restored;      /* from before this process */
    bool queued;        /* in the list of those to send */
    unsigned in_flight; /* records of it that the producer has */
    struct report *next;
};

struct reports {
    struct reports_options options;
    char cluster[BUS_CLUSTER_ID_SIZE]; /* whose topic was read */
    pthread_t thread;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool restored;         /* the topic was read */
    struct map *items;     /* struct report by key; tombstones only until they are sent */
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

/* Under the lock, as the next ones. */
static struct report *report_of(struct reports *reports, struct map *items, const char *key)
{
    struct report *report = map_get(items, key);
    if (!report) {
        report = mem_zalloc(sizeof(*report));
        report->owner = reports;
        report->key = mem_strdup(key);
        map_put(items, key, report);
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

/* A tombstone of which the topic knows. */
static void drop_sent(struct report *report)
{
    if (!report->text && !report->queued && report->in_flight == 0)
        map_remove(report->owner->items, report->key);
}

void reports_publish(struct reports *reports, const char *zone, const char *key, const char *text,
                     size_t len, int64_t revision)
{
    AUTO_FREE char *full = mem_printf("%s/%s", zone, key);
    pthread_mutex_lock(&reports->lock);
    /* What was never said needs no taking back. */
    bool unknown = reports->restored && !text && !map_has(reports->items, full);
    struct report *report = unknown ? NULL : report_of(reports, reports->items, full);
    bool same = !report || (report->restored && says_the_same(report, text, len));
    if (report)
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
    struct reports *reports = report->owner;
    pthread_mutex_lock(&reports->lock);
    report->in_flight--;
    if (err)
        queue(reports, report);
    drop_sent(report);
    pthread_mutex_unlock(&reports->lock);
}

/* Under the lock, which is released meanwhile. False: the producer did not take it. */
static bool send_first(struct reports *reports)
{
    struct report *report = reports->unsent;
    AUTO_FREE char *text = report->text ? mem_strndup(report->text, report->len) : NULL;
    const struct bus_message message = {.topic = reports->options.topic,
                                        .partition = -1,
                                        .key = report->key,
                                        .value = text,
                                        .value_len = report->len,
                                        .revision = report->revision};
    reports->unsent = report->next;
    if (!reports->unsent)
        reports->unsent_tail = &reports->unsent;
    report->queued = false;
    report->in_flight++;
    pthread_mutex_unlock(&reports->lock);
    struct err err = {0};
    int rc =
        bus_produce(reports->options.producer, &message, PRODUCE_WAIT_MS, delivered, report, &err);
    pthread_mutex_lock(&reports->lock);
    if (rc == 0)
        return true;
    report->in_flight--;
    if (err.code == ERR_TOO_LARGE || err.code == ERR_INVALID)
        log_error("zone report refused", LOG_S("key", report->key), LOG_S("error", err.message));
    else
        queue(reports, report);
    return false;
}

/* Under the lock. */
static void wait_ms(struct reports *reports, int64_t ms)
{
    cond_wait(&reports->wake, &reports->lock, clock_ms() + ms);
}

/* Under the lock: everything again when the cluster is another one than before. */
static void check_cluster(struct reports *reports)
{
    char id[BUS_CLUSTER_ID_SIZE];
    if (!bus_producer_cluster_id(reports->options.producer, 0, id) ||
        strcmp(id, reports->cluster) == 0)
        return;
    log_warn("the cluster was wiped, reporting everything again",
             LOG_S("topic", reports->options.topic));
    for (struct map_iter it = {0}; map_next(reports->items, &it);)
        queue(reports, it.value);
    memcpy(reports->cluster, id, sizeof(id));
}

/* ------------------------------------------------------------------------------------ restoring */

struct restoring {
    struct reports *reports;
    struct map *found;
};

static void keep(void *context, const struct bus_record *record)
{
    const struct restoring *restoring = context;
    if (!record->value) {
        map_remove(restoring->found, record->key);
        return;
    }
    struct report *report = report_of(restoring->reports, restoring->found, record->key);
    set_text(report, record->value, record->value_len, record->headers.revision);
    report->restored = true;
}

static bool is_stopping(void *context)
{
    struct reports *reports = context;
    pthread_mutex_lock(&reports->lock);
    bool stopping = reports->stopping;
    pthread_mutex_unlock(&reports->lock);
    return stopping;
}

/* What the topic holds, by key. */
static struct map *read_topic(struct reports *reports, struct err *err)
{
    const struct reports_options *options = &reports->options;
    const struct bus_consumer_options consumer = {
        .region = options->region->name,
        .cluster = options->region->name,
        .bootstrap = options->region->bootstrap,
        .name = "mot-reports",
        .queue_kb = 256,
    };
    if (options->prepare && options->prepare(options->context, err))
        return NULL;
    if (!bus_producer_cluster_id(options->producer, PRODUCE_WAIT_MS, reports->cluster)) {
        err_set(err, ERR_TRANSIENT, "the region's own cluster can't be reached");
        return NULL;
    }
    struct restoring restoring = {reports, map_new(report_free)};
    const struct patience patience = {clock_ms() + RESTORE_MS, is_stopping, reports};
    if (restore_topic(&consumer, options->topic, &patience, keep, &restoring, err) == 0)
        return restoring.found;
    map_free(restoring.found);
    return NULL;
}

/* "<zone>/…": is it one that reports here? */
static bool has_zone(const struct reports *reports, const char *key)
{
    const struct topology_region *region = reports->options.region;
    size_t len = strcspn(key, "/");
    for (size_t i = 0; i < region->zone_count; i++) {
        const struct topology_zone *zone = &region->zones[i];
        if (strlen(zone->name) == len && strncmp(zone->name, key, len) == 0 &&
            strcmp(zone->driver, reports->options.driver) == 0)
            return true;
    }
    return false;
}

/* Under the lock: what was reported meanwhile and is known already needs no sending. */
static void merge(struct reports *reports, struct map *found)
{
    reports->unsent = NULL;
    reports->unsent_tail = &reports->unsent;
    for (struct map_iter it = {0}; map_next(reports->items, &it);) {
        struct report *report = it.value;
        const struct report *before = map_get(found, it.key);
        report->queued = false;
        if (before ? !says_the_same(before, report->text, report->len) : report->text != NULL)
            queue(reports, report);
        map_remove(found, it.key);
        drop_sent(report);
    }
    for (struct map_iter it = {0}; map_next(found, &it);) {
        struct report *report = map_steal(found, it.key);
        map_put(reports->items, report->key, report);
        if (has_zone(reports, report->key))
            continue;
        log_warn("deleting the report of a zone that is not here any more; what runs there is left "
                 "alone",
                 LOG_S("key", report->key), LOG_S("driver", reports->options.driver));
        set_text(report, NULL, 0, report->revision);
        queue(reports, report);
    }
    reports->restored = true;
}

/* Under the lock, which is released meanwhile. */
static void restore(struct reports *reports)
{
    struct backoff backoff = BACKOFF_INIT(200, 10000);
    while (!reports->restored && !reports->stopping) {
        struct err err = {0};
        pthread_mutex_unlock(&reports->lock);
        struct map *found = read_topic(reports, &err);
        pthread_mutex_lock(&reports->lock);
        if (found) {
            merge(reports, found);
            map_free(found);
            continue;
        }
        if (!reports->stopping)
            log_warn("reports wait for the region's own cluster", LOG_S("error", err.message));
        int64_t until = clock_ms() + backoff_next(&backoff);
        for (int64_t left; !reports->stopping && (left = until - clock_ms()) > 0;)
            wait_ms(reports, left);
    }
}

static void *run(void *context)
{
    struct reports *reports = context;
    pthread_mutex_lock(&reports->lock);
    restore(reports);
    bool stopping = !reports->restored; /* then what is left is tried once more */
    while (!stopping) {
        if (!reports->stopping && !reports->unsent)
            wait_ms(reports, CHECK_MS);
        stopping = reports->stopping;
        check_cluster(reports);
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

static void release(struct reports *reports)
{
    map_free(reports->items);
    pthread_cond_destroy(&reports->wake);
    pthread_mutex_destroy(&reports->lock);
    free(reports);
}

struct reports *reports_start(const struct reports_options *options, struct err *err)
{
    struct reports *reports = mem_zalloc(sizeof(*reports));
    reports->options = *options;
    reports->items = map_new(report_free);
    reports->unsent_tail = &reports->unsent;
    pthread_mutex_init(&reports->lock, NULL);
    cond_init(&reports->wake);
    int rc = pthread_create(&reports->thread, NULL, run, reports);
    if (rc == 0)
        return reports;
    err_set(err, ERR_INTERNAL, "no thread for %s: %s", options->topic, strerror(rc));
    release(reports);
    return NULL;
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
