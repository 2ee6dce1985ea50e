/* The query parameters of reads; their texts are kube-apiserver's, which are Go's. */
#include "query.h"
#include "view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/go_text.h>

#define REVISION_WAIT_MS     3000
#define REVISION_POLL_MS     50
#define REVISION_WAITERS_MAX 8

/* NULL, or what is wrong with a number of which strto…() has read up to @end. */
static const char *number_fault(const char *text, const char *digits, const char *end)
{
    if (*digits < '0' || *digits > '9' || end == text || *end != '\0')
        return "invalid syntax";
    return errno == ERANGE ? "value out of range" : NULL;
}

/* NULL leaves *ret at 0; a negative number means no more than 0 does. */
static int parse_number(struct request *request, const char *text, int64_t *ret)
{
    *ret = 0;
    if (!text)
        return 0;
    char *end = NULL;
    errno = 0;
    int64_t number = strtoll(text, &end, 10);
    const char *fault = number_fault(text, text + (*text == '-' || *text == '+'), end);
    *ret = number > 0 ? number : 0;
    if (!fault)
        return 0;
    AUTO_FREE char *quoted = go_quoted(text);
    return fail(request, 400, "BadRequest", "strconv.ParseInt: parsing %s: %s", quoted, fault);
}

static int parse_revision(struct request *request, const char *text, int64_t *ret_revision)
{
    *ret_revision = 0;
    if (!text || !*text)
        return 0;
    char *end = NULL;
    errno = 0;
    uint64_t number = strtoull(text, &end, 10);
    const char *fault = number_fault(text, text, end);
    *ret_revision = number > INT64_MAX ? INT64_MAX : (int64_t)number;
    if (!fault)
        return 0;
    AUTO_FREE char *quoted = go_quoted(text);
    return fail(request, 400, "BadRequest",
                "%sresourceVersion: Invalid value: %s: strconv.ParseUint: parsing %s: %s",
                request->route.verb == VERB_LIST ? "invalid resource version: " : "", quoted,
                quoted, fault);
}

static void add_forbidden(struct field_errors *errors, const char *field, const char *text)
{
    field_errors_add(errors, field, "FieldValueForbidden", "Forbidden: %s", text);
}

static void add_unsupported(struct field_errors *errors, const char *match, const char *supported)
{
    AUTO_FREE char *quoted = go_quoted(match);
    field_errors_add(errors, "resourceVersionMatch", "FieldValueNotSupported",
                     "Unsupported value: %s: supported values: %s", quoted, supported);
}

