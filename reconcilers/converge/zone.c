/*
 * A turn of the worker: take over what is newly desired, observe, decide, call the driver, report.
 * Between two turns it waits until somebody desires something, the driver says that something
 * changed, or the time comes that the decision named.
 */
#include "converge/zone.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/backoff.h>
#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/cond.h>
#include <mot/base/file.h>
#include <mot/base/log.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>
#include <mot/driver.h>

#include "converge/report.h"
#include "decide/converge.h"

#define UNKNOWN_AFTER_MS   30000
#define REMOVES_PER_MINUTE 100
#define WORKLOAD_MAX       ((size_t)16 << 20)
#define TURN_MEMORY_MAX    ((size_t)1 << 30)
/* Calls of one turn take at most about so long: then it is looked again, and reported. */
#define ACT_MS 200
/* Many changes at once are one: the least time from turn to turn. */
#define TURN_MS     10
#define TURN_MAX_MS 500

/* What was desired and is not yet taken over. */
struct desire {
    char *text; /* NULL: a tombstone */
    size_t len;
    int64_t revision;
};

struct entry {
    char *ns, *name;
    struct arena *arena; /* of the workload; NULL for a tombstone */
    struct workload *workload;
    bool desired; /* false: only reported, an orphan */
    char *invalid;
    struct converge_memory memory;
    char *error; /* behind memory.error */
    struct report_memory *report;
};

struct zone {
    struct zone_options options;
    char *region, *name, *driver_name, *url, *credentials, *data;
    const struct driver_ops *ops;
    pthread_t thread;
    pthread_mutex_t mutex; /* of the next group */
    pthread_cond_t wake;
    struct map *inbox; /* key → struct desire */
    bool changed, restored, stop, stop_all;
    struct zone_stats stats;
    /* The worker's own. */
    struct driver *driver;
    struct backoff backoff; /* of open() and observe() */
    int64_t try_at;
    struct map *entries;   /* key → struct entry */
    int64_t observed_at;   /* monotonic; at first, when the worker started */
    int64_t observed_wall; /* 0: never */
    char error[256];
    int64_t *removed_at;
    size_t removed_count;
    int64_t turn_ended; /* of the last turn: when, */
    int64_t acted_for;  /* how long the driver's calls took, */
    int64_t looked_for; /* and the rest of it */
};

static void desire_free(void *pointer)
{
    struct desire *desire = pointer;
    free(desire->text);
    free(desire);
}

static void entry_free(void *pointer)
{
    struct entry *entry = pointer;
    arena_free(entry->arena);
    report_memory_free(entry->report);
    free(entry->ns);
    free(entry->name);
    free(entry->invalid);
    free(entry->error);
    free(entry);
}

/* ------------------------------------------------------------------ taking over */

static struct entry *entry_of(struct zone *zone, const char *key)
{
    struct entry *entry = map_get(zone->entries, key);
    if (entry)
        return entry;
    size_t ns = strcspn(key, "/");
    entry = mem_zalloc(sizeof(*entry));
    entry->ns = mem_strndup(key, ns);
    entry->name = mem_strdup(key[ns] ? key + ns + 1 : "");
    entry->invalid = mem_strdup("");
    entry->error = mem_strdup("");
    entry->memory.error = entry->error;
    entry->report = report_memory_new();
    map_put(zone->entries, key, entry);
    return entry;
}

/* One that can't be read leaves the last one that could in force. */
static void take_over(struct zone *zone, const char *key, const struct desire *desire)
{
    struct err err = {0};
    struct entry *entry = entry_of(zone, key);
    struct arena *arena = desire->text ? arena_new(WORKLOAD_MAX) : NULL;
    struct workload *workload =
        arena ? workload_decode(arena, desire->text, desire->len, &err) : NULL;
    entry->desired = true;
    free(entry->invalid);
    entry->invalid = mem_strdup(arena && !workload ? err.message : "");
    if (arena && !workload) {
        log_error("a launch event can't be read", LOG_S("zone", zone->name), LOG_S("key", key),
                  LOG_S("error", err.message));
        arena_free(arena);
        return;
    }
    arena_free(entry->arena);
    entry->arena = arena;
    entry->workload = workload;
}

