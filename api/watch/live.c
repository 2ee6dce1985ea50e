/* Pumps: from the window to the streams of live watchers; and what time brings to watchers. */
#include <mot/base/clock.h>

#include "watcher.h"

#define EVENTS_PER_TURN 64

struct reading {
    struct watch_event *events[EVENTS_PER_TURN];
    size_t count;
    bool behind; /* the window has lost what this watcher needs */
    bool bookmark;
    bool ending;
    int64_t position; /* of the hub */
};

static void read_window(struct hub *hub, struct watcher *watcher, struct reading *reading)
{
    pthread_mutex_lock(&hub->lock);
    reading->behind = watcher->cursor < watcher->ring->start;
    if (reading->behind)
        watcher->stage = STAGE_BEHIND;
    else
        reading->count =
            window_read(watcher->ring, watcher->cursor, reading->events, EVENTS_PER_TURN);
    reading->bookmark = watcher->bookmark_due;
    reading->ending = watcher->ending;
    reading->position = hub->position;
    pthread_mutex_unlock(&hub->lock);
}

static enum turn write_event(struct hub *hub, struct watcher *watcher, struct watch_event *event)
{
    struct err err = {0};
    enum watch_type type = watch_event_judge(event, &watcher->filter);
    if (type != WATCH_NOTHING) {
        if (watch_event_recall(event, hub->store, type, &err) < 0)
            return TURN_RETRY;
        struct http_frame *frame =
            watch_event_frame(event, &watcher->renderer, type, !watcher->columns_written);
        if (!watcher_write_once(watcher, frame))
            return TURN_FULL;
        watcher->columns_written = true;
        watcher_delivered(watcher);
    }
    watcher->cursor = watch_event_revision(event);
    return TURN_MORE;
}

static enum turn write_events(struct hub *hub, struct watcher *watcher, struct reading *reading)
{
    enum turn turn = TURN_MORE;
    for (size_t i = 0; i < reading->count; i++) {
        if (turn == TURN_MORE)
            turn = write_event(hub, watcher, reading->events[i]);
        watch_event_unref(reading->events[i]);
    }
    return turn == TURN_MORE && reading->count < EVENTS_PER_TURN ? TURN_DRAINED : turn;
}

/* Everything up to the hub's position was written or was none of this watcher's. */
static bool write_bookmark(struct hub *hub, struct watcher *watcher, int64_t position)
{
    if (watcher->cursor < position)
        watcher->cursor = position;
    if (!watcher_bookmark(watcher, watcher->cursor, false))
        return false;
    pthread_mutex_lock(&hub->lock);
    watcher->bookmark_due = false;
    pthread_mutex_unlock(&hub->lock);
    return true;
}

enum turn live_turn(struct hub *hub, struct watcher *watcher)
{
    struct reading reading = {0};
    if (watcher->initial_end_due) {
        if (!watcher_bookmark(watcher, watcher->cursor, true))
            return TURN_FULL;
        watcher->initial_end_due = false;
    }
    read_window(hub, watcher, &reading);
    if (reading.behind)
        return TURN_MORE;
    enum turn turn = write_events(hub, watcher, &reading);
    if (turn != TURN_DRAINED)
        return turn;
    if (reading.bookmark && !write_bookmark(hub, watcher, reading.position))
        return TURN_FULL;
    if (!reading.ending)
        return TURN_DRAINED;
    watcher_end(watcher);
    return TURN_END;
}

/* -------------------------------------------------------------------------------- time */

/* One that waits for room: cut when that takes too long. When the window has gone on without it, it
 * catches up from the change log as soon as there is room. */
static void tick_full(struct hub *hub, struct watcher *watcher, int64_t now_ms)
{
    bool too_long = now_ms - watcher->full_at > hub->full_ms;
    if (too_long)
        watcher_abort(watcher);
    else if (watcher->ending)
        watcher_end(watcher);
}

static void tick_watcher(struct hub *hub, struct watcher *watcher, int64_t now_ms)
{
    if (watcher->closed)
        return;
    if (now_ms >= watcher->ends_at && !watcher->ending) {
        watcher->ending = true;
        watcher->bookmark_due = watcher->bookmarks;
        if (watcher->stage == STAGE_LIVE && !watcher->full)
            hub_enqueue(hub, watcher);
        else if (watcher->stage != STAGE_LIVE)
            watcher_end(watcher);
    }
    if (watcher->full) {
        tick_full(hub, watcher, now_ms);
        return;
    }
    if (watcher->bookmarks && now_ms >= watcher->bookmark_at) {
        watcher->bookmark_at = now_ms + hub->bookmark_ms;
        watcher->bookmark_due = true;
        if (watcher->stage == STAGE_LIVE)
            hub_enqueue(hub, watcher);
    }
    if (watcher->retry_at && now_ms >= watcher->retry_at) {
        watcher->retry_at = 0;
        hub_enqueue(hub, watcher);
    }
}

void hub_tick(struct hub *hub, int64_t now_ms)
{
    for (size_t i = 0; i < hub->ring_count; i++)
        for (struct watcher *watcher = hub->rings[i]->watchers; watcher; watcher = watcher->next)
            tick_watcher(hub, watcher, now_ms);
}
