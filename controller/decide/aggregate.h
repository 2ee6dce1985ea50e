/*
 * Aggregation: how a deployment stands everywhere, from how it stands in each region. Pure.
 */
#ifndef MOT_CONTROLLER_DECIDE_AGGREGATE_H
#define MOT_CONTROLLER_DECIDE_AGGREGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/arena.h>

/* One region's part, as archived. */
struct aggregate_region {
    const char *name;
    bool wanted;   /* placement wants the region, and its part says what placement wants now */
    bool held;     /* not wanted, and left alone: cordoned, or not known any more */
    bool reported; /* its status has been archived at least once */
    bool current;  /* the status is about the part's present generation */
    bool deleting;
    bool stale;           /* the region's heartbeat is overdue: nothing is known of it now */
    const char *heard_at; /* the newest heartbeat; a time, as an age would be news all the time */
    const char *state;    /* as reported: Converged, Progressing, … */
    const char *message;
    int desired;         /* by placement */
    int max_unavailable; /* in the whole region */
    int running, ready, updated;
};

struct aggregate_input {
    const struct aggregate_region *regions;
    size_t count;
    bool deleting;
    const char *problem; /* of the placement, or "" */
};

struct aggregate_condition {
    const char *status; /* "True", "False", "Unknown" */
    const char *reason;
    const char *message;
};

struct aggregate_output {
    const char *
        *states; /* per region: Pending, Progressing, Converged, Failed, Deleting, Unknown */
    const char **messages; /* per region */
    int desired, running, ready, updated;
    int converged;
    struct aggregate_condition available, progressing, done;
};

void aggregate_decide(struct arena *arena, const struct aggregate_input *in,
                      struct aggregate_output *out);

#endif
