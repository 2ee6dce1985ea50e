#include "event.h"

#include <stdio.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#define CLUSTER_NAMESPACE "default" /* of Events about what has no namespace, as in Kubernetes */
#define NAME_LEN_MAX      230

/* The selectable fields of schemas/kinds/event.yaml. */
static const char *const event_fields[] = {"involvedObject.kind",
                                           "involvedObject.namespace",
                                           "involvedObject.name",
                                           "involvedObject.uid",
                                           "involvedObject.apiVersion",
                                           "involvedObject.resourceVersion",
                                           "involvedObject.fieldPath",
                                           "reason",
                                           "reportingComponent",
                                           "type",
                                           "source=source.component|reportingComponent",
                                           NULL};
const struct controlled_kind event_kind = {"events", "Event", "v1", event_fields};

static json_t *reference_to(const json_t *about)
{
    return json_pack(
        "{s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}", "apiVersion", json_at_text(about, "apiVersion"),
        "kind", json_at_text(about, "kind"), "namespace", json_at_text(about, "metadata.namespace"),
        "name", json_at_text(about, "metadata.name"), "uid", json_at_text(about, "metadata.uid"),
        "resourceVersion", json_at_text(about, "metadata.resourceVersion"));
}

struct event_note *event_note_new(const json_t *about, enum event_type type, const char *reason,
                                  char *message, int64_t at_ms)
{
    struct event_note *note = mem_zalloc(sizeof(*note));
    const char *ns = object_namespace(about);
    *note = (struct event_note){.involved = reference_to(about),
                                .ns = mem_strdup(*ns ? ns : CLUSTER_NAMESPACE),
                                .type = type,
                                .reason = mem_strdup(reason),
                                .message = message,
                                .at_ms = at_ms,
                                .count = 1};
    return note;
}

void event_note_free(void *value)
{
    struct event_note *note = value;
    if (!note)
        return;
    json_decref(note->involved);
    free(note->ns);
    free(note->reason);
    free(note->message);
    free(note);
}

static const char *member(const struct event_note *note, const char *name)
{
    const char *text = json_string_value(json_object_get(note->involved, name));
    return text ? text : "";
}

char *event_note_object(const struct event_note *note)
{
    return mem_printf("%s\n%s\n%s/%s\n%s", member(note, "apiVersion"), member(note, "kind"),
                      member(note, "namespace"), member(note, "name"), member(note, "uid"));
}

char *event_note_key(const struct event_note *note)
{
    AUTO_FREE char *object = event_note_object(note);
    return mem_printf("%s\n%d\n%s\n%s", object, (int)note->type, note->reason, note->message);
}

json_t *event_new(const struct event_note *note, unsigned serial)
{
    char at[CLOCK_TEXT_SIZE];
    clock_format(note->at_ms, at);
    AUTO_FREE char *name = mem_printf("%.*s.%llx", NAME_LEN_MAX, member(note, "name"),
                                      (unsigned long long)note->at_ms * 1000000 + serial % 1000000);
    json_t *event = json_pack(
        "{s:s, s:s, s:{s:s, s:s}, s:O, s:s, s:s, s:{s:s}, s:s, s:s, s:I, s:s, s:n, s:s, s:s}",
        "apiVersion", event_kind.api_version, "kind", event_kind.kind, "metadata", "name", name,
        "namespace", note->ns, "involvedObject", note->involved, "reason", note->reason, "message",
        note->message, "source", "component", EVENT_COMPONENT, "firstTimestamp", at,
        "lastTimestamp", at, "count", (json_int_t)note->count, "type",
        note->type == EVENT_WARNING ? "Warning" : "Normal", "eventTime", "reportingComponent",
        EVENT_COMPONENT, "reportingInstance", "");
    object_prepare_create(event);
    json_object_del(json_object_get(event, "metadata"), "generation");
    return event;
}

json_t *event_again(const json_t *event, const struct event_note *note)
{
    char at[CLOCK_TEXT_SIZE];
    json_t *again = json_deep_copy(event);
    json_object_set_new(again, "count", json_integer(json_at_int(event, "count", 0) + note->count));
    json_object_set_new(again, "lastTimestamp", json_string(clock_format(note->at_ms, at)));
    json_object_set(again, "involvedObject", note->involved);
    return again;
}

static int64_t time_at(const json_t *event, const char *path)
{
    const char *text = json_at_text(event, path);
    int64_t ms;
    struct err err;
    return text && *text && clock_parse(text, &ms, &err) == 0 ? ms : 0;
}

int64_t event_seen(const json_t *event, int64_t now_ms)
{
    static const char *const paths[] = {"lastTimestamp", "eventTime", "series.lastObservedTime"};
    int64_t seen = time_at(event, "metadata.creationTimestamp");
    for (size_t i = 0; i < MOT_ARRAY_SIZE(paths); i++) {
        int64_t at = time_at(event, paths[i]);
        if (at > seen && at <= now_ms)
            seen = at;
    }
    return seen;
}
