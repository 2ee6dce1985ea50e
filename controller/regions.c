#include "regions.h"

#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#define TRIES 5

static json_t *region_spec(const struct topology_region *region)
{
    json_t *zones = json_array();
    for (size_t i = 0; i < region->zone_count; i++)
        json_array_append_new(zones, json_pack("{s:s, s:s}", "name", region->zones[i].name,
                                               "driver", region->zones[i].driver));
    return json_pack("{s:s, s:s, s:o}", "appenv", region->appenv, "location", region->location,
                     "zones", zones);
}

static void set_labels(json_t *object, const struct topology_region *region)
{
    json_put(object, "metadata.labels.appenv", json_string(region->appenv));
    json_put(object, "metadata.labels.location", json_string(region->location));
    json_put(object, "metadata.labels.region", json_string(region->name));
}

/* What users set in a spec is what the topology does not say. */
static void merge_spec(json_t *object, const struct topology_region *region)
{
    json_t *spec = json_object_get(object, "spec");
    json_t *wanted = region_spec(region);
    if (json_is_object(spec))
        json_object_update(spec, wanted);
    else
        json_object_set(object, "spec", wanted);
    json_decref(wanted);
}

static int create_region(struct store *store, const struct topology_region *region,
                         struct writes *writes, struct err *err)
{
    json_t *object =
        json_pack("{s:s, s:s, s:{s:s}, s:o}", "apiVersion", region_kind.api_version, "kind",
                  region_kind.kind, "metadata", "name", region->name, "spec", region_spec(region));
    set_labels(object, region);
    object_prepare_create(object);
    json_put(object, "status.zoneCount", json_integer((json_int_t)region->zone_count));
    condition_set(json_object_get(object, "status"), "Ready", "Unknown", "NeverHeardOf",
                  "the region has not been heard of yet", object_generation(object),
                  clock_wall_ms());
    writes_create(writes, &region_kind, object, NULL);
    json_decref(object);
    return store_write(store, &writes->items[0], err);
}

static int update_region(struct store *store, const struct topology_region *region,
                         const struct store_object *stored, struct writes *writes, struct err *err)
{
    json_t *old = object_decode(stored->body, stored->body_len, stored->revision, err);
    if (!old)
        return -1;
    json_t *object = json_deep_copy(old);
    set_labels(object, region);
    merge_spec(object, region);
    object_prepare_update(object, old, true);
    json_put(object, "status.zoneCount", json_integer((json_int_t)region->zone_count));
    bool changed = writes_update(writes, &region_kind, old, stored->revision, object, NULL);
    json_decref(object);
    json_decref(old);
    return changed ? store_write(store, &writes->items[0], err) : 0;
}

static int ensure_region(struct store *store, const struct topology_region *region,
                         struct writes *writes, struct err *err)
{
    struct store_key key = {region_kind.resource, "", region->name};
    for (int i = 0; i < TRIES; i++) {
        struct store_object *stored = store_get(store, &key, err);
        if (!stored && err->code != ERR_NOT_FOUND)
            return -1;
        int rc = stored ? update_region(store, region, stored, writes, err)
                        : create_region(store, region, writes, err);
        writes_clear(writes);
        free(stored);
        if (rc == 0)
            return 0;
        if (err->code != ERR_CONFLICT && err->code != ERR_EXISTS && err->code != ERR_NOT_FOUND)
            return -1;
    }
    return -1;
}

int regions_ensure(struct store *store, const struct topology *topology, struct err *err)
{
    struct writes *writes = mem_zalloc(sizeof(*writes));
    int rc = 0;
    for (size_t i = 0; i < topology->region_count && rc == 0; i++) {
        rc = ensure_region(store, &topology->regions[i], writes, err);
        if (rc)
            err_wrap(err, "region %s", topology->regions[i].name);
    }
    free(writes);
    return rc;
}

static void mark_stale(const struct entry *entry, const json_t *object, int64_t now,
                       struct writes *writes)
{
    json_t *copy = json_deep_copy(object);
    condition_set(json_object_get(copy, "status"), "Ready", "Unknown", "HeartbeatOverdue",
                  "the region has not been heard of since its last heartbeat",
                  object_generation(copy), now);
    writes_update(writes, &region_kind, object, entry->revision, copy, NULL);
    json_decref(copy);
}

int64_t regions_check(const struct informer *informer, int64_t now, int64_t stale_after_ms,
                      struct writes *writes)
{
    int64_t next = -1;
    for (struct map_iter it = {0}; map_next(informer->regions, &it);) {
        const struct entry *entry = it.value;
        json_t *object = entry_object(entry);
        const char *text = json_at_text(object, "status.heartbeatAt");
        int64_t at = 0;
        struct err err;
        if (text && clock_parse(text, &at, &err) == 0) {
            int64_t left = at + stale_after_ms - now;
            if (left < 0)
                mark_stale(entry, object, now, writes);
            else if (next < 0 || left < next)
                next = left + 1;
        }
        json_decref(object);
    }
    return next;
}
