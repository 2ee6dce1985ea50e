#include <mot/model/writer.h>

#include <string.h>

#include <mot/model/json.h>

#include "internal.h"

#define MANAGED_FIELDS "metadata.managedFields"

/* The other versions of the kind: fields may be owned in the names of each. */
static void add_versions(struct writer *writer, const struct kinds *kinds, const struct kind *kind)
{
    size_t count = 0;
    for (size_t i = 0; i < kinds_count(kinds) && count < WRITER_VERSIONS_MAX; i++) {
        const struct kind *other = kinds_at(kinds, i);
        if (other != kind && strcmp(other->resource, kind->resource) == 0)
            writer->versions[count++] = (struct managed_version){other->api_version, other->types};
    }
    writer->managed.versions = writer->versions;
    writer->managed.version_count = count;
}

void writer_init(struct writer *writer, const struct kinds *kinds, const struct kind *kind,
                 const char *manager, const char *subresource, int64_t now_s)
{
    writer->managed = (struct managed_writer){.types = kind->types,
                                              .api_version = kind->api_version,
                                              .kind = kind->kind,
                                              .manager = manager,
                                              .subresource = subresource,
                                              .has_status = kind->has_status,
                                              .now_s = now_s};
    add_versions(writer, kinds, kind);
}

/* ---- a server's own writes ---- */

static bool has_managers(const json_t *object)
{
    return json_array_size(json_at(object, MANAGED_FIELDS)) > 0;
}

static bool same_member(const json_t *one, const json_t *other, const char *key)
{
    json_t *value = json_object_get(one, key);
    json_t *other_value = json_object_get(other, key);
    return value == other_value || json_equal(value, other_value);
}

/* Is everything in @one, but perhaps the status, in @other? */
static bool is_within(const json_t *one, const json_t *other, bool status_is_apart)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_mutable(one), key, value)
    {
        if (!(status_is_apart && strcmp(key, "status") == 0) && !same_member(one, other, key))
            return false;
    }
    return true;
}

/* @object with the status of @old: what is left to write then is the status. Shares what is not
 * changed. */
static json_t *before_status(const json_t *old, const json_t *object)
{
    json_t *copy = json_copy(json_mutable(object));
    json_t *status = json_object_get(old, "status");
    json_object_set_new(copy, "metadata", json_copy(json_object_get(object, "metadata")));
    if (status)
        json_object_set(copy, "status", status);
    else
        json_object_del(copy, "status");
    return copy;
}

/* What can't be typed any more (its kind has become stricter) must not cost the others theirs. */
static void keep_managers(const json_t *old, json_t *object)
{
    if (has_managers(old) && !has_managers(object))
        json_put(object, MANAGED_FIELDS, json_deep_copy(json_at(old, MANAGED_FIELDS)));
}

void writer_sign(const struct kinds *kinds, const struct kind *kind, const char *manager,
                 int64_t now_s, const json_t *old, json_t *object)
{
    struct writer writer;
    bool apart = kind->has_status;
    if (!old || !is_within(object, old, apart) || !is_within(old, object, apart)) {
        writer_init(&writer, kinds, kind, manager, "", now_s);
        managed_update(&writer.managed, old, object);
    }
    if (apart && !same_member(old, object, "status")) {
        json_t *before = before_status(old, object);
        writer_init(&writer, kinds, kind, manager, "status", now_s);
        managed_update(&writer.managed, before, object);
        json_decref(before);
    }
    keep_managers(old, object);
}
