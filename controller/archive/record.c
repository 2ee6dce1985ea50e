#include "record.h"

#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "spec.h"
#include "writes.h"

bool record_newer(struct record_order a, struct record_order b)
{
    return a.epoch != b.epoch ? a.epoch > b.epoch : a.sequence > b.sequence;
}

static json_t *status_of(json_t *object)
{
    json_t *status = json_object_get(object, "status");
    if (!json_is_object(status)) {
        status = json_object();
        json_object_set_new(object, "status", status);
    }
    return status;
}

static bool same_incarnation(const json_t *object, const json_t *record)
{
    const char *uid = json_at_text(record, "uid");
    return uid && strcmp(uid, object_uid(object)) == 0;
}

static void copy_members(json_t *target, const json_t *source, const char *const *names)
{
    for (size_t i = 0; names[i]; i++) {
        json_t *value = json_object_get(source, names[i]);
        if (value)
            json_object_set(target, names[i], value);
        else
            json_object_del(target, names[i]);
    }
}

static const char *const state_members[] = {"state", "revision",   "desired", "running",
                                            "ready", "updated",    "gone",    "message",
                                            "zones", "observedAt", NULL};

bool record_apply_state(json_t *object, const json_t *state)
{
    if (!same_incarnation(object, state))
        return false;
    json_t *status = status_of(object);
    copy_members(status, state, state_members);
    json_object_set_new(status, "observedGeneration",
                        json_integer(json_at_int(state, "generation", 0)));
    return true;
}

void record_clear(json_t *object, bool state)
{
    json_t *status = json_object_get(object, "status");
    if (state)
        json_object_del(status, "observedGeneration");
    else
        json_object_del(status, "launch");
    for (size_t i = 0; state && state_members[i]; i++)
        json_object_del(status, state_members[i]);
    if (json_object_size(status) == 0)
        json_object_del(object, "status");
}

bool record_apply_complete(json_t *object, const json_t *event)
{
    static const char *const copied[] = {"revision", "generation",  "outcome",
                                         "message",  "completedAt", NULL};
    if (!same_incarnation(object, event))
        return false;
    json_t *launch = json_object();
    copy_members(launch, event, copied);
    json_object_set_new(status_of(object), "launch", launch);
    return true;
}

static int64_t time_at(const json_t *value, const char *path)
{
    int64_t at = 0;
    struct err err;
    const char *text = json_at_text(value, path);
    return text && clock_parse(text, &at, &err) == 0 ? at : 0;
}

void record_apply_heartbeat(json_t *object, const json_t *heartbeat,
                            const struct heartbeat_rules *rules, int64_t now_wall_ms)
{
    static const char *const copied[] = {
        "epoch",       "lag",       "launchRevision", "convergedRevision",
        "deployments", "instances", "digest",         NULL};
    json_t *before = json_deep_copy(json_object_get(object, "status"));
    json_t *status = status_of(object);
    copy_members(status, heartbeat, copied);
    int64_t at = time_at(heartbeat, "observedAt");
    int64_t stored = time_at(status, "heartbeatAt");
    if (at > now_wall_ms)
        at = now_wall_ms;
    if (now_wall_ms - at <= rules->stale_after_ms)
        condition_set(status, "Ready", "True", "Heartbeat", "the region reports",
                      object_generation(object), now_wall_ms);
    if (at > stored && (at - stored >= rules->every_ms || !before || !json_equal(before, status))) {
        char text[CLOCK_TEXT_SIZE];
        json_object_set_new(status, "heartbeatAt", json_string(clock_format(at, text)));
    }
    json_decref(before);
}

static json_t *instance_status(const json_t *info)
{
    static const char *const copied[] = {"phase",     "ready",    "host",       "ports",
                                         "startedAt", "restarts", "reason",     "message",
                                         "health",    "revision", "observedAt", NULL};
    json_t *status = json_object();
    copy_members(status, info, copied);
    return status;
}

json_t *record_instance(const json_t *info)
{
    const char *ns = json_at_text(info, "namespace");
    const char *name = json_at_text(info, "name");
    const char *deployment = json_at_text(info, "deployment");
    const char *region = json_at_text(info, "region");
    const char *zone = json_at_text(info, "zone");
    if (!ns || !name || !deployment || !region || !zone)
        return NULL;
    return json_pack(
        "{s:s, s:s, s:{s:s, s:s, s:{s:o, s:o, s:o}}, s:{s:s, s:s, s:s, s:s*, s:s*}, s:o}",
        "apiVersion", instance_kind.api_version, "kind", instance_kind.kind, "metadata", "name",
        name, "namespace", ns, "labels", LABEL_DEPLOYMENT, label_value(deployment), LABEL_REGION,
        label_value(region), LABEL_ZONE, label_value(zone), "spec", "deployment", deployment,
        "region", region, "zone", zone, "driver", json_at_text(info, "driver"), "templateHash",
        json_at_text(info, "templateHash"), "status", instance_status(info));
}
