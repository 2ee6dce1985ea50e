/*
 * The scale subresource: autoscaling/v1 Scale in front of two numbers and a selector of the parent.
 * A Scale is a kind of its own here, so that bodies and patches of it are read as those of any
 * other; while that happens, request->kind is that kind.
 */
#include "scale.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "../respond.h"
#include "patch.h"
#include "write.h"

#define TRIES 5
/* What the real server takes for "there are no replicas yet". */
#define NO_REPLICAS INT32_MIN

static const char scale_crd[] =
    "apiVersion: apiextensions.k8s.io/v1\n"
    "kind: CustomResourceDefinition\n"
    "metadata: {name: scales.autoscaling}\n"
    "spec:\n"
    "  group: autoscaling\n"
    "  scope: Namespaced\n"
    "  names: {kind: Scale, listKind: ScaleList, plural: scales, singular: scale}\n"
    "  versions:\n"
    "  - name: v1\n"
    "    served: true\n"
    "    storage: true\n"
    "    additionalPrinterColumns:\n"
    "    - {name: Desired, type: integer, jsonPath: .spec.replicas,\n"
    "       description: Number of desired replicas}\n"
    "    - {name: Available, type: integer, jsonPath: .status.replicas,\n"
    "       description: Number of actual replicas}\n"
    "    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp, description: "
    "\"CreationTimestamp is a timestamp representing the server time when this object was created. "
    "It is not guaranteed to be set in happens-before order across separate operations. Clients "
    "may not set this value. It is represented in RFC3339 form and is in UTC.\\n\\nPopulated by "
    "the "
    "system. Read-only. Null for lists. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/"
    "api-conventions.md#metadata\"}\n"
    "    schema:\n"
    "      openAPIV3Schema:\n"
    "        type: object\n"
    "        properties:\n"
    "          spec: {type: object, properties: {replicas: {type: integer}}}\n"
    "          status:\n"
    "            type: object\n"
    "            properties: {replicas: {type: integer}, selector: {type: string}}\n";

struct kinds *scale_kinds(struct err *err)
{
    const char *const texts[] = {scale_crd};
    return kinds_parse(texts, MOT_ARRAY_SIZE(texts), err);
}

static const struct kind *scale_kind(const struct request *request)
{
    return kinds_at(request->api->scales, 0);
}

/* -------------------------------------------------------------------------------- the object */

static void copy_metadata(json_t *to, const json_t *from)
{
    static const char *const keys[] = {"name", "namespace", "uid", "resourceVersion",
                                       "creationTimestamp"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(keys); i++) {
        json_t *value = json_object_get(from, keys[i]);
        if (value)
            json_object_set(to, keys[i], value);
    }
}

/* The Scale of a parent; @missing: the replicas when the parent has none. */
static json_t *scale_of(const struct kind *kind, const json_t *parent, int64_t missing)
{
    json_t *metadata = json_object();
    copy_metadata(metadata, json_object_get(parent, "metadata"));
    int64_t replicas = json_at_int(parent, kind->scale.spec_replicas, missing);
    int64_t running = json_at_int(parent, kind->scale.status_replicas, 0);
    const char *selector =
        *kind->scale.label_selector ? json_at_text(parent, kind->scale.label_selector) : NULL;
    json_t *spec = replicas != 0 ? json_pack("{s:I}", "replicas", replicas) : json_object();
    return json_pack("{s:s, s:s, s:o, s:o, s:{s:I, s:s*}}", "apiVersion", "autoscaling/v1", "kind",
                     "Scale", "metadata", metadata, "spec", spec, "status", "replicas", running,
                     "selector", selector && *selector ? selector : NULL);
}

static bool has_replicas(const struct kind *kind, const json_t *parent)
{
    return json_is_integer(json_at(parent, kind->scale.spec_replicas));
}

/* The answer: the Scale of the parent as it is stored. */
static int respond_scale(struct request *request, const json_t *parent, int64_t revision)
{
    if (!has_replicas(request->kind, parent))
        return fail_internal(request, "the spec replicas field \".%s\" does not exist",
                             request->kind->scale.spec_replicas);
    const struct kind *kind = request->kind;
    const struct table *table = request->table;
    json_t *scale = scale_of(kind, parent, 0);
    if (request->output.form == FORM_TABLE && !json_at(scale, "spec.replicas"))
        json_put(scale, "spec.replicas", json_integer(0));
    request->kind = scale_kind(request);
    request->table = request->api->scale_table;
    int result = respond_value(request, 200, scale, revision);
    request->kind = kind;
    request->table = table;
    json_decref(scale);
    return result;
}

