#include "store_private.h"

#include <pthread.h>
#include <time.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

/* Idle connections are a stack: the rarely used ones stay at the bottom and out of the caches. */
struct readers {
    struct store *store;
    pthread_mutex_t lock;
    pthread_cond_t returned;
    struct pg **idle;
    int idle_count;
    int open; /* idle and in use */
    int max;
};

struct readers *readers_new(struct store *store, int max)
{
    struct readers *readers = mem_zalloc(sizeof(*readers));
    pthread_condattr_t monotonic;

    readers->store = store;
    readers->max = max;
    readers->idle = mem_array((size_t)max, sizeof(struct pg *));
    pthread_mutex_init(&readers->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&readers->returned, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return readers;
}

void readers_free(struct readers *readers)
{
    if (readers == NULL)
        return;
    for (int i = 0; i < readers->idle_count; i++)
        pg_close(readers->idle[i]);
    free(readers->idle);
    pthread_cond_destroy(&readers->returned);
    pthread_mutex_destroy(&readers->lock);
    free(readers);
}

/* A place in the pool; *ret_pg is an idle connection, or NULL: open one. */
static int take_place(struct readers *readers, int64_t deadline, struct pg **ret_pg,
                      struct err *err)
{
    struct timespec until = {.tv_sec = deadline / 1000, .tv_nsec = deadline % 1000 * 1000000};
    int result = 0;

    *ret_pg = NULL;
    pthread_mutex_lock(&readers->lock);
    while (readers->idle_count == 0 && readers->open >= readers->max && result == 0)
        if (pthread_cond_timedwait(&readers->returned, &readers->lock, &until) != 0 &&
            clock_ms() >= deadline)
            result = err_set(err, ERR_TRANSIENT, "all connections for reading are busy");
    if (result == 0 && readers->idle_count > 0)
        *ret_pg = readers->idle[--readers->idle_count];
    else if (result == 0)
        readers->open++;
    pthread_mutex_unlock(&readers->lock);
    return result;
}

static void give_back(struct readers *readers, struct pg *pg)
{
    if (pg != NULL && (!pg_usable(pg) || pg_in_transaction(pg))) {
        pg_close(pg);
        pg = NULL;
    }
    pthread_mutex_lock(&readers->lock);
    if (pg != NULL)
        readers->idle[readers->idle_count++] = pg;
    else
        readers->open--;
    pthread_mutex_unlock(&readers->lock);
    pthread_cond_signal(&readers->returned);
}

static struct pg *take(struct readers *readers, int64_t deadline, struct err *err)
{
    struct pg *pg;

    if (take_place(readers, deadline, &pg, err) < 0)
        return NULL;
    if (pg != NULL && !pg_usable(pg)) {
        pg_close(pg);
        pg = NULL;
    }
    if (pg == NULL)
        pg = store_connect(readers->store, deadline, err);
    if (pg == NULL)
        give_back(readers, NULL);
    return pg;
}

int readers_run(struct store *store, reader_use *use, void *context, const bool *started,
                struct err *err)
{
    int64_t deadline = clock_ms() + store->deadline_ms;
    struct err local = {.code = ERR_NONE};
    bool broken = true;
    int result = -1;

    for (int attempt = 0; attempt < 2 && result < 0 && broken; attempt++) {
        struct pg *pg = take(store->readers, deadline, &local);

        if (pg == NULL)
            break;
        result = use(pg, context, deadline, &local);
        broken = result < 0 && local.code == ERR_TRANSIENT && !pg_usable(pg) &&
                 (started == NULL || !*started);
        give_back(store->readers, pg);
    }
    if (result >= 0)
        return result;
    if (local.code == ERR_TIMEOUT)
        local.code = ERR_TRANSIENT;
    if (err != NULL)
        *err = local;
    return -1;
}
