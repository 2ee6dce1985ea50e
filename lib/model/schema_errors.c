#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/go_text.h>

#include "schema_internal.h"

#define ERRORS_MAX_DEFAULT 1000

bool field_errors_full(const struct field_errors *errors)
{
    return errors->count >= (errors->max ? errors->max : ERRORS_MAX_DEFAULT);
}

/* Takes both texts. */
static void add(struct field_errors *errors, char *field, const char *reason, char *message)
{
    bool drop = field_errors_full(errors);
    for (size_t i = 0; errors->once && !drop && i < errors->count; i++)
        drop = strcmp(errors->items[i].field, field) == 0 &&
               strcmp(errors->items[i].message, message) == 0;
    if (drop) {
        free(field);
        free(message);
        return;
    }
    if ((errors->count & (errors->count - 1)) == 0)
        errors->items = mem_resize(errors->items, errors->count ? errors->count * 2 : 1,
                                   sizeof(*errors->items));
    errors->items[errors->count++] = (struct field_error){field, reason, message};
}

void field_errors_add(struct field_errors *errors, const char *field, const char *reason,
                      const char *format, ...)
{
    struct buf buf;
    va_list args;
    if (field_errors_full(errors))
        return;
    buf_init(&buf, BUF_MAX_DEFAULT);
    va_start(args, format);
    buf_addv(&buf, format, args);
    va_end(args);
    add(errors, mem_strdup(field), reason, buf_take(&buf));
}

void field_errors_merge(struct field_errors *errors, struct field_errors *from)
{
    for (size_t i = 0; i < from->count; i++)
        add(errors, from->items[i].field, from->items[i].reason, from->items[i].message);
    free(from->items);
    from->items = NULL;
    from->count = 0;
}

/* The room stays: add() goes by the count alone, so it may grow again from the next power of two,
 * and what is too large is never too small. */
void field_errors_truncate(struct field_errors *errors, size_t count)
{
    while (errors->count > count) {
        errors->count--;
        free(errors->items[errors->count].field);
        free(errors->items[errors->count].message);
    }
}

void field_errors_prefix(struct field_errors *errors, const char *prefix)
{
    for (size_t i = 0; i < errors->count; i++) {
        char *field = errors->items[i].field;
        const char *separator = *field == '[' ? "" : ".";
        errors->items[i].field = strcmp(field, "<nil>") == 0
                                     ? mem_strdup(prefix)
                                     : mem_printf("%s%s%s", prefix, separator, field);
        free(field);
    }
}

void field_errors_release(struct field_errors *errors)
{
    field_errors_truncate(errors, 0);
    free(errors->items);
    errors->items = NULL;
}

static void write_path(struct buf *buf, const struct path *path)
{
    if (!path)
        return;
    write_path(buf, path->parent);
    if (!path->key)
        buf_addf(buf, "[%zu]", path->index);
    else if (path->is_map_key)
        buf_addf(buf, "[%s]", path->key);
    else
        buf_addf(buf, "%s%s", buf->len > 0 ? "." : "", path->key);
}

char *path_text(const struct path *path)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    write_path(&buf, path);
    return buf_take(&buf);
}

char *path_field(const struct path *path)
{
    return path ? path_text(path) : mem_strdup("<nil>");
}

/* Shortest digits; an exponent of two digits below 1e-4 and from 1e6. */
void write_go_number(struct buf *buf, double number)
{
    double magnitude = fabs(number);
    if (!(magnitude > 0) || (magnitude >= 1e-4 && magnitude < 1e6)) {
        json_write_real(buf, number);
        return;
    }
    char text[40];
    for (int precision = 0; precision <= 16; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, number);
        double read = strtod(text, NULL);
        if (!(read < number) && !(read > number))
            break;
    }
    buf_adds(buf, text);
}

void write_bad_value(struct buf *buf, const json_t *value)
{
    if (json_is_string(value))
        write_go_quoted(buf, json_string_value(value), json_string_length(value));
    else if (json_is_real(value))
        write_go_number(buf, json_real_value(value));
    else {
        AUTO_FREE char *text = go_json(value);
        buf_adds(buf, text);
    }
}
