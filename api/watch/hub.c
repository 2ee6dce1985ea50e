#include "watcher.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/cond.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>

#include "../auth/gate.h"

#define WINDOW_EVENTS  50000
#define WINDOW_BYTES   ((size_t)16 << 20)
#define WINDOW_MS      60000
#define EXPIRE_MAX     1000
#define TRIM_MS        10000
#define LOADERS        3
#define BOOKMARK_MS    60000
#define FULL_MS        30000
#define TICK_MS        250
#define FEED_WAIT_MS   1000
#define FEED_SILENT_MS 30000
#define FEED_LAG_MS    30000

/* -------------------------------------------------------------------------------- queues */

static void queue_push(struct watcher_queue *queue, struct watcher *watcher)
{
    watcher->next_queued = NULL;
    if (queue->last)
        queue->last->next_queued = watcher;
    else
        queue->first = watcher;
    queue->last = watcher;
    pthread_cond_signal(&queue->ready);
}

static struct watcher *queue_pop(struct watcher_queue *queue)
{
    struct watcher *watcher = queue->first;
    if (!watcher)
        return NULL;
    queue->first = watcher->next_queued;
    if (!queue->first)
        queue->last = NULL;
    return watcher;
}

void hub_enqueue(struct hub *hub, struct watcher *watcher)
{
    if (watcher->queued)
        return;
    if (watcher->busy) {
        watcher->again = true;
        return;
    }
    watcher->queued = true;
    queue_push(watcher->stage == STAGE_LIVE ? &hub->live : &hub->load, watcher);
}

/* -------------------------------------------------------------------------------- the life of a
 * watcher */

struct watcher *watcher_ref(struct watcher *watcher)
{
    atomic_fetch_add(&watcher->refs, 1);
    return watcher;
}

void watcher_unref(struct watcher *watcher)
{
    if (atomic_fetch_sub(&watcher->refs, 1) > 1)
        return;
    permit_free(watcher->permit);
    watch_filter_release(&watcher->filter);
    buf_release(&watcher->after_ns);
    buf_release(&watcher->after_name);
    pthread_mutex_destroy(&watcher->lock);
    free(watcher);
}

static void hub_register(struct hub *hub, struct watcher *watcher)
{
    watcher->registered = true;
    watcher->next = watcher->ring->watchers;
    if (watcher->next)
        watcher->next->previous = watcher;
    watcher->ring->watchers = watcher;
    watcher->ring->watcher_count++;
    hub->watchers++;
    guard_registered(hub, watcher);
}

/* Gives up the hub's reference; nobody may be busy with it. */
static void hub_unregister(struct hub *hub, struct watcher *watcher)
{
    if (watcher->previous)
        watcher->previous->next = watcher->next;
    else
        watcher->ring->watchers = watcher->next;
    if (watcher->next)
        watcher->next->previous = watcher->previous;
    watcher->registered = false;
    watcher->ring->watcher_count--;
    hub->watchers--;
    watcher_unref(watcher);
}

static void on_writable(void *context)
{
    struct watcher *watcher = context;
    struct hub *hub = watcher->hub;
    pthread_mutex_lock(&hub->lock);
    watcher->room = true;
    if (watcher->full) {
        watcher->full = false;
        hub_enqueue(hub, watcher);
    }
    pthread_mutex_unlock(&hub->lock);
}

static void on_closed(void *context)
{
    struct watcher *watcher = context;
    struct hub *hub = watcher->hub;
    pthread_mutex_lock(&watcher->lock);
    watcher->stream = NULL;
    pthread_mutex_unlock(&watcher->lock);
    pthread_mutex_lock(&hub->lock);
    watcher->closed = true;
    if (watcher->registered && !watcher->queued && !watcher->busy)
        hub_unregister(hub, watcher);
    pthread_mutex_unlock(&hub->lock);
    watcher_unref(watcher);
}

bool watcher_write(struct watcher *watcher, struct http_frame *frame)
{
    pthread_mutex_lock(&watcher->lock);
    bool written = watcher->stream && http_stream_write(watcher->stream, frame);
    pthread_mutex_unlock(&watcher->lock);
    return written;
}

