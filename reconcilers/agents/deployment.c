/* The state of a deployment in the region, and the outcome of its newest launch, from what is
 * desired and what is reported. */
#include "agents.h"

#include <string.h>

#include <mot/base/clock.h>
#include <mot/model/json.h>

#include "decide/region_state.h"

/* "<zone>/<ns>/<name>" → "<ns>/<name>"; an instance belongs to its deployment; the others' keys are
 * the group. */
const char *deployment_group(struct arena *arena, const char *topic, const char *key,
                             const char *value, size_t len)
{
    if (strcmp(key, MARKER_KEY) == 0)
        return NULL;
    if (strcmp(topic, TOPIC_DESIRED) == 0)
        return arena_strdup(arena, key);
    if (strcmp(topic, TOPIC_INSTANCE_STATE) != 0) {
        const char *slash = strchr(key, '/');
        return slash ? arena_strdup(arena, slash + 1) : NULL;
    }
    if (!value)
        return NULL;
    struct err err;
    json_t *instance = json_parse(value, len, false, &err);
    const char *ns = json_at_text(instance, "namespace");
    const char *deployment = json_at_text(instance, "deployment");
    const char *name = ns && deployment ? arena_printf(arena, "%s/%s", ns, deployment) : NULL;
    json_decref(instance);
    return name;
}

/* The decoded inputs of a group. */
struct inputs {
    struct region_input in;
    struct zone_report *reports;
    struct instance_summary *instances;
    const char *uid;
    const char *region;
    int64_t revision;
};

static const char *copy_text(struct arena *arena, const json_t *value, const char *path)
{
    return arena_strdup(arena, json_at_text(value, path));
}

static struct instance_summary read_instance(struct arena *arena, const json_t *value)
{
    const char *phase = json_at_text(value, "phase");
    return (struct instance_summary){
        .zone = copy_text(arena, value, "zone"),
        .template_hash = copy_text(arena, value, "templateHash"),
        .running = phase && (strcmp(phase, "Running") == 0 || strcmp(phase, "Starting") == 0 ||
                             strcmp(phase, "Stopping") == 0),
        .ready = json_at_bool(value, "ready", false) && phase && strcmp(phase, "Running") == 0,
    };
}

static void decode_instance(struct arena *arena, const json_t *value, struct inputs *inputs)
{
    inputs->instances[inputs->in.instance_count++] = read_instance(arena, value);
    if (!inputs->region[0])
        inputs->region = copy_text(arena, value, "region");
}

/* The instances of a report; NULL when it says nothing of them. */
static const struct instance_summary *read_seen(struct arena *arena, const json_t *instances)
{
    if (!json_is_array(instances))
        return NULL;
    struct instance_summary *seen =
        arena_array(arena, json_array_size(instances) + 1, sizeof(*seen));
    for (size_t i = 0; i < json_array_size(instances); i++)
        seen[i] = read_instance(arena, json_array_get(instances, i));
    return seen;
}

static void decode_report(struct arena *arena, const json_t *value, struct inputs *inputs)
{
    inputs->reports[inputs->in.report_count++] = (struct zone_report){
        .zone = copy_text(arena, value, "zone"),
        .driver = copy_text(arena, value, "driver"),
        .uid = copy_text(arena, value, "uid"),
        .desired_revision = json_at_int(value, "desiredRevision", 0),
        .revision = json_at_int(value, "revision", 0),
        .generation = json_at_int(value, "generation", 0),
        .state = region_state_of(json_at_text(value, "state")),
        .message = copy_text(arena, value, "message"),
        .error = copy_text(arena, value, "error"),
        .observed_at = copy_text(arena, value, "observedAt"),
        .replicas = (int)json_at_int(value, "replicas", 0),
        .instances = (int)json_array_size(json_object_get(value, "instances")),
        .seen = read_seen(arena, json_object_get(value, "instances")),
        .seen_count = json_array_size(json_object_get(value, "instances")),
    };
    if (!inputs->uid[0])
        inputs->uid = copy_text(arena, value, "uid");
}

static int decode_inputs(const struct agent_group *group, struct arena *arena,
                         struct inputs *inputs, struct err *err)
{
    *inputs = (struct inputs){.uid = "", .region = ""};
    inputs->reports = arena_array(arena, group->input_count + 1, sizeof(struct zone_report));
    inputs->instances = arena_array(arena, group->input_count + 1, sizeof(struct instance_summary));
    for (size_t i = 0; i < group->input_count; i++) {
        const struct agent_input *input = &group->inputs[i];
        if (strcmp(input->topic, TOPIC_DESIRED) == 0) {
            const struct workload *desired =
                workload_decode(arena, input->value, input->value_len, err);
            if (!desired)
                return err_wrap(err, "desired");
            inputs->in.desired = desired;
            inputs->uid = desired->uid;
            inputs->region = desired->region;
            inputs->revision = desired->revision;
            continue;
        }
        json_t *value = json_parse(input->value, input->value_len, false, err);
        if (!value)
            return err_wrap(err, "%s %s", input->topic, input->key);
        if (strcmp(input->topic, TOPIC_INSTANCE_STATE) == 0)
            decode_instance(arena, value, inputs);
        else
            decode_report(arena, value, inputs);
        json_decref(value);
    }
    inputs->in.reports = inputs->reports;
    inputs->in.instances = inputs->instances;
    return 0;
}

