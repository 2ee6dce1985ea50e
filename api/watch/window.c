#include "window.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

struct window {
    struct window_ring *rings;
    size_t events_max, bytes_max;
    size_t count, bytes;
    int64_t start;
};

struct window *window_new(size_t events_max, size_t bytes_max, int64_t start)
{
    struct window *window = mem_zalloc(sizeof(*window));
    *window = (struct window){.events_max = events_max, .bytes_max = bytes_max, .start = start};
    return window;
}

struct window_ring *window_ring(struct window *window, const char *resource)
{
    for (struct window_ring *ring = window->rings; ring; ring = ring->next)
        if (strcmp(ring->resource, resource) == 0)
            return ring;
    struct window_ring *ring = mem_zalloc(sizeof(*ring));
    ring->resource = mem_strdup(resource);
    ring->start = window->start;
    ring->next = window->rings;
    window->rings = ring;
    return ring;
}

static struct watch_event *event_at(const struct window_ring *ring, size_t index)
{
    return ring->events[(ring->first + index) % ring->capacity];
}

static void drop_first(struct window *window, struct window_ring *ring)
{
    struct watch_event *event = event_at(ring, 0);
    ring->start = watch_event_revision(event);
    ring->first = (ring->first + 1) % ring->capacity;
    ring->count--;
    window->count--;
    window->bytes -= watch_event_bytes(event);
    watch_event_unref(event);
}

static struct window_ring *oldest_ring(const struct window *window)
{
    struct window_ring *oldest = NULL;
    for (struct window_ring *ring = window->rings; ring; ring = ring->next)
        if (ring->count > 0 && (!oldest || watch_event_revision(event_at(ring, 0)) <
                                               watch_event_revision(event_at(oldest, 0))))
            oldest = ring;
    return oldest;
}

static void grow(struct window_ring *ring)
{
    size_t capacity = ring->capacity ? 2 * ring->capacity : 16;
    struct watch_event **events = mem_array(capacity, sizeof(*events));
    for (size_t i = 0; i < ring->count; i++)
        events[i] = event_at(ring, i);
    free(ring->events);
    ring->events = events;
    ring->first = 0;
    ring->capacity = capacity;
}

void window_append(struct window *window, struct window_ring *ring, struct watch_event *event)
{
    if (ring->count == ring->capacity)
        grow(ring);
    ring->events[(ring->first + ring->count++) % ring->capacity] = event;
    window->count++;
    window->bytes += watch_event_bytes(event);
    /* One event stays, however large. */
    while (window->count > 1 &&
           (window->count > window->events_max || window->bytes > window->bytes_max)) {
        struct window_ring *oldest = oldest_ring(window);
        if (!oldest)
            break;
        drop_first(window, oldest);
    }
}

size_t window_expire(struct window *window, int64_t before_ms, size_t max)
{
    for (size_t count = 0; count < max; count++) {
        struct window_ring *oldest = oldest_ring(window);
        if (!oldest || watch_event_at_ms(event_at(oldest, 0)) >= before_ms)
            return count;
        drop_first(window, oldest);
    }
    return max;
}

void window_reset(struct window *window, int64_t start)
{
    window->start = start;
    for (struct window_ring *ring = window->rings; ring; ring = ring->next) {
        while (ring->count > 0)
            drop_first(window, ring);
        ring->start = start;
    }
}

/* The index of the first event after @after. */
static size_t find(const struct window_ring *ring, int64_t after)
{
    size_t low = 0;
    size_t high = ring->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (watch_event_revision(event_at(ring, middle)) > after)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

size_t window_read(const struct window_ring *ring, int64_t after, struct watch_event **ret_events,
                   size_t max)
{
    size_t count = 0;
    for (size_t i = find(ring, after); i < ring->count && count < max; i++)
        ret_events[count++] = watch_event_ref(event_at(ring, i));
    return count;
}

size_t window_count(const struct window *window)
{
    return window->count;
}

size_t window_bytes(const struct window *window)
{
    return window->bytes;
}

void window_free(struct window *window)
{
    if (!window)
        return;
    window_reset(window, window->start);
    while (window->rings) {
        struct window_ring *next = window->rings->next;
        free(window->rings->resource);
        free(window->rings->events);
        free(window->rings);
        window->rings = next;
    }
    free(window);
}
