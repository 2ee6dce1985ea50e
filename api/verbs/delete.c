#include "verbs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/go_text.h>
#include <mot/model/json.h>
#include <mot/model/object.h>
#include <mot/model/yaml.h>

#include "../namespaces.h"
#include "../protobuf.h"
#include "../respond.h"
#include "delete.h"
#include "write.h"

#define TRIES 5

void delete_options_release(struct delete_options *options)
{
    free(options->uid);
    free(options->revision);
    free(options->policy);
    write_options_release(&options->write);
    *options = (struct delete_options){0};
}

static void take_text(char **target, const char *text)
{
    if (!text)
        return;
    free(*target);
    *target = mem_strdup(text);
}

static int read_dry_run(struct request *request, const json_t *list, struct delete_options *options)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *value = json_string_value(json_array_get(list, i));
        if (value && strcmp(value, "All") == 0) {
            options->write.dry_run = true;
            continue;
        }
        struct field_errors errors = {0};
        AUTO_FREE char *all = go_json(list);
        field_errors_add(&errors, "dryRun", "FieldValueNotSupported",
                         "Unsupported value: %s: supported values: \"All\"", all);
        return fail_options(request, "DeleteOptions", &errors);
    }
    return 0;
}

static json_t *decode_body(struct request *request, struct err *err)
{
    const struct http_request *http = request->http;
    struct texts duplicates = {0};
    json_t *body = NULL;
    switch (negotiate_content_type(http_header(http, "content-type"))) {
    case MEDIA_JSON:
        return json_parse(http->body, http->body_len, false, err);
    case MEDIA_PROTOBUF:
        return protobuf_decode(http->body, http->body_len, err);
    case MEDIA_YAML:
        body = yaml_parse_first(http->body, http->body_len, &duplicates, err);
        texts_release(&duplicates);
        return body;
    case MEDIA_MERGE_PATCH:
    case MEDIA_JSON_PATCH:
    case MEDIA_APPLY_PATCH:
    case MEDIA_STRATEGIC_PATCH:
    case MEDIA_OTHER:
        break;
    }
    err_set(err, ERR_UNSUPPORTED, "no body of options");
    return NULL;
}

static int fail_body(struct request *request, const json_t *body, const struct err *err)
{
    if (!body && err->code == ERR_UNSUPPORTED)
        return fail(request, 415, "UnsupportedMediaType",
                    "the body of the request was in an unknown format - accepted media types "
                    "include: application/json, application/yaml, "
                    "application/vnd.kubernetes.protobuf");
    return fail(request, 400, "BadRequest", "error decoding DeleteOptions: %s",
                body ? "it must be a JSON object" : err->message);
}

/* An empty body counts as none, whatever its Content-Type says. */
static int read_body(struct request *request, struct delete_options *options)
{
    struct err err = {0};
    json_t *body = decode_body(request, &err);
    const char *kind = json_at_text(body, "kind");
    int result = 0;
    if (!json_is_object(body))
        result = fail_body(request, body, &err);
    else if (kind && *kind && strcmp(kind, "DeleteOptions") != 0)
        result =
            fail(request, 400, "BadRequest", "decoded object cannot be converted to DeleteOptions");
    if (result == 0) {
        const json_t *orphan = json_object_get(body, "orphanDependents");
        take_text(&options->uid, json_at_text(body, "preconditions.uid"));
        take_text(&options->revision, json_at_text(body, "preconditions.resourceVersion"));
        take_text(&options->policy, json_at_text(body, "propagationPolicy"));
        options->has_orphan = json_is_boolean(orphan);
        options->orphan = json_is_true(orphan);
        result = read_dry_run(request, json_object_get(body, "dryRun"), options);
    }
    json_decref(body);
    return result;
}

static void read_query(const struct request *request, struct delete_options *options)
{
    AUTO_FREE char *orphan = http_query(request->http, "orphanDependents");
    options->policy = http_query(request->http, "propagationPolicy");
    options->has_orphan = orphan != NULL;
    options->orphan = orphan && query_bool(orphan);
}

static int check_policy(struct request *request, const struct delete_options *options)
{
    static const char *const known[] = {"Foreground", "Background", "Orphan"};
    const char *policy = options->policy;
    struct field_errors errors = {0};
    bool found = !policy;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(known); i++)
        found = found || strcmp(policy, known[i]) == 0;
    if (policy && options->has_orphan)
        field_errors_add(&errors, "propagationPolicy", "FieldValueInvalid",
                         "Invalid value: \"%s\": orphanDependents and deletionPropagation cannot "
                         "be both set",
                         policy);
    if (!found)
        field_errors_add(&errors, "propagationPolicy", "FieldValueNotSupported",
                         "Unsupported value: \"%s\": supported values: \"Foreground\", "
                         "\"Background\", \"Orphan\", \"nil\"",
                         policy);
    if (errors.count > 0)
        return fail_options(request, "DeleteOptions", &errors);
    return 0;
}