static void check_match_of_list(const struct list_options *options, const char *match,
                                const char *revision, struct field_errors *errors)
{
    if (!*revision)
        add_forbidden(errors, "resourceVersionMatch",
                      "resourceVersionMatch is forbidden unless resourceVersion is provided");
    if (options->token)
        add_forbidden(errors, "resourceVersionMatch",
                      "resourceVersionMatch is forbidden when continue is provided");
    if (options->match == MATCH_NONE)
        add_unsupported(errors, match, "\"Exact\", \"NotOlderThan\", \"\"");
    if (options->match == MATCH_EXACT && strcmp(revision, "0") == 0)
        add_forbidden(errors, "resourceVersionMatch",
                      "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
}

/* A watch from the beginning is one that asks for initial events, also in what it may not ask for
 * besides. */
static bool means_initial_events(const struct list_options *options, const char *match,
                                 const char *revision)
{
    return !options->initial_events_set && !*match && (!*revision || strcmp(revision, "0") == 0);
}

static void check_match_of_watch(const struct list_options *options, const char *match,
                                 const char *revision, struct field_errors *errors)
{
    if (options->initial_events_set && options->match != MATCH_NOT_OLDER)
        add_forbidden(errors, "resourceVersionMatch",
                      "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    if (options->token && means_initial_events(options, match, revision))
        add_forbidden(errors, "resourceVersionMatch",
                      "resourceVersionMatch is forbidden when continue is provided");
    if (!*match)
        return;
    if (!options->initial_events_set)
        add_forbidden(errors, "resourceVersionMatch",
                      "resourceVersionMatch is forbidden for watch unless sendInitialEvents is "
                      "provided");
    if (options->match != MATCH_NOT_OLDER)
        add_unsupported(errors, match, "\"NotOlderThan\"");
    if (options->token)
        add_forbidden(errors, "resourceVersionMatch",
                      "resourceVersionMatch is forbidden when continue is provided");
}

static int check_match(struct request *request, struct list_options *options, const char *match,
                       const char *revision)
{
    struct field_errors errors = {0};
    if (strcmp(match, "Exact") == 0)
        options->match = MATCH_EXACT;
    else if (strcmp(match, "NotOlderThan") == 0)
        options->match = MATCH_NOT_OLDER;
    if (request->route.verb == VERB_WATCH) {
        check_match_of_watch(options, match, revision, &errors);
    } else {
        if (*match)
            check_match_of_list(options, match, revision, &errors);
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
        return fail(request, 400, "BadRequest", "%s", err.message);
    options->fields =
        selector_parse_fields(fields ? fields : "", request->kind->selectable_fields, &err);
    if (!options->fields)
        return fail(request, 400, "BadRequest", "%s", err.message);
    view_rename_fields(request->kind, options->fields);
    return 0;
}

static int parse_numbers(struct request *request, struct list_options *options)
{
    AUTO_FREE char *limit = http_query(request->http, "limit");
    AUTO_FREE char *timeout = http_query(request->http, "timeoutSeconds");
    return parse_number(request, limit, &options->limit) < 0 ||
                   parse_number(request, timeout, &options->timeout_s) < 0
               ? -1
               : 0;
}

int list_options_parse(struct request *request, struct list_options *ret_options)
{
    *ret_options = (struct list_options){0};
    AUTO_FREE char *match = http_query(request->http, "resourceVersionMatch");
    AUTO_FREE char *initial = http_query(request->http, "sendInitialEvents");
    AUTO_FREE char *bookmarks = http_query(request->http, "allowWatchBookmarks");
    AUTO_FREE char *token = http_query(request->http, "continue");
    AUTO_FREE char *revision = http_query(request->http, "resourceVersion");
    ret_options->has_revision = revision && *revision;
    ret_options->initial_events_set = initial != NULL;
    ret_options->initial_events = initial && query_bool(initial);
    ret_options->bookmarks = bookmarks && query_bool(bookmarks);
    if (token && *token)
        ret_options->token = mem_take(&token);
    if (parse_numbers(request, ret_options) < 0 || parse_selectors(request, ret_options) < 0 ||
        check_match(request, ret_options, match ? match : "", revision ? revision : "") < 0)
        return -1;
    return parse_revision(request, revision, &ret_options->revision);
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

int fail_revision_too_large(struct request *request, int64_t revision, int64_t current)
{
    fail(request, 504, "Timeout",
         "Timeout: Too large resource version: %" PRId64 ", current: %" PRId64, revision, current);
    request->status.retry_after = 1;
    field_errors_add(&request->status.causes, "", "ResourceVersionTooLarge",
                     "Too large resource version");
    return -1;
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
    return fail_revision_too_large(request, revision, current);
}

int query_include_object(struct request *request, enum include_object *ret_include)
{
    *ret_include = INCLUDE_METADATA;
    if (request->output.form != FORM_TABLE)
        return 0;
    AUTO_FREE char *value = http_query(request->http, "includeObject");
    if (!value || !*value || strcmp(value, "Metadata") == 0)
        return 0;
    if (strcmp(value, "Object") == 0) {
        *ret_include = INCLUDE_OBJECT;
        return 0;
    }
    if (strcmp(value, "None") == 0) {
        *ret_include = INCLUDE_NONE;
        return 0;
    }
    AUTO_FREE char *quoted = go_quoted(value);
    return fail(request, 400, "BadRequest",
                "Unable to convert to Table as requested: includeObject: Invalid value: %s: must "
                "be 'Metadata', 'Object', 'None', or empty",
                quoted);
}
