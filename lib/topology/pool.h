/* Strings with one owner: what is added lives until pool_release(). */
#ifndef MOT_TOPOLOGY_POOL_H
#define MOT_TOPOLOGY_POOL_H

#include <stddef.h>

#include <mot/base/mem.h>

struct pool {
    char **items;
    size_t count;
    size_t capacity;
};

/* All return a string that the pool owns; NULL for NULL. */
const char *pool_add(struct pool *pool, const char *text);
const char *pool_take(struct pool *pool, char *text);
void pool_release(struct pool *pool);

#endif
