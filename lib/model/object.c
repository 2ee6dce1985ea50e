#include <mot/model/object.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>
#include <mot/model/json.h>

#include "internal.h"

static const char metadata_start[] = "\"metadata\":{";

/*
 * The stored form has nothing but two strings before its metadata, and quotes inside a JSON string
 * are escaped: the first match is the member itself.
 */
void object_write(struct buf *buf, const char *body, size_t body_len, int64_t revision)
{
    const char *found = memmem(body, body_len, metadata_start, sizeof(metadata_start) - 1);
    if (!found || revision <= 0) {
        buf_add(buf, body, body_len);
        return;
    }
    size_t head = (size_t)(found - body) + sizeof(metadata_start) - 1;
    char member[64];
    bool empty = head < body_len && body[head] == '}';
    int len = snprintf(member, sizeof(member), "\"resourceVersion\":\"%" PRId64 "\"%s", revision,
                       empty ? "" : ",");
    buf_add(buf, body, head);
    buf_add(buf, member, (size_t)len);
    buf_add(buf, body + head, body_len - head);
}

json_t *object_decode(const char *body, size_t body_len, int64_t revision, struct err *err)
{
    json_t *object = json_parse(body, body_len, false, err);
    if (!object)
        return NULL;
    if (!json_is_object(object)) {
        json_decref(object);
        err_set(err, ERR_INTERNAL, "a stored object is not a JSON object");
        return NULL;
    }
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, revision);
    json_put(object, "metadata.resourceVersion", json_string(text));
    return object;
}

static void write_metadata(struct buf *buf, const json_t *metadata)
{
    struct json_entry *entries = json_sorted_entries(metadata);
    size_t count = json_object_size(metadata);
    bool first = true;
    buf_adds(buf, metadata_start);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(entries[i].key, "resourceVersion") == 0)
            continue;
        if (!first)
            buf_addc(buf, ',');
        first = false;
        buf_add_json(buf, entries[i].key);
        buf_addc(buf, ':');
        json_write_style(buf, entries[i].value, JSON_STYLE_SORTED | JSON_STYLE_GO);
    }
    buf_addc(buf, '}');
    free(entries);
}

static bool write_head(struct buf *buf, const json_t *object)
{
    static const char *const keys[] = {"apiVersion", "kind"};
    bool first = true;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(keys); i++) {
        const char *text = json_string_value(json_object_get(object, keys[i]));
        if (!text)
            continue;
        buf_addf(buf, "%s\"%s\":", first ? "" : ",", keys[i]);
        buf_add_json(buf, text);
        first = false;
    }
    return first;
}

char *object_encode(const json_t *object, size_t *ret_len)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    struct json_entry *entries = json_sorted_entries(object);
    size_t count = json_object_size(object);
    buf_addc(&buf, '{');
    if (!write_head(&buf, object))
        buf_addc(&buf, ',');
    write_metadata(&buf, json_object_get(object, "metadata"));
    for (size_t i = 0; i < count; i++) {
        const char *key = entries[i].key;
        if (strcmp(key, "apiVersion") == 0 || strcmp(key, "kind") == 0 ||
            strcmp(key, "metadata") == 0)
            continue;
        buf_addc(&buf, ',');
        buf_add_json(&buf, key);
        buf_addc(&buf, ':');
        json_write_style(&buf, entries[i].value, JSON_STYLE_SORTED | JSON_STYLE_GO);
    }
    buf_addc(&buf, '}');
    free(entries);
    if (ret_len)
        *ret_len = buf.len;
    return buf_take(&buf);
}

/* ---- selectable ---- */

static json_t *string_labels(const json_t *object)
{
    json_t *labels = json_object();
    const char *key;
    json_t *value;
    json_object_foreach(json_at(object, "metadata.labels"), key, value)
    {
        if (json_is_string(value))
            json_object_set(labels, key, value);
    }
    return labels;
}

size_t object_field_name_len(const char *field)
{
    return strcspn(field, "=");
}

/* False when there is nothing at @path. */
static bool add_value(json_t *fields, const char *name, const json_t *object, const char *path)
{
    const json_t *value = json_at(object, path);
    if (!value || json_is_null(value) || json_is_object(value) || json_is_array(value))
        return false;
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    if (json_is_string(value))
        buf_adds(&buf, json_string_value(value));
    else
        json_write_style(&buf, value, JSON_STYLE_GO);
    bool found = buf.len > 0;
    if (found)
        json_object_set_new(fields, name, json_string(buf.data));
    buf_release(&buf);
    return found;
}

