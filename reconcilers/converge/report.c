#include "report.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>

/* One instance as it was said: its text, in which the phase can be replaced, and the times that
 * move only with news. */
struct said_instance {
    char *text;      /* without observedAt and the closing brace */
    size_t phase_at; /* "phase":…,"ready":… */
    size_t phase_len;
    int64_t observed_at;
    bool health_ok;
    char *health; /* probe and message */
    int64_t checked_at;
    bool present;
};

struct report_memory {
    char *text;    /* without observedAt; NULL: nothing was said */
    bool none;     /* said that there is none */
    bool observed; /* since it was made */
    char *uid, *hash;
    int64_t revision, generation;
    int replicas;
    struct map *instances; /* by id */
};

static void said_free(void *pointer)
{
    struct said_instance *said = pointer;
    free(said->text);
    free(said->health);
    free(said);
}

struct report_memory *report_memory_new(void)
{
    struct report_memory *memory = mem_zalloc(sizeof(*memory));
    memory->uid = mem_strdup("");
    memory->hash = mem_strdup("");
    memory->instances = map_new(said_free);
    return memory;
}

void report_memory_free(struct report_memory *memory)
{
    if (!memory)
        return;
    map_free(memory->instances);
    free(memory->text);
    free(memory->uid);
    free(memory->hash);
    free(memory);
}

int64_t report_revision(const struct report_memory *memory)
{
    return memory->revision;
}

bool report_forget(struct report_memory *memory)
{
    bool news = !memory->none;
    memory->none = true;
    free(memory->text);
    memory->text = NULL;
    map_clear(memory->instances);
    return news;
}

/* ------------------------------------------------------------------ JSON */

static void member(struct buf *out, const char *key, const char *value)
{
    buf_addf(out, ",\"%s\":", key);
    buf_add_json(out, value);
}

static void number(struct buf *out, const char *key, int64_t value)
{
    buf_addf(out, ",\"%s\":", key);
    buf_add_i64(out, value);
}

static void moment(struct buf *out, const char *key, int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    if (wall_ms > 0)
        member(out, key, clock_format_ms(wall_ms, text));
    else
        buf_addf(out, ",\"%s\":null", key);
}

