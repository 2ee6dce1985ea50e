/*
 * What the controllers know, without a store: objects are put into an informer, a deployment is
 * decided, and what it wrote is taken in as if it had been committed.
 */
#ifndef TESTS_UNIT_CONTROLLER_WORLD_H
#define TESTS_UNIT_CONTROLLER_WORLD_H

#include <controller/deployment.h>

struct world {
    struct informer informer;
    struct writes *writes;
    struct arena *arena;
    struct kinds *kinds;
    int64_t revision;
    int64_t now;
    bool commits; /* what was decided is taken in */
};

void world_open(struct world *world);
void world_close(struct world *world);

/* A region "<name>" with zones "<name>1" and "<name>2" and the label tier. */
void world_region(struct world *world, const char *name, const char *tier);
/* Sets a member of the Region. */
void world_region_set(struct world *world, const char *name, const char *path, json_t *value);
void world_region_ready(struct world *world, const char *name, const char *ready);
/* The Region object goes. */
void world_region_drop(struct world *world, const char *name);

/* "shop/<name>" with a placement as JSON text. */
void world_deployment(struct world *world, const char *name, const char *placement);
/* A change by a user: a member of the object; the generation rises when it is one of the spec. */
void world_change(struct world *world, const char *name, const char *path, json_t *value);
/* The same of a part, which may lose a member: @value NULL. */
void world_part_change(struct world *world, const char *name, const char *region, const char *path,
                       json_t *value);
void world_delete(struct world *world, const char *name);
/* What the region reports of its part. */
void world_report(struct world *world, const char *name, const char *region, const char *state);

/* Decides until nothing is written any more; how many writes that were. */
int world_settle(struct world *world, const char *name);
/* Decides once; the writes stay in world->writes (and are taken in when world->commits). */
void world_decide(struct world *world, const char *name);

/* New references; NULL when there is none. */
json_t *world_get(const struct world *world, const char *name);
json_t *world_part(const struct world *world, const char *name, const char *region);
/* "True", …; "" when there is none. */
const char *world_condition(const struct world *world, const char *name, const char *type);
/* The state of the region in the status of the deployment; "" when it is not there. */
const char *world_state(const struct world *world, const char *name, const char *region);

#endif
