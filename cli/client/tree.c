#include "cli/client/tree.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

enum colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_BUSY, COLOUR_BAD, COLOUR_DIM };

struct renderer {
    const struct tree_input *in;
    struct buf *out;
};

/* ---------------------------------------------------------------------------------- words */

static void add(const struct renderer *r, enum colour colour, const char *text)
{
    static const char *const codes[] = {"", "\033[32m", "\033[33m", "\033[31m", "\033[2m"};
    bool coloured = r->in->colour && colour != COLOUR_NONE;
    buf_addf(r->out, "%s%s%s", coloured ? codes[colour] : "", text, coloured ? "\033[0m" : "");
}

static enum colour colour_of(const char *state)
{
    static const struct {
        const char *state;
        enum colour colour;
    } colours[] = {
        {"Converged", COLOUR_GOOD}, {"Running", COLOUR_GOOD},     {"Pending", COLOUR_BUSY},
        {"Starting", COLOUR_BUSY},  {"Progressing", COLOUR_BUSY}, {"Stopping", COLOUR_BUSY},
        {"Deleting", COLOUR_BUSY},  {"Failed", COLOUR_BAD},       {"Unknown", COLOUR_BAD}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(colours); i++)
        if (strcmp(colours[i].state, state) == 0)
            return colours[i].colour;
    return COLOUR_NONE;
}

static void add_state(const struct renderer *r, const char *state)
{
    state = state ? state : "Unknown";
    buf_adds(r->out, "  ");
    add(r, colour_of(state), state);
}

/* "5m" since a time; "" when there is none. */
static char *age_of(const struct renderer *r, const char *time, char text[CLOCK_TEXT_SIZE])
{
    int64_t at;
    text[0] = '\0';
    if (time && clock_parse(time, &at, NULL) == 0)
        clock_age(r->in->now_ms > at ? r->in->now_ms - at : 0, text);
    return text;
}

static void add_seen(const struct renderer *r, const json_t *object)
{
    char age[CLOCK_TEXT_SIZE];
    AUTO_FREE char *text =
        mem_printf("  seen %s ago", age_of(r, json_at_text(object, "observedAt"), age));
    if (age[0])
        add(r, COLOUR_DIM, text);
}

static void add_counts(const struct renderer *r, const json_t *object)
{
    buf_addf(r->out, "  %lld/%lld ready", (long long)json_at_int(object, "ready", 0),
             (long long)json_at_int(object, "desired", 0));
}

static void add_message(const struct renderer *r, const json_t *object)
{
    const char *message = json_at_text(object, "message");
    if (message && *message) {
        buf_adds(r->out, "  ");
        add(r, COLOUR_DIM, message);
    }
}

static void add_branch(const struct renderer *r, const char *indent, bool last)
{
    buf_addf(r->out, "%s%s", indent, last ? "└─ " : "├─ ");
}

/* ---------------------------------------------------------------------------------- instances */

struct choice {
    const char *ns;
    const char *deployment;
    const char *region;
    const char *zone;
};

static bool is_text(const json_t *object, const char *path, const char *text)
{
    const char *value = json_at_text(object, path);
    return value && text && strcmp(value, text) == 0;
}

static bool chosen(const json_t *instance, const struct choice *choice)
{
    return strcmp(object_namespace(instance), choice->ns) == 0 &&
           is_text(instance, "spec.deployment", choice->deployment) &&
           is_text(instance, "spec.region", choice->region) &&
           is_text(instance, "spec.zone", choice->zone);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(object_name(*(json_t *const *)a), object_name(*(json_t *const *)b));
}

static void add_ports(const struct renderer *r, const json_t *instance)
{
    const char *host = json_at_text(instance, "status.host");
    size_t i;
    const json_t *port;
    json_array_foreach(json_at(instance, "status.ports"), i, port)
        buf_addf(r->out, "%s%s:%lld", i ? ", " : "  ", host ? host : "",
                 (long long)json_at_int(port, "port", 0));
}

static void add_instance(const struct renderer *r, const json_t *instance, const char *indent,
                         bool last)
{
    char age[CLOCK_TEXT_SIZE];
    bool ready = json_at_bool(instance, "status.ready", false);
    add_branch(r, indent, last);
    buf_adds(r->out, object_name(instance));
    add_state(r, json_at_text(instance, "status.phase"));
    buf_adds(r->out, "  ");
    add(r, ready ? COLOUR_GOOD : COLOUR_BUSY, ready ? "ready" : "not ready");
    add_ports(r, instance);
    if (*age_of(r, json_at_text(instance, "status.startedAt"), age))
        buf_addf(r->out, "  up %s", age);
    int64_t restarts = json_at_int(instance, "status.restarts", 0);
    if (restarts > 0)
        buf_addf(r->out, "  %lld restart%s", (long long)restarts, restarts == 1 ? "" : "s");
    add_message(r, json_object_get(instance, "status"));
    buf_addc(r->out, '\n');
}

