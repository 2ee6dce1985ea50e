/*
 * What a namespace that is being deleted says of itself: the conditions of Kubernetes' namespace
 * controller, word for word. Pure.
 */
#ifndef MOT_CONTROLLER_DECIDE_TERMINATION_H
#define MOT_CONTROLLER_DECIDE_TERMINATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/arena.h>

/* So many objects are left of a resource, or have a finalizer. */
struct termination_count {
    const char *name; /* "deployments.mot.dev", "events"; the finalizer */
    int64_t count;
};

struct termination_input {
    const struct termination_count *resources; /* by name; only those with something left */
    size_t resource_count;
    const struct termination_count *finalizers; /* by name */
    size_t finalizer_count;
    const char *failure; /* why something could not be deleted; "" */
    int64_t unknown;     /* objects of kinds that are not known here */
};

enum {
    TERMINATION_DISCOVERY,
    TERMINATION_PARSING,
    TERMINATION_DELETION,
    TERMINATION_CONTENT,
    TERMINATION_FINALIZERS,
    TERMINATION_CONDITIONS
};

struct termination_condition {
    const char *type;
    bool status;
    const char *reason;
    const char *message;
};

struct termination_output {
    bool done; /* nothing is left: the namespace may go */
    struct termination_condition conditions[TERMINATION_CONDITIONS];
};

/* Borrows from @in and from @arena. */
void termination_decide(struct arena *arena, const struct termination_input *in,
                        struct termination_output *out);

#endif
