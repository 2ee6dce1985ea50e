/*
 * The recent past in memory: per resource a ring of events in the order of their revisions. All
 * rings share one bound on events, bytes and age; the oldest event of all goes first. Not
 * thread-safe: the hub's lock guards it.
 */
#ifndef MOT_API_WATCH_WINDOW_H
#define MOT_API_WATCH_WINDOW_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"

struct watcher;

struct window_ring {
    struct window_ring *next;
    char *resource;
    int64_t start; /* every event of the resource after this revision is here, as far as the feed
                      has come */
    struct watch_event **events;
    size_t first, count, capacity;
    struct watcher *watchers; /* the hub's list of who watches this resource */
    size_t watcher_count;
    atomic_ullong delivered; /* events that were written to watchers */
};

struct window;
/* It begins to be complete after @start. */
struct window *window_new(size_t events_max, size_t bytes_max, int64_t start) MOT_NODISCARD;
void window_free(struct window *window);
/* Lives as long as the window. */
struct window_ring *window_ring(struct window *window, const char *resource);
/* Takes the caller's reference. */
void window_append(struct window *window, struct window_ring *ring, struct watch_event *event);
/* Forgets events made before @before_ms, at most @max; returns how many. */
size_t window_expire(struct window *window, int64_t before_ms, size_t max);
/* Forgets everything and begins again after @start. */
void window_reset(struct window *window, int64_t start);
/* Events after @after, with references for the caller, oldest first; returns how many. */
size_t window_read(const struct window_ring *ring, int64_t after, struct watch_event **ret_events,
                   size_t max);
size_t window_count(const struct window *window);
size_t window_bytes(const struct window *window);

#endif
