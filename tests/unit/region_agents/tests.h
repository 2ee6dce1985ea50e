#ifndef MOT_TESTS_UNIT_REGION_AGENTS_H
#define MOT_TESTS_UNIT_REGION_AGENTS_H

#include <agents/agents.h>
#include <jansson.h>

int run_steps(void);
int run_deployment(void);

/* What a step made of a group. */
struct result {
    int rc;
    struct err err;
    struct agent_output outputs[8];
    size_t count;
};
typedef int agent_step(const struct agent_group *group, struct arena *arena,
                       struct agent_emit *emit, struct err *err);
/* Lives until the next call. */
struct result run_step(agent_step *step, const char *name, const struct agent_input *inputs,
                       size_t input_count, const struct agent_output *previous, size_t count);
/* The only output, parsed. */
json_t *only_json(const struct result *result);

#define INPUT(topic_, key_, value_, revision_)                                                     \
    {                                                                                              \
        .topic = (topic_), .key = (key_), .value = (value_), .value_len = strlen(value_),          \
        .revision = (revision_), .timestamp_ms = (revision_)*1000                                  \
    }
#define OUTPUT(key_, value_, revision_)                                                            \
    {                                                                                              \
        .key = (key_), .value = (value_), .value_len = strlen(value_), .revision = (revision_)     \
    }

#endif