int scale_get(struct request *request)
{
    struct live live;
    int result = live_read(request, &live);
    if (result == 0)
        result = respond_scale(request, live.object, live.stored->revision);
    live_release(&live);
    return result;
}

/* -------------------------------------------------------------------------------- checks */

/* "string", "number 2.5": what Go's decoder found where it wanted an int32. */
static char *describe(const json_t *value)
{
    AUTO_FREE char *text = json_text(value);
    return json_is_number(value)    ? mem_printf("number %s", text)
           : json_is_string(value)  ? mem_strdup("string")
           : json_is_boolean(value) ? mem_strdup("bool")
           : json_is_array(value)   ? mem_strdup("array")
                                    : mem_strdup("object");
}

/* NULL when the replicas are a number that fits; else the text of Go's decoder, free() it. */
static char *wrong_replicas(const json_t *scale)
{
    const json_t *replicas = json_at(scale, "spec.replicas");
    int64_t number = json_is_integer(replicas) ? json_integer_value(replicas) : 0;
    if (!replicas || (json_is_integer(replicas) && number >= INT32_MIN && number <= INT32_MAX))
        return NULL;
    AUTO_FREE char *found = describe(replicas);
    return mem_printf("json: cannot unmarshal %s into Go struct field ScaleSpec.spec.replicas of "
                      "type int32",
                      found);
}

/* -------------------------------------------------------------------------------- writes */

/* A change of a Scale; the kind of the parent is kept aside. */
struct change {
    const struct kind *parent;
    const struct write_options *options;
    struct live live;
    json_t *before; /* the Scale as it is, with the managers of its replicas */
    json_t *after;
};

static int change_begin(struct request *request, struct change *change)
{
    if (live_read(request, &change->live) < 0)
        return -1;
    change->before = scale_of(change->parent, change->live.object, NO_REPLICAS);
    json_t *managers = managed_to_scale(change->live.object, change->parent->scale.spec_replicas);
    if (managers)
        json_put(change->before, "metadata.managedFields", managers);
    return 0;
}

static void change_end(struct change *change)
{
    live_release(&change->live);
    json_decref(change->before);
    json_decref(change->after);
    change->before = change->after = NULL;
}

/* The parent with the replicas of the changed Scale, and the managers that follow from it. */
static json_t *next_parent(struct request *request, const struct change *change)
{
    const char *path = change->parent->scale.spec_replicas;
    const char *const said[] = {"metadata.uid", "metadata.resourceVersion"};
    json_t *next = json_deep_copy(change->live.object);
    json_put(next, path, json_integer(json_at_int(change->after, "spec.replicas", 0)));
    for (size_t i = 0; i < MOT_ARRAY_SIZE(said); i++) {
        const char *text = json_at_text(change->after, said[i]);
        if (text && *text)
            json_put(next, said[i], json_string(text));
    }
    struct writer writer;
    write_writer(request, change->options, &writer);
    json_t *managers = managed_from_scale(&writer.managed, change->live.object,
                                          json_at(change->after, "metadata.managedFields"), path);
    if (managers)
        json_put(next, "metadata.managedFields", managers);
    else
        json_object_del(json_object_get(next, "metadata"), "managedFields");
    return next;
}

/* Stores the parent and answers with its Scale. */
static enum outcome commit(struct request *request, const struct change *change)
{
    struct err err = {0};
    struct encoded encoded;
    json_t *next = next_parent(request, change);
    enum outcome outcome =
        write_commit(request, change->options, &change->live, next, MANAGERS_OF_OBJECT, &encoded);
    json_decref(next);
    if (outcome == OUTCOME_ANSWERED) {
        json_t *stored = object_decode(encoded.text, encoded.len, encoded.revision, &err);
        outcome = stored ? (enum outcome)respond_scale(request, stored, encoded.revision)
                         : (enum outcome)fail_err(request, &err);
        json_decref(stored);
    }
    free(encoded.text);
    return outcome;
}

