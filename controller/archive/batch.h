/*
 * A batch of archived records: folded to the newest of each key, turned into writes, committed with
 * the positions. One thread per batch.
 */
#ifndef MOT_CONTROLLER_ARCHIVE_BATCH_H
#define MOT_CONTROLLER_ARCHIVE_BATCH_H

#include "agent.h"
#include "events/story.h"
#include "writes.h"

#define BATCH_RECORDS 500  /* so that their writes fit into one commit */
#define BATCH_TAKEN   5000 /* read for one commit, however many are of the same keys */

struct archive_item {
    struct archive_agent *agent;
    char *key;
    char *value; /* NULL: a tombstone */
    size_t value_len;
    struct record_order order;
    int64_t revision;
};

struct archive_batch {
    struct store *store;
    struct archive_item items[BATCH_RECORDS];
    size_t count;
    struct map *index; /* "<scope>\n<key>" → item */
    size_t taken;      /* records read into it, folded ones and old ones included */
    struct writes *writes;
    struct map *targets;   /* objects that are being changed, by "<resource>\n<ns>/<name>" */
    struct map *instances; /* what is stored of the regions' Instances: struct stored_instance by
                              "<ns>/<name>" */
    struct map *written;   /* Instances that the writes of this batch are about */
    struct map *homeless;  /* those whose namespace is not there, or is being deleted */
    struct heartbeat_rules heartbeats;
    /* A region reports a deployment that nobody here knows. An error: the batch has to wait. */
    int (*unknown)(void *context, const char *region, const char *key, int64_t revision,
                   struct err *err);
    /* An Instance was written that was there before; may be NULL. */
    void (*changed)(void *context, const struct instance_facts *before, const json_t *instance);
    void *context;
};

/* Loads what is known of the stored Instances of the agents' regions. */
int archive_batch_init(struct archive_batch *batch, struct store *store,
                       const struct archive_agent *agents, size_t agent_count,
                       struct err *err) MOT_NODISCARD;
void archive_batch_release(struct archive_batch *batch);
void archive_batch_add(struct archive_batch *batch, struct archive_agent *agent,
                       const struct bus_record *record);
bool archive_batch_full(const struct archive_batch *batch);
/*
 * Commits it with the agents' positions and empties it. ERR_CONFLICT: the positions were moved by
 * somebody else; other errors: nothing was written, try again.
 */
int archive_batch_commit(struct archive_batch *batch, struct archive_agent *agents,
                         size_t agent_count, const char *cluster_id, struct err *err) MOT_NODISCARD;

#endif
