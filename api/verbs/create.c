#include "verbs.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/base/random.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "../admit.h"
#include "../namespaces.h"
#include "../respond.h"
#include "write.h"

#define GENERATED_PREFIX_MAX 58
#define GENERATED_SUFFIX     5
#define GENERATE_TRIES       8

/* The namespace of the URL goes into the object; a different one in the object is refused. */
static int settle_namespace(struct request *request, json_t *object)
{
    const char *given = json_at_text(object, "metadata.namespace");
    if (given && *given && strcmp(given, request->route.ns) != 0)
        return fail(request, 400, "BadRequest",
                    "the namespace of the provided object does not match the namespace sent on the "
                    "request");
    if (request->kind->namespaced)
        json_put(object, "metadata.namespace", json_string(request->route.ns));
    return 0;
}

static int check_new(struct request *request, json_t *object)
{
    const char *revision = json_at_text(object, "metadata.resourceVersion");
    if (revision && *revision)
        return fail(request, 400, "BadRequest",
                    "resourceVersion should not be set on objects to be created");
    return settle_namespace(request, object);
}

static bool generates_name(const json_t *object)
{
    const char *name = json_at_text(object, "metadata.name");
    const char *prefix = json_at_text(object, "metadata.generateName");
    return (!name || !*name) && prefix && *prefix;
}

static void generate_name(json_t *object)
{
    char suffix[GENERATED_SUFFIX + 1];
    random_suffix(suffix, GENERATED_SUFFIX);
    AUTO_FREE char *name = mem_printf("%.*s%s", GENERATED_PREFIX_MAX,
                                      json_at_text(object, "metadata.generateName"), suffix);
    json_put(object, "metadata.name", json_string(name));
}

static void prepare(const struct request *request, json_t *object)
{
    object_prepare_create(object);
    if (request->kind->has_status)
        json_object_del(object, "status");
    if (namespace_kind(request->kind))
        namespace_prepare(object);
}

/* 0: stored; ERR_EXISTS is left in @err. */
static int store(struct request *request, const json_t *object, const char *body, size_t len,
                 int64_t *ret_revision, struct err *err)
{
    AUTO_FREE char *selectable = object_selectable(object, request->kind->selectable_fields);
    struct store_write write = {.operation = STORE_CREATE,
                                .key = request_key(request, object_name(object)),
                                .uid = object_uid(object),
                                .body = body,
                                .body_len = len,
                                .selectable = selectable};
    int result = store_write(request->api->store, &write, err);
    *ret_revision = write.revision;
    return result;
}

/* A dry run finds out whether the name is taken, and no more. */
static int dry_run(struct request *request, const json_t *object)
{
    struct store_key key = request_key(request, object_name(object));
    struct err err = {0};
    struct store_object *existing = store_get(request->api->store, &key, &err);
    if (existing) {
        free(existing);
        return fail_exists(request, object_name(object));
    }
    if (err.code != ERR_NOT_FOUND)
        return fail_err(request, &err);
    AUTO_FREE char *text = json_text(object);
    buf_adds(&request->response->body, text);
    respond_json(request, 201);
    return 0;
}

static int create(struct request *request, const struct write_options *options, json_t *object)
{
    bool generated = generates_name(object);
    struct err err = {0};
    for (int n = 0; n < (generated ? GENERATE_TRIES : 1); n++) {
        if (generated)
            generate_name(object);
        if (admit_validate(request, object, NULL) < 0)
            return -1;
        int64_t revision;
        size_t len;
        AUTO_FREE char *body = object_encode(object, &len);
        if (write_check_size(request, len, 0) < 0)
            return -1;
        if (options->dry_run)
            return dry_run(request, object);
        err = (struct err){0};
        if (store(request, object, body, len, &revision, &err) == 0)
            return respond_object(request, 201, body, len, revision);
        if (err.code != ERR_EXISTS)
            return fail_err(request, &err);
    }
    fail_exists(request, object_name(object));
    if (generated)
        request->status.retry_after = 1;
    return -1;
}

static int admit(struct request *request, const struct write_options *options, json_t **ret_object)
{
    struct texts findings = {0};
    int result = admit_body(request, options, ret_object, &findings);
    if (result == 0)
        result = admit_normalize(request, options, *ret_object, &findings);
    if (result == 0)
        result = check_new(request, *ret_object);
    if (result == 0)
        result = admit_findings(request, options, &findings);
    texts_release(&findings);
    return result;
}

int verb_create(struct request *request)
{
    struct write_options options;
    if (write_options_parse(request, "CreateOptions", &options) < 0)
        return -1;
    json_t *object = NULL;
    int result = admit(request, &options, &object);
    if (result == 0) {
        prepare(request, object);
        if (request->kind->namespaced)
            result = namespace_check(request);
    }
    if (result == 0)
        result = create(request, &options, object);
    json_decref(object);
    return result;
}
