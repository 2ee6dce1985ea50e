/* From zone reports to one record per instance, and from all sources' records to InstanceInfo. */
#include "agents.h"

#include <string.h>

#include <mot/model/json.h>

/* The zone could not be observed: what was there last may be there still, and nobody knows how it
 * is. */
static void emit_unknown(const struct agent_group *group, const char *message, int64_t revision,
                         struct agent_emit *emit)
{
    for (size_t i = 0; i < group->previous_count; i++) {
        const struct agent_output *held = &group->previous[i];
        struct err err;
        json_t *instance = json_parse(held->value, held->value_len, false, &err);
        if (!json_is_object(instance)) {
            json_decref(instance);
            continue;
        }
        json_object_set_new(instance, "phase", json_string("Unknown"));
        json_object_set_new(instance, "ready", json_false());
        json_object_set_new(instance, "message", json_string(message ? message : ""));
        AUTO_FREE char *text = json_text(instance);
        json_decref(instance);
        agent_emit(emit, held->key, text, strlen(text), revision);
    }
}

int instance_split_step(const struct agent_group *group, struct arena *arena,
                        struct agent_emit *emit, struct err *err)
{
    if (group->input_count == 0)
        return 0;
    const struct agent_input *input = &group->inputs[0];
    json_t *report = json_parse(input->value, input->value_len, false, err);
    if (!report)
        return err_wrap(err, "zone report");
    if (!json_object_get(report, "instances"))
        emit_unknown(group, json_at_text(report, "message"), input->revision, emit);
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
