/*
 * Agents: one simple action each. An agent reads records of its sources, keeps the newest value of
 * each key in groups, and says by a pure step function which records its sink must hold for a
 * group. The runtime does the rest: it restores the inputs and the previous outputs from the
 * compacted topics at start, compares, and publishes what was created, changed or (a tombstone)
 * deleted. So a restart, a replay or a duplicate publishes nothing that is there already.
 *
 * While a source is being read from its beginning nothing is published: after that, each group is
 * decided once. A group is decided only when one of its records was read: absence is never a
 * deletion.
 *
 * A bundle is a set of agents in one process: one thread consumes all their sources and runs their
 * steps. Agents of a bundle talk to each other through their topics only.
 */
#ifndef MOT_AGENT_AGENT_H
#define MOT_AGENT_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/arena.h>
#include <mot/base/err.h>
#include <mot/bus/bus.h>

/* The newest record of one key. */
struct agent_input {
    const char *topic; /* as in agent.sources */
    const char *key;
    const char *value; /* never NULL: a deleted key is not an input */
    size_t value_len;
    int64_t revision; /* header */
    int64_t timestamp_ms;
    const char *trace;
};

struct agent_output {
    const char *key;
    const char *value;
    size_t value_len;
    int64_t revision;
};

/* Everything a step may look at. */
struct agent_group {
    const char *name;
    const struct agent_input *inputs; /* by topic, then key, bytewise */
    size_t input_count;
    const struct agent_output *previous; /* what the sink holds for this group, by key */
    size_t previous_count;
};

/* Where a step puts its outputs. */
struct agent_emit;
/* The sink must hold this. Keys that a step does not emit are deleted. Values are copied. */
void agent_emit(struct agent_emit *emit, const char *key, const char *value, size_t len,
                int64_t revision);

struct agent {
    const char *name;           /* "launch", "instance-state" */
    const char *const *sources; /* NULL-terminated topic names */
    const char *sink;           /* topic name; NULL: none */
    /* The group of a record, in @arena; NULL: ignore it. By default (function NULL) the key. @value
     * is NULL for a deleted key that was not an input: NULL then if the key alone does not tell.
     * Where it does not, what such a record had led to stays until another one of its group is
     * read. */
    const char *(*group_of)(struct arena *arena, const char *topic, const char *key,
                            const char *value, size_t len);
    /* The group of a sink key, to find previous outputs; NULL: the key. */
    const char *(*group_of_output)(struct arena *arena, const char *key, const char *value,
                                   size_t len);
    /* Revisions of a key of the sources never go down: a record with a lower one than was read
     * already, a tombstone's included, is a repetition and ignored; also one with a lower revision
     * than the sink has under the same key, where groups are keys. */
    bool ordered;
    /* Pure. @arena is for scratch memory. An error leaves the sink as it is and is logged with the
     * group's name. */
    int (*step)(const struct agent_group *group, struct arena *arena, struct agent_emit *emit,
                struct err *err);
    /* For agents that act in this process instead of publishing (converge): called after restoring,
     * then on each change, from the bundle's thread; must not block. NULL: none. @group is valid
     * during the call. A tombstone of a key that nothing else is known of is told as well. */
    void (*changed)(void *context, const struct agent_group *group);
    void *context;
};

struct bundle;

/* Where a topic of an agent is to be found: agents name flows, the topology says which cluster and
 * name. */
struct bundle_topic {
    const char *topic;     /* as agents say it */
    const char *real_name; /* its name in the cluster */
    const char *cluster;   /* region whose cluster it is in */
    const char *bootstrap;
};

/* The sources of one bundle's agents stand in one cluster; the sinks stand in the producer's. */
struct bundle_options {
    const char *name; /* for logs: "launch" */
    const char *region;
    const struct bundle_topic *topics;
    size_t topic_count;
    const struct agent *const *agents;
    size_t agent_count;
    struct bus_producer *producer; /* of the region's own cluster; shared; outlives the bundle */
    /* Before everything is restored; bundle's thread; an error is tried again. For topics that are
     * missing. NULL: none. */
    int (*prepare)(void *context, struct err *err);
    /* Everything was restored and decided; bundle's thread; NULL: none. Again when a cluster was
     * wiped and everything was read anew. */
    void (*restored)(void *context);
    void *context;
    size_t memory_max; /* bytes of kept inputs and outputs; 0: 256 MiB; beyond it the process ends
                          with a message */
};

/* What @options point to must outlive the bundle and the producer. */
struct bundle *bundle_start(const struct bundle_options *options, struct err *err) MOT_NODISCARD;
/* True once every source was read to where it ended at start, and each group was decided. */
bool bundle_restored(struct bundle *bundle);
/* Records that a source topic holds and the bundle has not read yet; -1 when that is unknown. Any
 * thread. */
int64_t bundle_lag(struct bundle *bundle, const char *topic);
/* Any thread: decides the group again as if one of its records had come. */
void bundle_touch(struct bundle *bundle, const char *agent, const char *group);
struct bus_state bundle_state(struct bundle *bundle);
/* Ends the thread and frees the bundle; what is queued in the producer still goes out. */
void bundle_stop(struct bundle *bundle);

#endif
