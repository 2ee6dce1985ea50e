/* Columns and cells as the table convertor of apiextensions-apiserver makes them. */
#include <mot/model/table.h>

#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "cell.h"
#include "internal.h"

/* Clients show these; they are the texts of the real server. */
#define NAME_DESCRIPTION                                                                           \
    "Name must be unique within a namespace. Is required when creating resources, although some "  \
    "resources may allow a client to request the generation of an appropriate name "               \
    "automatically. "                                                                              \
    "Name is primarily intended for creation idempotence and configuration definition. Cannot be " \
    "updated. More info: "                                                                         \
    "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
#define AGE_DESCRIPTION                                                                            \
    "CreationTimestamp is a timestamp representing the server time when this object was created. " \
    "It is not guaranteed to be set in happens-before order across separate operations. Clients "  \
    "may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by "    \
    "the "                                                                                         \
    "system. Read-only. Null for lists. More info: "                                               \
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"

struct column {
    struct printer_column printer;
    struct cell *cell;
    bool lower; /* format "lower" */
};

struct table {
    struct column *columns; /* besides Name */
    size_t count;
    bool named; /* begins with the name; not when a kind has a column of its own for it */
};

static const struct printer_column age_column = {
    .name = "Age",
    .type = "date",
    .format = "",
    .description = AGE_DESCRIPTION,
    .json_path = ".metadata.creationTimestamp",
};

void table_free(struct table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->count; i++)
        cell_free(table->columns[i].cell);
    free(table->columns);
    free(table);
}

/* Kinds of Kubernetes itself have columns that a CRD can't have. */
static bool is_core(const struct kind *kind)
{
    static const char suffix[] = ".k8s.io";
    size_t len = kind->group ? strlen(kind->group) : 0;
    size_t suffix_len = sizeof(suffix) - 1;
    if (!kind->group)
        return false;
    return len == 0 || (len > suffix_len && strcmp(kind->group + len - suffix_len, suffix) == 0);
}

static void read_format(struct table *table, struct column *column)
{
    column->lower = strcmp(column->printer.format, "lower") == 0;
    if (column->lower)
        column->printer.format = "";
    if (strcmp(column->printer.format, "name") == 0)
        table->named = false;
}

struct table *table_new(const struct kind *kind, struct err *err)
{
    struct table *table = mem_zalloc(sizeof(*table));
    bool bare = kind->column_count == 0;
    const struct printer_column *printers = bare ? &age_column : kind->columns;
    size_t count = bare ? 1 : kind->column_count;
    table->columns = mem_array(count, sizeof(*table->columns));
    bool computed = is_core(kind);
    table->named = true;
    for (size_t i = 0; i < count; i++) {
        struct column *column = &table->columns[table->count++];
        column->printer = printers[i];
        if (computed)
            read_format(table, column);
        column->cell = cell_parse(printers[i].json_path, computed, err);
        if (!column->cell) {
            err_wrap(err, "column %s of %s", printers[i].name, kind->resource);
            table_free(table);
            return NULL;
        }
    }
    return table;
}

size_t table_column_count(const struct table *table)
{
    return table->count + table->named;
}

static void write_column(struct buf *buf, const struct printer_column *column)
{
    buf_adds(buf, "{\"name\":");
    buf_add_json(buf, column->name);
    buf_adds(buf, ",\"type\":");
    buf_add_json(buf, column->type);
    buf_adds(buf, ",\"format\":");
    buf_add_json(buf, column->format);
    buf_adds(buf, ",\"description\":");
    if (*column->description) {
        buf_add_json(buf, column->description);
    } else {
        AUTO_FREE char *text = mem_printf(
            "Custom resource definition column (in JSONPath format): %s", column->json_path);
        buf_add_json(buf, text);
    }
    buf_addf(buf, ",\"priority\":%d}", column->priority);
}

