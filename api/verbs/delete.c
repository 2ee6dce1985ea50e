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

static int fail_body(struct request *request, const struct err *err)
{
    if (err->code == ERR_UNSUPPORTED)
        return fail(request, 415, "UnsupportedMediaType",
                    "the body of the request was in an unknown format - accepted media types "
                    "include: application/json, application/yaml, "
                    "application/vnd.kubernetes.protobuf");
    AUTO_FREE char *plain = admit_without_position(err->message);
    return fail(request, 400, "BadRequest", "couldn't get version/kind; json parse error: %s",
                plain);
}

static int check_kind(struct request *request, const json_t *body)
{
    const char *kind = json_at_text(body, "kind");
    const char *version = json_at_text(body, "apiVersion");
    if (!kind || !*kind || strcmp(kind, "DeleteOptions") == 0)
        return 0;
    return fail(request, 400, "BadRequest",
                "no kind \"%s\" is registered for version \"%s\" in scheme "
                "\"pkg/runtime/scheme.go:111\"",
                kind, version ? version : "");
}

static int check_types(struct request *request, const json_t *body)
{
    static const struct {
        const char *path, *type;
        bool text;
    } members[] = {{"gracePeriodSeconds", "int64", false},
                   {"propagationPolicy", "v1.DeletionPropagation", true},
                   {"preconditions.uid", "types.UID", true},
                   {"preconditions.resourceVersion", "string", true}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(members); i++) {
        const json_t *value = json_at(body, members[i].path);
        if (!value || json_is_null(value) ||
            (members[i].text ? json_is_string(value) : json_is_integer(value)))
            continue;
        bool nested = strchr(members[i].path, '.') != NULL;
        return fail(request, 400, "BadRequest",
                    "json: cannot unmarshal %s into Go struct field %s.%s of type %s",
                    admit_go_type(value), nested ? "Preconditions" : "DeleteOptions",
                    members[i].path, members[i].type);
    }
    return 0;
}

static int take_body(struct request *request, const json_t *body, struct delete_options *options)
{
    const json_t *orphan = json_object_get(body, "orphanDependents");
    if (json_is_null(body))
        return 0;
    if (!json_is_object(body))
        return fail(request, 400, "BadRequest",
                    "couldn't get version/kind; json parse error: json: cannot unmarshal %s into "
                    "Go value of type " ADMIT_TYPE_META,
                    admit_go_type(body));
    if (check_kind(request, body) < 0 || check_types(request, body) < 0)
        return -1;
    take_text(&options->uid, json_at_text(body, "preconditions.uid"));
    take_text(&options->revision, json_at_text(body, "preconditions.resourceVersion"));
    take_text(&options->policy, json_at_text(body, "propagationPolicy"));
    options->has_orphan = json_is_boolean(orphan);
    options->orphan = json_is_true(orphan);
    return read_dry_run(request, json_object_get(body, "dryRun"), options);
}

/* An empty body counts as none, whatever its Content-Type says. */
static int read_body(struct request *request, struct delete_options *options)
{
    struct err err = {0};
    json_t *body = decode_body(request, &err);
    int result = body ? take_body(request, body, options) : fail_body(request, &err);
    json_decref(body);
    return result;
}

static int read_query(struct request *request, struct delete_options *options)
{
    AUTO_FREE char *orphan = http_query(request->http, "orphanDependents");
    AUTO_FREE char *grace = http_query(request->http, "gracePeriodSeconds");
    char *end = grace;
    options->uid = http_query(request->http, "uid");
    options->revision = http_query(request->http, "resourceVersion");
    options->policy = http_query(request->http, "propagationPolicy");
    options->has_orphan = orphan != NULL;
    options->orphan = orphan && query_bool(orphan);
    if (grace && *grace)
        (void)strtoll(grace, &end, 10);
    if (!end || !*end)
        return 0;
    return fail(request, 400, "BadRequest", "strconv.ParseInt: parsing \"%s\": invalid syntax",
                grace);
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
    bool has_body = request->http->body_len > 0;
    if ((has_body ? read_body(request, options) : read_query(request, options)) < 0)
        return -1;
    return check_policy(request, options);
}

/* As a conflict, but about the Kind. */
static int fail_precondition(struct request *request, const char *why)
{
    const struct kind *kind = request->kind;
    fail(request, 409, "Conflict", "Operation cannot be fulfilled on %s%s%s \"%s\": %s", kind->kind,
         *kind->group ? "." : "", kind->group, request->route.name, why);
    request->status.name = mem_strdup(request->route.name);
    request->status.group = kind->group;
    request->status.kind = kind->kind;
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

/* A copy as deep as what delete_mark() changes; the rest is shared. */
static json_t *copy_to_mark(const struct request *request, json_t *object)
{
    if (namespace_kind(request->kind))
        return json_deep_copy(object);
    json_t *copy = json_copy(object);
    json_t *metadata = json_copy(json_object_get(object, "metadata"));
    json_t *finalizers = json_object_get(metadata, "finalizers");
    if (finalizers)
        json_object_set_new(metadata, "finalizers", json_copy(finalizers));
    json_object_set_new(copy, "metadata", metadata);
    return copy;
}

static enum outcome delete_live(struct request *request, const struct delete_options *options,
                                const struct live *live, struct deleted *deleted)
{
    if (options->only && !list_options_match(options->only, live->stored->selectable))
        return OUTCOME_ANSWERED;
    if (check_preconditions(request, options, live) < 0)
        return OUTCOME_FAILED;
    deleted->uid = mem_strdup(live->stored->uid);
    deleted->revision = live->stored->revision;
    deleted->object = copy_to_mark(request, live->object);
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
