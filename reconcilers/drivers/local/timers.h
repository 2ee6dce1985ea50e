/* Timers of one loop: a heap of the earliest. A timer is part of what it wakes; not thread-safe. */
#ifndef MOT_LOCAL_TIMERS_H
#define MOT_LOCAL_TIMERS_H

#include <stddef.h>
#include <stdint.h>

struct timer {
    int64_t at;   /* clock_ms() */
    size_t place; /* in the heap, from 1; 0: not set */
    void (*due)(void *owner);
    void *owner;
};

struct timers {
    struct timer **heap; /* from 1 */
    size_t count;
    size_t capacity;
};

void timers_release(struct timers *timers);
/* Sets or moves it. */
void timer_set(struct timers *timers, struct timer *timer, int64_t at);
void timer_clear(struct timers *timers, struct timer *timer);
/* INT64_MAX when none is set. */
int64_t timers_next(const struct timers *timers);
/* Clears and calls what is due; a function may set and clear any timer. */
void timers_run(struct timers *timers, int64_t now);

#endif
