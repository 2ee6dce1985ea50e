#include "story.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/buf.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#define NAMES_MAX 10 /* regions that are named in one message */

static void tell(const struct story *story, enum event_type type, const char *reason,
                 const char *format, ...) MOT_PRINTF(4, 5);

static void tell(const struct story *story, enum event_type type, const char *reason,
                 const char *format, ...)
{
    struct buf text;
    va_list args;
    buf_init(&text, BUF_MAX_DEFAULT);
    va_start(args, format);
    buf_addv(&text, format, args);
    va_end(args);
    AUTO_FREE char *message = buf_take(&text);
    story->tell(story->context, type, reason, message);
}

static const char *text_at(const json_t *value, const char *path)
{
    const char *text = json_at_text(value, path);
    return text ? text : "";
}

static const char *separator(const char *text)
{
    return *text ? ": " : "";
}

/* ------------------------------------------------------------------------------------------
 * regions */

static const json_t *region_in(const json_t *deployment, const char *name)
{
    size_t index;
    json_t *region;
    json_array_foreach(json_at(deployment, "status.regions"), index, region)
    {
        if (strcmp(text_at(region, "name"), name) == 0)
            return region;
    }
    return NULL;
}

static void tell_placed(const struct story *story, const json_t *new)
{
    const json_t *regions = json_at(new, "status.regions");
    size_t count = json_array_size(regions);
    struct buf names;
    buf_init(&names, BUF_MAX_DEFAULT);
    for (size_t i = 0; i < count && i < NAMES_MAX; i++)
        buf_addf(&names, "%s%s", i ? ", " : "", text_at(json_array_get(regions, i), "name"));
    AUTO_FREE char *text = buf_take(&names);
    tell(story, EVENT_NORMAL, "Placed", "placed into %zu region%s: %s%s", count,
         count == 1 ? "" : "s", text, count > NAMES_MAX ? ", …" : "");
}

static void tell_state(const struct story *story, const json_t *region)
{
    const char *name = text_at(region, "name");
    const char *state = text_at(region, "state");
    const char *message = text_at(region, "message");
    if (strcmp(state, "Converged") == 0)
        tell(story, EVENT_NORMAL, "RegionConverged", "region %s: %lld of %lld instances are ready",
             name, (long long)json_at_int(region, "ready", 0),
             (long long)json_at_int(region, "desired", 0));
    else if (strcmp(state, "Failed") == 0)
        tell(story, EVENT_WARNING, "RegionFailed", "region %s%s%s", name, separator(message),
             message);
    else if (strcmp(state, "Unknown") == 0)
        tell(story, EVENT_WARNING, "RegionUnknown", "region %s%s%s", name, separator(message),
             message);
    else if (strcmp(state, "Deleting") == 0)
        tell(story, EVENT_NORMAL, "RegionStopping", "region %s is told to stop everything", name);
}

static void tell_regions(const struct story *story, const json_t *old, const json_t *new)
{
    size_t index;
    json_t *region;
    bool first = json_array_size(json_at(old, "status.regions")) == 0;
    if (first && json_array_size(json_at(new, "status.regions")))
        tell_placed(story, new);
    json_array_foreach(json_at(new, "status.regions"), index, region)
    {
        const json_t *before = region_in(old, text_at(region, "name"));
        if (!before && !first)
            tell(story, EVENT_NORMAL, "RegionAdded", "region %s: %lld instances are wanted",
                 text_at(region, "name"), (long long)json_at_int(region, "desired", 0));
        if (strcmp(text_at(before, "state"), text_at(region, "state")) != 0)
            tell_state(story, region);
    }
    json_array_foreach(json_at(old, "status.regions"), index, region)
    {
        if (!region_in(new, text_at(region, "name")))
            tell(story, EVENT_NORMAL, "RegionRemoved", "region %s has stopped everything",
                 text_at(region, "name"));
    }
}

/* ------------------------------------------------------------------------------------------ the
 * whole */

