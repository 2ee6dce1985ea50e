/*
 * What the local scheduler does next for one app: pure. Instances in, actions out, each with its
 * reason.
 *
 * Two laws bind every plan. Availability: no action takes the number of available instances below
 * replicas - maxUnavailable. Surge: no action makes more instances exist, those being stopped
 * included, than replicas + maxSurge.
 */
#ifndef MOT_LOCAL_PLAN_H
#define MOT_LOCAL_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/arena.h>
#include <mot/model/workload.h>

#define PLAN_NEVER INT64_MAX

enum plan_instance_state {
    PLAN_UP,       /* its processes run */
    PLAN_DOWN,     /* a process ended by itself, or was never started */
    PLAN_STOPPING, /* told to stop; still there */
};

struct plan_instance {
    enum plan_instance_state state;
    bool updated; /* of the newest template */
    bool ready;
    int64_t ready_since; /* while ready */
    int64_t created_at;
    int64_t retry_at; /* DOWN: when to start it again; PLAN_NEVER: that would not help */
};

struct plan_input {
    int64_t now;
    int replicas; /* 0 to remove the app */
    struct int_or_percent max_unavailable, max_surge;
    int64_t min_ready_ms, progress_deadline_ms;
    int64_t progress_at; /* when something last moved towards the goal */
    const struct plan_instance *instances;
    size_t count;
};

enum plan_kind {
    PLAN_START, /* a new instance of the newest template */
    PLAN_STOP,
    PLAN_RESTART, /* start the processes of a DOWN instance */
};

struct plan_action {
    enum plan_kind kind;
    size_t instance; /* index, for STOP and RESTART */
    const char *why; /* static */
};

struct plan {
    struct plan_action *actions;
    size_t count;
    bool done; /* all instances are of the newest template, available, and as many as asked for */
    bool stalled;      /* not done, and no progress for longer than the deadline */
    int64_t next_look; /* when time alone may change the plan; PLAN_NEVER: not at all */
};

/* Everything it returns lives in @arena. */
void plan_decide(const struct plan_input *input, struct arena *arena, struct plan *ret_plan);

#endif
