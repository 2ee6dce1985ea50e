#include "write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>
#include <mot/model/schema.h>

#include "../namespaces.h"
#include "../respond.h"
#include "../view.h"

/* What is stored can be sent back by a client: the limit of bodies. */
#define OBJECT_MAX ((size_t)3 << 20)

int live_find(struct request *request, struct live *ret_live)
{
    *ret_live = (struct live){0};
    struct store_key key = request_key(request, request->route.name);
    struct err err = {0};
    ret_live->stored = store_get(request->api->store, &key, &err);
    if (!ret_live->stored)
        return err.code == ERR_NOT_FOUND ? 0 : fail_err(request, &err);
    const struct store_object *stored = ret_live->stored;
    ret_live->object = object_decode(stored->body, stored->body_len, stored->revision, &err);
    if (!ret_live->object)
        return fail_err(request, &err);
    view_from_stored(request->kind, ret_live->object);
    /* It may have been written in another version of the kind, and under an older schema: what that
     * left out or did not know is nobody's change. */
    json_object_set_new(ret_live->object, "apiVersion", json_string(request->kind->api_version));
    schema_prune(request->kind->schema, ret_live->object, NULL);
    admit_default(request->kind, ret_live->object);
    return 0;
}

int live_read(struct request *request, struct live *ret_live)
{
    if (live_find(request, ret_live) < 0)
        return -1;
    return ret_live->stored ? 0 : fail_not_found(request, request->route.name);
}

void live_release(struct live *live)
{
    free(live->stored);
    json_decref(live->object);
    *live = (struct live){0};
}

/* -------------------------------------------------------------------------------- checks */

/* A PUT with another uid is a failed precondition; in a patch the validation says so. */
static int check_uid(struct request *request, const struct live *live, const json_t *object)
{
    const char *uid = object_uid(object);
    const struct route *route = &request->route;
    if (route->verb != VERB_UPDATE || !*uid || strcmp(uid, live->stored->uid) == 0)
        return 0;
    AUTO_FREE char *why = mem_printf(
        "StorageError: invalid object, Code: 4, Key: /registry/%s%s%s/%s%s%s, ResourceVersion: 0, "
        "AdditionalErrorMsg: Precondition failed: UID in precondition: %s, UID in object meta: %s",
        route->group, *route->group ? "/" : "", route->resource, route->ns, *route->ns ? "/" : "",
        route->name, uid, live->stored->uid);
    return fail_conflict(request, route->name, why);
}

static int fail_unversioned(struct request *request)
{
    struct field_errors errors = {0};
    field_errors_add(&errors, "metadata.resourceVersion", "FieldValueInvalid",
                     "Invalid value: 0: must be specified for an update");
    return fail_invalid_resource(request, request->route.name, &errors);
}

static int check_revision(struct request *request, const struct live *live, const json_t *object)
{
    const char *text = json_at_text(object, "metadata.resourceVersion");
    char *end = NULL;
    errno = 0;
    uint64_t revision = text && *text ? strtoull(text, &end, 10) : 0;
    bool bad = text && *text && (*end || *text < '0' || *text > '9');
    if (bad || errno == ERANGE)
        return fail(request, 500, NULL, "strconv.ParseUint: parsing \"%s\": %s", text,
                    bad ? "invalid syntax" : "value out of range");
    if (revision == 0)
        return request->kind->unconditional_update ? 0 : fail_unversioned(request);
    return revision == (uint64_t)live->stored->revision
               ? 0
               : fail_modified(request, request->route.name);
}

/* -------------------------------------------------------------------------------- the next state
 */

static void copy_member(json_t *to, const json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);
    if (value)
        json_object_set(to, name, value);
    else
        json_object_del(to, name);
}

/* The live object with @member and the managers of @object; what is not changed is shared. */
static json_t *take_member(const struct live *live, const json_t *object, const char *member)
{
    json_t *next = json_copy(live->object);
    json_t *metadata = json_copy(json_object_get(live->object, "metadata"));
    copy_member(metadata, json_object_get(object, "metadata"), "managedFields");
    json_object_set_new(next, "metadata", metadata);
    copy_member(next, object, member);
    return next;
}

/* The main path leaves status alone, /status everything else, and only /finalize changes the
 * finalizers of a namespace. A new reference. */
static json_t *apply_subresource(const struct request *request, const struct live *live,
                                 json_t *object)
{
    const char *subresource = request->route.subresource;
    if (strcmp(subresource, "status") == 0)
        return take_member(live, object, "status");
    if (strcmp(subresource, "finalize") == 0)
        return take_member(live, object, "spec");
    if (request->kind->has_status)
        copy_member(object, live->object, "status");
    if (namespace_kind(request->kind))
        copy_member(object, live->object, "spec");
    return json_incref(object);
}

bool write_finished_deleting(const struct request *request, const json_t *object)
{
    if (!object_deleting(object) || json_array_size(json_at(object, "metadata.finalizers")) > 0)
        return false;
    return !namespace_kind(request->kind) ||
           json_array_size(json_at(object, "spec.finalizers")) == 0;
}

/* -------------------------------------------------------------------------------- store */

int respond_value(struct request *request, int code, const json_t *object, int64_t revision)
{
    size_t len;
    AUTO_FREE char *body = object_encode(object, &len);
    return respond_object(request, code, body, len, revision);
}