/* change->after is read: whose are the replicas now, and is there a number at all? */
static enum outcome finish(struct request *request, struct change *change)
{
    if (write_settle_namespace(request, change->after) < 0 ||
        write_check_identity(request, change->after) < 0)
        return OUTCOME_FAILED;
    /* In a real Scale no replicas and 0 replicas are the same. */
    if (json_at_int(change->after, "spec.replicas", 0) == 0)
        json_object_del(json_object_get(change->after, "spec"), "replicas");
    struct writer writer;
    write_writer(request, change->options, &writer);
    managed_update(&writer.managed, change->before, change->after);
    if (json_at_int(change->after, "spec.replicas", 0) == NO_REPLICAS)
        return (enum outcome)fail(request, 400, "BadRequest",
                                  "the spec replicas field \".%s\" cannot be empty",
                                  change->parent->scale.spec_replicas);
    request->kind = change->parent;
    return commit(request, change);
}

static int read_body(struct request *request, const struct write_options *options, json_t **ret)
{
    struct texts findings = {0};
    int result = admit_body(request, options, ret, &findings);
    if (result == 0)
        result = admit_normalize(request, options, *ret, &findings);
    if (result == 0)
        result = admit_findings(request, options, &findings);
    texts_release(&findings);
    AUTO_FREE char *wrong = result == 0 ? wrong_replicas(*ret) : NULL;
    if (!wrong)
        return result;
    return fail(request, 400, "BadRequest",
                "Scale in version \"v1\" cannot be handled as a Scale: %s", wrong);
}

static enum outcome put_once(struct request *request, struct change *change, const json_t *body)
{
    enum outcome outcome = OUTCOME_FAILED;
    if (change_begin(request, change) == 0) {
        change->after = json_deep_copy(body);
        request->kind = scale_kind(request);
        outcome = finish(request, change);
    }
    request->kind = change->parent;
    change_end(change);
    return outcome;
}

int scale_update(struct request *request)
{
    struct write_options options;
    struct change change = {.parent = request->kind, .options = &options};
    json_t *body = NULL;
    enum outcome outcome = OUTCOME_FAILED;
    if (write_options_parse(request, "UpdateOptions", &options) == 0) {
        request->kind = scale_kind(request);
        outcome = read_body(request, &options, &body) == 0 ? OUTCOME_CONFLICT : OUTCOME_FAILED;
        request->kind = change.parent;
    }
    for (int n = 0; n < TRIES && outcome == OUTCOME_CONFLICT; n++)
        outcome = put_once(request, &change, body);
    json_decref(body);
    write_options_release(&options);
    return outcome == OUTCOME_CONFLICT ? fail_modified(request, request->route.name) : (int)outcome;
}

/* -------------------------------------------------------------------------------- patches */

static int patch_scale(struct request *request, const struct patch *patch, struct change *change)
{
    const struct kind *kind = request->kind;
    if (patch_apply(request, patch, change->before, &change->after) < 0 ||
        patch_check_type(request, change->after, kind->api_version, kind->kind) < 0 ||
        patch_normalize(request, change->options, patch, change->before, change->after) < 0)
        return -1;
    AUTO_FREE char *wrong = wrong_replicas(change->after);
    return wrong ? patch_fail_patched(request, change->after, wrong) : 0;
}

static enum outcome patch_once(struct request *request, const struct patch *patch,
                               struct change *change)
{
    enum outcome outcome = OUTCOME_FAILED;
    buf_clear(&request->response->headers);
    if (change_begin(request, change) == 0) {
        request->kind = scale_kind(request);
        if (patch->type == MEDIA_APPLY_PATCH)
            outcome = (enum outcome)apply_to_scale(request, change->options, change->before);
        else if (patch_scale(request, patch, change) == 0)
            outcome = finish(request, change);
    }
    request->kind = change->parent;
    change_end(change);
    return outcome;
}

int scale_patch(struct request *request, const struct write_options *options,
                const struct patch *patch)
{
    struct change change = {.parent = request->kind, .options = options};
    enum outcome outcome = OUTCOME_CONFLICT;
    for (int n = 0; n < TRIES && outcome == OUTCOME_CONFLICT; n++)
        outcome = patch_once(request, patch, &change);
    return outcome == OUTCOME_CONFLICT ? fail_modified(request, request->route.name) : (int)outcome;
}
