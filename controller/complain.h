/* A warning about something that is tried again and again: said at once, and then not more than
 * twice a minute. One thread per complaint. */
#ifndef MOT_CONTROLLER_COMPLAIN_H
#define MOT_CONTROLLER_COMPLAIN_H

#include <stdint.h>

#include <mot/base/clock.h>
#include <mot/base/err.h>
#include <mot/base/log.h>

#define COMPLAIN_EVERY_MS 30000

struct complaint {
    int64_t next_ms; /* clock_ms(); 0: nothing was said since it went well */
};

static inline void complain(struct complaint *complaint, const char *what, const char *where,
                            const struct err *err)
{
    int64_t now = clock_ms();
    if (now < complaint->next_ms)
        return;
    complaint->next_ms = now + COMPLAIN_EVERY_MS;
    log_warn(what, LOG_S("cluster", where), LOG_S("error", err->message));
}

#endif
