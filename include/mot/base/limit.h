/*
 * How often something may be done that strangers can cause, such as writing a line of a log: so
 * many at once, then one in a while. What is held back is counted, so that the next one can tell.
 */
#ifndef MOT_BASE_LIMIT_H
#define MOT_BASE_LIMIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct rate_limit {
    pthread_mutex_t lock;
    int64_t pause_ms;  /* one more after each */
    int64_t full_ms;   /* the most that is saved up */
    int64_t credit_ms; /* saved up at at_ms; one costs pause_ms */
    int64_t at_ms;
    uint64_t held_back;  /* since the last one that passed */
    uint64_t held_total; /* ever */
};

/* @burst: how many may come at once. rate_limit_destroy() it. */
void rate_limit_init(struct rate_limit *limit, int burst, int64_t pause_ms);
void rate_limit_destroy(struct rate_limit *limit);
/* True: go ahead; *ret_held_back: how many were held back since the last that passed. @now_ms as of
 * clock_ms(). Any thread. */
bool rate_limit_pass(struct rate_limit *limit, int64_t now_ms, uint64_t *ret_held_back);
/* How many were held back since the beginning. */
uint64_t rate_limit_held(struct rate_limit *limit);

#endif
