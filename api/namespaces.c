#include "namespaces.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>
#include <mot/model/writer.h>

#define NAMESPACES          "namespaces"
#define NAMESPACE_FINALIZER "kubernetes"

bool namespace_kind(const struct kind *kind)
{
    return !*kind->group && strcmp(kind->plural, NAMESPACES) == 0;
}

void namespace_label(json_t *object)
{
    json_t *metadata = json_object_get(object, "metadata");
    json_t *labels = json_object_get(metadata, "labels");
    if (!json_is_object(labels)) {
        labels = json_object();
        json_object_set_new(metadata, "labels", labels);
    }
    json_object_set_new(labels, "kubernetes.io/metadata.name", json_string(object_name(object)));
}

void namespace_prepare(json_t *object)
{
    json_t *finalizers = json_at(object, "spec.finalizers");
    size_t index;
    json_t *item;
    bool found = false;
    json_array_foreach(finalizers, index, item)
    {
        found = found || strcmp(json_is_string(item) ? json_string_value(item) : "",
                                NAMESPACE_FINALIZER) == 0;
    }
    if (!json_is_array(finalizers))
        json_put(object, "spec.finalizers", json_pack("[s]", NAMESPACE_FINALIZER));
    else if (!found)
        json_array_append_new(finalizers, json_string(NAMESPACE_FINALIZER));
    json_put(object, "status", json_pack("{s:s}", "phase", "Active"));
}

static void set_details(struct request *request, const char *name)
{
    request->status.name = mem_strdup(name);
    request->status.kind = NAMESPACES;
}

int namespace_fail_terminating(struct request *request, const char *name)
{
    const struct kind *kind = request->kind;
    const char *ns = request->route.ns;
    fail(request, 403, "Forbidden",
         "%s \"%s\" is forbidden: unable to create new content in namespace %s because it is being "
         "terminated",
         kind->resource, name, ns);
    request->status.name = mem_strdup(name);
    request->status.group = kind->group;
    request->status.kind = kind->plural;
    field_errors_add(&request->status.causes, "metadata.namespace", "NamespaceTerminating",
                     "namespace %s is being terminated", ns);
    return -1;
}

int namespace_check(struct request *request, const char *object_name)
{
    const char *name = request->route.ns;
    struct store_key key = {.resource = NAMESPACES, .ns = "", .name = name};
    struct err err = {0};
    struct store_object *object = store_get(request->api->store, &key, &err);
    if (!object && err.code == ERR_NOT_FOUND) {
        fail(request, 404, "NotFound", NAMESPACES " \"%s\" not found", name);
        set_details(request, name);
        return -1;
    }
    if (!object)
        return fail_err(request, &err);
    json_t *selectable = json_loads(object->selectable, 0, NULL);
    bool deleting = json_at_bool(selectable, "deleting", false);
    json_decref(selectable);
    free(object);
    return deleting ? namespace_fail_terminating(request, object_name) : 0;
}

int namespace_check_delete(struct request *request, const char *name)
{
    if (strcmp(name, "default") != 0)
        return 0;
    fail(request, 403, "Forbidden",
         NAMESPACES " \"%s\" is forbidden: this namespace may not be deleted", name);
    set_details(request, name);
    return -1;
}

bool namespace_mark_deleted(json_t *object)
{
    json_t *metadata = json_object_get(object, "metadata");
    if (!object_mark_deleted(object))
        return false;
    json_object_del(metadata, "deletionGracePeriodSeconds");
    json_put(object, "status.phase", json_string("Terminating"));
    return true;
}

int namespace_ensure_default(struct store *store, const struct kinds *kinds, struct err *err)
{
    const struct kind *kind = kinds_find(kinds, "", "v1", NAMESPACES);
    if (!kind)
        return 0;
    json_t *object = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", kind->api_version, "kind",
                               kind->kind, "metadata", "name", "default");
    object_prepare_create(object);
    if (!kind->has_generation)
        json_object_del(json_object_get(object, "metadata"), "generation");
    namespace_label(object);
    namespace_prepare(object);
    writer_sign(kinds, kind, "mot-api", clock_wall_ms() / 1000, NULL, object);
    struct store_write write = {.operation = STORE_CREATE,
                                .key = {.resource = NAMESPACES, .ns = "", .name = "default"},
                                .uid = object_uid(object)};
    AUTO_FREE char *body = object_encode(object, &write.body_len);
    AUTO_FREE char *selectable = object_selectable(object, kind->selectable_fields);
    write.body = body;
    write.selectable = selectable;
    int result = store_write(store, &write, err);
    json_decref(object);
    return result == 0 || err->code == ERR_EXISTS ? 0 : -1;
}
