#include "history.h"

#include <pthread.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/cond.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>

#include "complain.h"
#include "publish/publisher.h"

#define EVERY_MAX_MS 60000
#define EVERY_MIN_MS 200

struct history {
    struct store *store;
    int64_t max_age_ms;
    int64_t every_ms;
    struct store_compaction compaction;
    struct complaint complaint;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopping;
    pthread_t thread;
};

static void compact(struct history *history)
{
    struct err err = {0};
    int64_t floor = history->compaction.floor;
    history->compaction.before_ms = clock_wall_ms() - history->max_age_ms;
    if (store_compact(history->store, &history->compaction, &err)) {
        complain(&history->complaint, "history is not compacted", NULL, &err);
        return;
    }
    history->complaint.next_ms = 0;
    if (history->compaction.floor > floor)
        log_debug("history compacted", LOG_I("floor", history->compaction.floor),
                  LOG_I("bytes", history->compaction.bytes));
}

/* True when it is time; false to stop. */
static bool wait_until(struct history *history, int64_t due_ms)
{
    pthread_mutex_lock(&history->lock);
    while (!history->stopping && clock_ms() < due_ms)
        (void)cond_wait(&history->stop, &history->lock, due_ms);
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

/* Often enough that the history is never much older than wanted, nor much larger. */
static int64_t interval(int64_t max_age_ms)
{
    int64_t every_ms = max_age_ms / 4;
    if (every_ms > EVERY_MAX_MS)
        return EVERY_MAX_MS;
    return every_ms < EVERY_MIN_MS ? EVERY_MIN_MS : every_ms;
}

struct history *history_start(const struct history_options *options, struct err *err)
{
    struct history *history = mem_zalloc(sizeof(*history));
    history->store = options->store;
    history->max_age_ms = options->max_age_ms;
    history->every_ms = interval(options->max_age_ms);
    history->compaction.max_bytes = options->max_bytes;
    history->compaction.keep_prefix = PUBLISHER_POSITION;
    pthread_mutex_init(&history->lock, NULL);
    cond_init(&history->stop);
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