int delete_options_read(struct request *request, struct delete_options *options)
{
    *options = (struct delete_options){0};
    if (write_options_parse(request, "DeleteOptions", &options->write) < 0)
        return -1;
    if (request->http->body_len == 0)
        read_query(request, options);
    else if (read_body(request, options) < 0)
        return -1;
    return check_policy(request, options);
}

static int fail_precondition(struct request *request, const char *why)
{
    fail_conflict(request, request->route.name, why);
    request->status.kind = request->kind->kind;
    return -1;
}

static int check_preconditions(struct request *request, const struct delete_options *options,
                               const struct live *live)
{
    if (options->uid && strcmp(options->uid, live->stored->uid) != 0) {
        AUTO_FREE char *why = mem_printf(
            "the UID in the precondition (%s) does not match the UID in record (%s). The object "
            "might have been deleted and then recreated",
            options->uid, live->stored->uid);
        return fail_precondition(request, why);
    }
    AUTO_FREE char *current = mem_printf("%" PRId64, live->stored->revision);
    if (!options->revision || strcmp(options->revision, current) == 0)
        return 0;
    AUTO_FREE char *why = mem_printf(
        "the ResourceVersion in the precondition (%s) does not match the ResourceVersion in record "
        "(%s). The object might have been modified",
        options->revision, current);
    return fail_precondition(request, why);
}

/* What the options, or else the object itself, say about @finalizer. */
static bool wants_finalizer(const struct delete_options *options, const json_t *object,
                            const char *policy, const char *finalizer)
{
    if (options->has_orphan)
        return options->orphan && strcmp(policy, "Orphan") == 0;
    if (options->policy)
        return strcmp(options->policy, policy) == 0;
    return object_has_finalizer(object, finalizer);
}

/* True if something changed. The collector does the rest: it looks for these two finalizers. */
static bool settle_finalizer(const struct delete_options *options, json_t *object,
                             const char *policy, const char *finalizer)
{
    return wants_finalizer(options, object, policy, finalizer)
               ? object_add_finalizer(object, finalizer)
               : object_remove_finalizer(object, finalizer);
}

bool delete_mark(const struct request *request, const struct delete_options *options,
                 json_t *object, bool *ret_gone)
{
    bool is_namespace = namespace_kind(request->kind);
    bool changed = settle_finalizer(options, object, "Orphan", "orphan");
    changed |= settle_finalizer(options, object, "Foreground", "foregroundDeletion");
    *ret_gone = json_array_size(json_at(object, "metadata.finalizers")) == 0 &&
                (!is_namespace || json_array_size(json_at(object, "spec.finalizers")) == 0);
    if (*ret_gone)
        return true;
    changed |= is_namespace ? namespace_mark_deleted(object) : object_mark_deleted(object);
    write_settle_generation(request, object);
    return changed;
}

static enum outcome delete_live(struct request *request, const struct delete_options *options,
                                const struct live *live, struct deleted *deleted)
{
    if (check_preconditions(request, options, live) < 0)
        return OUTCOME_FAILED;
    deleted->uid = mem_strdup(live->stored->uid);
    deleted->revision = live->stored->revision;
    deleted->object = json_deep_copy(live->object);
    bool changed = delete_mark(request, options, deleted->object, &deleted->gone);
    if (!changed || options->write.dry_run)
        return OUTCOME_ANSWERED;
    return deleted->gone ? write_remove(request, live)
                         : write_replace(request, live, deleted->object, &deleted->revision);
}

void deleted_release(struct deleted *deleted)
{
    free(deleted->uid);
    json_decref(deleted->object);
    *deleted = (struct deleted){0};
}

int delete_object(struct request *request, const struct delete_options *options,
                  struct deleted *ret_deleted)
{
    enum outcome outcome = OUTCOME_CONFLICT;
    *ret_deleted = (struct deleted){0};
    for (int n = 0; n < TRIES && outcome == OUTCOME_CONFLICT; n++) {
        struct live live;
        deleted_release(ret_deleted);
        outcome = (enum outcome)live_read(request, &live);
        if (outcome == OUTCOME_ANSWERED)
            outcome = delete_live(request, options, &live, ret_deleted);
        live_release(&live);
    }
    return outcome == OUTCOME_CONFLICT ? fail_modified(request, request->route.name) : (int)outcome;
}

/* 202 tells the clients of long ago, who asked for it by orphanDependents=false, that dependents
 * are still to go. */
static int respond(struct request *request, const struct delete_options *options,
                   const struct deleted *deleted)
{
    if (deleted->gone)
        return respond_deleted(request, request->route.name, deleted->uid);
    bool accepted = options->has_orphan && !options->orphan;
    return respond_value(request, accepted ? 202 : 200, deleted->object, deleted->revision);
}

int verb_delete(struct request *request)
{
    struct delete_options options;
    struct deleted deleted = {0};
    int result = delete_options_read(request, &options);
    if (result == 0 && namespace_kind(request->kind))
        result = namespace_check_delete(request, request->route.name);
    if (result == 0)
        result = delete_object(request, &options, &deleted);
    if (result == 0)
        result = respond(request, &options, &deleted);
    deleted_release(&deleted);
    delete_options_release(&options);
    return result;
}
