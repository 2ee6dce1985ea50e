/*
 * Who belongs to whom: the objects that have owners, or that wait for what they own, in memory. It
 * follows the change feed and never asks the store; it says which objects are to be decided again.
 * One thread.
 */
#ifndef MOT_CONTROLLER_GARBAGE_GRAPH_H
#define MOT_CONTROLLER_GARBAGE_GRAPH_H

#include <jansson.h>

#include <mot/base/map.h>
#include <mot/store/store.h>

struct node;

/* An owner, and whether its deletion in the foreground waits for the dependent. */
struct edge {
    struct node *owner;
    bool blocks;
};

struct node {
    char *uid;
    char *resource; /* NULL: known only as an owner */
    char *ns;
    char *name;
    int64_t revision;
    bool foreground; /* is being deleted, with that finalizer; as the next one */
    bool orphan;
    struct edge *owners;
    size_t owner_count;
    struct map *dependents; /* by uid, borrowed */
    size_t blocking;        /* dependents that block */
    bool seen;              /* for graph_unseen_owners */
};

struct graph {
    struct map *nodes; /* by uid */
    bool quiet;        /* touches nobody: while it is filled from lists */
    /* This object is to be decided (again). */
    void (*touch)(void *context, const struct node *node);
    void *context;
};

void graph_init(struct graph *graph, void (*touch)(void *context, const struct node *node),
                void *context);
void graph_release(struct graph *graph);
/* Forgets everything. */
void graph_clear(struct graph *graph);

/* What an object was seen to be: older than what is known counts for nothing. @owners: those of its
 * selectable, NULL for none. */
struct observation {
    struct store_key key;
    const char *uid;
    int64_t revision;
    const json_t *owners;
    bool foreground;
    bool orphan;
};
void graph_observe(struct graph *graph, const struct observation *observation);
/* The object is gone. */
void graph_forget(struct graph *graph, const char *uid, int64_t revision);

/* NULL when nothing is known of it. */
const struct node *graph_find(const struct graph *graph, const char *uid);
/* Does it, by references that block, keep itself from being deleted in the foreground? Chains of
 * more than a thousand objects count as none. */
bool graph_in_circle(const struct node *node);

/* In between, graph_see() says which objects there are, and touches what belongs to them from
 * another namespace; then all are touched that belong to an owner that was not seen. */
void graph_begin_seeing(struct graph *graph);
void graph_see(struct graph *graph, const char *uid, const char *ns);
void graph_touch_unseen(struct graph *graph);

#endif
