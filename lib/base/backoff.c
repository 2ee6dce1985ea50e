#include <mot/base/backoff.h>

#include <limits.h>

#include <mot/base/random.h>

static int64_t ceiling_of(const struct backoff *backoff)
{
    int64_t ms = backoff->min_ms > 0 ? backoff->min_ms : 1;
    for (unsigned i = 0; i < backoff->failures && ms < backoff->max_ms; i++)
        ms = ms > INT64_MAX / 2 ? INT64_MAX : ms * 2;
    return ms < backoff->max_ms ? ms : backoff->max_ms;
}

int64_t backoff_next(struct backoff *backoff)
{
    int64_t ceiling = ceiling_of(backoff);
    if (backoff->failures < UINT_MAX)
        backoff->failures++;
    if (ceiling <= 0)
        return 0;
    int64_t half = ceiling / 2;
    return ceiling - half + (int64_t)random_below((uint64_t)half + 1);
}

void backoff_reset(struct backoff *backoff)
{
    backoff->failures = 0;
}
