/*
 * The launch agent makes launch events local: what the region must run is then in a topic of its
 * own cluster, and the region goes on with it when everything outside is away.
 */
#include "agents.h"

#include <mot/model/json.h>

int launch_step(const struct agent_group *group, struct arena *arena, struct agent_emit *emit,
                struct err *err)
{
    (void)arena;
    if (group->input_count == 0)
        return 0;
    const struct agent_input *input = &group->inputs[0];
    json_t *value = json_parse(input->value, input->value_len, false, err);
    if (!value)
        return err_wrap(err, "launch event");
    bool is_object = json_is_object(value);
    json_decref(value);
    if (!is_object)
        return err_set(err, ERR_INVALID, "launch event: not an object");
    agent_emit(emit, input->key, input->value, input->value_len, input->revision);
    return 0;
}

static const char *const launch_sources[] = {TOPIC_LAUNCH, NULL};

/* Ordered: what is desired stays when older events come again, from a topic that was wiped and is
 * being refilled, say. */
const struct agent launch_agent = {
    .name = "launch",
    .sources = launch_sources,
    .sink = TOPIC_DESIRED,
    .ordered = true,
    .step = launch_step,
};
