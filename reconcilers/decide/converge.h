/*
 * What one zone does next: pure. Desired workloads and one observation in; calls to the driver out,
 * each with its reason, and the state that each deployment is in.
 *
 * Nothing is removed unless that was asked for: by a workload that is being deleted or does not
 * name the zone any more, or by a tombstone. What is observed and not desired is left alone.
 */
#ifndef MOT_DECIDE_CONVERGE_H
#define MOT_DECIDE_CONVERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/arena.h>
#include <mot/driver.h>
#include <mot/model/workload.h>

#define CONVERGE_NEVER INT64_MAX

/* What is remembered of the last call for a key; the caller keeps it. */
struct converge_memory {
    unsigned failures; /* in a row */
    int64_t retry_at;  /* monotonic ms; no call before */
    bool refused;      /* the scheduler said no, and would again */
    int64_t revision;  /* of the workload that call was for */
    const char *error; /* "" when it went well */
};

struct converge_desired {
    const char *ns, *name;
    const struct workload *workload; /* NULL: a tombstone, nobody wants it any more */
    const char *invalid;             /* why the newest one couldn't be read, else "" */
    struct converge_memory memory;
};

struct converge_input {
    const char *zone;
    int64_t now;  /* monotonic ms, as all times here */
    int64_t wall; /* the same moment, as drivers tell time */
    const struct converge_desired *desired;
    size_t desired_count;
    const struct observation *observation; /* NULL: the zone can't be observed now */
    int64_t observed_at;                   /* when it was last, or when that was first tried */
    const char *observe_error;             /* "" with an observation */
    bool restored; /* all that is desired is here: what else is observed is an orphan */
    int64_t unknown_after_ms;
    int removes_max;           /* in a window of CONVERGE_WINDOW_MS */
    const int64_t *removed_at; /* the times of the removes in the last window, ascending */
    size_t removed_count;
};
#define CONVERGE_WINDOW_MS 60000

enum converge_kind { CONVERGE_APPLY, CONVERGE_REMOVE };

struct converge_action {
    enum converge_kind kind;
    size_t desired;  /* index */
    int replicas;    /* for APPLY */
    const char *uid; /* for REMOVE */
    const char *why;
};

enum zone_state { ZONE_CONVERGED, ZONE_PROGRESSING, ZONE_FAILED, ZONE_UNKNOWN, ZONE_GONE };
const char *zone_state_name(enum zone_state state); /* "Converged" */

enum converge_news {
    CONVERGE_REPORT, /* say this */
    CONVERGE_KEEP,   /* nothing is known that was not said */
    CONVERGE_NONE,   /* there is no report of this key any more */
};

struct converge_report {
    const char *ns, *name;
    enum converge_news news;
    enum zone_state state;
    const char *message;
    const char *error;
    const struct workload *workload;     /* desired; NULL for an orphan or a tombstone */
    const struct observed_app *observed; /* NULL when there is none, or it is not known */
};

struct converge_plan {
    struct converge_action *actions;
    size_t action_count;
    struct converge_report *reports; /* the desired ones in their order, then the orphans */
    size_t report_count;
    size_t orphan_count;
    int64_t next_look;
};

/* Everything it returns lives in @arena or in the input. */
void converge_decide(const struct converge_input *input, struct arena *arena,
                     struct converge_plan *ret_plan);

/* After a call at @now for @revision: @code is ERR_NONE when it went well. @error is borrowed. */
void converge_remember(struct converge_memory *memory, int64_t now, int64_t revision,
                       enum err_code code, const char *error);

#endif
