#include "query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/go_text.h>
#include <mot/model/json.h>
#include <mot/model/managed.h>

#define MANAGER_MAX 128

bool query_bool(const char *value)
{
    return strcmp(value, "0") != 0 && strcasecmp(value, "false") != 0;
}

/* -------------------------------------------------------------------------------- writes */

static void check_dry_run(const char *value, struct write_options *options,
                          struct field_errors *errors)
{
    if (!value)
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
    if (!value)
        return;
    if (strlen(value) > MANAGER_MAX)
        field_errors_add(errors, "fieldManager", "FieldValueTooLong",
                         "Too long: may not be more than %d bytes", MANAGER_MAX);
    AUTO_FREE char *quoted = go_quoted(value);
    uint32_t code;
    for (const char *at = value; (at = go_next_unprintable(at, &code)); at++)
        field_errors_add(errors, "fieldManager", "FieldValueInvalid",
                         "Invalid value: %s: invalid character U+%04X (at position %td)", quoted,
                         (unsigned)code, at - value);
}

static void check_force(const char *value, bool apply, struct write_options *options,
                        struct field_errors *errors)
{
    options->force = apply && value && query_bool(value);
    if (value && !apply)
        field_errors_add(errors, "force", "FieldValueForbidden",
                         "Forbidden: may not be specified for non-apply patch");
}

/* What all of them have; releases @errors. */
static int parse_common(struct request *request, struct write_options *options, const char *manager,
                        struct field_errors *errors)
{
    AUTO_FREE char *dry_run = http_query(request->http, "dryRun");
    AUTO_FREE char *validation = http_query(request->http, "fieldValidation");
    bool deletes = strcmp(options->name, "DeleteOptions") == 0;
    if (!deletes)
        check_manager(manager, errors);
    check_dry_run(dry_run, options, errors);
    if (!deletes)
        check_validation(validation, options, errors);
    if (errors->count > 0)
        return fail_options(request, options->name, errors);
    field_errors_release(errors);
    options->manager = managed_manager_name(manager, http_header(request->http, "user-agent"));
    return 0;
}

int write_options_parse(struct request *request, const char *name,
                        struct write_options *ret_options)
{
    *ret_options = (struct write_options){.name = name};
    struct field_errors errors = {0};
    AUTO_FREE char *manager = http_query(request->http, "fieldManager");
    return parse_common(request, ret_options, manager, &errors);
}

int patch_options_parse(struct request *request, bool apply, struct write_options *ret_options)
{
    *ret_options = (struct write_options){.name = "PatchOptions"};
    struct field_errors errors = {0};
    AUTO_FREE char *manager = http_query(request->http, "fieldManager");
    AUTO_FREE char *force = http_query(request->http, "force");
    if (apply && (!manager || !*manager))
        field_errors_add(&errors, "fieldManager", "FieldValueRequired",
                         "Required value: is required for apply patch");
    check_force(force, apply, ret_options, &errors);
    return parse_common(request, ret_options, manager, &errors);
}

void write_options_release(struct write_options *options)
{
    free(options->manager);
    options->manager = NULL;
}
