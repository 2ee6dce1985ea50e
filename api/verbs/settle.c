/* What the server makes of the metadata of an object on its way into the store. */
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/managed.h>
#include <mot/model/object.h>
#include <mot/model/schema.h>

#include "write.h"

#define PREFER "prefer a domain-qualified finalizer name "
#define AVOID  "to avoid accidental conflicts with other finalizer writers"

int write_settle_namespace(struct request *request, json_t *object)
{
    const char *given = object_namespace(object);
    json_t *metadata = json_object_get(object, "metadata");
    if (!*request->route.ns)
        json_object_del(metadata, "namespace");
    else if (!*given)
        json_put(object, "metadata.namespace", json_string(request->route.ns));
    else if (strcmp(given, request->route.ns) != 0)
        return fail(request, 400, "BadRequest",
                    "the namespace of the provided object does not match the namespace sent on the "
                    "request");
    return 0;
}

int write_check_identity(struct request *request, const json_t *object)
{
    const char *name = object_name(object);
    const char *wanted = request->route.name;
    if (!*name)
        return fail(request, 400, "BadRequest",
                    "the name of the object (%s based on URL) was undeterminable: name must be "
                    "provided",
                    wanted);
    if (strcmp(name, wanted) != 0)
        return fail(request, 400, "BadRequest",
                    "the name of the object (%s) does not match the name on the URL (%s)", name,
                    wanted);
    return 0;
}

/* ---- owners ---- */

static bool listed_before(const json_t *list, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (json_equal(json_array_get(list, i), json_array_get(list, index)))
            return true;
    return false;
}

void write_dedup_owners(struct request *request, json_t *object, bool admitted)
{
    json_t *owners = json_at(object, "metadata.ownerReferences");
    struct buf twice;
    buf_init(&twice, BUF_MAX_DEFAULT);
    for (size_t i = 0; i < json_array_size(owners);) {
        if (!listed_before(owners, i)) {
            i++;
            continue;
        }
        const char *uid = json_at_text(json_array_get(owners, i), "uid");
        buf_addf(&twice, "%s%s", twice.len > 0 ? ", " : "", uid ? uid : "");
        json_array_remove(owners, i);
    }
    AUTO_FREE char *uids = buf_take(&twice);
    if (!*uids)
        return;
    AUTO_FREE char *text = mem_printf(
        ".metadata.ownerReferences contains duplicate entries%s; API server dedups owner "
        "references in 1.20+, and may reject such requests as early as 1.24; please fix your "
        "requests; duplicate UID(s) observed: %s",
        admitted ? " after mutating admission happens" : "", uids);
    warn(request, text);
}

/* ---- finalizers ---- */

static void warn_finalizer(struct request *request, const char *name)
{
    static const char *const standard[] = {"orphan", "foregroundDeletion", "kubernetes"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(standard); i++)
        if (strcmp(name, standard[i]) == 0)
            return;
    if (strchr(name, '/'))
        return;
    AUTO_FREE char *text = mem_printf("metadata.finalizers: \"%s\": " PREFER "%s" AVOID, name,
                                      strchr(name, '.') ? "including a path (/) " : "");
    warn(request, text);
}

void write_warn_finalizers(struct request *request, const json_t *object, const json_t *old)
{
    const json_t *list = json_at(object, "metadata.finalizers");
    for (size_t i = 0; i < json_array_size(list) && !admit_is_builtin(request->kind); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name && (!old || !object_has_finalizer(old, name)))
            warn_finalizer(request, name);
    }
}

/* ---- the rest ---- */

void write_settle_generation(const struct request *request, json_t *object)
{
    if (!request->kind->has_generation)
        json_object_del(json_object_get(object, "metadata"), "generation");
}

void write_coerce_metadata(const struct request *request, json_t *object)
{
    json_t *head = json_pack("{s:O*}", "metadata", json_object_get(object, "metadata"));
    schema_prune(request->kind->schema, head, NULL);
    json_decref(head);
}

void write_settle_applied(const struct request *request, json_t *object)
{
    schema_prune(request->kind->schema, object, NULL);
    admit_default(request->kind, object);
}

void write_writer(const struct request *request, const struct write_options *options,
                  struct writer *writer)
{
    writer_init(writer, request->api->kinds, request->kind, options->manager,
                request->route.subresource, clock_wall_ms() / 1000);
}

void write_manage(const struct request *request, const struct write_options *options,
                  const json_t *live, json_t *object)
{
    struct writer writer;
    write_writer(request, options, &writer);
    managed_update(&writer.managed, live, object);
}
