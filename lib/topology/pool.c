#include "pool.h"

const char *pool_take(struct pool *pool, char *text)
{
    if (!text)
        return NULL;
    mem_grow((void **)&pool->items, &pool->capacity, pool->count, sizeof(*pool->items));
    pool->items[pool->count++] = text;
    return text;
}

const char *pool_add(struct pool *pool, const char *text)
{
    return text ? pool_take(pool, mem_strdup(text)) : NULL;
}

void pool_release(struct pool *pool)
{
    for (size_t i = 0; i < pool->count; i++)
        free(pool->items[i]);
    free(pool->items);
    *pool = (struct pool){0};
}