bool watcher_write_once(struct watcher *watcher, struct http_frame *frame)
{
    bool written = watcher_write(watcher, frame);
    http_frame_unref(frame);
    return written;
}

void watcher_delivered(struct watcher *watcher)
{
    atomic_fetch_add_explicit(&watcher->ring->delivered, 1, memory_order_relaxed);
}

bool watcher_bookmark(struct watcher *watcher, int64_t revision, bool initial_end)
{
    bool columns = !watcher->columns_written;
    if (!watcher_write_once(
            watcher, watch_bookmark_frame(&watcher->renderer, revision, initial_end, columns)))
        return false;
    watcher->columns_written = true;
    return true;
}

void watcher_end(struct watcher *watcher)
{
    pthread_mutex_lock(&watcher->lock);
    if (watcher->stream)
        http_stream_end(watcher->stream);
    pthread_mutex_unlock(&watcher->lock);
}

void watcher_fail(struct watcher *watcher, const struct status *status)
{
    struct http_frame *frame = watch_error_frame(status);
    pthread_mutex_lock(&watcher->lock);
    if (watcher->stream) {
        if (!http_stream_write(watcher->stream, frame))
            http_stream_abort(watcher->stream);
        http_stream_end(watcher->stream);
    }
    pthread_mutex_unlock(&watcher->lock);
    http_frame_unref(frame);
}

void watcher_abort(struct watcher *watcher)
{
    pthread_mutex_lock(&watcher->lock);
    if (watcher->stream)
        http_stream_abort(watcher->stream);
    pthread_mutex_unlock(&watcher->lock);
}

static struct watcher *watcher_new(struct hub *hub, struct watch_spec *spec)
{
    struct watcher *watcher = mem_zalloc(sizeof(*watcher));
    int64_t now = clock_ms();
    watcher->hub = hub;
    atomic_init(&watcher->refs, 2);
    pthread_mutex_init(&watcher->lock, NULL);
    buf_init(&watcher->after_ns, 1024);
    buf_init(&watcher->after_name, 1024);
    watcher->renderer = spec->renderer;
    watcher->filter = spec->filter;
    watcher->bookmarks = spec->bookmarks;
    watcher->initial_end_due = spec->initial_end;
    watcher->cursor = spec->revision;
    watcher->initial_revision = spec->revision;
    watcher->stage = spec->initial ? STAGE_INITIAL : STAGE_LIVE;
    watcher->ends_at = now + spec->timeout_ms;
    watcher->bookmark_at = now + hub->bookmark_ms;
    spec->filter = (struct watch_filter){0};
    watcher->permit = spec->permit;
    watcher->vetted = permit_generation(spec->permit);
    spec->permit = NULL;
    return watcher;
}

void hub_watch(struct hub *hub, const struct http_request *request, struct http_response *response,
               const char *protocol, struct watch_spec *spec)
{
    static const struct http_stream_events events = {.writable = on_writable, .closed = on_closed};
    const struct kind *kind = spec->renderer.kind;
    struct watcher *watcher = watcher_new(hub, spec);
    pthread_mutex_lock(&hub->lock);
    watcher->ring = window_ring(hub->window, kind_stored(kind)->resource);
    pthread_mutex_unlock(&hub->lock);
    pthread_mutex_lock(&watcher->lock);
    watcher->stream = http_stream_begin(request, response, protocol, &events, watcher);
    pthread_mutex_unlock(&watcher->lock);
    pthread_mutex_lock(&hub->lock);
    if (watcher->closed || hub->stopping) {
        pthread_mutex_unlock(&hub->lock);
        watcher_end(watcher);
        watcher_unref(watcher);
        return;
    }
    hub_register(hub, watcher);
    hub_enqueue(hub, watcher);
    pthread_mutex_unlock(&hub->lock);
}

size_t hub_watchers(struct hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    size_t count = hub->watchers;
    pthread_mutex_unlock(&hub->lock);
    return count;
}

/* -------------------------------------------------------------------------------- turns */

