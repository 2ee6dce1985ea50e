#include "query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

#define REVISION_WAIT_MS     3000
#define REVISION_POLL_MS     50
#define REVISION_WAITERS_MAX 8

static bool is_true(const char *value)
{
    return value && *value && strcmp(value, "0") != 0 && strcmp(value, "false") != 0;
}

/* -------------------------------------------------------------------------------- writes */

static void check_dry_run(const char *value, struct write_options *options,
                          struct field_errors *errors)
{
    if (!value || !*value)
        return;
    if (strcmp(value, "All") == 0)
        options->dry_run = true;
    else
        field_errors_add(errors, "dryRun", "FieldValueNotSupported",
                         "Unsupported value: [\"%s\"]: supported values: \"All\"", value);
}

static void check_validation(const char *value, struct write_options *options,
                             struct field_errors *errors)
{
    if (!value || !*value || strcmp(value, "Warn") == 0)
        options->validation = VALIDATION_WARN;
    else if (strcmp(value, "Strict") == 0)
        options->validation = VALIDATION_STRICT;
    else if (strcmp(value, "Ignore") == 0)
        options->validation = VALIDATION_IGNORE;
    else
        field_errors_add(errors, "fieldValidation", "FieldValueNotSupported",
                         "Unsupported value: \"%s\": supported values: \"\", \"Ignore\", "
                         "\"Strict\", \"Warn\"",
                         value);
}

static void check_manager(const char *value, struct field_errors *errors)
{
    if (value && strlen(value) > 128)
        field_errors_add(errors, "fieldManager", "FieldValueTooLong",
                         "Too long: may not be more than 128 bytes");
}

int write_options_parse(struct request *request, const char *name,
                        struct write_options *ret_options)
{
    *ret_options = (struct write_options){.name = name};
    struct field_errors errors = {0};
    AUTO_FREE char *dry_run = http_query(request->http, "dryRun");
    AUTO_FREE char *validation = http_query(request->http, "fieldValidation");
    AUTO_FREE char *manager = http_query(request->http, "fieldManager");
    AUTO_FREE char *force = http_query(request->http, "force");
    if (force && strcmp(name, "PatchOptions") == 0)
        field_errors_add(&errors, "force", "FieldValueForbidden",
                         "Forbidden: may not be specified for non-apply patch");
    check_manager(manager, &errors);
    check_dry_run(dry_run, ret_options, &errors);
    if (strcmp(name, "DeleteOptions") != 0)
        check_validation(validation, ret_options, &errors);
    if (errors.count > 0)
        return fail_options(request, name, &errors);
    return 0;
}

/* -------------------------------------------------------------------------------- reads */

/* A non-negative decimal; @text NULL or "" leaves *ret at 0. */
static int parse_number(struct request *request, const char *name, const char *text, int64_t *ret)
{
    *ret = 0;
    if (!text || !*text)
        return 0;
    char *end = NULL;
    errno = 0;
    int64_t number = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9')
        return fail(request, 400, "BadRequest", "Invalid value: \"%s\": %s must be a number", text,
                    name);
    *ret = number;
    return 0;
}

static int parse_revision(struct request *request, const char *text, int64_t *ret_revision)
{
    if (parse_number(request, "resourceVersion", text, ret_revision) == 0)
        return 0;
    struct field_errors errors = {0};
    field_errors_add(&errors, "resourceVersion", "FieldValueInvalid",
                     "Invalid value: \"%s\": strconv.ParseUint: parsing \"%s\": invalid syntax",
                     text, text);
    fail_options(request, "ListOptions", &errors);
    request->status.code = 400;
    request->status.reason = "BadRequest";
    return -1;
}

static void add_forbidden(struct field_errors *errors, const char *field, const char *text)
{
    field_errors_add(errors, field, "FieldValueForbidden", "Forbidden: %s", text);
}

