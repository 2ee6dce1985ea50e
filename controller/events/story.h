/*
 * What there is to tell when an object has changed: from the state before and the state after to
 * Events. Pure. It tells of turns, not of every step.
 */
#ifndef MOT_CONTROLLER_EVENTS_STORY_H
#define MOT_CONTROLLER_EVENTS_STORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "recorder.h"

struct story {
    void (*tell)(void *context, enum event_type type, const char *reason, const char *message);
    void *context;
};

/* Of a Deployment whose status was written. */
void story_deployment(const struct story *story, const json_t *old, const json_t *new);

/* What of an Instance is remembered for this. */
struct instance_facts {
    bool failed;
    bool unhealthy;
    int64_t restarts;
};
struct instance_facts instance_facts_of(const json_t *instance);
void story_instance(const struct story *story, const struct instance_facts *old, const json_t *new);

#endif
