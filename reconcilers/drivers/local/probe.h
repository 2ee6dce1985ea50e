/* Readiness and liveness probes, without blocking: HTTP and TCP to 127.0.0.1. */
#ifndef MOT_LOCAL_PROBE_H
#define MOT_LOCAL_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include <mot/model/workload.h>

#include "timers.h"

/* What the driver's thread waits on. */
struct reactor {
    int epoll;
    struct timers timers;
};

/* One descriptor in it. */
struct source {
    int fd; /* -1: none */
    void (*ready)(void *owner, uint32_t events);
    void *owner;
};
/* @events as for epoll; again for a descriptor that is in already changes them. False on failure.
 */
bool reactor_watch(struct reactor *reactor, struct source *source, uint32_t events);
/* Takes it out and closes it. */
void reactor_close(struct reactor *reactor, struct source *source);

enum probe_stage { PROBE_WAITING, PROBE_CONNECTING, PROBE_READING, PROBE_DRAINING };

struct probe {
    struct reactor *reactor;
    const struct workload_probe *spec;
    bool liveness;
    int port;
    enum probe_stage stage;
    struct source source;
    struct timer timer;
    int64_t interval;    /* until the next try, while not passing */
    int64_t began;       /* of this try */
    int in_a_row;        /* tries with the same outcome */
    bool last;           /* outcome of the last try */
    bool known, passing; /* after the thresholds */
    char head[16];       /* of the answer */
    unsigned received;
    char message[64];
    int64_t checked_at; /* wall clock, of the first try with this outcome and message */
    /* @passing, the outcome or the message changed. */
    void (*changed)(void *owner, struct probe *probe);
    void *owner;
};

/* The first try is due @spec's initial delay from now. Nothing happens for PROBE_NONE. */
void probe_start(struct probe *probe, int64_t now);
void probe_stop(struct probe *probe);
/* "readiness" */
const char *probe_name(const struct probe *probe);

#endif