static enum outcome outcome_of(struct request *request, int result, const struct err *err)
{
    if (result == 0)
        return OUTCOME_ANSWERED;
    if (err->code == ERR_CONFLICT)
        return OUTCOME_CONFLICT;
    if (err->code == ERR_NOT_FOUND)
        return (enum outcome)fail_not_found(request, request->route.name);
    return (enum outcome)fail_err(request, err);
}

static enum outcome replace(struct request *request, const struct live *live, const json_t *object,
                            struct encoded *encoded)
{
    AUTO_FREE char *selectable = view_selectable(request->kind, object);
    struct store_write write = {.operation = STORE_UPDATE,
                                .key = request_key(request, request->route.name),
                                .uid = live->stored->uid,
                                .expected = live->stored->revision,
                                .body = encoded->text,
                                .body_len = encoded->len,
                                .selectable = selectable};
    if (strcmp(selectable, live->stored->selectable) != 0)
        write.previous = live->stored->selectable;
    struct err err = {0};
    int result = store_write(request->api->store, &write, &err);
    encoded->revision = write.revision;
    return outcome_of(request, result, &err);
}

enum outcome write_replace(struct request *request, const struct live *live, const json_t *object,
                           int64_t *ret_revision)
{
    struct encoded encoded = {0};
    AUTO_FREE char *text = view_encode(request->kind, object, &encoded.len);
    encoded.text = text;
    enum outcome outcome = replace(request, live, object, &encoded);
    *ret_revision = encoded.revision;
    return outcome;
}

/* Watchers get the state that was stored last. */
enum outcome write_remove(struct request *request, const struct live *live)
{
    struct store_write write = {.operation = STORE_DELETE,
                                .key = request_key(request, request->route.name),
                                .uid = live->stored->uid,
                                .expected = live->stored->revision,
                                .body = live->stored->body,
                                .body_len = live->stored->body_len,
                                .selectable = live->stored->selectable};
    struct err err = {0};
    int result = store_write(request->api->store, &write, &err);
    return outcome_of(request, result, &err);
}

int write_check_size(struct request *request, size_t len, size_t len_before)
{
    if (len <= OBJECT_MAX || len <= len_before)
        return 0;
    return fail(request, 413, "RequestEntityTooLarge",
                "Request entity too large: the object has %zu bytes, the limit is %zu", len,
                OBJECT_MAX);
}

/* Behind the first member, apiVersion: which version it was written in is no part of an object. */
static const char *behind_version(const char *body, size_t len)
{
    const char *end = memchr(body, ',', len);
    return end ? end : body;
}

/* Stored bodies are canonical: equal bytes are an equal object, which is not written again. */
static bool is_stored(const struct live *live, const struct encoded *encoded)
{
    const char *new = behind_version(encoded->text, encoded->len);
    const char *old = behind_version(live->stored->body, live->stored->body_len);
    size_t len = encoded->len - (size_t)(new - encoded->text);
    return len == live->stored->body_len - (size_t)(old - live->stored->body) &&
           memcmp(new, old, len) == 0;
}

static enum outcome store(struct request *request, const struct write_options *options,
                          const struct live *live, const json_t *object,
                          struct encoded *ret_encoded)
{
    ret_encoded->text = view_encode(request->kind, object, &ret_encoded->len);
    ret_encoded->revision = live->stored->revision;
    if (write_check_size(request, ret_encoded->len, live->stored->body_len) < 0)
        return OUTCOME_FAILED;
    if (options->dry_run)
        return OUTCOME_ANSWERED;
    if (write_finished_deleting(request, object))
        return write_remove(request, live);
    if (is_stored(live, ret_encoded))
        return OUTCOME_ANSWERED;
    return replace(request, live, object, ret_encoded);
}

/* Everything between the merged object and its stored form. */
static int settle(struct request *request, const struct live *live, json_t *next,
                  enum managers managers)
{
    bool applied = managers == MANAGERS_OF_OBJECT;
    object_prepare_update(next, live->object, request->kind->has_status);
    write_settle_generation(request, next);
    if (applied)
        write_coerce_metadata(request, next);
    if (admit_validate(request, next, live->object) < 0)
        return -1;
    write_warn_finalizers(request, next, live->object);
    if (applied)
        write_settle_applied(request, next);
    managed_keep_times(live->object, next);
    return 0;
}

enum outcome write_commit(struct request *request, const struct write_options *options,
                          const struct live *live, json_t *object, enum managers managers,
                          struct encoded *ret_encoded)
{
    *ret_encoded = (struct encoded){0};
    if (write_settle_namespace(request, object) < 0 || write_check_identity(request, object) < 0 ||
        check_uid(request, live, object) < 0)
        return OUTCOME_FAILED;
    write_dedup_owners(request, object, request->route.verb == VERB_PATCH);
    if (managers == MANAGERS_OF_REQUEST)
        write_manage(request, options, live->object, object);
    if (check_revision(request, live, object) < 0)
        return OUTCOME_FAILED;
    json_t *next = apply_subresource(request, live, object);
    enum outcome outcome = OUTCOME_FAILED;
    if (settle(request, live, next, managers) == 0)
        outcome = store(request, options, live, next, ret_encoded);
    json_decref(next);
    return outcome;
}

enum outcome write_update(struct request *request, const struct write_options *options,
                          const struct live *live, json_t *object, enum managers managers)
{
    struct encoded encoded;
    enum outcome outcome = write_commit(request, options, live, object, managers, &encoded);
    if (outcome == OUTCOME_ANSWERED)
        outcome =
            (enum outcome)respond_object(request, 200, encoded.text, encoded.len, encoded.revision);
    free(encoded.text);
    return outcome;
}
