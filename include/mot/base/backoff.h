/* Exponential back-off with full jitter on the upper half: every loop that retries has one. */
#ifndef MOT_BASE_BACKOFF_H
#define MOT_BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t min_ms;
    int64_t max_ms;
    unsigned failures;
};

#define BACKOFF_INIT(min_, max_)                                                                   \
    {                                                                                              \
        .min_ms = (min_), .max_ms = (max_), .failures = 0                                          \
    }

/* How long to wait before the next try; counts the failure. */
int64_t backoff_next(struct backoff *backoff);
/* After a success. */
void backoff_reset(struct backoff *backoff);

#endif
