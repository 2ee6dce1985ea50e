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
#include "../view.h"
#include "write.h"

#define GENERATED_PREFIX_MAX 58
#define GENERATED_SUFFIX     5
#define GENERATE_TRIES       8

static int check_new(struct request *request, json_t *object)
{
    const char *revision = json_at_text(object, "metadata.resourceVersion");
    if (revision && *revision && strcmp(revision, "0") != 0)
        return fail(request, 400, "BadRequest",
                    "resourceVersion should not be set on objects to be created");
    return write_settle_namespace(request, object);
}

static bool generates_name(const json_t *object)
{
    const char *prefix = json_at_text(object, "metadata.generateName");
    return !*object_name(object) && prefix && *prefix;
}

static void generate_name(json_t *object)
{
    char suffix[GENERATED_SUFFIX + 1];
    random_suffix(suffix, GENERATED_SUFFIX);
    AUTO_FREE char *name = mem_printf("%.*s%s", GENERATED_PREFIX_MAX,
                                      json_at_text(object, "metadata.generateName"), suffix);
    json_put(object, "metadata.name", json_string(name));
}

/* The label of a namespace belongs to who creates it, the rest to nobody. */
static void prepare(const struct request *request, const struct write_options *options,
                    json_t *object, enum managers managers)
{
    object_prepare_create(object);
    write_settle_generation(request, object);
    if (request->kind->has_status)
        json_object_del(object, "status");
    if (namespace_kind(request->kind))
        namespace_label(object);
    if (managers == MANAGERS_OF_REQUEST)
        write_manage(request, options, NULL, object);
    if (namespace_kind(request->kind))
        namespace_prepare(object);
}

/* The namespace went away, or began to, after namespace_check(). */
static enum outcome fail_namespace(struct request *request, const char *name)
{
    if (namespace_check(request, name) < 0)
        return OUTCOME_FAILED;
    return (enum outcome)namespace_fail_terminating(request, name);
}

static enum outcome store(struct request *request, const json_t *object, const char *body,
                          size_t len)
{
    AUTO_FREE char *selectable = view_selectable(request->kind, object);
    struct store_write write = {.operation = STORE_CREATE,
                                .key = request_key(request, object_name(object)),
                                .uid = object_uid(object),
                                .body = body,
                                .body_len = len,
                                .selectable = selectable,
                                .in_namespace = request->kind->namespaced};
    struct err err = {0};
    if (store_write(request->api->store, &write, &err) == 0)
        return (enum outcome)respond_object(request, 201, body, len, write.revision);
    if (err.code == ERR_EXISTS)
        return OUTCOME_CONFLICT;
    if (err.code == ERR_FORBIDDEN)
        return fail_namespace(request, object_name(object));
    return (enum outcome)fail_err(request, &err);
}

/* A dry run finds out whether the name is taken, and no more. */
static enum outcome dry_run(struct request *request, const json_t *object, const char *body,
                            size_t len)
{
    struct store_key key = request_key(request, object_name(object));
    struct err err = {0};
    struct store_object *existing = store_get(request->api->store, &key, &err);
    free(existing);
    if (existing)
        return OUTCOME_CONFLICT;
    if (err.code != ERR_NOT_FOUND)
        return (enum outcome)fail_err(request, &err);
    return (enum outcome)respond_object(request, 201, body, len, 0);
}

static enum outcome create_once(struct request *request, const struct write_options *options,
                                json_t *object, enum managers managers)
{
    if (managers == MANAGERS_OF_OBJECT)
        write_coerce_metadata(request, object);
    if (admit_validate(request, object, NULL) < 0)
        return OUTCOME_FAILED;
    write_warn_finalizers(request, object, NULL);
    if (managers == MANAGERS_OF_OBJECT)
        write_settle_applied(request, object);
    size_t len;
    AUTO_FREE char *body = view_encode(request->kind, object, &len);
    if (write_check_size(request, len, 0) < 0)
        return OUTCOME_FAILED;
    return options->dry_run ? dry_run(request, object, body, len)
                            : store(request, object, body, len);
}

/* Of what has the name already; it only makes the words of the refusal better. */
static bool is_deleting(struct request *request, const char *name)
{
    struct store_key key = request_key(request, name);
    struct err err = {0};
    struct store_object *existing = store_get(request->api->store, &key, &err);
    json_t *selectable = existing ? json_loads(existing->selectable, 0, NULL) : NULL;
    bool deleting = selectable && json_at_bool(selectable, "deleting", false);
    json_decref(selectable);
    free(existing);
    return deleting;
}

enum outcome create_object(struct request *request, const struct write_options *options,
                           json_t *object, enum managers managers)
{
    write_dedup_owners(request, object, request->route.verb == VERB_PATCH);
    prepare(request, options, object, managers);
    if (request->kind->namespaced && namespace_check(request, object_name(object)) < 0)
        return OUTCOME_FAILED;
    bool generated = generates_name(object);
    enum outcome outcome = OUTCOME_CONFLICT;
    for (int n = 0; n < (generated ? GENERATE_TRIES : 1) && outcome == OUTCOME_CONFLICT; n++) {
        if (generated)
            generate_name(object);
        outcome = create_once(request, options, object, managers);
    }
    if (outcome == OUTCOME_CONFLICT) {
        fail_exists(request, object_name(object), is_deleting(request, object_name(object)));
        request->status.retry_after = generated;
    }
    return outcome;
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
    json_t *object = NULL;
    int result = write_options_parse(request, "CreateOptions", &options);
    if (result == 0)
        result = admit(request, &options, &object);
    if (result == 0 && create_object(request, &options, object, MANAGERS_OF_REQUEST) != 0)
        result = -1;
    json_decref(object);
    write_options_release(&options);
    return result;
}
