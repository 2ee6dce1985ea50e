#include "verbs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "../namespaces.h"
#include "../respond.h"
#include "delete.h"
#include "write.h"

#define TRIES 5

void delete_options_release(struct delete_options *options)
{
    free(options->uid);
    free(options->revision);
    free(options->policy);
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
        field_errors_add(&errors, "dryRun", "FieldValueNotSupported",
                         "Unsupported value: [\"%s\"]: supported values: \"All\"",
                         value ? value : "");
        return fail_options(request, "DeleteOptions", &errors);
    }
    return 0;
}

/* An empty body counts as none, whatever its Content-Type says. */
static int read_body(struct request *request, struct delete_options *options)
{
    if (request->http->body_len == 0)
        return 0;
    enum media media = negotiate_content_type(http_header(request->http, "content-type"));
    if (media != MEDIA_JSON)
        return fail(request, 415, "UnsupportedMediaType",
                    "the body of the request was in an unknown format - accepted media types "
                    "include: application/json");
    struct err err = {0};
    json_t *body = json_parse(request->http->body, request->http->body_len, false, &err);
    if (!json_is_object(body)) {
        json_decref(body);
        return fail(request, 400, "BadRequest", "error decoding DeleteOptions: %s",
                    body ? "it must be a JSON object" : err.message);
    }
    take_text(&options->uid, json_at_text(body, "preconditions.uid"));
    take_text(&options->revision, json_at_text(body, "preconditions.resourceVersion"));
    take_text(&options->policy, json_at_text(body, "propagationPolicy"));
    int result = read_dry_run(request, json_object_get(body, "dryRun"), options);
    json_decref(body);
    return result;
}

static int check_policy(struct request *request, const char *policy)
{
    struct field_errors errors = {0};
    if (!policy || !*policy || strcmp(policy, "Background") == 0)
        return 0;
    if (strcmp(policy, "Foreground") == 0 || strcmp(policy, "Orphan") == 0)
        field_errors_add(&errors, "propagationPolicy", "FieldValueInvalid",
                         "Invalid value: \"%s\": this server has no garbage collector yet: only "
                         "Background is served",
                         policy);
    else
        field_errors_add(&errors, "propagationPolicy", "FieldValueNotSupported",
                         "Unsupported value: \"%s\": supported values: \"Foreground\", "
                         "\"Background\", \"Orphan\", \"nil\"",
                         policy);
    return fail_options(request, "DeleteOptions", &errors);
}

int delete_options_read(struct request *request, struct delete_options *options)
{
    *options = (struct delete_options){0};
    if (write_options_parse(request, "DeleteOptions", &options->write) < 0)
        return -1;
    options->policy = http_query(request->http, "propagationPolicy");
    if (read_body(request, options) < 0)
        return -1;
    return check_policy(request, options->policy);
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

/* Finalizers are left: the object stays, marked as being deleted, until the last one is taken away.
 */
static enum outcome mark(struct request *request, const struct delete_options *options,
                         const struct live *live, struct deleted *deleted)
{
    enum outcome outcome = OUTCOME_ANSWERED;
    deleted->object = json_deep_copy(live->object);
    deleted->revision = live->stored->revision;
    if (object_mark_deleted(deleted->object) && !options->write.dry_run)
        outcome = write_replace(request, live, deleted->object, &deleted->revision);
    return outcome;
}

static enum outcome delete_live(struct request *request, const struct delete_options *options,
                                const struct live *live, struct deleted *deleted)
{
    if (check_preconditions(request, options, live) < 0)
        return OUTCOME_FAILED;
    deleted->uid = mem_strdup(live->stored->uid);
    if (json_array_size(json_at(live->object, "metadata.finalizers")) > 0)
        return mark(request, options, live, deleted);
    deleted->gone = true;
    deleted->revision = live->stored->revision;
    deleted->object = json_incref(live->object);
    return options->write.dry_run ? OUTCOME_ANSWERED : write_remove(request, live);
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

static int respond(struct request *request, const struct deleted *deleted)
{
    if (deleted->gone)
        return respond_deleted(request, request->route.name, deleted->uid);
    return respond_value(request, 200, deleted->object, deleted->revision);
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
        result = respond(request, &deleted);
    deleted_release(&deleted);
    delete_options_release(&options);
    return result;
}
