#include "verbs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "../namespaces.h"
#include "../respond.h"
#include "write.h"

#define TRIES 5

struct delete_options {
    struct write_options write;
    char *uid; /* preconditions; NULL: none */
    char *revision;
    char *policy; /* propagationPolicy; NULL: none */
};

static void release(struct delete_options *options)
{
    free(options->uid);
    free(options->revision);
    free(options->policy);
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

static int read_options(struct request *request, struct delete_options *options)
{
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
                         const struct live *live)
{
    int64_t revision = live->stored->revision;
    json_t *object = json_deep_copy(live->object);
    enum outcome outcome = OUTCOME_ANSWERED;
    if (object_mark_deleted(object) && !options->write.dry_run)
        outcome = write_replace(request, live, object, &revision);
    if (outcome == OUTCOME_ANSWERED)
        outcome = (enum outcome)respond_value(request, 200, object, revision);
    json_decref(object);
    return outcome;
}

static enum outcome delete_once(struct request *request, const struct delete_options *options)
{
    struct live live;
    enum outcome outcome = OUTCOME_FAILED;
    if (live_read(request, &live) < 0 || check_preconditions(request, options, &live) < 0) {
        live_release(&live);
        return outcome;
    }
    bool keeps = json_array_size(json_at(live.object, "metadata.finalizers")) > 0;
    if (keeps)
        outcome = mark(request, options, &live);
    else if (options->write.dry_run)
        outcome = OUTCOME_ANSWERED;
    else
        outcome = write_remove(request, &live);
    if (!keeps && outcome == OUTCOME_ANSWERED)
        outcome = (enum outcome)respond_deleted(request, request->route.name, live.stored->uid);
    live_release(&live);
    return outcome;
}

int verb_delete(struct request *request)
{
    struct delete_options options = {0};
    enum outcome outcome = (enum outcome)read_options(request, &options);
    if (outcome == OUTCOME_ANSWERED && namespace_kind(request->kind))
        outcome = (enum outcome)namespace_check_delete(request, request->route.name);
    if (outcome == OUTCOME_ANSWERED)
        outcome = OUTCOME_CONFLICT;
    for (int n = 0; n < TRIES && outcome == OUTCOME_CONFLICT; n++)
        outcome = delete_once(request, &options);
    release(&options);
    return outcome == OUTCOME_CONFLICT ? fail_modified(request, request->route.name) : (int)outcome;
}