static json_t *zones_json(const struct region_summary *summary)
{
    json_t *zones = json_array();
    for (size_t i = 0; i < summary->zone_count; i++) {
        const struct zone_summary *zone = &summary->zones[i];
        json_t *item = json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:s, s:s}", "name", zone->name,
                                 "driver", zone->driver, "desired", zone->desired, "running",
                                 zone->running, "ready", zone->ready, "updated", zone->updated,
                                 "state", region_state_name(zone->state), "message", zone->message);
        if (zone->observed_at[0])
            json_object_set_new(item, "observedAt", json_string(zone->observed_at));
        json_array_append_new(zones, item);
    }
    return zones;
}

/* "<ns>/<name>" of the group, split in @arena. */
static void split_group(struct arena *arena, const char *group, const char **ret_ns,
                        const char **ret_name)
{
    const char *slash = strchr(group, '/');
    *ret_ns = slash ? arena_strndup(arena, group, (size_t)(slash - group)) : "";
    *ret_name = slash ? slash + 1 : group;
}

int deployment_state_step(const struct agent_group *group, struct arena *arena,
                          struct agent_emit *emit, struct err *err)
{
    struct inputs inputs;
    if (decode_inputs(group, arena, &inputs, err))
        return -1;
    struct region_summary summary;
    region_state_decide(arena, &inputs.in, &summary);
    if (summary.nothing)
        return 0;
    const char *ns, *name;
    split_group(arena, group->name, &ns, &name);
    const struct workload *desired = inputs.in.desired;
    json_t *state = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:b, s:s, s:i, s:i, s:i, s:i, s:o}", "namespace", ns,
        "name", name, "uid", inputs.uid, "region", inputs.region, "revision",
        (json_int_t)inputs.revision, "generation", (json_int_t)(desired ? desired->generation : 0),
        "state", region_state_name(summary.state), "gone", summary.gone, "message", summary.message,
        "desired", summary.desired, "running", summary.running, "ready", summary.ready, "updated",
        summary.updated, "zones", zones_json(&summary));
    if (!state)
        return err_set(err, ERR_INTERNAL, "the state can't be written: is a name not UTF-8?");
    if (summary.observed_at[0])
        json_object_set_new(state, "observedAt", json_string(summary.observed_at));
    AUTO_FREE char *text = json_text(state);
    json_decref(state);
    agent_emit(emit, group->name, text, strlen(text), inputs.revision);
    return 0;
}

/* What was said of an earlier launch, or of this one, stays. */
static bool keep_previous(const struct agent_group *group, struct agent_emit *emit)
{
    if (group->previous_count == 0)
        return false;
    const struct agent_output *held = &group->previous[0];
    agent_emit(emit, held->key, held->value, held->value_len, held->revision);
    return true;
}

static bool same_launch(const struct agent_group *group, const struct workload *desired,
                        const char *outcome)
{
    if (group->previous_count == 0)
        return false;
    struct err err;
    json_t *held = json_parse(group->previous[0].value, group->previous[0].value_len, false, &err);
    const char *uid = json_at_text(held, "uid");
    const char *word = json_at_text(held, "outcome");
    bool same = uid && word && strcmp(uid, desired->uid) == 0 && strcmp(word, outcome) == 0 &&
                json_at_int(held, "generation", -1) == desired->generation;
    json_decref(held);
    return same;
}

/* When the report came that ended the launch: the newest of the inputs, so that deciding again says
 * the same. */
static int64_t newest_input(const struct agent_group *group)
{
    int64_t newest = 0;
    for (size_t i = 0; i < group->input_count; i++) {
        if (group->inputs[i].timestamp_ms > newest)
            newest = group->inputs[i].timestamp_ms;
    }
    return newest;
}

int launch_complete_step(const struct agent_group *group, struct arena *arena,
                         struct agent_emit *emit, struct err *err)
{
    struct inputs inputs;
    if (decode_inputs(group, arena, &inputs, err))
        return -1;
    const struct workload *desired = inputs.in.desired;
    if (!desired)
        return 0;
    const char *message;
    enum launch_outcome outcome = launch_decide(&inputs.in, &message);
    const char *word = outcome == LAUNCH_FAILED ? "Failed" : "Complete";
    if (outcome == LAUNCH_PENDING || same_launch(group, desired, word)) {
        keep_previous(group, emit);
        return 0;
    }
    char at[CLOCK_TEXT_SIZE];
    json_t *event = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s}", "namespace", desired->ns, "name",
        desired->name, "uid", desired->uid, "region", desired->region, "revision",
        (json_int_t)desired->revision, "generation", (json_int_t)desired->generation, "outcome",
        word, "message", message, "completedAt", clock_format(newest_input(group), at));
    if (!event)
        return err_set(err, ERR_INTERNAL, "the event can't be written: is a name not UTF-8?");
    AUTO_FREE char *text = json_text(event);
    json_decref(event);
    agent_emit(emit, group->name, text, strlen(text), desired->revision);
    return 0;
}