static struct map *swap_inbox(struct zone *zone)
{
    struct map *inbox = NULL;
    pthread_mutex_lock(&zone->mutex);
    if (map_count(zone->inbox) > 0) {
        inbox = zone->inbox;
        zone->inbox = map_new(desire_free);
    }
    zone->changed = false;
    pthread_mutex_unlock(&zone->mutex);
    return inbox;
}

static void take_over_all(struct zone *zone)
{
    struct map *inbox = swap_inbox(zone);
    if (!inbox)
        return;
    for (struct map_iter it = {0}; map_next(inbox, &it);)
        take_over(zone, it.key, it.value);
    map_free(inbox);
}

/* ------------------------------------------------------------------ observing */

static void on_changed(void *context)
{
    struct zone *zone = context;
    pthread_mutex_lock(&zone->mutex);
    zone->changed = true;
    pthread_cond_signal(&zone->wake);
    pthread_mutex_unlock(&zone->mutex);
}

static int open_driver(struct zone *zone, struct err *err)
{
    struct driver_options options = {.region = zone->region,
                                     .zone = zone->name,
                                     .url = zone->url,
                                     .credentials_file = zone->credentials,
                                     .data = zone->data,
                                     .changed = on_changed,
                                     .context = zone};
    if (zone->driver)
        return 0;
    if (file_mkdirs(zone->data, 0755, err) < 0)
        return -1;
    zone->driver = zone->ops->open(&options, err);
    return zone->driver ? 0 : -1;
}

static void note_failure(struct zone *zone, const struct err *err)
{
    bool news = strcmp(zone->error, err->message) != 0;
    snprintf(zone->error, sizeof(zone->error), "%.255s", err->message);
    zone->try_at = clock_ms() + backoff_next(&zone->backoff);
    if (news)
        log_warn("the zone can't be observed", LOG_S("zone", zone->name),
                 LOG_S("error", zone->error));
}

/* NULL when it can't be observed now. */
static const struct observation *observe(struct zone *zone, struct arena *arena)
{
    struct err err = {0};
    struct observation *observation = arena_alloc(arena, sizeof(*observation));
    if (open_driver(zone, &err) < 0 ||
        zone->ops->observe(zone->driver, arena, observation, &err) < 0) {
        note_failure(zone, &err);
        return NULL;
    }
    if (zone->error[0])
        log_info("the zone can be observed again", LOG_S("zone", zone->name));
    backoff_reset(&zone->backoff);
    zone->error[0] = '\0';
    zone->observed_at = clock_ms();
    zone->observed_wall = observation->observed_at;
    zone->try_at = INT64_MAX;
    return observation;
}

/* ------------------------------------------------------------------ calling the driver */

static void note_remove(struct zone *zone, int64_t now)
{
    size_t max = (size_t)zone->options.removes_per_minute;
    if (zone->removed_count == max) {
        memmove(zone->removed_at, zone->removed_at + 1, (max - 1) * sizeof(int64_t));
        zone->removed_count--;
    }
    zone->removed_at[zone->removed_count++] = now;
}

static int call(struct zone *zone, const struct entry *entry, const struct converge_action *action,
                struct err *err)
{
    if (action->kind == CONVERGE_APPLY)
        return zone->ops->apply(zone->driver, entry->workload, action->replicas, err);
    note_remove(zone, clock_ms());
    return zone->ops->remove(zone->driver, entry->ns, entry->name, action->uid, err);
}

