/* Events as objects: how one is told, made and counted up. Pure. */
#ifndef MOT_CONTROLLER_EVENTS_EVENT_H
#define MOT_CONTROLLER_EVENTS_EVENT_H

#include <jansson.h>
#include <stdint.h>

#include "../writes.h"
#include "recorder.h"

extern const struct controlled_kind event_kind;

/* Something that happened to an object. */
struct event_note {
    json_t *involved; /* the object reference */
    char *ns;         /* of the Event */
    enum event_type type;
    char *reason;
    char *message;
    int64_t at_ms; /* wall clock; the newest, if it happened several times */
    int64_t count;
};

/* @about: a decoded object. event_note_free() it. */
struct event_note *event_note_new(const json_t *about, enum event_type type, const char *reason,
                                  char *message, int64_t at_ms);
void event_note_free(void *note);
/* What the object is, and what happened to it: equal notes have equal keys. free() them. */
char *event_note_object(const struct event_note *note);
char *event_note_key(const struct event_note *note);

/* A new Event. @serial: no two with the same name and @at_ms. */
json_t *event_new(const struct event_note *note, unsigned serial);
/* @event once more. A new reference. */
json_t *event_again(const json_t *event, const struct event_note *note);
/* When it was seen last, wall clock ms; one from the future was seen when it was created. */
int64_t event_seen(const json_t *event, int64_t now_ms);

#endif
