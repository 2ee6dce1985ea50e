#include "request.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/go_text.h>

int fail(struct request *request, int code, const char *reason, const char *format, ...)
{
    status_release(&request->status);
    struct buf message;
    buf_init(&message, BUF_MAX_DEFAULT);
    va_list args;
    va_start(args, format);
    buf_addv(&message, format, args);
    va_end(args);
    request->status.code = code;
    request->status.reason = reason;
    request->status.message = buf_take(&message);
    return -1;
}

static void set_details(struct request *request, const char *name, const char *kind)
{
    request->status.name = mem_strdup(name);
    request->status.group = request->kind->group;
    request->status.kind = kind;
}

int fail_action(struct request *request, const char *action)
{
    fail(request, 405, "MethodNotAllowed", "%s is not supported on resources of kind \"%s\"",
         action, request->kind->resource);
    request->status.group = request->kind->group;
    request->status.kind = request->kind->plural;
    return -1;
}

int fail_internal(struct request *request, const char *format, ...)
{
    struct buf message;
    buf_init(&message, BUF_MAX_DEFAULT);
    va_list args;
    va_start(args, format);
    buf_addv(&message, format, args);
    va_end(args);
    AUTO_FREE char *text = buf_take(&message);
    fail(request, 500, "InternalError", "Internal error occurred: %s", text);
    field_errors_add(&request->status.causes, "", "", "%s", text);
    return -1;
}

int fail_err(struct request *request, const struct err *err)
{
    const struct status_class *class = status_class_of(err->code);
    if (class->code == 500)
        return fail_internal(request, "%s", err->message);
    fail(request, class->code, class->reason, "%s%s", err->code == ERR_TIMEOUT ? "Timeout: " : "",
         err->message);
    request->status.retry_after = class->retry_after;
    return -1;
}

int fail_not_found(struct request *request, const char *name)
{
    AUTO_FREE char *quoted = go_quoted(name);
    fail(request, 404, "NotFound", "%s %s not found", request->kind->resource, quoted);
    set_details(request, name, request->kind->plural);
    return -1;
}

int fail_exists(struct request *request, const char *name, bool deleting)
{
    fail(request, 409, "AlreadyExists", "%s%s \"%s\" already exists",
         deleting ? "object is being deleted: " : "", request->kind->resource, name);
    set_details(request, name, request->kind->plural);
    return -1;
}

int fail_conflict(struct request *request, const char *name, const char *why)
{
    fail(request, 409, "Conflict", "Operation cannot be fulfilled on %s \"%s\": %s",
         request->kind->resource, name, why);
    set_details(request, name, request->kind->plural);
    return -1;
}

int fail_modified(struct request *request, const char *name)
{
    return fail_conflict(request, name,
                         "the object has been modified; please apply your changes to the latest "
                         "version and try again");
}

static bool said_before(const struct field_errors *errors, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(errors->items[i].field, errors->items[index].field) == 0 &&
            strcmp(errors->items[i].message, errors->items[index].message) == 0)
            return true;
    return false;
}

/* "field: text", or "[field: text, field: text]" with each said once. */
static void add_findings(struct buf *message, const struct field_errors *errors)
{
    size_t distinct = 0;
    for (size_t i = 0; i < errors->count; i++)
        distinct += !said_before(errors, i);
    size_t written = 0;
    buf_adds(message, distinct > 1 ? "[" : "");
    for (size_t i = 0; i < errors->count; i++) {
        if (said_before(errors, i))
            continue;
        buf_adds(message, written++ > 0 ? ", " : "");
        buf_addf(message, "%s: %s", errors->items[i].field, errors->items[i].message);
    }
    buf_adds(message, distinct > 1 ? "]" : "");
}

static int fail_findings(struct request *request, const char *group, const char *kind,
                         const char *name, struct field_errors *errors)
{
    struct buf message;
    buf_init(&message, BUF_MAX_DEFAULT);
    buf_addf(&message, "%s%s%s \"%s\" is invalid: ", kind, *group ? "." : "", group, name);
    add_findings(&message, errors);
    AUTO_FREE char *text = buf_take(&message);
    fail(request, 422, "Invalid", "%s", text);
    request->status.name = mem_strdup(name);
    request->status.group = group;
    request->status.kind = kind;
    request->status.causes = *errors;
    *errors = (struct field_errors){0};
    return -1;
}

int fail_invalid(struct request *request, const char *name, struct field_errors *errors)
{
    return fail_findings(request, request->kind->group, request->kind->kind, name, errors);
}

int fail_other_kind(struct request *request, const char *name, const char *kind)
{
    struct field_errors errors = {0};
    field_errors_add(&errors, "kind", "FieldValueInvalid", "Invalid value: \"%s\": must be %s",
                     kind, request->kind->kind);
    fail_findings(request, request->kind->group, kind, name, &errors);
    request->status.kind_text = mem_strdup(kind);
    request->status.kind = request->status.kind_text;
    return -1;
}

int fail_invalid_resource(struct request *request, const char *name, struct field_errors *errors)
{
    return fail_findings(request, request->kind->group, request->kind->plural, name, errors);
}

int fail_options(struct request *request, const char *options, struct field_errors *errors)
{
    return fail_findings(request, "meta.k8s.io", options, "", errors);
}

int fail_field(struct request *request, const char *name, const char *field, const char *reason,
               const char *format, ...)
{
    struct buf message;
    buf_init(&message, BUF_MAX_DEFAULT);
    va_list args;
    va_start(args, format);
    buf_addv(&message, format, args);
    va_end(args);
    AUTO_FREE char *text = buf_take(&message);
    struct field_errors errors = {0};
    field_errors_add(&errors, field, reason, "%s", text);
    return fail_invalid(request, name, &errors);
}

struct store_key request_key(const struct request *request, const char *name)
{
    return (struct store_key){
        .resource = kind_stored(request->kind)->resource, .ns = request->route.ns, .name = name};
}
