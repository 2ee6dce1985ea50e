#include "correlator.h"

#include <stdlib.h>

#include <mot/base/map.h>
#include <mot/base/mem.h>

/* What was used lately: when the young are too many they become the old, and the old are
 * forgotten. */
struct recent {
    struct map *young, *old;
    size_t max;
    void (*free_value)(void *);
};

struct allowance {
    int64_t full_at; /* when all of it will be there again */
};

struct correlator {
    struct recent allowances;
    struct recent known;
};

static void known_free(void *value)
{
    struct known_event *known = value;
    json_decref(known->object);
    free(known);
}

static void recent_init(struct recent *recent, size_t max, void (*free_value)(void *))
{
    *recent = (struct recent){map_new(free_value), map_new(free_value), max, free_value};
}

static void recent_release(struct recent *recent)
{
    map_free(recent->young);
    map_free(recent->old);
}

static void recent_put(struct recent *recent, const char *key, void *value)
{
    if (map_count(recent->young) >= recent->max && !map_has(recent->young, key)) {
        map_free(recent->old);
        recent->old = recent->young;
        recent->young = map_new(recent->free_value);
    }
    map_put(recent->young, key, value);
}

static void *recent_get(struct recent *recent, const char *key)
{
    void *value = map_get(recent->young, key);
    if (value)
        return value;
    value = map_steal(recent->old, key);
    if (value)
        recent_put(recent, key, value);
    return value;
}

static void recent_remove(struct recent *recent, const char *key)
{
    map_remove(recent->young, key);
    map_remove(recent->old, key);
}

struct correlator *correlator_new(size_t known_max)
{
    struct correlator *correlator = mem_zalloc(sizeof(*correlator));
    recent_init(&correlator->allowances, known_max, free);
    recent_init(&correlator->known, known_max, known_free);
    return correlator;
}

void correlator_free(struct correlator *correlator)
{
    if (!correlator)
        return;
    recent_release(&correlator->allowances);
    recent_release(&correlator->known);
    free(correlator);
}

/* A bucket of EVENT_BURST tokens, kept as the time at which it is full again. */
bool correlator_admit(struct correlator *correlator, const char *object, int64_t now_ms)
{
    struct allowance *allowance = recent_get(&correlator->allowances, object);
    if (!allowance) {
        allowance = mem_zalloc(sizeof(*allowance));
        recent_put(&correlator->allowances, object, allowance);
    }
    if (allowance->full_at < now_ms)
        allowance->full_at = now_ms;
    if (allowance->full_at + EVENT_REFILL_MS > now_ms + (int64_t)EVENT_BURST * EVENT_REFILL_MS)
        return false;
    allowance->full_at += EVENT_REFILL_MS;
    return true;
}

const struct known_event *correlator_find(struct correlator *correlator, const char *key,
                                          int64_t now_ms)
{
    const struct known_event *known = recent_get(&correlator->known, key);
    if (!known || now_ms - known->last_ms <= EVENT_TOGETHER_MS)
        return known;
    recent_remove(&correlator->known, key);
    return NULL;
}

void correlator_keep(struct correlator *correlator, const char *key, json_t *object,
                     int64_t revision, int64_t now_ms)
{
    struct known_event *known = mem_zalloc(sizeof(*known));
    *known = (struct known_event){json_incref(object), revision, now_ms};
    map_remove(correlator->known.old, key);
    recent_put(&correlator->known, key, known);
}

void correlator_forget(struct correlator *correlator, const char *key)
{
    recent_remove(&correlator->known, key);
}