/* What comes next for a watcher that had its turn. With the lock held. */
static void settle(struct hub *hub, struct watcher *watcher, enum turn turn)
{
    watcher->busy = false;
    if (watcher->closed) {
        hub_unregister(hub, watcher);
        return;
    }
    if (watcher->withdrawn)
        turn = TURN_END;
    switch (turn) {
    case TURN_DRAINED:
        if (watcher->again)
            hub_enqueue(hub, watcher);
        return;
    case TURN_MORE:
        hub_enqueue(hub, watcher);
        return;
    case TURN_FULL:
        watcher->full = !watcher->room;
        watcher->full_at = clock_ms();
        if (watcher->room)
            hub_enqueue(hub, watcher);
        return;
    case TURN_RETRY:
        watcher->retry_at = clock_ms() + 1000;
        return;
    case TURN_END: /* waits for closed(), and writes nothing any more */
        watcher->full = true;
        watcher->full_at = clock_ms();
        return;
    }
}

static bool thread_is_done(const struct hub *hub, const struct watcher_queue *queue)
{
    return hub->stopping && !queue->first;
}

static void run_queue(struct hub *hub, struct watcher_queue *queue,
                      enum turn (*turn)(struct hub *, struct watcher *))
{
    pthread_mutex_lock(&hub->lock);
    while (!thread_is_done(hub, queue)) {
        struct watcher *watcher = queue_pop(queue);
        if (!watcher) {
            pthread_cond_wait(&queue->ready, &hub->lock);
            continue;
        }
        watcher->queued = false;
        watcher->busy = true;
        watcher->again = false;
        watcher->room = false;
        enum turn outcome = TURN_END;
        if (!watcher->closed && !watcher->withdrawn && !hub->stopping) {
            pthread_mutex_unlock(&hub->lock);
            outcome = turn(hub, watcher);
            pthread_mutex_lock(&hub->lock);
        }
        settle(hub, watcher, outcome);
    }
    pthread_mutex_unlock(&hub->lock);
}

static void *run_pump(void *context)
{
    struct hub *hub = context;
    run_queue(hub, &hub->live, live_turn);
    return NULL;
}

static void *run_loader(void *context)
{
    struct hub *hub = context;
    run_queue(hub, &hub->load, load_turn);
    return NULL;
}

/* -------------------------------------------------------------------------------- the feed */

/* A change that can't match leaves an idle watcher asleep, but moves it on. */
static void wake(struct hub *hub, struct watcher *watcher, const struct watch_event *event)
{
    int64_t revision = watch_event_revision(event);
    if (watcher->closed || watcher->full || watcher->stage != STAGE_LIVE)
        return;
    bool idle = !watcher->queued && !watcher->busy;
    if (idle && watcher->cursor >= revision)
        return;
    if (idle &&
        !watch_filter_may_match(&watcher->filter, watch_event_ns(event), watch_event_name(event)))
        watcher->cursor = revision;
    else
        hub_enqueue(hub, watcher);
}

static int on_change(void *context, const struct store_change *change, struct err *err)
{
    (void)err;
    struct hub *hub = context;
    struct watch_event *event = watch_event_new(change);
    pthread_mutex_lock(&hub->lock);
    struct window_ring *ring = window_ring(hub->window, change->object.key.resource);
    for (struct watcher *watcher = ring->watchers; watcher; watcher = watcher->next)
        wake(hub, watcher, event);
    hub->position = change->object.revision;
    hub->lag_ms = clock_wall_ms() - change->written_ms;
    window_append(hub->window, ring, event);
    bool stopping = hub->stopping;
    hub_listener *listener = hub->listener;
    void *listener_context = hub->listener_context;
    pthread_mutex_unlock(&hub->lock);
    if (listener)
        listener(listener_context, change->object.key.resource);
    return stopping ? 1 : 0;
}

void hub_listen(struct hub *hub, hub_listener *listener, void *context)
{
    pthread_mutex_lock(&hub->lock);
    hub->listener = listener;
    hub->listener_context = context;
    pthread_mutex_unlock(&hub->lock);
}

