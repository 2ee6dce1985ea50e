/*
 * How a deployment stands in one region: what is desired, what each zone reports and which
 * instances are known, put together. Pure.
 */
#ifndef MOT_RECONCILERS_DECIDE_REGION_STATE_H
#define MOT_RECONCILERS_DECIDE_REGION_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/arena.h>
#include <mot/model/workload.h>

enum region_state {
    REGION_PROGRESSING,
    REGION_CONVERGED,
    REGION_FAILED,
    REGION_UNKNOWN,
    REGION_GONE
};
/* "Progressing", as in docs/records.md; the names of a zone report's states are the same. */
const char *region_state_name(enum region_state state);
/* REGION_UNKNOWN for a word that is none of them. */
enum region_state region_state_of(const char *name);

/* What is known of one instance. */
struct instance_summary {
    const char *zone;
    const char *template_hash;
    bool running;
    bool ready;
};

/* What one zone said last. */
struct zone_report {
    const char *zone;
    const char *driver;
    const char *uid; /* of the RegionalDeployment that was accepted */
    int64_t
        desired_revision; /* of the newest launch the zone knows; state and error are about it */
    int64_t revision;     /* accepted by its scheduler; 0: none */
    int64_t generation;
    enum region_state state;
    const char *message;
    const char *error; /* "" or what went wrong with the newest launch */
    const char *observed_at;
    int replicas; /* accepted by its scheduler */
    int instances;
    const struct instance_summary *seen; /* its instances at one moment; NULL: it does not say */
    size_t seen_count;
};

struct region_input {
    const struct workload *desired; /* NULL: nothing is desired (any more) */
    const struct zone_report *reports;
    size_t report_count;
    const struct instance_summary *instances;
    size_t instance_count;
};

struct zone_summary {
    const char *name;
    const char *driver;
    int desired, running, ready, updated;
    enum region_state state;
    const char *message;
    const char *observed_at; /* "" when the zone has not reported yet */
};

struct region_summary {
    bool nothing; /* nothing desired and nothing there: there is no state to report */
    enum region_state state;
    bool gone;
    const char *message;
    int desired, running, ready, updated;
    const char *observed_at;    /* the newest of the zones' */
    struct zone_summary *zones; /* by name */
    size_t zone_count;
};

/* Everything it points to lives in @arena or in @in. */
void region_state_decide(struct arena *arena, const struct region_input *in,
                         struct region_summary *out);

enum launch_outcome { LAUNCH_PENDING, LAUNCH_COMPLETE, LAUNCH_FAILED };
/*
 * Has the newest launch ended? It has when every zone's scheduler has accepted it, or (a deletion)
 * nothing is left; or when a scheduler refused it. @ret_message says why it failed, or "".
 */
enum launch_outcome launch_decide(const struct region_input *in, const char **ret_message);

#endif
