#include "history.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>

#include "complain.h"
#include "publish/publisher.h"

#define EVERY_MAX_MS 600000
#define EVERY_MIN_MS 200

struct history {
    struct store *store;
    int64_t keep_ms;
    int64_t every_ms;
    int64_t floor;
    struct complaint complaint;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopping;
    pthread_t thread;
};

static void compact(struct history *history)
{
    struct err err = {0};
    int64_t floor = 0;
    if (store_compact(history->store, clock_wall_ms() - history->keep_ms, PUBLISHER_POSITION,
                      &floor, &err)) {
        complain(&history->complaint, "history is not compacted", NULL, &err);
        return;
    }
    history->complaint.next_ms = 0;
    if (floor > history->floor)
        log_debug("history compacted", LOG_I("floor", floor));
    history->floor = floor;
}

/* True when it is time; false to stop. */
static bool wait_until(struct history *history, int64_t due_ms)
{
    struct timespec until = {.tv_sec = due_ms / 1000, .tv_nsec = due_ms % 1000 * 1000000};
    pthread_mutex_lock(&history->lock);
    while (!history->stopping && clock_ms() < due_ms)
        pthread_cond_timedwait(&history->stop, &history->lock, &until);
    bool stopping = history->stopping;
    pthread_mutex_unlock(&history->lock);
    return !stopping;
}

static void *run(void *argument)
{
    struct history *history = argument;
    int64_t due = clock_ms() + history->every_ms;
    while (wait_until(history, due)) {
        due = clock_ms() + history->every_ms;
        compact(history);
    }
    return NULL;
}

static void release(struct history *history)
{
    pthread_cond_destroy(&history->stop);
    pthread_mutex_destroy(&history->lock);
    free(history);
}

struct history *history_start(struct store *store, int64_t keep_ms, struct err *err)
{
    struct history *history = mem_zalloc(sizeof(*history));
    pthread_condattr_t monotonic;
    history->store = store;
    history->keep_ms = keep_ms;
    history->every_ms = keep_ms / 4 > EVERY_MAX_MS ? EVERY_MAX_MS : keep_ms / 4;
    if (history->every_ms < EVERY_MIN_MS)
        history->every_ms = EVERY_MIN_MS;
    pthread_mutex_init(&history->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&history->stop, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int rc = pthread_create(&history->thread, NULL, run, history);
    if (rc) {
        release(history);
        err_set(err, ERR_INTERNAL, "no thread for the history: %s", strerror(rc));
        return NULL;
    }
    return history;
}

void history_stop(struct history *history)
{
    if (!history)
        return;
    pthread_mutex_lock(&history->lock);
    history->stopping = true;
    pthread_cond_broadcast(&history->stop);
    pthread_mutex_unlock(&history->lock);
    pthread_join(history->thread, NULL);
    release(history);
}