static void write_ports(struct buf *out, const struct observed_instance *one)
{
    buf_adds(out, ",\"ports\":[");
    for (size_t i = 0; i < one->port_count; i++) {
        buf_adds(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        buf_add_json(out, one->ports[i].name);
        number(out, "port", one->ports[i].port);
        buf_addc(out, '}');
    }
    buf_addc(out, ']');
}

/* The time of a check is that of the first one with this result. */
static void write_health(struct buf *out, struct said_instance *said,
                         const struct observed_health *health)
{
    if (!health->known)
        return;
    char *result = mem_printf("%s %s", health->probe, health->message);
    if (!said->health || said->health_ok != health->ok || strcmp(said->health, result) != 0)
        said->checked_at = health->checked_at;
    said->health_ok = health->ok;
    free(said->health);
    said->health = result;
    buf_addf(out, ",\"health\":{\"ok\":%s", health->ok ? "true" : "false");
    member(out, "probe", health->probe);
    member(out, "message", health->message);
    moment(out, "checkedAt", said->checked_at);
    buf_addc(out, '}');
}

static void write_instance(struct buf *out, const struct report_source *source,
                           const struct observed_app *app, const struct observed_instance *one,
                           struct said_instance *said)
{
    buf_adds(out, "{\"namespace\":");
    buf_add_json(out, app->ns);
    member(out, "name", one->id);
    member(out, "deployment", app->name);
    member(out, "uid", app->uid);
    member(out, "region", source->region);
    member(out, "zone", source->zone);
    member(out, "driver", source->driver);
    member(out, "host", one->host);
    member(out, "templateHash", one->template_hash);
    number(out, "revision", one->revision);
    said->phase_at = out->len;
    member(out, "phase", instance_phase_name(one->phase));
    buf_addf(out, ",\"ready\":%s", one->ready ? "true" : "false");
    said->phase_len = out->len - said->phase_at;
    moment(out, "startedAt", one->started_at);
    number(out, "restarts", one->restarts);
    member(out, "reason", one->reason);
    member(out, "message", one->message);
    write_ports(out, one);
    write_health(out, said, &one->health);
}

static void note_instance(struct report_memory *memory, const struct report_source *source,
                          const struct observed_app *app, const struct observed_instance *one,
                          int64_t observed_at)
{
    struct buf text;
    struct said_instance *said = map_get(memory->instances, one->id);
    if (!said) {
        said = mem_zalloc(sizeof(*said));
        map_put(memory->instances, one->id, said);
    }
    buf_init(&text, (size_t)1 << 20);
    write_instance(&text, source, app, one, said);
    if (!said->text || strcmp(said->text, text.data) != 0)
        said->observed_at = observed_at;
    free(said->text);
    said->text = buf_take(&text);
    said->present = true;
}

/* What is observed becomes what is said. */
static void note_app(struct report_memory *memory, const struct report_source *source,
                     const struct observed_app *app, int64_t observed_at)
{
    for (struct map_iter it = {0}; map_next(memory->instances, &it);)
        ((struct said_instance *)it.value)->present = false;
    for (size_t i = 0; app && i < app->instance_count; i++)
        note_instance(memory, source, app, &app->instances[i], observed_at);
    for (struct map_iter it = {0}; map_next(memory->instances, &it);) {
        if (!((struct said_instance *)it.value)->present)
            map_remove(memory->instances, it.key);
    }
    memory->observed = true;
    free(memory->uid);
    free(memory->hash);
    memory->uid = mem_strdup(app ? app->uid : "");
    memory->hash = mem_strdup(app ? app->template_hash : "");
    memory->revision = app ? app->revision : 0;
    memory->generation = app ? app->generation : 0;
    memory->replicas = app ? app->replicas : 0;
}

static void write_instances(const struct report_memory *memory, bool unknown, bool times,
                            struct buf *out)
{
    const char **ids = map_sorted_keys(memory->instances);
    buf_adds(out, ",\"instances\":[");
    for (size_t i = 0; i < map_count(memory->instances); i++) {
        const struct said_instance *said = map_get(memory->instances, ids[i]);
        if (i > 0)
            buf_addc(out, ',');
        buf_add(out, said->text, said->phase_at);
        if (unknown)
            buf_adds(out, ",\"phase\":\"Unknown\",\"ready\":false");
        else
            buf_add(out, said->text + said->phase_at, said->phase_len);
        buf_adds(out, said->text + said->phase_at + said->phase_len);
        if (times)
            moment(out, "observedAt", said->observed_at);
        buf_addc(out, '}');
    }
    buf_addc(out, ']');
    free(ids);
}

static void write_report(const struct report_memory *memory, const struct report_source *source,
                         const struct converge_report *report, bool unseen, bool times,
                         struct buf *out)
{
    bool named = *memory->uid;
    const struct workload *workload = report->workload;
    buf_adds(out, "{\"zone\":");
    buf_add_json(out, source->zone);
    member(out, "driver", source->driver);
    member(out, "namespace", report->ns);
    member(out, "name", report->name);
    member(out, "uid", named ? memory->uid : workload ? workload->uid : "");
    number(out, "desiredRevision", workload ? workload->revision : 0);
    number(out, "revision", memory->revision);
    number(out, "generation", memory->generation);
    member(out, "templateHash", memory->hash);
    number(out, "replicas", memory->replicas);
    member(out, "state", zone_state_name(report->state));
    member(out, "message", report->message);
    member(out, "error", report->error);
    if (memory->observed)
        write_instances(memory, unseen, times, out);
}

bool report_render(struct report_memory *memory, const struct report_source *source,
                   const struct converge_report *report, int64_t observed_at, struct buf *out)
{
    struct buf text;
    bool unseen = report->state == ZONE_UNKNOWN && !report->observed;
    if (!unseen)
        note_app(memory, source, report->observed, observed_at);
    buf_init(&text, BUF_MAX_DEFAULT);
    write_report(memory, source, report, unseen, false, &text);
    bool news = !memory->text || strcmp(memory->text, text.data) != 0;
    free(memory->text);
    memory->text = buf_take(&text);
    memory->none = false;
    if (!news)
        return false;
    write_report(memory, source, report, unseen, true, out);
    moment(out, "observedAt", observed_at);
    buf_addc(out, '}');
    return true;
}