static void act(struct zone *zone, struct entry *entry, const struct converge_action *action)
{
    struct err err = {0};
    const char *what = action->kind == CONVERGE_APPLY ? "apply" : "remove";
    int64_t revision = entry->workload ? entry->workload->revision : 0;
    int ret = call(zone, entry, action, &err);
    free(entry->error);
    entry->error = mem_strdup(ret < 0 ? err.message : "");
    converge_remember(&entry->memory, clock_ms(), revision,
                      ret < 0 && err.code == ERR_NONE ? ERR_INTERNAL
                      : ret < 0                       ? err.code
                                                      : ERR_NONE,
                      entry->error);
    entry->memory.error = entry->error;
    if (ret < 0)
        log_warn("the scheduler refused", LOG_S("zone", zone->name), LOG_S("call", what),
                 LOG_S("deployment", entry->name), LOG_S("error", err.message));
    else
        log_info(what, LOG_S("zone", zone->name), LOG_S("namespace", entry->ns),
                 LOG_S("deployment", entry->name), LOG_S("why", action->why),
                 LOG_I("revision", revision));
}

/* True when everything was done that the plan says. */
static bool act_all(struct zone *zone, struct entry *const *entries,
                    const struct converge_plan *plan)
{
    int64_t began = clock_ms();
    size_t i = 0;
    while (i < plan->action_count && clock_ms() - began <= ACT_MS) {
        act(zone, entries[plan->actions[i].desired], &plan->actions[i]);
        i++;
    }
    zone->acted_for = clock_ms() - began;
    return i == plan->action_count;
}

/* ------------------------------------------------------------------ reporting */

static void say(struct zone *zone, const char *key, struct entry *entry,
                const struct converge_report *report)
{
    struct report_source source = {zone->region, zone->name, zone->driver_name};
    struct buf text;
    buf_init(&text, BUF_MAX_DEFAULT);
    if (report->news == CONVERGE_NONE) {
        int64_t revision = report_revision(entry->report);
        if (report_forget(entry->report))
            zone->options.report(zone->options.context, key, NULL, 0, revision, true);
    } else if (report->news == CONVERGE_REPORT &&
               report_render(entry->report, &source, report, zone->observed_wall, &text)) {
        zone->options.report(zone->options.context, key, text.data, text.len,
                             report_revision(entry->report), false);
    }
    buf_release(&text);
}

/* What is neither desired nor there needs no place any more. */
static void drop_finished(struct zone *zone, const char *key, const struct entry *entry,
                          const struct converge_report *report)
{
    if (!entry->workload && report->news == CONVERGE_NONE)
        map_remove(zone->entries, key);
}

static void report_all(struct zone *zone, const struct converge_plan *plan)
{
    for (size_t i = 0; i < plan->report_count; i++) {
        const struct converge_report *report = &plan->reports[i];
        AUTO_FREE char *key = mem_printf("%s/%s", report->ns, report->name);
        struct entry *entry = entry_of(zone, key);
        say(zone, key, entry, report);
        drop_finished(zone, key, entry, report);
    }
}

/* An orphan that is gone was reported, and nobody desires it: its report goes too. */
static void drop_orphans(struct zone *zone, const struct observation *observation)
{
    for (struct map_iter it = {0}; observation && map_next(zone->entries, &it);) {
        const struct entry *entry = it.value;
        bool there = entry->desired;
        for (size_t i = 0; i < observation->app_count && !there; i++)
            there = strcmp(observation->apps[i].ns, entry->ns) == 0 &&
                    strcmp(observation->apps[i].name, entry->name) == 0;
        if (there)
            continue;
        zone->options.report(zone->options.context, it.key, NULL, 0, report_revision(entry->report),
                             true);
        map_remove(zone->entries, it.key);
    }
}

static void note_stats(struct zone *zone, const struct observation *observation, size_t desired,
                       size_t orphans)
{
    pthread_mutex_lock(&zone->mutex);
    struct zone_stats *stats = &zone->stats;
    stats->observed_at = zone->observed_wall;
    stats->desired = desired;
    snprintf(stats->error, sizeof(stats->error), "%s", zone->error);
    if (observation) {
        stats->apps = observation->app_count;
        stats->orphans = orphans;
        stats->instances = 0;
        for (size_t i = 0; i < observation->app_count; i++)
            stats->instances += observation->apps[i].instance_count;
    }
    pthread_mutex_unlock(&zone->mutex);
}

/* ------------------------------------------------------------------ the turn */

