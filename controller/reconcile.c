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

#include "complain.h"
#include "deployment.h"
#include "events/story.h"
#include "regions.h"

#define ARENA_MAX ((size_t)256 << 20)
#define IDLE_MS   60000
#define DRAIN_MAX 20

struct reconcile {
    struct reconcile_options options;
    struct informer informer;
    struct map *dirty;    /* deployment keys */
    struct map *retry;    /* those whose decision was overtaken */
    struct map *essences; /* region → what of it matters to deployments */
    struct writes *writes;
    struct arena *arena;
    struct region_table regions; /* as of the informer, unless … */
    struct arena *regions_arena;
    bool regions_changed;
    bool region_missing; /* one of the topology */
    bool check_regions;
    int64_t regions_due; /* clock_ms(); -1: nothing to wait for */
    int64_t retry_at;
    struct backoff retry_backoff;
    atomic_bool stopping;
    pthread_t thread;
};

/* What a story is about, and who is told. */
struct telling {
    struct recorder *recorder;
    const json_t *about;
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

/* Once somebody knows how it was before. */
static void tell_region(const struct reconcile *reconcile, const struct entry *entry,
                        const char *before, const char *now)
{
    static const char is_ready[] = "\"ready\":\"True\"";
    bool was = strstr(before, is_ready) != NULL;
    bool is = strstr(now, is_ready) != NULL;
    if (was == is || !entry)
        return;
    json_t *object = entry_object(entry);
    const char *message =
        json_at_text(condition_get(json_object_get(object, "status"), "Ready"), "message");
    recorder_tell(reconcile->options.recorder, object, is ? EVENT_NORMAL : EVENT_WARNING,
                  is ? "RegionReady" : "RegionNotReady", "%s", message ? message : "");
    json_decref(object);
}

static void on_region(struct reconcile *reconcile, const char *region)
{
    AUTO_FREE char *entry_key = mem_printf("/%s", region);
    const struct entry *entry = map_get(reconcile->informer.regions, entry_key);
    reconcile->check_regions = true;
    reconcile->regions_changed = true;
    if (!entry && topology_find(reconcile->options.topology, region))
        reconcile->region_missing = true;
    char *essence = entry ? region_essence(entry) : mem_strdup("");
    const char *before = map_get(reconcile->essences, region);
    bool same = before && strcmp(before, essence) == 0;
    if (before)
        tell_region(reconcile, entry, before, essence);
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

static void tell_deployment(void *context, enum event_type type, const char *reason,
                            const char *message)
{
    const struct telling *telling = context;
    recorder_tell(telling->recorder, telling->about, type, reason, "%s", message);
}

/* What the status of a deployment says now that it did not say before. */
static void tell_story(const struct reconcile *reconcile, const struct store_write *write,
                       const char *key)
{
    const struct entry *entry = map_get(reconcile->informer.deployments, key);
    struct err err;
    if (!reconcile->options.recorder || !entry)
        return;
    json_t *old = entry_object(entry);
    json_t *new = object_decode(write->body, write->body_len, write->revision, &err);
    struct telling telling = {reconcile->options.recorder, new};
    struct story story = {tell_deployment, &telling};
    if (old && new)
        story_deployment(&story, old, new);
    if (new && write->operation == STORE_DELETE)
        recorder_tell(telling.recorder, new, EVENT_NORMAL, "Deleted",
                      "every region has stopped it");
    json_decref(new);
    json_decref(old);
}

/* What was written is known at once. A part that changed is looked at again for the status of its
 * deployment; a new one, or that status, says nothing new. Regions come with the feed. */
static void note_written(struct reconcile *reconcile, const struct store_write *write,
                         const char *owner)
{
    bool is_part = strcmp(write->key.resource, regional_kind.resource) == 0;
    if (strcmp(write->key.resource, deployment_kind.resource) == 0)
        tell_story(reconcile, write, owner);
    if (is_part || strcmp(write->key.resource, deployment_kind.resource) == 0)
        informer_written(&reconcile->informer, write);
    if (is_part && write->operation != STORE_CREATE)
        mark(reconcile->dirty, owner);
}

static void note_results(struct reconcile *reconcile)
{
    for (size_t i = 0; i < reconcile->writes->count; i++) {
        const struct store_write *write = &reconcile->writes->items[i];
        const char *key = reconcile->writes->owners[i];
        if (write->result == ERR_NONE)
            note_written(reconcile, write, key);
        else if (key)
            mark(reconcile->retry, key);
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

static const struct region_table *regions_now(struct reconcile *reconcile)
{
    if (reconcile->regions_changed) {
        region_table_release(&reconcile->regions);
        arena_clear(reconcile->regions_arena);
        region_table_build(&reconcile->regions, reconcile->regions_arena, &reconcile->informer);
        reconcile->regions_changed = false;
    }
    return &reconcile->regions;
}

static void decide_dirty(struct reconcile *reconcile)
{
    struct map *dirty = reconcile->dirty;
    reconcile->dirty = map_new(NULL);
    struct deployment_context context = {
        .informer = &reconcile->informer,
        .regions = regions_now(reconcile),
        .arena = reconcile->arena,
        .writes = reconcile->writes,
        .kinds = reconcile->options.kinds,
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
    map_free(dirty);
}

/* Until something is due by itself. */
static int64_t wait_for(const struct reconcile *reconcile)
{
    int64_t due = clock_ms() + IDLE_MS;
    if (map_count(reconcile->dirty) || reconcile->check_regions || reconcile->region_missing)
        return 0;
    if (map_count(reconcile->retry) && reconcile->retry_at < due)
        due = reconcile->retry_at;
    if (reconcile->regions_due >= 0 && reconcile->regions_due < due)
        due = reconcile->regions_due;
    return due > clock_ms() ? due - clock_ms() : 0;
}

/* Waits for news, but not beyond what is due by itself; then takes in what else is there. */
static int take_in_news(struct reconcile *reconcile, struct err *err)
{
    int n = informer_next(&reconcile->informer, wait_for(reconcile), err);
    for (int i = 0; n > 0 && i < DRAIN_MAX; i++)
        n = informer_next(&reconcile->informer, 0, err);
    return n < 0 ? -1 : 0;
}

/* Most often the feed has brought by now what the decision lacked; if it hasn't, we get slower. */
static void retry_due(struct reconcile *reconcile)
{
    if (map_count(reconcile->retry) == 0) {
        backoff_reset(&reconcile->retry_backoff);
        reconcile->retry_at = 0;
        return;
    }
    if (reconcile->retry_at == 0)
        reconcile->retry_at = clock_ms() + backoff_next(&reconcile->retry_backoff);
    if (clock_ms() < reconcile->retry_at)
        return;
    for (struct map_iter it = {0}; map_next(reconcile->retry, &it);)
        mark(reconcile->dirty, it.key);
    map_clear(reconcile->retry);
    reconcile->retry_at = 0;
}

static void step(struct reconcile *reconcile)
{
    struct err err = {0};
    if (reconcile->region_missing) {
        reconcile->region_missing = false;
        if (regions_ensure(reconcile->options.store, reconcile->options.topology, &err)) {
            log_warn("regions not brought back", LOG_S("error", err.message));
            reconcile->region_missing = err.code == ERR_TRANSIENT;
        }
    }
    if (reconcile->check_regions ||
        (reconcile->regions_due >= 0 && clock_ms() >= reconcile->regions_due))
        check_regions(reconcile);
    if (map_count(reconcile->dirty))
        decide_dirty(reconcile);
    retry_due(reconcile);
}

static void *run(void *argument)
{
    struct reconcile *reconcile = argument;
    struct backoff backoff = BACKOFF_INIT(50, 5000);
    struct complaint complaint = {0};
    while (!atomic_load(&reconcile->stopping)) {
        struct err err = {0};
        if (take_in_news(reconcile, &err)) {
            complain(&complaint, "the controllers wait for the store", NULL, &err);
            stop_wait(backoff_next(&backoff));
            continue;
        }
        backoff_reset(&backoff);
        complaint.next_ms = 0;
        step(reconcile);
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
    region_table_release(&reconcile->regions);
    arena_free(reconcile->regions_arena);
    arena_free(reconcile->arena);
    writes_clear(reconcile->writes);
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
    reconcile->regions_arena = arena_new(ARENA_MAX);
    reconcile->regions_changed = true;
    reconcile->retry_backoff = (struct backoff)BACKOFF_INIT(20, 5000);
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
