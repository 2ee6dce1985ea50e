#include "status.h"

#include <stdlib.h>
#include <string.h>

void status_release(struct status *status)
{
    free(status->message);
    free(status->name);
    free(status->uid);
    free(status->kind_text);
    free(status->continue_token);
    field_errors_release(&status->causes);
    *status = (struct status){0};
}

static void add_member(struct buf *buf, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    if (buf->data[buf->len - 1] != '{')
        buf_addc(buf, ',');
    buf_add_json(buf, name);
    buf_addc(buf, ':');
    buf_add_json(buf, value);
}

static void add_causes(struct buf *buf, const struct field_errors *causes)
{
    if (causes->count == 0)
        return;
    buf_adds(buf, buf->data[buf->len - 1] == '{' ? "\"causes\":[" : ",\"causes\":[");
    for (size_t i = 0; i < causes->count; i++) {
        buf_adds(buf, i > 0 ? ",{" : "{");
        add_member(buf, "reason", causes->items[i].reason);
        add_member(buf, "message", causes->items[i].message);
        add_member(buf, "field", causes->items[i].field);
        buf_addc(buf, '}');
    }
    buf_addc(buf, ']');
}

static void add_details(struct buf *buf, const struct status *status)
{
    if (!status->name && !status->kind && status->causes.count == 0 && status->retry_after == 0 &&
        !status->details)
        return;
    buf_adds(buf, ",\"details\":{");
    add_member(buf, "name", status->name);
    add_member(buf, "group", status->group);
    add_member(buf, "kind", status->kind);
    add_member(buf, "uid", status->uid);
    add_causes(buf, &status->causes);
    if (status->retry_after > 0) {
        buf_adds(buf, buf->data[buf->len - 1] == '{' ? "" : ",");
        buf_addf(buf, "\"retryAfterSeconds\":%d", status->retry_after);
    }
    buf_addc(buf, '}');
}

void status_write(struct buf *buf, const struct status *status, bool success)
{
    buf_adds(buf, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{");
    add_member(buf, "continue", status->continue_token);
    buf_addf(buf, "},\"status\":\"%s\"", success ? "Success" : "Failure");
    add_member(buf, "message", status->message);
    add_member(buf, "reason", status->reason);
    add_details(buf, status);
    if (!success)
        buf_addf(buf, ",\"code\":%d", status->code);
    buf_addc(buf, '}');
}

const struct status_class *status_class_of(enum err_code code)
{
    static const struct status_class table[] = {
        [ERR_NONE] = {500, "InternalError", 0},
        [ERR_INVALID] = {400, "BadRequest", 0},
        [ERR_FORBIDDEN] = {403, "Forbidden", 0},
        [ERR_NOT_FOUND] = {404, "NotFound", 0},
        [ERR_EXISTS] = {409, "AlreadyExists", 0},
        [ERR_CONFLICT] = {409, "Conflict", 0},
        [ERR_GONE] = {410, "Expired", 0},
        [ERR_TOO_LARGE] = {413, "RequestEntityTooLarge", 0},
        [ERR_UNSUPPORTED] = {422, "Invalid", 0},
        [ERR_TRANSIENT] = {503, "ServiceUnavailable", 1},
        [ERR_TIMEOUT] = {504, "Timeout", 0},
        [ERR_INTERNAL] = {500, "InternalError", 0},
    };
    return &table[code];
}
