#include "reconcile.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <mot/base/backoff.h>
#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>
#include <mot/base/stop.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "deployment.h"
#include "regions.h"

#define ARENA_MAX ((size_t)256 << 20)
#define IDLE_MS   60000
#define RETRY_MS  50
#define DRAIN_MAX 20

struct reconcile {
    struct reconcile_options options;
    struct informer informer;
    struct map *dirty;    /* deployment keys */
    struct map *retry;    /* those whose decision was overtaken */
    struct map *essences; /* region → what of it matters to deployments */
    struct writes *writes;
    struct arena *arena;
    int64_t regions_due; /* clock_ms(); -1: nothing to wait for */
    bool check_regions;
    atomic_bool stopping;
    pthread_t thread;
};

static void mark(struct map *set, const char *key)
{
    if (!map_has(set, key))
        map_put(set, key, set);
}

/* ------------------------------------------------------------------------------------------ what
 * changed */

/* Heartbeats come all the time; deployments are looked at again only when something else about a
 * region changed. */
static char *region_essence(const struct entry *entry)
{
    json_t *object = entry_object(entry);
    const json_t *ready = condition_get(json_object_get(object, "status"), "Ready");
    json_t *essence =
        json_pack("{s:O*, s:O*, s:s*}", "labels", json_at(object, "metadata.labels"), "spec",
                  json_object_get(object, "spec"), "ready", json_at_text(ready, "status"));
    char *text = json_text(essence);
    json_decref(essence);
    json_decref(object);
    return text;
}

static void on_region(struct reconcile *reconcile, const char *region)
{
    reconcile->check_regions = true;
    const struct entry *entry = map_get(reconcile->informer.regions, region);
    char *essence = entry ? region_essence(entry) : mem_strdup("");
    const char *before = map_get(reconcile->essences, region);
    bool same = before && strcmp(before, essence) == 0;
    map_put(reconcile->essences, region, essence);
    if (same)
        return;
    for (struct map_iter it = {0}; map_next(reconcile->informer.deployments, &it);)
        mark(reconcile->dirty, it.key);
}

static void on_changed(void *context, const char *deployment, const char *region)
{
    struct reconcile *reconcile = context;
    if (deployment)
        mark(reconcile->dirty, deployment);
    else
        on_region(reconcile, region);
}

/* ------------------------------------------------------------------------------------------
 * commits */

static void note_results(struct reconcile *reconcile)
{
    for (size_t i = 0; i < reconcile->writes->count; i++) {
        const struct store_write *write = &reconcile->writes->items[i];
        const char *key = reconcile->writes->owners[i];
        if (write->result == ERR_NONE) {
            log_debug("written", LOG_S("resource", write->key.resource),
                      LOG_S("name", write->key.name), LOG_I("revision", write->revision));
        } else if (key) {
            mark(reconcile->retry, key);
        }
    }
}

/* Everything of the batch is decided again when it could not be committed. */
static void retry_all(struct reconcile *reconcile)
{
    for (size_t i = 0; i < reconcile->writes->count; i++) {
        if (reconcile->writes->owners[i])
            mark(reconcile->retry, reconcile->writes->owners[i]);
    }
    reconcile->check_regions = true;
}

static void commit(struct reconcile *reconcile)
{
    if (reconcile->writes->count == 0)
        return;
    struct store_commit commit = {.writes = reconcile->writes->items,
                                  .write_count = reconcile->writes->count};
    struct err err = {0};
    if (store_commit(reconcile->options.store, &commit, &err)) {
        log_warn("decisions not written, deciding again", LOG_S("error", err.message));
        retry_all(reconcile);
    } else {
        note_results(reconcile);
    }
    writes_clear(reconcile->writes);
}

/* ------------------------------------------------------------------------------------------ the
 * loop */

static void check_regions(struct reconcile *reconcile)
{
    reconcile->check_regions = false;
    int64_t left = regions_check(&reconcile->informer, clock_wall_ms(),
                                 reconcile->options.stale_after_ms, reconcile->writes);
    reconcile->regions_due = left < 0 ? -1 : clock_ms() + left;
    commit(reconcile);
}

/* The most writes that one deployment can lead to. */
static size_t room_for(const struct reconcile *reconcile, const char *key)
{
    const struct map *parts = informer_parts(&reconcile->informer, key);
    return map_count(reconcile->informer.regions) + (parts ? map_count(parts) : 0) + 1;
}