static void add_field(json_t *fields, const json_t *object, const char *field)
{
    size_t len = object_field_name_len(field);
    if (field[len] == '\0') {
        add_value(fields, field, object, field);
        return;
    }
    AUTO_FREE char *name = mem_strndup(field, len);
    bool found = false;
    for (const char *rest = field + len; *rest && !found; rest += strcspn(rest, "|")) {
        rest++;
        AUTO_FREE char *path = mem_strndup(rest, strcspn(rest, "|"));
        found = add_value(fields, name, object, path);
    }
}

/* {"<uid>":true, …}: whom it belongs to, and whose deletion in the foreground waits for it. */
static json_t *owners_of(const json_t *object)
{
    json_t *owners = json_object();
    size_t index;
    json_t *reference;
    json_array_foreach(json_at(object, "metadata.ownerReferences"), index, reference)
    {
        const char *uid = json_at_text(reference, "uid");
        if (uid && *uid)
            json_object_set_new(owners, uid,
                                json_boolean(json_at_bool(reference, "blockOwnerDeletion", false)));
    }
    return owners;
}

char *object_selectable(const json_t *object, const char *const *fields)
{
    json_t *result = json_object();
    json_t *values = json_object();
    json_t *labels = string_labels(object);
    json_t *owners = owners_of(object);
    add_field(values, object, "metadata.name");
    add_field(values, object, "metadata.namespace");
    for (; fields && *fields; fields++)
        add_field(values, object, *fields);
    if (object_deleting(object))
        json_object_set_new(result, "deleting", json_true());
    if (json_object_size(values) > 0)
        json_object_set(result, "fields", values);
    if (object_generation(object) != 0)
        json_object_set_new(result, "generation", json_integer(object_generation(object)));
    if (json_object_size(labels) > 0)
        json_object_set(result, "labels", labels);
    if (json_object_size(owners) > 0)
        json_object_set(result, "owners", owners);
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    json_write_style(&buf, result, JSON_STYLE_SORTED);
    json_decref(labels);
    json_decref(owners);
    json_decref(values);
    json_decref(result);
    return buf_take(&buf);
}

/* ---- life ---- */

static json_t *metadata_of(json_t *object)
{
    json_t *metadata = json_object_get(object, "metadata");
    if (json_is_object(metadata))
        return metadata;
    metadata = json_object();
    json_object_set_new(object, "metadata", metadata);
    return metadata;
}

static json_t *now_text(void)
{
    char text[CLOCK_TEXT_SIZE];
    return json_string(clock_format(clock_wall_ms(), text));
}

void object_prepare_create(json_t *object)
{
    static const char *const unwanted[] = {"deletionTimestamp", "deletionGracePeriodSeconds",
                                           "selfLink", "resourceVersion"};
    json_t *metadata = metadata_of(object);
    char uid[UUID_TEXT_SIZE];
    for (size_t i = 0; i < MOT_ARRAY_SIZE(unwanted); i++)
        json_object_del(metadata, unwanted[i]);
    json_object_set_new(metadata, "uid", json_string(random_uuid(uid)));
    json_object_set_new(metadata, "creationTimestamp", now_text());
    json_object_set_new(metadata, "generation", json_integer(1));
}

static bool covers(const json_t *a, const json_t *b, bool status_is_apart)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_mutable(a), key, value)
    {
        if (strcmp(key, "metadata") == 0 || (status_is_apart && strcmp(key, "status") == 0))
            continue;
        if (!json_same(value, json_object_get(b, key)))
            return false;
    }
    return true;
}

static bool is_nothing(const json_t *value)
{
    return !value || json_is_null(value) ||
           (json_is_string(value) && json_string_length(value) == 0);
}

/* What a client can't change gets its old value; a uid or a deletionTimestamp of its own stays, to
 * be refused. */
static void settle_metadata(json_t *metadata, const json_t *before)
{
    static const struct {
        const char *key;
        bool always; /* else only when the client says nothing */
        bool sticky; /* or when there was one */
    } settled[] = {{"uid", false, false},
                   {"creationTimestamp", true, false},
                   {"selfLink", true, false},
                   {"deletionTimestamp", false, true},
                   {"deletionGracePeriodSeconds", false, true}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(settled); i++) {
        const char *key = settled[i].key;
        json_t *old = json_object_get(before, key);
        if (old &&
            (settled[i].always || settled[i].sticky || is_nothing(json_object_get(metadata, key))))
            json_object_set(metadata, key, old);
        else if (!old && settled[i].always)
            json_object_del(metadata, key);
    }
}

void object_prepare_update(json_t *object, const json_t *old, bool status_is_apart)
{
    settle_metadata(metadata_of(object), json_object_get(old, "metadata"));
    bool changed = !covers(object, old, status_is_apart) || !covers(old, object, status_is_apart);
    json_object_set_new(metadata_of(object), "generation",
                        json_integer(object_generation(old) + changed));
}