/* The desired ones as the decision sees them, and their entries in the same order. */
static size_t describe(struct zone *zone, struct arena *arena, struct converge_desired *items,
                       struct entry **entries, size_t *ret_wanted)
{
    size_t count = 0;
    const char **keys = map_sorted_keys(zone->entries);
    for (size_t i = 0; i < map_count(zone->entries); i++) {
        struct entry *entry = map_get(zone->entries, keys[i]);
        if (!entry->desired)
            continue;
        *ret_wanted += entry->workload != NULL;
        entries[count] = entry;
        items[count++] = (struct converge_desired){.ns = arena_strdup(arena, entry->ns),
                                                   .name = arena_strdup(arena, entry->name),
                                                   .workload = entry->workload,
                                                   .invalid = entry->invalid,
                                                   .memory = entry->memory};
    }
    free(keys);
    return count;
}

static bool is_restored(struct zone *zone)
{
    pthread_mutex_lock(&zone->mutex);
    bool restored = zone->restored;
    pthread_mutex_unlock(&zone->mutex);
    return restored;
}

/* When the next turn is due if nothing happens. To say how things are one must look: well within
 * the bound, again. */
static int64_t next_turn(const struct zone *zone, const struct converge_plan *plan)
{
    int64_t at = zone->observed_at + zone->options.unknown_after_ms / 3;
    if (zone->try_at != INT64_MAX)
        at = zone->try_at;
    return plan->next_look < at ? plan->next_look : at;
}

static int64_t turn(struct zone *zone)
{
    struct arena *arena = arena_new(TURN_MEMORY_MAX);
    struct converge_plan plan;
    size_t wanted = 0;
    bool restored = is_restored(zone);
    take_over_all(zone);
    size_t room = map_count(zone->entries) + 1;
    struct converge_desired *desired = arena_array(arena, room, sizeof(*desired));
    struct entry **entries = arena_array(arena, room, sizeof(struct entry *));
    const struct observation *observation = observe(zone, arena);
    struct converge_input input = {.zone = zone->name,
                                   .now = clock_ms(),
                                   .wall = clock_wall_ms(),
                                   .desired = desired,
                                   .desired_count =
                                       describe(zone, arena, desired, entries, &wanted),
                                   .observation = observation,
                                   .observed_at = zone->observed_at,
                                   .observe_error = zone->error,
                                   .restored = restored,
                                   .unknown_after_ms = zone->options.unknown_after_ms,
                                   .removes_max = zone->options.removes_per_minute,
                                   .removed_at = zone->removed_at,
                                   .removed_count = zone->removed_count};
    converge_decide(&input, arena, &plan);
    note_stats(zone, observation, wanted, plan.orphan_count);
    bool done = act_all(zone, entries, &plan);
    int64_t next = plan.action_count > 0 ? 0 : next_turn(zone, &plan);
    /* What was just done is reported once it is seen. */
    report_all(zone, &plan);
    if (restored)
        drop_orphans(zone, observation);
    arena_free(arena);
    return done ? next : 0;
}

/* False when the worker is to end. */
static bool wait_turn(struct zone *zone, int64_t next)
{
    int64_t pause = zone->looked_for * 2 > TURN_MS ? zone->looked_for * 2 : TURN_MS;
    int64_t earliest = zone->turn_ended + pause;
    pthread_mutex_lock(&zone->mutex);
    while (!zone->stop && clock_ms() < earliest)
        cond_wait(&zone->wake, &zone->mutex, earliest);
    while (!zone->stop && !zone->changed && clock_ms() < next)
        cond_wait(&zone->wake, &zone->mutex, next);
    bool more = !zone->stop;
    pthread_mutex_unlock(&zone->mutex);
    return more;
}

