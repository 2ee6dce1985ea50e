/*
 * What an agent remembers: the newest inputs of each group, and what its sink holds for the group.
 * Plain data, no IO, one thread.
 */
#ifndef MOT_AGENT_GROUPS_H
#define MOT_AGENT_GROUPS_H

#include <mot/agent/agent.h>
#include <mot/base/map.h>

struct group {
    char *name;
    struct agent_input *inputs; /* sorted by topic, key */
    size_t input_count, input_cap;
    struct agent_output *outputs; /* sorted by key */
    size_t output_count, output_cap;
    int64_t revision;            /* the highest that was read */
    char trace[TRACE_TEXT_SIZE]; /* of the record read last */
    bool dirty;
    struct group *next_dirty;
};

struct groups {
    const struct agent *agent;
    struct map *by_name;         /* struct group */
    struct map *group_of_input;  /* "<topic>\n<key>" → struct group: where the key was last */
    struct map *group_of_output; /* sink key → struct group: whose it is now */
    struct map *newest;          /* of an ordered agent: "<topic>\n<key>" → revision */
    struct group *dirty;         /* a list in the order of marking */
    struct group **dirty_tail;
    struct arena *scratch;
    size_t memory; /* bytes of keys and values */
};

void groups_init(struct groups *groups, const struct agent *agent);
void groups_release(struct groups *groups);

/* Takes in a record of a source (by the topic name that agents use) and marks its group, and the
 * one it was in before, dirty. */
void groups_input(struct groups *groups, const char *topic, const struct bus_record *record);
/* Takes in a record of the sink, while restoring. */
void groups_output(struct groups *groups, const struct bus_record *record);

void groups_mark(struct groups *groups, struct group *group);
/* Marks a group by name; nothing happens when it doesn't exist. */
void groups_mark_name(struct groups *groups, const char *name);
/* The next dirty group, no longer marked; NULL: none. */
struct group *groups_next(struct groups *groups);
/* Forgets a group that has neither inputs nor outputs. */
void groups_drop_empty(struct groups *groups, struct group *group);

/* What the sink must hold for a key of the group; value NULL removes it. */
void group_set_output(struct groups *groups, struct group *group, const char *key,
                      const char *value, size_t len, int64_t revision);
struct agent_output *group_find_output(struct group *group, const char *key);

/* What the sink must hold for a key, whichever group it belongs to; NULL: nothing. */
const struct agent_output *groups_find_output(const struct groups *groups, const char *key);

/* The outputs that a step emitted. */
struct agent_emit {
    struct arena *arena;
    struct agent_output *items;
    size_t count, cap;
};
/* Sorts by key; an error when a key was emitted twice. */
int emit_finish(struct agent_emit *emit, struct err *err) MOT_NODISCARD;

/* A record that the sink needs. */
struct change {
    const char *key;
    const char *value; /* NULL: a tombstone */
    size_t len;
    int64_t revision;
    const char *trace; /* NULL: none */
};
/* False: the process stops, nothing more is to be published. */
typedef bool publish_change(void *context, const struct change *change);
/* Runs the agent's step on a group and publishes what its outputs differ in from what the sink
 * holds. @arena is cleared first. */
int group_decide(struct groups *groups, struct group *group, struct arena *arena,
                 publish_change *publish, void *context, struct err *err) MOT_NODISCARD;

#endif
