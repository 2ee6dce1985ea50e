/*
 * Open addressing with linear probing. A removed entry leaves a tombstone, so that nothing moves
 * under an iteration; tombstones go away when the table is rebuilt by map_put. The hash starts
 * from a number drawn per process: names come from users, who must not be able to make them
 * collide.
 */
#include <mot/base/map.h>

#include <pthread.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/base/random.h>

struct slot {
    char *key; /* NULL: never used; tombstone: removed */
    void *value;
    uint64_t hash;
};

struct map {
    struct slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    size_t used; /* with tombstones */
    void (*free_value)(void *);
};

static char tombstone[1];

static pthread_once_t seed_once = PTHREAD_ONCE_INIT;
static uint64_t seed;

static void draw_seed(void)
{
    random_bytes(&seed, sizeof(seed));
}

static uint64_t hash_key(const char *key)
{
    pthread_once(&seed_once, draw_seed);
    uint64_t hash = hash_bytes(key, strlen(key), seed);
    return hash ^ (hash >> 32);
}

static bool is_live(const struct slot *slot)
{
    return slot->key && slot->key != tombstone;
}

struct map *map_new(void (*free_value)(void *))
{
    struct map *map = mem_zalloc(sizeof(*map));
    map->free_value = free_value;
    return map;
}

void map_free(struct map *map)
{
    if (!map)
        return;
    map_clear(map);
    free(map);
}

void map_clear(struct map *map)
{
    for (size_t i = 0; i < map->capacity; i++) {
        struct slot *slot = &map->slots[i];
        if (!is_live(slot))
            continue;
        free(slot->key);
        if (map->free_value)
            map->free_value(slot->value);
    }
    free(map->slots);
    map->slots = NULL;
    map->capacity = map->count = map->used = 0;
}

static struct slot *find(const struct map *map, const char *key)
{
    if (map->count == 0)
        return NULL;
    uint64_t hash = hash_key(key);
    size_t mask = map->capacity - 1;
    for (size_t i = (size_t)hash & mask; map->slots[i].key; i = (i + 1) & mask) {
        struct slot *slot = &map->slots[i];
        if (slot->hash == hash && slot->key != tombstone && strcmp(slot->key, key) == 0)
            return slot;
    }
    return NULL;
}

/* Puts an entry into the first unused slot; the caller knows that the key is not there. */
static void place(struct map *map, struct slot entry)
{
    size_t mask = map->capacity - 1;
    size_t i = (size_t)entry.hash & mask;
    while (map->slots[i].key)
        i = (i + 1) & mask;
    map->slots[i] = entry;
    map->count++;
    map->used++;
}

/* Keeps at least a quarter of the slots unused; drops the tombstones on the way. */
static void make_room(struct map *map)
{
    if (map->used + 1 <= map->capacity / 4 * 3)
        return;
    struct slot *old = map->slots;
    size_t old_capacity = map->capacity;
    size_t capacity = 8;
    while (capacity / 2 < map->count + 1)
        capacity *= 2;
    map->slots = mem_array(capacity, sizeof(*map->slots));
    map->capacity = capacity;
    map->count = map->used = 0;
    for (size_t i = 0; i < old_capacity; i++)
        if (is_live(&old[i]))
            place(map, old[i]);
    free(old);
}

void *map_get(const struct map *map, const char *key)
{
    const struct slot *slot = find(map, key);
    return slot ? slot->value : NULL;
}

bool map_has(const struct map *map, const char *key)
{
    return find(map, key) != NULL;
}

void map_put(struct map *map, const char *key, void *value)
{
    struct slot *slot = find(map, key);
    if (slot) {
        void *old = slot->value;
        slot->value = value;
        if (map->free_value && old != value)
            map->free_value(old);
        return;
    }
    make_room(map);
    place(map, (struct slot){.key = mem_strdup(key), .value = value, .hash = hash_key(key)});
}

static void *vacate(struct map *map, struct slot *slot)
{
    void *value = slot->value;
    free(slot->key);
    *slot = (struct slot){.key = tombstone};
    map->count--;
    return value;
}

bool map_remove(struct map *map, const char *key)
{
    struct slot *slot = find(map, key);
    if (!slot)
        return false;
    void *value = vacate(map, slot);
    if (map->free_value)
        map->free_value(value);
    return true;
}

void *map_steal(struct map *map, const char *key)
{
    struct slot *slot = find(map, key);
    return slot ? vacate(map, slot) : NULL;
}

size_t map_count(const struct map *map)
{
    return map->count;
}

bool map_next(const struct map *map, struct map_iter *iter)
{
    while (iter->slot < map->capacity) {
        const struct slot *slot = &map->slots[iter->slot++];
        if (is_live(slot)) {
            iter->key = slot->key;
            iter->value = slot->value;
            return true;
        }
    }
    return false;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **map_sorted_keys(const struct map *map)
{
    const char **keys = mem_array(map->count, sizeof(*keys));
    size_t n = 0;
    for (struct map_iter it = {0}; map_next(map, &it);)
        keys[n++] = it.key;
    qsort(keys, n, sizeof(*keys), compare_keys);
    return keys;
}
