/*
 * What `mot up` starts, stops and starts again next: pure functions over the state of its parts. No
 * clock, no process, no allocation; up.c does what they say.
 *
 * A part is started once everything it needs has been ready, started again with a back-off when it
 * dies, and stopped once everything that needs it has ended.
 */
#ifndef MOT_CLI_UP_SUPERVISE_H
#define MOT_CLI_UP_SUPERVISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum part_phase {
    PART_WAITING,  /* for what it needs, or for its next try */
    PART_STARTING, /* runs and does not answer yet */
    PART_READY,
    PART_STOPPING, /* was asked to end */
    PART_KILLED,   /* did not listen */
    PART_ENDED,    /* ended, and will not be started again */
};

struct part_rule {
    const size_t *needs; /* indices of other parts */
    size_t need_count;
    int64_t grace_ms; /* between asking it to end and killing it */
};

struct part_state {
    enum part_phase phase;
    int64_t since_ms;      /* when the phase began */
    int64_t not_before_ms; /* PART_WAITING: the next try */
    unsigned failures;     /* deaths in a row */
    bool was_ready; /* once: that is enough for those who need it, they wait for what is away by
                       themselves */
};

enum supervise_action { SUPERVISE_NONE, SUPERVISE_START, SUPERVISE_TERM, SUPERVISE_KILL };

struct supervise_input {
    const struct part_rule *rules;
    const struct part_state *states;
    size_t count;
    int64_t now_ms;
    bool stopping; /* everything is to end */
};

struct supervise_plan {
    enum supervise_action *actions; /* the caller's, one per part */
    int64_t wake_at_ms; /* look again then at the latest; -1: only when something happens */
    bool all_ready;
    bool all_ended;
};

void supervise_decide(const struct supervise_input *in, struct supervise_plan *out);

/* What happened to a part. */
void supervise_started(struct part_state *state, int64_t now_ms);
void supervise_answered(struct part_state *state, int64_t now_ms);
void supervise_asked_to_end(struct part_state *state, bool killed, int64_t now_ms);
/* Its process is gone. */
void supervise_died(struct part_state *state, bool stopping, int64_t now_ms);

/* How long to wait after the @failures-th death in a row. */
int64_t supervise_backoff_ms(unsigned failures);

#endif
