/* From zone reports to one record per instance, and from all sources' records to InstanceInfo. */
#include "agents.h"

#include <string.h>

#include <mot/model/json.h>

int instance_split_step(const struct agent_group *group, struct arena *arena,
                        struct agent_emit *emit, struct err *err)
{
    if (group->input_count == 0)
        return 0;
    const struct agent_input *input = &group->inputs[0];
    json_t *report = json_parse(input->value, input->value_len, false, err);
    if (!report)
        return err_wrap(err, "zone report");
    size_t index;
    json_t *instance;
    json_array_foreach(json_object_get(report, "instances"), index, instance)
    {
        const char *ns = json_at_text(instance, "namespace");
        const char *name = json_at_text(instance, "name");
        if (!ns || !name)
            continue;
        AUTO_FREE char *text = json_text(instance);
        agent_emit(emit, arena_printf(arena, "%s/%s", ns, name), text, strlen(text),
                   input->revision);
    }
    json_decref(report);
    return 0;
}

const char *instance_split_output_group(struct arena *arena, const char *key, const char *value,
                                        size_t len)
{
    (void)key;
    struct err err;
    json_t *instance = json_parse(value, len, false, &err);
    if (!instance)
        return NULL;
    const char *zone = json_at_text(instance, "zone");
    const char *ns = json_at_text(instance, "namespace");
    const char *deployment = json_at_text(instance, "deployment");
    const char *name =
        zone && ns && deployment ? arena_printf(arena, "%s/%s/%s", zone, ns, deployment) : NULL;
    json_decref(instance);
    return name;
}

/*
 * One scheduler has one view of an instance; where several sources speak of the same one, the
 * newest observation is the base. The records carry the same fields, so that joining them is
 * choosing.
 */
int instance_join_step(const struct agent_group *group, struct arena *arena,
                       struct agent_emit *emit, struct err *err)
{
    (void)arena;
    (void)err;
    const struct agent_input *newest = NULL;
    for (size_t i = 0; i < group->input_count; i++) {
        if (!newest || group->inputs[i].timestamp_ms > newest->timestamp_ms)
            newest = &group->inputs[i];
    }
    if (newest)
        agent_emit(emit, newest->key, newest->value, newest->value_len, newest->revision);
    return 0;
}
