/*
 * A hash map from strings to pointers. Keys are copied; values belong to the caller unless a
 * free function is given. Not thread-safe.
 */
#ifndef MOT_BASE_MAP_H
#define MOT_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct map;

/* @free_value may be NULL; it is called for values that are replaced, removed or left at map_free.
 */
struct map *map_new(void (*free_value)(void *));
void map_free(struct map *map);
void *map_get(const struct map *map, const char *key);
bool map_has(const struct map *map, const char *key);
void map_put(struct map *map, const char *key, void *value);
/* True if it was there. */
bool map_remove(struct map *map, const char *key);
/* Removes without freeing the value and returns it, or NULL. */
void *map_steal(struct map *map, const char *key);
size_t map_count(const struct map *map);
void map_clear(struct map *map);

/*
 * for (struct map_iter it = {0}; map_next(map, &it);) use(it.key, it.value);
 * The only change allowed meanwhile is map_remove/map_steal of it.key.
 */
struct map_iter {
    const char *key;
    void *value;
    size_t slot;
};
bool map_next(const struct map *map, struct map_iter *iter);
/* The keys in byte order, for stable output; an array of map_count() borrowed pointers, free() it.
 */
const char **map_sorted_keys(const struct map *map);

#endif
