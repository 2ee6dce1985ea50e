#include "aggregate.h"

#include <string.h>

static const char *region_state(const struct aggregate_region *region)
{
    if (region->stale)
        return "Unknown";
    if (region->deleting)
        return "Deleting";
    if (!region->reported)
        return "Pending";
    if (!region->wanted || !region->current)
        return "Progressing";
    if (strcmp(region->state, "Gone") == 0)
        return "Progressing";
    if (strcmp(region->state, "Converged") == 0 && region->ready < region->desired)
        return "Progressing";
    return region->state;
}

static const char *region_message(struct arena *arena, const struct aggregate_region *region)
{
    if (region->stale)
        return arena_printf(arena, "the region was last heard of at %s", region->heard_at);
    if (region->held && !region->deleting)
        return "the region is cordoned or unknown, and keeps what it has";
    if (region->reported && !region->deleting && (!region->wanted || !region->current))
        return "the region has not answered the newest launch yet";
    return region->reported ? region->message : "the region has not answered yet";
}

/* Counts of one kind of state, and the first region that has it. */
struct tally {
    int count;
    const char *region;
    const char *message;
};

static void tally_add(struct tally *tally, const struct aggregate_region *region,
                      const char *message)
{
    if (tally->count++ == 0) {
        tally->region = region->name;
        tally->message = message;
    }
}

static const char *tally_text(struct arena *arena, const struct tally *tally)
{
    const char *more =
        tally->count > 1 ? arena_printf(arena, " (and %d more)", tally->count - 1) : "";
    const char *sep = tally->message[0] ? ": " : "";
    return arena_printf(arena, "%s%s%s%s", tally->region, sep, tally->message, more);
}

struct tallies {
    struct tally failed, unknown, moving, lacking;
};

static void judge_available(struct arena *arena, const struct aggregate_input *in,
                            const struct tallies *tallies, struct aggregate_output *out)
{
    if (in->count == 0)
        out->available = (struct aggregate_condition){
            "False", "NoRegion", in->problem[0] ? in->problem : "no region has a part of it"};
    else if (tallies->lacking.count)
        out->available = (struct aggregate_condition){"False", "TooFewReady",
                                                      tally_text(arena, &tallies->lacking)};
    else if (tallies->unknown.count)
        out->available = (struct aggregate_condition){"Unknown", "RegionUnknown",
                                                      tally_text(arena, &tallies->unknown)};
    else
        out->available = (struct aggregate_condition){"True", "EnoughReady",
                                                      "every region has enough ready instances"};
}

static void judge_progress(struct arena *arena, const struct aggregate_input *in,
                           const struct tallies *tallies, struct aggregate_output *out)
{
    if (in->deleting) {
        out->done =
            (struct aggregate_condition){"False", "Deleting", "the deployment is being deleted"};
        out->progressing =
            (struct aggregate_condition){"True", "Deleting", "the deployment is being deleted"};
        return;
    }
    bool problem = in->problem[0] != '\0';
    bool converged = !problem && in->count > 0 && out->converged == (int)in->count;
    const char *counts =
        arena_printf(arena, "%d of %zu regions have converged", out->converged, in->count);
    if (problem)
        out->done = (struct aggregate_condition){"False", "InvalidPlacement", in->problem};
    else if (tallies->failed.count)
        out->done = (struct aggregate_condition){"False", "RegionFailed",
                                                 tally_text(arena, &tallies->failed)};
    else if (tallies->unknown.count)
        out->done = (struct aggregate_condition){"Unknown", "RegionUnknown",
                                                 tally_text(arena, &tallies->unknown)};
    else if (tallies->moving.count)
        out->done = (struct aggregate_condition){"False", "Converging",
                                                 tally_text(arena, &tallies->moving)};
    else
        out->done = (struct aggregate_condition){converged ? "True" : "False",
                                                 converged ? "Converged" : "Converging", counts};
    if (problem && tallies->moving.count == 0)
        out->progressing = (struct aggregate_condition){"False", "InvalidPlacement", in->problem};
    else if (tallies->failed.count)
        out->progressing = (struct aggregate_condition){"False", "RegionFailed",
                                                        tally_text(arena, &tallies->failed)};
    else if (tallies->moving.count)
        out->progressing = (struct aggregate_condition){"True", "Converging", counts};
    else
        out->progressing =
            (struct aggregate_condition){"False", converged ? "Converged" : "Waiting", counts};
}

void aggregate_decide(struct arena *arena, const struct aggregate_input *in,
                      struct aggregate_output *out)
{
    *out = (struct aggregate_output){0};
    out->states = arena_array(arena, in->count + 1, sizeof(out->states[0]));
    out->messages = arena_array(arena, in->count + 1, sizeof(out->messages[0]));
    struct tallies tallies = {0};
    for (size_t i = 0; i < in->count; i++) {
        const struct aggregate_region *region = &in->regions[i];
        const char *state = out->states[i] = region_state(region);
        const char *message = out->messages[i] = region_message(arena, region);
        out->desired += region->desired;
        out->running += region->running;
        out->ready += region->ready;
        out->updated += region->updated;
        if (strcmp(state, "Converged") == 0)
            out->converged++;
        else if (strcmp(state, "Failed") == 0)
            tally_add(&tallies.failed, region, message);
        else if (strcmp(state, "Unknown") == 0)
            tally_add(&tallies.unknown, region, message);
        else
            tally_add(&tallies.moving, region, message);
        if (!region->stale && region->ready < region->desired - region->max_unavailable)
            tally_add(&tallies.lacking, region,
                      arena_printf(arena, "%d of %d instances are ready", region->ready,
                                   region->desired));
    }
    judge_available(arena, in, &tallies, out);
    judge_progress(arena, in, &tallies, out);
}
