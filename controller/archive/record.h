/*
 * What an archived record means for its object: pure, on decoded JSON. Each function changes
 * @object (a decoded object) as the record says; the caller writes what differs.
 */
#ifndef MOT_CONTROLLER_ARCHIVE_RECORD_H
#define MOT_CONTROLLER_ARCHIVE_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Which of two records of one key is newer: by epoch, then sequence. */
struct record_order {
    int64_t epoch;
    int64_t sequence;
};
bool record_newer(struct record_order a, struct record_order b);

/* The state of a deployment in a region → RegionalDeployment.status. False when it is about another
 * incarnation. */
bool record_apply_state(json_t *object, const json_t *state);
/* The outcome of a launch → RegionalDeployment.status.launch. False when it is about another
 * incarnation. */
bool record_apply_complete(json_t *object, const json_t *event);
/* The region knows nothing of it any more: as if it had never reported the state (or the outcome).
 */
void record_clear(json_t *object, bool state);

struct heartbeat_rules {
    int64_t every_ms;       /* heartbeatAt alone moves only when the one that is stored is older */
    int64_t stale_after_ms; /* an older one, read late, does not make the region Ready */
};
/* A heartbeat → Region.status. One from the future counts as one of now. */
void record_apply_heartbeat(json_t *object, const json_t *heartbeat,
                            const struct heartbeat_rules *rules, int64_t now_wall_ms);
/* InstanceInfo → a whole Instance, but for uid and creationTimestamp. A new reference; NULL when it
 * names no instance. */
json_t *record_instance(const json_t *info);

#endif
