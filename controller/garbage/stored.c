#include "stored.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

static bool is_stored(const struct kind *kind)
{
    return !kind->is_review && !*kind->view_of;
}

void stored_kinds_init(struct stored_kinds *stored, const struct kinds *kinds)
{
    *stored = (struct stored_kinds){.kinds = kinds};
    stored->items = mem_array(kinds_count(kinds) + 1, sizeof(*stored->items));
    for (size_t i = 0; i < kinds_count(kinds); i++) {
        const struct kind *kind = kinds_at(kinds, i);
        if (!is_stored(kind) || stored_kinds_find(stored, kind->resource))
            continue;
        stored->items[stored->count++] = (struct stored_kind){
            {kind->resource, kind->kind, kind->api_version, kind->selectable_fields}, kind, kinds};
    }
}

void stored_kinds_release(struct stored_kinds *stored)
{
    free(stored->items);
    *stored = (struct stored_kinds){0};
}

const struct stored_kind *stored_kinds_find(const struct stored_kinds *stored, const char *resource)
{
    for (size_t i = 0; i < stored->count; i++) {
        if (strcmp(stored->items[i].controlled.resource, resource) == 0)
            return &stored->items[i];
    }
    return NULL;
}

const struct stored_kind *stored_kinds_named(const struct stored_kinds *stored,
                                             const char *api_version, const char *kind)
{
    const struct kind *found = kinds_find_kind(stored->kinds, api_version, kind);
    if (!found)
        return NULL;
    return stored_kinds_find(stored, *found->view_of ? found->view_of : found->resource);
}

/* ------------------------------------------------------------------------------------------
 * deleting */

static bool is_namespace(const struct stored_kind *kind)
{
    return strcmp(kind->controlled.resource, NAMESPACES) == 0;
}

static bool is_held(const struct stored_kind *kind, const json_t *object)
{
    return json_array_size(json_at(object, "metadata.finalizers")) > 0 ||
           (is_namespace(kind) && json_array_size(json_at(object, "spec.finalizers")) > 0);
}

void stored_sign(const struct stored_kind *kind, const json_t *old, json_t *object)
{
    writes_sign(kind->kinds, &kind->controlled, old, object);
}

bool stored_finish(struct writes *writes, const struct stored_kind *kind, const json_t *old,
                   int64_t revision, json_t *object, const char *owner)
{
    stored_sign(kind, old, object);
    if (!object_deleting(object) || is_held(kind, object))
        return writes_update(writes, &kind->controlled, old, revision, object, owner);
    writes_delete(writes, &kind->controlled, object, revision, owner);
    return true;
}

bool stored_delete(struct writes *writes, const struct stored_kind *kind, const json_t *old,
                   int64_t revision, json_t *object, const char *owner)
{
    if (!is_held(kind, object)) {
        writes_delete(writes, &kind->controlled, old, revision, owner);
        return true;
    }
    if (object_mark_deleted(object) && !kind->kind->has_generation)
        json_object_del(json_object_get(object, "metadata"), "generation");
    if (is_namespace(kind)) {
        json_object_del(json_object_get(object, "metadata"), "deletionGracePeriodSeconds");
        json_put(object, "status.phase", json_string("Terminating"));
    }
    return writes_update(writes, &kind->controlled, old, revision, object, owner);
}
