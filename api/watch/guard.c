/*
 * The guard: a thread that asks again whether watches may go on, once roles or what tokens are held
 * against have changed. Events cost nothing for it; credentials that expire need no asking, a watch
 * does not begin for longer than they are good.
 *
 * A watch that may not is told so by an ERROR event with the Status and ended: informers then list
 * again, and are refused in words.
 */
#include <stdlib.h>

#include <mot/base/clock.h>
#include <mot/base/cond.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>

#include "../auth/gate.h"
#include "watcher.h"

#define LOOK_MS      250  /* between two looks whether something has changed */
#define PAUSE_TURNS  10   /* asking takes a tenth of one processor at most, */
#define PAUSE_MAX_MS 2000 /* but is not put off for longer */

struct turn_list {
    struct watcher **items;
    size_t count;
};

/* Those that were asked under another generation, with a reference each. With the hub's lock held.
 */
static struct turn_list collect(struct hub *hub, uint64_t generation)
{
    struct turn_list list = {.items = mem_array(hub->watchers + 1, sizeof(*list.items))};
    for (size_t i = 0; i < hub->ring_count; i++)
        for (struct watcher *watcher = hub->rings[i]->watchers; watcher; watcher = watcher->next) {
            if (watcher->closed || watcher->withdrawn || watcher->vetted == generation)
                continue;
            watcher->vetted = generation;
            list.items[list.count++] = watcher_ref(watcher);
        }
    return list;
}

/* From now on nothing is written to it. */
static void mark_withdrawn(struct hub *hub, struct watcher *watcher)
{
    pthread_mutex_lock(&hub->lock);
    watcher->withdrawn = true;
    if (!watcher->queued && !watcher->busy) {
        watcher->full = true;
        watcher->full_at = clock_ms();
    }
    hub->withdrawn++;
    pthread_mutex_unlock(&hub->lock);
}

static bool is_stopping(struct hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    bool stopping = hub->stopping;
    pthread_mutex_unlock(&hub->lock);
    return stopping;
}

static bool ask(struct hub *hub, struct watcher *watcher)
{
    struct status status = {0};
    if (permit_holds(watcher->permit, &status))
        return true;
    mark_withdrawn(hub, watcher);
    watcher_fail(watcher, &status);
    status_release(&status);
    return false;
}

static void ask_all(struct hub *hub, uint64_t generation)
{
    size_t ended = 0;
    pthread_mutex_lock(&hub->lock);
    struct turn_list list = collect(hub, generation);
    pthread_mutex_unlock(&hub->lock);
    for (size_t i = 0; i < list.count; i++) {
        ended += !is_stopping(hub) && !ask(hub, list.items[i]);
        watcher_unref(list.items[i]);
    }
    free(list.items);
    if (ended > 0)
        log_info("watches were ended that are not allowed any more", LOG_I("watches", ended));
}

/* False when the hub stops. At rest, without watches, it does not wake up. */
static bool await_change(struct hub *hub, uint64_t *generation, int64_t not_before_ms)
{
    pthread_mutex_lock(&hub->lock);
    for (;;) {
        int64_t until_ms = clock_ms() + LOOK_MS;
        if (until_ms < not_before_ms)
            until_ms = not_before_ms;
        while (!hub->stopping && (hub->watchers == 0 || clock_ms() < until_ms))
            (void)cond_wait(&hub->guard, &hub->lock, hub->watchers == 0 ? COND_NEVER : until_ms);
        if (hub->stopping)
            break;
        pthread_mutex_unlock(&hub->lock);
        uint64_t now = gate_generation(hub->api);
        pthread_mutex_lock(&hub->lock);
        if (now == *generation && !hub->unvetted)
            continue;
        hub->unvetted = false;
        *generation = hub->vetted = now;
        break;
    }
    bool goes_on = !hub->stopping;
    pthread_mutex_unlock(&hub->lock);
    return goes_on;
}

void *guard_run(void *context)
{
    struct hub *hub = context;
    uint64_t generation = hub->vetted;
    int64_t not_before_ms = 0;
    while (await_change(hub, &generation, not_before_ms)) {
        int64_t began_ms = clock_ms();
        ask_all(hub, generation);
        int64_t pause_ms = (clock_ms() - began_ms) * PAUSE_TURNS;
        not_before_ms = clock_ms() + (pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS);
    }
    return NULL;
}

/* Something may have changed between the decision and now. */
void guard_registered(struct hub *hub, struct watcher *watcher)
{
    if (watcher->vetted != hub->vetted)
        hub->unvetted = true;
    if (hub->watchers == 1)
        pthread_cond_signal(&hub->guard);
}
