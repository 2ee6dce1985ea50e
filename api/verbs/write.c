#include "write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "../respond.h"

/* What is stored can be sent back by a client: the limit of bodies. */
#define OBJECT_MAX ((size_t)3 << 20)

/* An object in the form in which it is stored. */
struct encoded {
    const char *text;
    size_t len;
};

int live_read(struct request *request, struct live *ret_live)
{
    *ret_live = (struct live){0};
    struct store_key key = request_key(request, request->route.name);
    struct err err = {0};
    ret_live->stored = store_get(request->api->store, &key, &err);
    if (!ret_live->stored && err.code == ERR_NOT_FOUND)
        return fail_not_found(request, request->route.name);
    if (!ret_live->stored)
        return fail_err(request, &err);
    const struct store_object *stored = ret_live->stored;
    ret_live->object = object_decode(stored->body, stored->body_len, stored->revision, &err);
    return ret_live->object ? 0 : fail_err(request, &err);
}

void live_release(struct live *live)
{
    free(live->stored);
    json_decref(live->object);
    *live = (struct live){0};
}

/* -------------------------------------------------------------------------------- checks */

static int check_identity(struct request *request, const json_t *object)
{
    const char *name = json_at_text(object, "metadata.name");
    const char *ns = json_at_text(object, "metadata.namespace");
    if (name && strcmp(name, request->route.name) != 0)
        return fail(request, 400, "BadRequest",
                    "the name of the object (%s) does not match the name on the URL (%s)", name,
                    request->route.name);
    if (ns && *ns && strcmp(ns, request->route.ns) != 0)
        return fail(request, 400, "BadRequest",
                    "the namespace of the provided object does not match the namespace sent on the "
                    "request");
    return 0;
}

static int check_uid(struct request *request, const struct live *live, const json_t *object)
{
    const char *uid = json_at_text(object, "metadata.uid");
    if (!uid || strcmp(uid, live->stored->uid) == 0)
        return 0;
    if (request->route.verb == VERB_PATCH)
        return fail_field(request, request->route.name, "metadata.uid", "FieldValueInvalid",
                          "Invalid value: \"%s\": field is immutable", uid);
    AUTO_FREE char *why = mem_printf("Precondition failed: UID in precondition: %s, UID in object "
                                     "meta: %s",
                                     uid, live->stored->uid);
    return fail_conflict(request, request->route.name, why);
}

static int check_revision(struct request *request, const struct live *live, const json_t *object)
{
    const char *text = json_at_text(object, "metadata.resourceVersion");
    if (!text || !*text || strcmp(text, "0") == 0) {
        struct field_errors errors = {0};
        field_errors_add(&errors, "metadata.resourceVersion", "FieldValueInvalid",
                         "Invalid value: 0: must be specified for an update");
        return fail_invalid_resource(request, request->route.name, &errors);
    }
    AUTO_FREE char *current = mem_printf("%" PRId64, live->stored->revision);
    if (strcmp(text, current) != 0)
        return fail_modified(request, request->route.name);
    return 0;
}

/* While an object is being deleted, finalizers can only go. */
static int check_finalizers(struct request *request, const struct live *live, const json_t *object)
{
    if (!object_deleting(live->object))
        return 0;
    struct buf added;
    buf_init(&added, BUF_MAX_DEFAULT);
    const json_t *list = json_at(object, "metadata.finalizers");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *finalizer = json_string_value(json_array_get(list, i));
        if (!finalizer || object_has_finalizer(live->object, finalizer))
            continue;
        buf_adds(&added, added.len > 0 ? ", " : "");
        buf_add_json(&added, finalizer);
    }
    AUTO_FREE char *text = buf_take(&added);
    if (!*text)
        return 0;
    return fail_field(request, request->route.name, "metadata.finalizers", "FieldValueForbidden",
                      "Forbidden: no new finalizers can be added if the object is being deleted, "
                      "found new finalizers []string{%s}",
                      text);
}

/* -------------------------------------------------------------------------------- merge with the
 * live one */

static void copy_member(json_t *to, const json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);
    if (value)
        json_object_set(to, name, value);
    else
        json_object_del(to, name);
}

/* The main path leaves status alone, /status everything else. A new reference. */
static json_t *apply_subresource(const struct request *request, const struct live *live,
                                 json_t *object)
{
    if (strcmp(request->route.subresource, "status") == 0) {
        json_t *result = json_deep_copy(live->object);
        copy_member(result, object, "status");
        return result;
    }
    if (request->kind->has_status)
        copy_member(object, live->object, "status");
    return json_incref(object);
}

static json_t *without_revision(json_t *object)
{
    json_t *copy = json_copy(object);
    json_t *metadata = json_copy(json_object_get(copy, "metadata"));
    json_object_del(metadata, "resourceVersion");
    json_object_set_new(copy, "metadata", metadata);
    return copy;
}

static bool same_object(json_t *a, json_t *b)
{
    json_t *left = without_revision(a);
    json_t *right = without_revision(b);
    bool same = json_same(left, right);
    json_decref(left);
    json_decref(right);
    return same;
}

static bool finished_deleting(const json_t *object)
{
    return object_deleting(object) && json_array_size(json_at(object, "metadata.finalizers")) == 0;
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
                            const struct encoded *encoded, int64_t *ret_revision)
{
    AUTO_FREE char *selectable = object_selectable(object, request->kind->selectable_fields);
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
    *ret_revision = write.revision;
    return outcome_of(request, result, &err);
}

enum outcome write_replace(struct request *request, const struct live *live, const json_t *object,
                           int64_t *ret_revision)
{
    struct encoded encoded;
    AUTO_FREE char *text = object_encode(object, &encoded.len);
    encoded.text = text;
    return replace(request, live, object, &encoded, ret_revision);
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

static enum outcome store_and_respond(struct request *request, const struct write_options *options,
                                      const struct live *live, json_t *object)
{
    int64_t revision = live->stored->revision;
    enum outcome outcome = OUTCOME_ANSWERED;
    struct encoded encoded;
    AUTO_FREE char *text = object_encode(object, &encoded.len);
    encoded.text = text;
    if (write_check_size(request, encoded.len, live->stored->body_len) < 0)
        return OUTCOME_FAILED;
    if (!options->dry_run && finished_deleting(object))
        outcome = write_remove(request, live);
    else if (!options->dry_run && !same_object(object, live->object))
        outcome = replace(request, live, object, &encoded, &revision);
    if (outcome != OUTCOME_ANSWERED)
        return outcome;
    return (enum outcome)respond_object(request, 200, encoded.text, encoded.len, revision);
}

static int check_update(struct request *request, const struct live *live, const json_t *object)
{
    if (check_identity(request, object) < 0 || check_uid(request, live, object) < 0 ||
        check_revision(request, live, object) < 0)
        return -1;
    return 0;
}

enum outcome write_update(struct request *request, const struct write_options *options,
                          const struct live *live, json_t *object)
{
    if (check_update(request, live, object) < 0)
        return OUTCOME_FAILED;
    json_t *next = apply_subresource(request, live, object);
    object_prepare_update(next, live->object, request->kind->has_status);
    enum outcome outcome = OUTCOME_FAILED;
    if (check_finalizers(request, live, next) == 0 &&
        admit_validate(request, next, live->object) == 0)
        outcome = store_and_respond(request, options, live, next);
    json_decref(next);
    return outcome;
}
