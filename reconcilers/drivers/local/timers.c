#include "timers.h"

#include <stdlib.h>

#include <mot/base/mem.h>

static void put(struct timers *timers, size_t place, struct timer *timer)
{
    timers->heap[place] = timer;
    timer->place = place;
}

static void settle(struct timers *timers, size_t place)
{
    struct timer *timer = timers->heap[place];
    while (place > 1 && timers->heap[place / 2]->at > timer->at) {
        put(timers, place, timers->heap[place / 2]);
        place /= 2;
    }
    for (;;) {
        size_t child = place * 2;
        if (child < timers->count && timers->heap[child + 1]->at < timers->heap[child]->at)
            child++;
        if (child > timers->count || timers->heap[child]->at >= timer->at)
            break;
        put(timers, place, timers->heap[child]);
        place = child;
    }
    put(timers, place, timer);
}

void timers_release(struct timers *timers)
{
    free(timers->heap);
    *timers = (struct timers){0};
}

void timer_set(struct timers *timers, struct timer *timer, int64_t at)
{
    timer->at = at;
    if (timer->place == 0) {
        if (timers->count + 2 > timers->capacity) {
            timers->capacity = timers->capacity ? timers->capacity * 2 : 64;
            timers->heap = mem_resize(timers->heap, timers->capacity, sizeof(*timers->heap));
        }
        put(timers, ++timers->count, timer);
    }
    settle(timers, timer->place);
}

void timer_clear(struct timers *timers, struct timer *timer)
{
    size_t place = timer->place;
    if (place == 0)
        return;
    struct timer *last = timers->heap[timers->count--];
    timer->place = 0;
    if (last == timer)
        return;
    put(timers, place, last);
    settle(timers, place);
}

int64_t timers_next(const struct timers *timers)
{
    return timers->count > 0 ? timers->heap[1]->at : INT64_MAX;
}

void timers_run(struct timers *timers, int64_t now)
{
    while (timers->count > 0 && timers->heap[1]->at <= now) {
        struct timer *timer = timers->heap[1];
        timer_clear(timers, timer);
        timer->due(timer->owner);
    }
}