static void add_instances(const struct renderer *r, const struct choice *choice, const char *indent)
{
    size_t total = json_array_size(r->in->instances);
    json_t **list = mem_array(total ? total : 1, sizeof(*list));
    size_t count = 0;
    for (size_t i = 0; i < total; i++)
        if (chosen(json_array_get(r->in->instances, i), choice))
            list[count++] = json_array_get(r->in->instances, i);
    qsort(list, count, sizeof(*list), by_name);
    for (size_t i = 0; i < count; i++)
        add_instance(r, list[i], indent, i + 1 == count);
    free(list);
}

/* ---------------------------------------------------------------------------------- regions, zones
 */

static void add_zone(const struct renderer *r, const json_t *zone, struct choice *choice,
                     const char *indent, bool last)
{
    choice->zone = json_at_text(zone, "name");
    add_branch(r, indent, last);
    buf_adds(r->out, choice->zone ? choice->zone : "?");
    add_state(r, json_at_text(zone, "state"));
    add_counts(r, zone);
    add_seen(r, zone);
    add_message(r, zone);
    buf_addc(r->out, '\n');
    AUTO_FREE char *below = mem_printf("%s%s", indent, last ? "   " : "│  ");
    add_instances(r, choice, below);
}

static void add_region(const struct renderer *r, const json_t *region, struct choice *choice,
                       bool last)
{
    choice->region = json_at_text(region, "name");
    add_branch(r, "", last);
    buf_adds(r->out, choice->region ? choice->region : "?");
    add_state(r, json_at_text(region, "state"));
    add_counts(r, region);
    add_seen(r, region);
    add_message(r, region);
    buf_addc(r->out, '\n');
    const json_t *zones = json_object_get(region, "zones");
    size_t i;
    const json_t *zone;
    json_array_foreach(zones, i, zone)
        add_zone(r, zone, choice, last ? "   " : "│  ", i + 1 == json_array_size(zones));
}

static const char *state_of(const json_t *deployment)
{
    const json_t *status = json_object_get(deployment, "status");
    const json_t *progressing = condition_get(status, "Progressing");
    if (object_deleting(deployment))
        return "Deleting";
    if (deployment_has_converged(deployment))
        return "Converged";
    return progressing && is_text(progressing, "status", "False") ? "Failed" : "Progressing";
}

void tree_render(const struct tree_input *in, struct buf *out)
{
    struct renderer renderer = {.in = in, .out = out};
    const struct renderer *r = &renderer;
    const json_t *deployment = in->deployment;
    const json_t *status = json_object_get(deployment, "status");
    char age[CLOCK_TEXT_SIZE];
    buf_addf(out, "%s/%s", object_namespace(deployment), object_name(deployment));
    add_state(r, state_of(deployment));
    if (json_at_text(status, "summary"))
        buf_addf(out, "  %s regions", json_at_text(status, "summary"));
    add_counts(r, status);
    buf_addf(out, "  generation %lld", (long long)object_generation(deployment));
    if (*age_of(r, json_at_text(deployment, "metadata.creationTimestamp"), age))
        buf_addf(out, "  age %s", age);
    buf_addc(out, '\n');
    struct choice choice = {.ns = object_namespace(deployment),
                            .deployment = object_name(deployment)};
    const json_t *regions = json_object_get(status, "regions");
    size_t i;
    const json_t *region;
    json_array_foreach(regions, i, region)
        add_region(r, region, &choice, i + 1 == json_array_size(regions));
}

/* ---------------------------------------------------------------------------------- conditions */

bool deployment_has_condition(const json_t *deployment, const char *type, const char *value)
{
    const json_t *status = json_object_get(deployment, "status");
    const json_t *condition = condition_get(status, type);
    int64_t observed = json_at_int(condition, "observedGeneration", -1);
    if (observed < 0)
        observed = json_at_int(status, "observedGeneration", -1);
    return condition && is_text(condition, "status", value) &&
           observed >= object_generation(deployment);
}

bool deployment_has_converged(const json_t *deployment)
{
    return !object_deleting(deployment) &&
           deployment_has_condition(deployment, "Converged", "True");
}

void deployment_summary(const json_t *deployment, struct buf *out)
{
    const json_t *regions = json_at(deployment, "status.regions");
    const char *summary = json_at_text(deployment, "status.summary");
    if (!summary) {
        buf_adds(out, "no region has reported yet");
        return;
    }
    buf_addf(out, "%s regions have converged", summary);
    size_t i;
    const json_t *region;
    json_array_foreach(regions, i, region)
    {
        if (is_text(region, "state", "Converged"))
            continue;
        const char *name = json_at_text(region, "name");
        const char *state = json_at_text(region, "state");
        const char *message = json_at_text(region, "message");
        buf_addf(out, "; %s: %s, %lld/%lld ready", name ? name : "?", state ? state : "Unknown",
                 (long long)json_at_int(region, "ready", 0),
                 (long long)json_at_int(region, "desired", 0));
        if (message && *message)
            buf_addf(out, " (%s)", message);
    }
}
