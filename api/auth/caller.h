/* Who sent a request, as whom, what for, and what was decided: filled in by gate_pass(). */
#ifndef MOT_API_AUTH_CALLER_H
#define MOT_API_AUTH_CALLER_H

#include "attributes.h"

struct caller {
    struct identity user;         /* who the request counts as */
    struct identity impersonator; /* who sent it when that is somebody else; zeroed otherwise */
    struct attributes attributes; /* its texts are those of the route, and these: */
    char *verb;
    char *path;
    char *name;           /* from a field selector */
    const char *decision; /* "allow", "forbid"; NULL when it has not come so far */
    char *reason;         /* may be NULL */
    char *object_name;    /* of an object that the path does not name, once known */
    uint64_t generation;  /* gate_generation() before a watch was decided; 0 for others */
};

/* Leaves it zeroed. */
void caller_release(struct caller *caller);

#endif