static void decide_dirty(struct reconcile *reconcile)
{
    struct map *dirty = reconcile->dirty;
    reconcile->dirty = map_new(NULL);
    struct region_table regions;
    struct arena *table_arena = arena_new(ARENA_MAX);
    region_table_build(&regions, table_arena, &reconcile->informer);
    struct deployment_context context = {
        .informer = &reconcile->informer,
        .regions = &regions,
        .arena = reconcile->arena,
        .writes = reconcile->writes,
        .stale_after_ms = reconcile->options.stale_after_ms,
    };
    const char **keys = map_sorted_keys(dirty);
    for (size_t i = 0; i < map_count(dirty) && !atomic_load(&reconcile->stopping); i++) {
        if (writes_full(reconcile->writes, room_for(reconcile, keys[i])))
            commit(reconcile);
        arena_clear(reconcile->arena);
        context.now = clock_wall_ms();
        deployment_reconcile(&context, keys[i], keys[i]);
        if (reconcile->writes->overflow)
            mark(reconcile->retry, keys[i]);
    }
    commit(reconcile);
    free(keys);
    region_table_release(&regions);
    arena_free(table_arena);
    map_free(dirty);
}

/* Waits for news, but not beyond what is due by itself; then takes in what else is there. */
static int take_in_news(struct reconcile *reconcile, struct err *err)
{
    int64_t wait = IDLE_MS;
    if (map_count(reconcile->dirty) || reconcile->check_regions)
        wait = 0;
    else if (map_count(reconcile->retry))
        wait = RETRY_MS;
    else if (reconcile->regions_due >= 0)
        wait = reconcile->regions_due > clock_ms() ? reconcile->regions_due - clock_ms() : 0;
    int n = informer_next(&reconcile->informer, wait, err);
    for (int i = 0; n > 0 && i < DRAIN_MAX; i++)
        n = informer_next(&reconcile->informer, 0, err);
    return n < 0 ? -1 : 0;
}

static void retry_due(struct reconcile *reconcile)
{
    for (struct map_iter it = {0}; map_next(reconcile->retry, &it);)
        mark(reconcile->dirty, it.key);
    map_clear(reconcile->retry);
}

static void *run(void *argument)
{
    struct reconcile *reconcile = argument;
    struct backoff backoff = BACKOFF_INIT(50, 5000);
    while (!atomic_load(&reconcile->stopping)) {
        struct err err = {0};
        if (take_in_news(reconcile, &err)) {
            log_warn("the controllers wait for the store", LOG_S("error", err.message));
            stop_wait(backoff_next(&backoff));
            continue;
        }
        backoff_reset(&backoff);
        retry_due(reconcile);
        if (reconcile->check_regions ||
            (reconcile->regions_due >= 0 && clock_ms() >= reconcile->regions_due))
            check_regions(reconcile);
        if (map_count(reconcile->dirty))
            decide_dirty(reconcile);
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------ life
 */

static void release(struct reconcile *reconcile)
{
    informer_close(&reconcile->informer);
    map_free(reconcile->dirty);
    map_free(reconcile->retry);
    map_free(reconcile->essences);
    arena_free(reconcile->arena);
    free(reconcile->writes);
    free(reconcile);
}

struct reconcile *reconcile_start(const struct reconcile_options *options, struct err *err)
{
    if (regions_ensure(options->store, options->topology, err))
        return NULL;
    struct reconcile *reconcile = mem_zalloc(sizeof(*reconcile));
    reconcile->options = *options;
    reconcile->dirty = map_new(NULL);
    reconcile->retry = map_new(NULL);
    reconcile->essences = map_new(free);
    reconcile->arena = arena_new(ARENA_MAX);
    reconcile->writes = mem_zalloc(sizeof(*reconcile->writes));
    reconcile->regions_due = -1;
    reconcile->check_regions = true;
    if (informer_open(&reconcile->informer, options->store, on_changed, reconcile, err)) {
        release(reconcile);
        return NULL;
    }
    int rc = pthread_create(&reconcile->thread, NULL, run, reconcile);
    if (rc) {
        err_set(err, ERR_INTERNAL, "no thread for the controllers: %s", strerror(rc));
        release(reconcile);
        return NULL;
    }
    return reconcile;
}

void reconcile_stop(struct reconcile *reconcile)
{
    if (!reconcile)
        return;
    atomic_store(&reconcile->stopping, true);
    store_feed_wake(reconcile->informer.feed);
    pthread_join(reconcile->thread, NULL);
    release(reconcile);
}