/* The history was compacted before the feed got to it (the database was away for long): begin again
 * at the present; watchers find out by themselves whether the change log still has what they miss.
 */
static void restart_feed(struct hub *hub)
{
    struct err err = {0};
    int64_t revision;
    if (store_revision(hub->store, &revision, &err) < 0)
        return;
    log_warn("the change feed fell behind the history and begins again",
             LOG_I("revision", revision));
    struct store_feed *fresh = store_feed_open(hub->store, NULL, revision);
    pthread_mutex_lock(&hub->lock);
    struct store_feed *old = hub->feed;
    hub->feed = fresh;
    window_reset(hub->window, revision);
    hub->position = revision;
    for (size_t i = 0; i < hub->ring_count; i++)
        for (struct watcher *watcher = hub->rings[i]->watchers; watcher; watcher = watcher->next)
            if (!watcher->full && watcher->stage == STAGE_LIVE)
                hub_enqueue(hub, watcher);
    pthread_mutex_unlock(&hub->lock);
    store_feed_close(old);
}

static void note_turn_of_feed(struct hub *hub, int result)
{
    pthread_mutex_lock(&hub->lock);
    if (result >= 0)
        hub->heard_at = clock_ms();
    if (result == 0)
        hub->lag_ms = 0;
    if (result >= 0 && store_feed_position(hub->feed) > hub->position)
        hub->position = store_feed_position(hub->feed);
    pthread_mutex_unlock(&hub->lock);
}

static bool is_stopping(struct hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    bool stopping = hub->stopping;
    pthread_mutex_unlock(&hub->lock);
    return stopping;
}

static void *run_feed(void *context)
{
    struct hub *hub = context;
    bool away = false;
    while (!is_stopping(hub)) {
        struct err err = {0};
        int result = store_feed_next(hub->feed, FEED_WAIT_MS, on_change, hub, &err);
        note_turn_of_feed(hub, result);
        if (result < 0 && err.code == ERR_GONE)
            restart_feed(hub);
        else if (result < 0 && !away)
            log_warn("the change feed is interrupted", LOG_S("why", err.message));
        else if (result >= 0 && away)
            log_info("the change feed goes on", LOG_NONE);
        away = result < 0;
    }
    return NULL;
}

bool hub_healthy(struct hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    bool healthy = clock_ms() - hub->heard_at < FEED_SILENT_MS && hub->lag_ms < FEED_LAG_MS;
    pthread_mutex_unlock(&hub->lock);
    return healthy;
}

struct hub_stats hub_stats(struct hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    struct hub_stats stats = {.window_events = window_count(hub->window),
                              .window_bytes = window_bytes(hub->window),
                              .position = hub->position,
                              .lag_ms = hub->lag_ms,
                              .silent_ms = clock_ms() - hub->heard_at,
                              .withdrawn = hub->withdrawn};
    pthread_mutex_unlock(&hub->lock);
    return stats;
}

size_t hub_kind_watchers(struct hub *hub, size_t kind)
{
    pthread_mutex_lock(&hub->lock);
    size_t count = hub->rings[kind]->watcher_count;
    pthread_mutex_unlock(&hub->lock);
    return count;
}

uint64_t hub_kind_delivered(const struct hub *hub, size_t kind)
{
    return atomic_load_explicit(&hub->rings[kind]->delivered, memory_order_relaxed);
}

/* -------------------------------------------------------------------------------- time */

/* At rest the window is empty, and its memory is the system's again. */
static void expire(struct hub *hub, int64_t now_ms)
{
    size_t count = window_expire(hub->window, now_ms - hub->window_ms, EXPIRE_MAX);
    if (count > 0 && !hub->trim_at)
        hub->trim_at = now_ms + TRIM_MS;
    if (!hub->trim_at || now_ms < hub->trim_at)
        return;
    hub->trim_at = 0;
    pthread_mutex_unlock(&hub->lock);
    mem_trim();
    pthread_mutex_lock(&hub->lock);
}

