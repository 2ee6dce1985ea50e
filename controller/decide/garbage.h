/*
 * Garbage collection of one object: what follows from how its owners and its dependents stand, by
 * the rules of Kubernetes. Pure.
 *
 * Everything is decided at the dependent: an owner that is deleted in the foreground, or that lets
 * its dependents go (orphan), only waits until its dependents have drawn their conclusions.
 */
#ifndef MOT_CONTROLLER_DECIDE_GARBAGE_H
#define MOT_CONTROLLER_DECIDE_GARBAGE_H

#include <stdbool.h>
#include <stddef.h>

#define FINALIZER_FOREGROUND "foregroundDeletion"
#define FINALIZER_ORPHAN     "orphan"

enum owner_state {
    OWNER_THERE = 1, /* or nobody can say that it is gone: its kind is not known here, … */
    OWNER_GONE = 2,  /* a read has confirmed it */
    OWNER_WAITS = 4, /* is being deleted, in the foreground: it goes when its dependents are gone */
    OWNER_ORPHANS = 8, /* is being deleted, and its dependents are to stay */
};

struct garbage_input {
    const enum owner_state *owners; /* one for each ownerReference */
    size_t owner_count;
    bool deleting;
    bool foreground; /* has the finalizer, as the next one */
    bool orphan;
    size_t dependents;
    size_t blocking; /* dependents that keep it, while it is deleted in the foreground */
    bool circle;     /* it blocks an owner that blocks an owner … that blocks itself */
};

enum garbage_verb {
    GARBAGE_KEEP,
    GARBAGE_RELEASE,           /* its references to owners in `drop` go */
    GARBAGE_DELETE,            /* as its finalizers say: at once when there are none */
    GARBAGE_DELETE_FOREGROUND, /* after its own dependents */
    GARBAGE_WAIT,              /* for its dependents: they know already */
    GARBAGE_UNBLOCK, /* its references stop blocking: those in a circle would wait for ever */
    GARBAGE_FINISH_FOREGROUND, /* the finalizer goes: nothing blocks any more */
    GARBAGE_FINISH_ORPHAN,     /* the finalizer goes: nobody refers to it any more */
};

struct garbage_plan {
    enum garbage_verb verb;
    unsigned drop; /* of GARBAGE_RELEASE: a set of enum owner_state */
    /* Of GARBAGE_DELETE_FOREGROUND: as GARBAGE_UNBLOCK, too. */
    bool unblock;
};

struct garbage_plan garbage_decide(const struct garbage_input *in);

#endif