void table_write_columns(struct buf *buf, const struct table *table)
{
    static const struct printer_column name = {
        .name = "Name", .type = "string", .format = "name", .description = NAME_DESCRIPTION};
    buf_addc(buf, '[');
    if (table->named)
        write_column(buf, &name);
    for (size_t i = 0; i < table->count; i++) {
        if (i > 0 || table->named)
            buf_addc(buf, ',');
        write_column(buf, &table->columns[i].printer);
    }
    buf_addc(buf, ']');
}

/* ---- cells ---- */

static void write_null(struct buf *buf)
{
    buf_adds(buf, "null");
}

static void write_text_cell(struct buf *buf, const json_t *value)
{
    struct buf text;
    if (json_is_string(value)) {
        buf_add_json_n(buf, json_string_value(value), json_string_length(value));
        return;
    }
    buf_init(&text, BUF_MAX_DEFAULT);
    json_write_style(&text, value, JSON_STYLE_SORTED | JSON_STYLE_GO);
    buf_add_json_n(buf, text.data, text.len);
    buf_release(&text);
}

static void write_date_cell(struct buf *buf, const json_t *value, int64_t now_wall_ms)
{
    char age[CLOCK_TEXT_SIZE];
    int64_t time;
    struct err ignored;
    const char *text = json_string_value(value);
    if (!text)
        write_null(buf);
    else if (*text == '\0' || strcmp(text, "null") == 0)
        buf_adds(buf, "\"<unknown>\"");
    else if (clock_parse(text, &time, &ignored) != 0)
        buf_adds(buf, "\"<invalid>\"");
    else
        buf_add_json(buf, clock_age(now_wall_ms - time, age));
}

static void write_integer_cell(struct buf *buf, const json_t *value)
{
    double number = json_number_value(value);
    if (json_is_integer(value))
        buf_add_i64(buf, json_integer_value(value));
    else if (json_is_real(value) && number > -9.2e18 && number < 9.2e18)
        buf_add_i64(buf, (int64_t)number);
    else
        write_null(buf);
}

static void write_cell(struct buf *buf, const char *type, const json_t *value, int64_t now_wall_ms)
{
    if (!value || json_is_null(value))
        write_null(buf);
    else if (strcmp(type, "string") == 0)
        write_text_cell(buf, value);
    else if (strcmp(type, "date") == 0)
        write_date_cell(buf, value, now_wall_ms);
    else if (strcmp(type, "integer") == 0)
        write_integer_cell(buf, value);
    else if (strcmp(type, "number") == 0 && json_is_number(value))
        json_write_real(buf, json_number_value(value));
    else if (strcmp(type, "boolean") == 0 && json_is_boolean(value))
        buf_adds(buf, json_is_true(value) ? "true" : "false");
    else
        write_null(buf);
}

static void make_lower(json_t **value)
{
    if (!json_is_string(*value))
        return;
    AUTO_FREE char *text = mem_strdup(json_string_value(*value));
    for (char *at = text; *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    json_decref(*value);
    *value = json_string(text);
}

void table_write_cells(struct buf *buf, const struct table *table, const json_t *object,
                       int64_t now_wall_ms)
{
    const char *name = json_at_text(object, "metadata.name");
    buf_addc(buf, '[');
    if (table->named)
        buf_add_json(buf, name ? name : "");
    for (size_t i = 0; i < table->count; i++) {
        const struct column *column = &table->columns[i];
        json_t *value = cell_value(column->cell, object);
        if (i > 0 || table->named)
            buf_addc(buf, ',');
        if (column->lower)
            make_lower(&value);
        write_cell(buf, column->printer.type, value, now_wall_ms);
        json_decref(value);
    }
    buf_addc(buf, ']');
}

void table_write_empty_cells(struct buf *buf, const struct table *table)
{
    buf_adds(buf, table->named ? "[\"\"" : "[");
    for (size_t i = 0; i < table->count; i++)
        buf_adds(buf, i > 0 || table->named ? ",null" : "null");
    buf_addc(buf, ']');
}
