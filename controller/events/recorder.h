/*
 * What the controllers tell about objects: Events, as kubectl describe shows them. Telling never
 * waits: what does not fit into the queue, what an object has too much of, and what could not be
 * written for long is lost, and counted.
 */
#ifndef MOT_CONTROLLER_EVENTS_RECORDER_H
#define MOT_CONTROLLER_EVENTS_RECORDER_H

#include <jansson.h>
#include <stdbool.h>

#include <mot/store/store.h>

#define EVENT_COMPONENT "mot-controller"

enum event_type { EVENT_NORMAL, EVENT_WARNING };

struct recorder;

struct recorder *recorder_start(struct store *store, struct err *err) MOT_NODISCARD;
/* What is queued is still written, if the store is there. */
void recorder_stop(struct recorder *recorder);

/* @about: a decoded object, only looked at. Any thread; @recorder may be NULL. */
void recorder_tell(struct recorder *recorder, const json_t *about, enum event_type type,
                   const char *reason, const char *format, ...) MOT_PRINTF(5, 6);

#endif