static void check_match_of_list(const struct list_options *options, const char *match,
                                struct field_errors *errors)
{
    if (!options->has_revision)
        add_forbidden(errors, "resourceVersionMatch",
                      "resourceVersionMatch is forbidden unless resourceVersion is provided");
    if (options->token)
        add_forbidden(errors, "resourceVersionMatch",
                      "resourceVersionMatch is forbidden when continue is provided");
    if (options->match == MATCH_NONE)
        field_errors_add(errors, "resourceVersionMatch", "FieldValueNotSupported",
                         "Unsupported value: \"%s\": supported values: \"Exact\", "
                         "\"NotOlderThan\", \"\"",
                         match);
    if (options->match == MATCH_EXACT && options->has_revision && options->revision == 0)
        add_forbidden(errors, "resourceVersionMatch",
                      "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
}

static void check_match_of_watch(const struct list_options *options, const char *match,
                                 struct field_errors *errors)
{
    if (options->initial_events_set && options->match != MATCH_NOT_OLDER)
        add_forbidden(errors, "resourceVersionMatch",
                      "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    if (!*match)
        return;
    if (!options->initial_events_set)
        add_forbidden(errors, "resourceVersionMatch",
                      "resourceVersionMatch is forbidden for watch unless sendInitialEvents is "
                      "provided");
    if (options->match != MATCH_NOT_OLDER)
        field_errors_add(errors, "resourceVersionMatch", "FieldValueNotSupported",
                         "Unsupported value: \"%s\": supported values: \"NotOlderThan\"", match);
    if (options->token)
        add_forbidden(errors, "resourceVersionMatch",
                      "resourceVersionMatch is forbidden when continue is provided");
}

static int check_match(struct request *request, struct list_options *options, const char *match)
{
    struct field_errors errors = {0};
    if (strcmp(match, "Exact") == 0)
        options->match = MATCH_EXACT;
    else if (strcmp(match, "NotOlderThan") == 0)
        options->match = MATCH_NOT_OLDER;
    if (request->route.verb == VERB_WATCH) {
        check_match_of_watch(options, match, &errors);
    } else {
        if (*match)
            check_match_of_list(options, match, &errors);
        if (options->initial_events_set)
            add_forbidden(&errors, "sendInitialEvents", "sendInitialEvents is forbidden for list");
    }
    if (errors.count > 0)
        return fail_options(request, "ListOptions", &errors);
    return 0;
}

static int parse_selectors(struct request *request, struct list_options *options)
{
    AUTO_FREE char *labels = http_query(request->http, "labelSelector");
    AUTO_FREE char *fields = http_query(request->http, "fieldSelector");
    struct err err = {0};
    options->labels = selector_parse_labels(labels ? labels : "", &err);
    if (!options->labels)
        return fail(request, 400, "BadRequest", "unable to parse requirement: %s", err.message);
    options->fields =
        selector_parse_fields(fields ? fields : "", request->kind->selectable_fields, &err);
    if (!options->fields)
        return fail(request, 400, "BadRequest", "%s", err.message);
    return 0;
}

static int parse_numbers(struct request *request, struct list_options *options)
{
    AUTO_FREE char *limit = http_query(request->http, "limit");
    AUTO_FREE char *timeout = http_query(request->http, "timeoutSeconds");
    AUTO_FREE char *revision = http_query(request->http, "resourceVersion");
    if (parse_number(request, "limit", limit, &options->limit) < 0 ||
        parse_number(request, "timeoutSeconds", timeout, &options->timeout_s) < 0 ||
        parse_revision(request, revision, &options->revision) < 0)
        return -1;
    options->has_revision = revision && *revision;
    return 0;
}

int list_options_parse(struct request *request, struct list_options *ret_options)
{
    *ret_options = (struct list_options){0};
    AUTO_FREE char *match = http_query(request->http, "resourceVersionMatch");
    AUTO_FREE char *initial = http_query(request->http, "sendInitialEvents");
    AUTO_FREE char *bookmarks = http_query(request->http, "allowWatchBookmarks");
    AUTO_FREE char *token = http_query(request->http, "continue");
    if (parse_numbers(request, ret_options) < 0 || parse_selectors(request, ret_options) < 0)
        return -1;
    ret_options->initial_events_set = initial != NULL;
    ret_options->initial_events = is_true(initial);
    ret_options->bookmarks = is_true(bookmarks);
    if (token && *token)
        ret_options->token = mem_take(&token);
    return check_match(request, ret_options, match ? match : "");
}

void list_options_release(struct list_options *options)
{
    selector_free(options->labels);
    selector_free(options->fields);
    free(options->token);
    *options = (struct list_options){0};
}

bool list_options_match(const struct list_options *options, const char *selectable)
{
    if (selector_is_everything(options->labels) && selector_is_everything(options->fields))
        return true;
    json_t *values = json_loads(selectable, 0, NULL);
    bool matches = selector_matches(options->labels, json_object_get(values, "labels")) &&
                   selector_matches(options->fields, json_object_get(values, "fields"));
    json_decref(values);
    return matches;
}

int query_revision(struct request *request, int64_t *ret_revision)
{
    AUTO_FREE char *revision = http_query(request->http, "resourceVersion");
    return parse_revision(request, revision, ret_revision);
}

/* 1: it is there; 0: it did not come in time; -1: the answer is given. */
static int poll_revision(struct request *request, int64_t revision, int64_t wait_ms,
                         int64_t *ret_current)
{
    int64_t deadline = clock_ms() + wait_ms;
    for (;;) {
        struct err err = {0};
        if (store_revision(request->api->store, ret_current, &err) < 0)
            return fail_err(request, &err);
        if (*ret_current >= revision)
            return 1;
        if (clock_ms() >= deadline)
            return 0;
        clock_sleep_ms(REVISION_POLL_MS);
    }
}

/* Only a few wait, or those that ask for revisions of another database would hold every worker. */
int await_revision(struct request *request, int64_t revision)
{
    int64_t current = 0;
    if (revision <= 0)
        return 0;
    int found = poll_revision(request, revision, 0, &current);
    if (found == 0) {
        if (atomic_fetch_add(&request->api->awaiting, 1) < REVISION_WAITERS_MAX)
            found = poll_revision(request, revision, REVISION_WAIT_MS, &current);
        atomic_fetch_sub(&request->api->awaiting, 1);
    }
    if (found != 0)
        return found < 0 ? -1 : 0;
    fail(request, 504, "Timeout",
         "Timeout: Too large resource version: %" PRId64 ", current: %" PRId64, revision, current);
    request->status.retry_after = 1;
    field_errors_add(&request->status.causes, "", "ResourceVersionTooLarge",
                     "Too large resource version");
    return -1;
}

int query_include_object(struct request *request, enum include_object *ret_include)
{
    AUTO_FREE char *value = http_query(request->http, "includeObject");
    *ret_include = INCLUDE_METADATA;
    if (!value || !*value || strcmp(value, "Metadata") == 0)
        return 0;
    if (strcmp(value, "Object") == 0)
        *ret_include = INCLUDE_OBJECT;
    else if (strcmp(value, "None") == 0)
        *ret_include = INCLUDE_NONE;
    else
        return fail(request, 400, "BadRequest",
                    "includeObject must be one of Metadata, Object, or None, not %s", value);
    return 0;
}
