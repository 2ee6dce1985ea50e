#include "region_state.h"

#include <string.h>

static const char *const names[] = {
    [REGION_PROGRESSING] = "Progressing",
    [REGION_CONVERGED] = "Converged",
    [REGION_FAILED] = "Failed",
    [REGION_UNKNOWN] = "Unknown",
    [REGION_GONE] = "Gone",
};

const char *region_state_name(enum region_state state)
{
    return names[state];
}

enum region_state region_state_of(const char *name)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (name && strcmp(name, names[i]) == 0)
            return (enum region_state)i;
    }
    return REGION_UNKNOWN;
}

static const struct zone_report *report_of(const struct region_input *in, const char *zone)
{
    for (size_t i = 0; i < in->report_count; i++) {
        if (strcmp(in->reports[i].zone, zone) == 0)
            return &in->reports[i];
    }
    return NULL;
}

/* The zones that are desired, and those that report something else; by name. */
static void collect_zones(struct arena *arena, const struct region_input *in,
                          struct region_summary *out)
{
    size_t desired = in->desired ? in->desired->zone_count : 0;
    out->zones = arena_array(arena, desired + in->report_count + 1, sizeof(out->zones[0]));
    for (size_t i = 0; i < desired + in->report_count; i++) {
        const char *name = i < desired ? in->desired->zones[i].name : in->reports[i - desired].zone;
        size_t at = 0;
        while (at < out->zone_count && strcmp(out->zones[at].name, name) < 0)
            at++;
        if (at < out->zone_count && strcmp(out->zones[at].name, name) == 0)
            continue;
        memmove(&out->zones[at + 1], &out->zones[at],
                (out->zone_count - at) * sizeof(out->zones[0]));
        out->zones[at] = (struct zone_summary){.name = name};
        out->zone_count++;
    }
}

static void count_instances(const struct instance_summary *instances, size_t count,
                            const struct region_input *in, struct zone_summary *zone)
{
    zone->running = zone->ready = zone->updated = 0;
    for (size_t i = 0; i < count; i++) {
        const struct instance_summary *instance = &instances[i];
        if (strcmp(instance->zone, zone->name) != 0)
            continue;
        zone->running += instance->running;
        zone->ready += instance->ready;
        zone->updated += in->desired && instance->running &&
                         strcmp(instance->template_hash, in->desired->template_hash) == 0;
    }
}

/* The scheduler has accepted what is desired now. */
static bool accepted(const struct workload *desired, const struct zone_report *report)
{
    return report->generation == desired->generation && strcmp(report->uid, desired->uid) == 0;
}

/* What the zone says is about an earlier launch. */
static bool outdated(const struct workload *desired, const struct zone_report *report)
{
    return desired && report->desired_revision < desired->revision &&
           report->state != REGION_UNKNOWN;
}

/* Why a report can't be taken at its word; NULL: it can. */
static const char *doubt(const struct region_input *in, const struct zone_report *report,
                         const struct zone_summary *zone)
{
    bool converged = report->state == REGION_CONVERGED, gone = report->state == REGION_GONE;
    if (outdated(in->desired, report))
        return "the newest launch has not reached the zone yet";
    if ((converged && in->desired && !accepted(in->desired, report)) || (gone && zone->desired > 0))
        return "the newest launch has not reached the scheduler yet";
    if ((converged && zone->ready < zone->desired) || (gone && zone->running > 0))
        return "the instances' own reports are not all in yet";
    return NULL;
}

static void judge_zone(const struct region_input *in, struct zone_summary *zone)
{
    const struct zone_report *report = report_of(in, zone->name);
    zone->desired = in->desired ? workload_replicas(in->desired, zone->name) : 0;
    zone->driver = report ? report->driver : "";
    zone->observed_at = report ? report->observed_at : "";
    count_instances(in->instances, in->instance_count, in, zone);
    const char *reason = report ? doubt(in, report, zone) : "the zone has not reported yet";
    zone->state = reason ? REGION_PROGRESSING : report->state;
    zone->message = reason ? reason : report->message;
    /* The records of the instances arrive one by one: counting them would show an old one gone
     * before its successor is ready. The zone saw all of them at one moment. */
    if (report && report->seen)
        count_instances(report->seen, report->seen_count, in, zone);
}

/* Which of two zone states says more about the region. */
static int weight(enum region_state state)
{
    switch (state) {
    case REGION_FAILED:
        return 4;
    case REGION_UNKNOWN:
        return 3;
    case REGION_PROGRESSING:
        return 2;
    case REGION_CONVERGED:
        return 1;
    case REGION_GONE:
        return 0;
    }
    return 0;
}

void region_state_decide(struct arena *arena, const struct region_input *in,
                         struct region_summary *out)
{
    *out = (struct region_summary){.state = REGION_GONE, .message = "", .observed_at = ""};
    collect_zones(arena, in, out);
    for (size_t i = 0; i < out->zone_count; i++) {
        struct zone_summary *zone = &out->zones[i];
        judge_zone(in, zone);
        out->desired += zone->desired;
        out->running += zone->running;
        out->ready += zone->ready;
        out->updated += zone->updated;
        if (strcmp(zone->observed_at, out->observed_at) > 0)
            out->observed_at = zone->observed_at;
        if (weight(zone->state) > weight(out->state)) {
            out->state = zone->state;
            out->message =
                zone->message[0] ? arena_printf(arena, "%s: %s", zone->name, zone->message) : "";
        }
    }
    bool removed = !in->desired || in->desired->deleting;
    if (removed && out->state == REGION_CONVERGED)
        out->state = REGION_PROGRESSING;
    if (!removed && out->state == REGION_GONE)
        out->state = out->zone_count ? REGION_PROGRESSING : REGION_CONVERGED;
    out->gone = removed && out->state == REGION_GONE;
    out->nothing = !in->desired && out->gone;
}

enum launch_outcome launch_decide(const struct region_input *in, const char **ret_message)
{
    *ret_message = "";
    if (!in->desired)
        return LAUNCH_PENDING;
    bool pending = false;
    for (size_t i = 0; i < in->desired->zone_count; i++) {
        const struct zone_report *report = report_of(in, in->desired->zones[i].name);
        if (!report || outdated(in->desired, report)) {
            pending = true;
            continue;
        }
        if (report->error[0] && report->state == REGION_FAILED) {
            *ret_message = report->error;
            return LAUNCH_FAILED;
        }
        if (in->desired->deleting)
            pending |= report->state != REGION_GONE;
        else
            pending |= !accepted(in->desired, report);
    }
    return pending ? LAUNCH_PENDING : LAUNCH_COMPLETE;
}
