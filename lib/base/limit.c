/* A token bucket whose tokens are milliseconds. */
#include <mot/base/limit.h>

void rate_limit_init(struct rate_limit *limit, int burst, int64_t pause_ms)
{
    *limit = (struct rate_limit){.pause_ms = pause_ms,
                                 .full_ms = (int64_t)burst * pause_ms,
                                 .credit_ms = (int64_t)burst * pause_ms};
    pthread_mutex_init(&limit->lock, NULL);
}

void rate_limit_destroy(struct rate_limit *limit)
{
    pthread_mutex_destroy(&limit->lock);
}

/* With the lock held. Two threads may come with their times in the other order. */
static void save_up(struct rate_limit *limit, int64_t now_ms)
{
    if (now_ms <= limit->at_ms)
        return;
    int64_t more = now_ms - limit->at_ms;
    int64_t room = limit->full_ms - limit->credit_ms;
    limit->credit_ms += more < room ? more : room;
    limit->at_ms = now_ms;
}

bool rate_limit_pass(struct rate_limit *limit, int64_t now_ms, uint64_t *ret_held_back)
{
    *ret_held_back = 0;
    pthread_mutex_lock(&limit->lock);
    save_up(limit, now_ms);
    bool pass = limit->credit_ms >= limit->pause_ms;
    if (pass) {
        limit->credit_ms -= limit->pause_ms;
        *ret_held_back = limit->held_back;
        limit->held_back = 0;
    } else {
        limit->held_back++;
        limit->held_total++;
    }
    pthread_mutex_unlock(&limit->lock);
    return pass;
}

uint64_t rate_limit_held(struct rate_limit *limit)
{
    pthread_mutex_lock(&limit->lock);
    uint64_t held = limit->held_total;
    pthread_mutex_unlock(&limit->lock);
    return held;
}
