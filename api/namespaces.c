#include "namespaces.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#define NAMESPACES "namespaces"

bool namespace_kind(const struct kind *kind)
{
    return !*kind->group && strcmp(kind->plural, NAMESPACES) == 0;
}

void namespace_prepare(json_t *object)
{
    json_t *metadata = json_object_get(object, "metadata");
    json_t *labels = json_object_get(metadata, "labels");
    if (!labels) {
        labels = json_object();
        json_object_set_new(metadata, "labels", labels);
    }
    json_object_set_new(labels, "kubernetes.io/metadata.name",
                        json_string(json_at_text(object, "metadata.name")));
    json_put(object, "spec.finalizers", json_pack("[s]", "kubernetes"));
    json_put(object, "status.phase", json_string("Active"));
}

int namespace_check(struct request *request)
{
    const char *name = request->route.ns;
    struct store_key key = {.resource = NAMESPACES, .ns = "", .name = name};
    struct err err = {0};
    struct store_object *object = store_get(request->api->store, &key, &err);
    if (!object && err.code == ERR_NOT_FOUND) {
        fail(request, 404, "NotFound", NAMESPACES " \"%s\" not found", name);
        request->status.name = mem_strdup(name);
        request->status.kind = NAMESPACES;
        return -1;
    }
    if (!object)
        return fail_err(request, &err);
    json_t *selectable = json_loads(object->selectable, 0, NULL);
    bool deleting = json_at_bool(selectable, "deleting", false);
    json_decref(selectable);
    free(object);
    if (!deleting)
        return 0;
    return fail(request, 403, "Forbidden",
                "%s is forbidden: unable to create new content in namespace %s because it is being "
                "terminated",
                request->kind->resource, name);
}

static int forbid_delete(struct request *request, const char *name)
{
    fail(request, 403, "Forbidden",
         NAMESPACES " \"%s\" is forbidden: this namespace may not be deleted", name);
    request->status.name = mem_strdup(name);
    request->status.kind = NAMESPACES;
    return -1;
}

int namespace_check_delete(struct request *request, const char *name)
{
    if (strcmp(name, "default") == 0)
        return forbid_delete(request, name);
    for (size_t i = 0; i < kinds_count(request->api->kinds); i++) {
        const struct kind *kind = kinds_at(request->api->kinds, i);
        if (!kind->namespaced)
            continue;
        struct store_list_query query = {.resource = kind->resource, .ns = name};
        int64_t count = 0;
        struct err err = {0};
        if (store_count(request->api->store, &query, &count, &err) < 0)
            return fail_err(request, &err);
        if (count == 0)
            continue;
        AUTO_FREE char *why = mem_printf("the namespace still holds %lld %s; delete what is in it "
                                         "first",
                                         (long long)count, kind->resource);
        return fail_conflict(request, name, why);
    }
    return 0;
}

int namespace_ensure_default(struct store *store, const struct kinds *kinds, struct err *err)
{
    const struct kind *kind = kinds_find(kinds, "", "v1", NAMESPACES);
    if (!kind)
        return 0;
    json_t *object = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", kind->api_version, "kind",
                               kind->kind, "metadata", "name", "default");
    object_prepare_create(object);
    namespace_prepare(object);
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
