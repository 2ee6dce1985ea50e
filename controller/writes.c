#include "writes.h"

#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/object.h>
#include <mot/model/writer.h>

static const char *const regional_fields[] = {"spec.deployment", "spec.region", NULL};
static const char *const instance_fields[] = {"spec.deployment", "spec.region", "spec.zone",
                                              "status.phase", NULL};
static const char *const region_fields[] = {"spec.appenv", NULL};

#define API_VERSION "mot.dev/v1alpha1"
const struct controlled_kind deployment_kind = {"deployments.mot.dev", "Deployment", API_VERSION,
                                                NULL};
const struct controlled_kind regional_kind = {"regionaldeployments.mot.dev", "RegionalDeployment",
                                              API_VERSION, regional_fields};
const struct controlled_kind instance_kind = {"instances.mot.dev", "Instance", API_VERSION,
                                              instance_fields};
const struct controlled_kind region_kind = {"regions.mot.dev", "Region", API_VERSION,
                                            region_fields};

void writes_sign(const struct kinds *kinds, const struct controlled_kind *controlled,
                 const json_t *old, json_t *object)
{
    const struct kind *kind = kinds_find_kind(kinds, controlled->api_version, controlled->kind);
    if (kind)
        writer_sign(kinds, kind, CONTROLLER_MANAGER, clock_wall_ms() / 1000, old, object);
}

enum { TEXT_NS, TEXT_NAME, TEXT_UID, TEXT_BODY, TEXT_SELECTABLE, TEXT_PREVIOUS };

void writes_clear(struct writes *writes)
{
    for (size_t i = 0; i < writes->count; i++) {
        for (size_t t = 0; t < MOT_ARRAY_SIZE(writes->texts[i]); t++) {
            free(writes->texts[i][t]);
            writes->texts[i][t] = NULL;
        }
    }
    writes->count = 0;
    writes->overflow = false;
}

bool writes_full(const struct writes *writes, size_t room)
{
    return writes->count + room > WRITES_MAX;
}

static struct store_write *add(struct writes *writes, enum store_operation operation,
                               const struct controlled_kind *kind, const json_t *object,
                               int64_t revision, const char *owner)
{
    if (writes->count == WRITES_MAX) {
        writes->overflow = true;
        return NULL;
    }
    size_t i = writes->count++;
    char **texts = writes->texts[i];
    size_t body_len = 0;
    texts[TEXT_NS] = mem_strdup(object_namespace(object));
    texts[TEXT_NAME] = mem_strdup(object_name(object));
    texts[TEXT_UID] = mem_strdup(object_uid(object));
    texts[TEXT_BODY] = object_encode(object, &body_len);
    texts[TEXT_SELECTABLE] = object_selectable(object, kind->fields);
    texts[TEXT_PREVIOUS] = NULL;
    writes->owners[i] = owner;
    writes->items[i] = (struct store_write){
        .operation = operation,
        .key = {kind->resource, texts[TEXT_NS], texts[TEXT_NAME]},
        .uid = texts[TEXT_UID],
        .expected = revision,
        .body = texts[TEXT_BODY],
        .body_len = body_len,
        .selectable = texts[TEXT_SELECTABLE],
    };
    return &writes->items[i];
}

void writes_create(struct writes *writes, const struct controlled_kind *kind, const json_t *object,
                   const char *owner)
{
    struct store_write *write = add(writes, STORE_CREATE, kind, object, 0, owner);
    if (write)
        write->in_namespace = *write->key.ns != '\0';
}

void writes_replace(struct writes *writes, const struct controlled_kind *kind, const json_t *object,
                    int64_t revision, const char *previous, const char *owner)
{
    struct store_write *write = add(writes, STORE_UPDATE, kind, object, revision, owner);
    if (write && strcmp(previous, write->selectable) != 0)
        write->previous = writes->texts[writes->count - 1][TEXT_PREVIOUS] = mem_strdup(previous);
}

bool writes_update(struct writes *writes, const struct controlled_kind *kind, const json_t *old,
                   int64_t revision, const json_t *object, const char *owner)
{
    if (json_equal(old, object))
        return false;
    AUTO_FREE char *previous = object_selectable(old, kind->fields);
    writes_replace(writes, kind, object, revision, previous, owner);
    return true;
}

void writes_delete(struct writes *writes, const struct controlled_kind *kind, const json_t *object,
                   int64_t revision, const char *owner)
{
    add(writes, STORE_DELETE, kind, object, revision, owner);
}

bool writes_finish(struct writes *writes, const struct controlled_kind *kind, const json_t *old,
                   int64_t revision, const json_t *object, const char *owner)
{
    if (!object_deleting(object) ||
        json_array_size(json_object_get(json_object_get(object, "metadata"), "finalizers")))
        return writes_update(writes, kind, old, revision, object, owner);
    writes_delete(writes, kind, object, revision, owner);
    return true;
}
