/*
 * What becomes of an event that is told: a new Event, one more count of one that is known, or
 * nothing, when its object has had too many. Pure but for its memory: time comes from the caller.
 * One thread.
 */
#ifndef MOT_CONTROLLER_EVENTS_CORRELATOR_H
#define MOT_CONTROLLER_EVENTS_CORRELATOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As client-go's: so many at once, and then one in five minutes. */
#define EVENT_BURST       25
#define EVENT_REFILL_MS   300000
#define EVENT_TOGETHER_MS 600000 /* the same again within this time counts up */
#define EVENT_KNOWN_MAX   2048   /* remembered for certain; up to twice as many, the newest */

struct correlator;

struct correlator *correlator_new(size_t known_max);
void correlator_free(struct correlator *correlator);

/* False when @object (any text that stands for it) has used up its allowance. */
bool correlator_admit(struct correlator *correlator, const char *object, int64_t now_ms);

/* An Event as it was stored last. */
struct known_event {
    json_t *object;
    int64_t revision;
    int64_t last_ms;
};
/* The one that @key (object, reason and message) counts up; NULL: it is to be a new one. Valid
 * until the next call. */
const struct known_event *correlator_find(struct correlator *correlator, const char *key,
                                          int64_t now_ms);
/* Takes a reference of its own. */
void correlator_keep(struct correlator *correlator, const char *key, json_t *object,
                     int64_t revision, int64_t now_ms);
void correlator_forget(struct correlator *correlator, const char *key);

#endif