bool object_mark_deleted(json_t *object)
{
    if (object_deleting(object))
        return false;
    json_t *metadata = metadata_of(object);
    json_object_set_new(metadata, "deletionTimestamp", now_text());
    json_object_set_new(metadata, "deletionGracePeriodSeconds", json_integer(0));
    json_object_set_new(metadata, "generation", json_integer(object_generation(object) + 1));
    return true;
}

const char *object_name(const json_t *object)
{
    const char *name = json_at_text(object, "metadata.name");
    return name ? name : "";
}

const char *object_namespace(const json_t *object)
{
    const char *name = json_at_text(object, "metadata.namespace");
    return name ? name : "";
}

const char *object_uid(const json_t *object)
{
    const char *uid = json_at_text(object, "metadata.uid");
    return uid ? uid : "";
}

int64_t object_revision(const json_t *object)
{
    const char *text = json_at_text(object, "metadata.resourceVersion");
    return text ? strtoll(text, NULL, 10) : 0;
}

int64_t object_generation(const json_t *object)
{
    return json_at_int(object, "metadata.generation", 0);
}

bool object_deleting(const json_t *object)
{
    return json_is_string(json_at(object, "metadata.deletionTimestamp"));
}

/* Its index, or -1. */
static ssize_t find_finalizer(const json_t *finalizers, const char *finalizer)
{
    size_t index;
    json_t *item;
    json_array_foreach(finalizers, index, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), finalizer) == 0)
            return (ssize_t)index;
    }
    return -1;
}

bool object_has_finalizer(const json_t *object, const char *finalizer)
{
    return find_finalizer(json_at(object, "metadata.finalizers"), finalizer) >= 0;
}

bool object_add_finalizer(json_t *object, const char *finalizer)
{
    json_t *metadata = metadata_of(object);
    json_t *finalizers = json_object_get(metadata, "finalizers");
    if (!json_is_array(finalizers)) {
        finalizers = json_array();
        json_object_set_new(metadata, "finalizers", finalizers);
    }
    if (find_finalizer(finalizers, finalizer) >= 0)
        return false;
    json_array_append_new(finalizers, json_string(finalizer));
    return true;
}

bool object_remove_finalizer(json_t *object, const char *finalizer)
{
    json_t *finalizers = json_at(object, "metadata.finalizers");
    ssize_t index = find_finalizer(finalizers, finalizer);
    if (index < 0)
        return false;
    json_array_remove(finalizers, (size_t)index);
    if (json_array_size(finalizers) == 0)
        json_object_del(json_object_get(object, "metadata"), "finalizers");
    return true;
}

/* ---- conditions ---- */

static json_t *find_condition(const json_t *status, const char *type)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(status, "conditions"), index, item)
    {
        const char *text = json_at_text(item, "type");
        if (text && strcmp(text, type) == 0)
            return item;
    }
    return NULL;
}

const json_t *condition_get(const json_t *status, const char *type)
{
    return find_condition(status, type);
}

static bool set_text(json_t *object, const char *key, const char *text)
{
    const char *before = json_string_value(json_object_get(object, key));
    if (before && strcmp(before, text ? text : "") == 0)
        return false;
    json_object_set_new(object, key, json_string(text ? text : ""));
    return true;
}

static json_t *add_condition(json_t *status, const char *type)
{
    json_t *conditions = json_object_get(status, "conditions");
    if (!json_is_array(conditions)) {
        conditions = json_array();
        json_object_set_new(status, "conditions", conditions);
    }
    json_t *condition = json_object();
    json_object_set_new(condition, "type", json_string(type));
    json_array_append_new(conditions, condition);
    return condition;
}

bool condition_set(json_t *status, const char *type, const char *value, const char *reason,
                   const char *message, int64_t observed_generation, int64_t now_wall_ms)
{
    json_t *condition = find_condition(status, type);
    if (!condition)
        condition = add_condition(status, type);
    bool changed = false;
    if (set_text(condition, "status", value)) {
        char text[CLOCK_TEXT_SIZE];
        json_object_set_new(condition, "lastTransitionTime",
                            json_string(clock_format(now_wall_ms, text)));
        changed = true;
    }
    changed |= set_text(condition, "reason", reason);
    changed |= set_text(condition, "message", message);
    if (observed_generation > 0 &&
        json_at_int(condition, "observedGeneration", -1) != observed_generation) {
        json_object_set_new(condition, "observedGeneration", json_integer(observed_generation));
        changed = true;
    }
    return changed;
}
