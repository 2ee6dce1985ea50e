#include "query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>



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