static void *zone_main(void *pointer)
{
    struct zone *zone = pointer;
    int64_t next = 0;
    zone->observed_at = clock_ms();
    while (wait_turn(zone, next)) {
        int64_t began = clock_ms();
        next = turn(zone);
        zone->turn_ended = clock_ms();
        zone->looked_for = zone->turn_ended - began - zone->acted_for;
        if (zone->looked_for > TURN_MAX_MS)
            zone->looked_for = TURN_MAX_MS;
    }
    if (!zone->driver && zone->stop_all) {
        struct err err;
        if (open_driver(zone, &err) < 0)
            log_error("cannot stop what runs", LOG_S("zone", zone->name),
                      LOG_S("error", err.message));
    }
    if (zone->driver)
        zone->ops->close(zone->driver, zone->stop_all);
    return NULL;
}

/* ------------------------------------------------------------------ from outside */

static char *copy(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

static struct zone *zone_new(const struct zone_options *options, const struct driver_ops *ops)
{
    struct zone *zone = mem_zalloc(sizeof(*zone));
    zone->options = *options;
    if (zone->options.unknown_after_ms <= 0)
        zone->options.unknown_after_ms = UNKNOWN_AFTER_MS;
    if (zone->options.removes_per_minute <= 0)
        zone->options.removes_per_minute = REMOVES_PER_MINUTE;
    zone->removed_at = mem_array((size_t)zone->options.removes_per_minute, sizeof(int64_t));
    zone->ops = ops;
    zone->region = copy(options->region);
    zone->name = copy(options->name);
    zone->driver_name = copy(options->driver);
    zone->url = copy(options->url);
    zone->credentials = copy(options->credentials_file);
    zone->data = copy(options->data);
    zone->inbox = map_new(desire_free);
    zone->entries = map_new(entry_free);
    zone->backoff = (struct backoff)BACKOFF_INIT(100, 5000);
    pthread_mutex_init(&zone->mutex, NULL);
    cond_init(&zone->wake);
    return zone;
}

static void zone_free(struct zone *zone)
{
    map_free(zone->inbox);
    map_free(zone->entries);
    pthread_cond_destroy(&zone->wake);
    pthread_mutex_destroy(&zone->mutex);
    free(zone->removed_at);
    free(zone->region);
    free(zone->name);
    free(zone->driver_name);
    free(zone->url);
    free(zone->credentials);
    free(zone->data);
    free(zone);
}

struct zone *zone_start(const struct zone_options *options, struct err *err)
{
    const struct driver_ops *ops = driver_find(options->driver);
    if (!ops) {
        err_set(err, ERR_UNSUPPORTED, "zone %s: there is no driver %s", options->name,
                options->driver);
        return NULL;
    }
    struct zone *zone = zone_new(options, ops);
    if (pthread_create(&zone->thread, NULL, zone_main, zone) == 0)
        return zone;
    err_set(err, ERR_TRANSIENT, "zone %s: cannot start a thread", options->name);
    zone_free(zone);
    return NULL;
}

void zone_desire(struct zone *zone, const char *key, const char *regional_deployment, size_t len,
                 int64_t revision)
{
    struct desire *desire = mem_zalloc(sizeof(*desire));
    desire->text = regional_deployment ? mem_strndup(regional_deployment, len) : NULL;
    desire->len = len;
    desire->revision = revision;
    pthread_mutex_lock(&zone->mutex);
    map_put(zone->inbox, key, desire);
    zone->changed = true;
    pthread_cond_signal(&zone->wake);
    pthread_mutex_unlock(&zone->mutex);
}

void zone_restored(struct zone *zone)
{
    pthread_mutex_lock(&zone->mutex);
    zone->restored = true;
    zone->changed = true;
    pthread_cond_signal(&zone->wake);
    pthread_mutex_unlock(&zone->mutex);
}

void zone_stats(struct zone *zone, struct zone_stats *ret_stats)
{
    pthread_mutex_lock(&zone->mutex);
    *ret_stats = zone->stats;
    pthread_mutex_unlock(&zone->mutex);
}

void zone_stop(struct zone *zone, bool stop_all)
{
    if (!zone)
        return;
    pthread_mutex_lock(&zone->mutex);
    zone->stop = true;
    zone->stop_all = stop_all;
    pthread_cond_signal(&zone->wake);
    pthread_mutex_unlock(&zone->mutex);
    pthread_join(zone->thread, NULL);
    zone_free(zone);
}