static void *run_tick(void *context)
{
    struct hub *hub = context;
    pthread_mutex_lock(&hub->lock);
    while (!hub->stopping) {
        (void)cond_wait(&hub->tick, &hub->lock, clock_ms() + TICK_MS);
        int64_t now_ms = clock_ms();
        hub_tick(hub, now_ms);
        expire(hub, now_ms);
    }
    pthread_mutex_unlock(&hub->lock);
    return NULL;
}

/* -------------------------------------------------------------------------------- start and stop
 */

static void start_thread(pthread_t *thread, void *(*run)(void *), struct hub *hub)
{
    if (pthread_create(thread, NULL, run, hub) != 0)
        abort();
}

static void start_threads(struct hub *hub, const struct api_options *options)
{
    hub->pump_count = options->pumps > 0 ? (size_t)options->pumps : 1;
    hub->thread_count =
        hub->pump_count + (options->loaders > 0 ? (size_t)options->loaders : LOADERS);
    hub->threads = mem_array(hub->thread_count, sizeof(*hub->threads));
    for (size_t i = 0; i < hub->thread_count; i++)
        start_thread(&hub->threads[i], i < hub->pump_count ? run_pump : run_loader, hub);
    start_thread(&hub->feed_thread, run_feed, hub);
    start_thread(&hub->tick_thread, run_tick, hub);
    start_thread(&hub->guard_thread, guard_run, hub);
}

struct hub *hub_new(struct api *api, const struct api_options *options, struct err *err)
{
    int64_t revision;
    if (store_revision(options->store, &revision, err) < 0)
        return NULL;
    struct hub *hub = mem_zalloc(sizeof(*hub));
    pthread_mutex_init(&hub->lock, NULL);
    cond_init(&hub->live.ready);
    cond_init(&hub->load.ready);
    cond_init(&hub->tick);
    cond_init(&hub->guard);
    hub->api = api;
    hub->vetted = gate_generation(api);
    hub->store = options->store;
    hub->position = revision;
    hub->heard_at = clock_ms();
    hub->bookmark_ms = options->bookmark_ms > 0 ? options->bookmark_ms : BOOKMARK_MS;
    hub->full_ms = options->full_ms > 0 ? options->full_ms : FULL_MS;
    hub->window_ms = options->window_ms > 0 ? options->window_ms : WINDOW_MS;
    hub->window =
        window_new(options->window_events ? options->window_events : WINDOW_EVENTS,
                   options->window_bytes ? options->window_bytes : WINDOW_BYTES, revision);
    hub->ring_count = kinds_count(options->kinds);
    hub->rings = mem_array(hub->ring_count + 1, sizeof(*hub->rings));
    for (size_t i = 0; i < hub->ring_count; i++)
        hub->rings[i] =
            window_ring(hub->window, kind_stored(kinds_at(options->kinds, i))->resource);
    hub->feed = store_feed_open(options->store, NULL, revision);
    start_threads(hub, options);
    return hub;
}

void hub_free(struct hub *hub)
{
    if (!hub)
        return;
    pthread_mutex_lock(&hub->lock);
    hub->stopping = true;
    pthread_cond_broadcast(&hub->live.ready);
    pthread_cond_broadcast(&hub->load.ready);
    pthread_cond_broadcast(&hub->tick);
    pthread_cond_broadcast(&hub->guard);
    store_feed_wake(hub->feed);
    pthread_mutex_unlock(&hub->lock);
    for (size_t i = 0; i < hub->thread_count; i++)
        pthread_join(hub->threads[i], NULL);
    pthread_join(hub->feed_thread, NULL);
    pthread_join(hub->tick_thread, NULL);
    pthread_join(hub->guard_thread, NULL);
    store_feed_close(hub->feed);
    window_free(hub->window);
    pthread_cond_destroy(&hub->live.ready);
    pthread_cond_destroy(&hub->load.ready);
    pthread_cond_destroy(&hub->tick);
    pthread_cond_destroy(&hub->guard);
    pthread_mutex_destroy(&hub->lock);
    free(hub->threads);
    free(hub->rings);
    free(hub);
}