struct turn {
    const char *before, *now; /* the condition's status */
    const char *reason_before, *reason, *message;
};

static struct turn turn_of(const json_t *old, const json_t *new, const char *type)
{
    const json_t *before = condition_get(json_object_get(old, "status"), type);
    const json_t *now = condition_get(json_object_get(new, "status"), type);
    return (struct turn){text_at(before, "status"), text_at(now, "status"),
                         text_at(before, "reason"), text_at(now, "reason"),
                         text_at(now, "message")};
}

static bool becomes(const struct turn *turn, const char *status)
{
    return strcmp(turn->now, status) == 0 && strcmp(turn->before, status) != 0;
}

static bool begins(const struct turn *turn, const char *reason)
{
    return strcmp(turn->reason, reason) == 0 && strcmp(turn->reason_before, reason) != 0;
}

static void tell_conditions(const struct story *story, const json_t *old, const json_t *new)
{
    struct turn available = turn_of(old, new, "Available");
    struct turn done = turn_of(old, new, "Converged");
    long long generation = object_generation(new);
    if (becomes(&available, "True"))
        tell(story, EVENT_NORMAL, "Available", "%s", available.message);
    if (becomes(&available, "False") && *available.before)
        tell(story, EVENT_WARNING, "Degraded", "%s", available.message);
    if (becomes(&done, "True"))
        tell(story, EVENT_NORMAL, "Converged", "generation %lld: %s", generation, done.message);
    if (begins(&done, "Converging"))
        tell(story, EVENT_NORMAL, "Progressing", "generation %lld is on its way", generation);
    if (begins(&done, "InvalidPlacement"))
        tell(story, EVENT_WARNING, "InvalidPlacement", "%s", done.message);
    if (begins(&done, "Deleting"))
        tell(story, EVENT_NORMAL, "Deleting", "%s", done.message);
}

static void tell_scale(const struct story *story, const json_t *old, const json_t *new)
{
    int64_t before = json_at_int(old, "status.desired", 0);
    int64_t now = json_at_int(new, "status.desired", 0);
    if (before > 0 && now != before && !object_deleting(new))
        tell(story, EVENT_NORMAL, now > before ? "ScaledUp" : "ScaledDown",
             "from %lld to %lld instances", (long long)before, (long long)now);
}

void story_deployment(const struct story *story, const json_t *old, const json_t *new)
{
    tell_conditions(story, old, new);
    tell_scale(story, old, new);
    tell_regions(story, old, new);
}

/* ------------------------------------------------------------------------------------------
 * instances */

struct instance_facts instance_facts_of(const json_t *instance)
{
    return (struct instance_facts){
        .failed = strcmp(text_at(instance, "status.phase"), "Failed") == 0,
        .unhealthy = !json_at_bool(instance, "status.health.ok", true),
        .restarts = json_at_int(instance, "status.restarts", 0),
    };
}

void story_instance(const struct story *story, const struct instance_facts *old, const json_t *new)
{
    struct instance_facts now = instance_facts_of(new);
    const char *reason = text_at(new, "status.reason");
    const char *message = text_at(new, "status.message");
    const char *probe = text_at(new, "status.health.message");
    AUTO_FREE char *where = mem_printf("instance %s in zone %s of region %s", object_name(new),
                                       text_at(new, "spec.zone"), text_at(new, "spec.region"));
    if (now.failed && !old->failed)
        tell(story, EVENT_WARNING, "InstanceFailed", "%s has failed%s%s%s%s", where,
             separator(reason), reason, separator(message), message);
    else if (now.restarts > old->restarts)
        tell(story, EVENT_WARNING, "InstanceCrashed", "%s was started again, %lld restarts%s%s",
             where, (long long)now.restarts, separator(reason), reason);
    if (now.unhealthy && !old->unhealthy)
        tell(story, EVENT_WARNING, "Unhealthy", "%s%s%s", where, separator(probe), probe);
}
