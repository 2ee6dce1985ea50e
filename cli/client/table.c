#include "cli/client/table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#define PADDING   3
#define WIDTH_MIN 6

void table_release(struct table *table)
{
    free(table->widths);
    json_decref(table->definitions);
    *table = (struct table){0};
}

/* In characters; good enough for terminals without double-width letters. */
static size_t shown_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void widen(struct table *table, const json_t *row)
{
    size_t count = json_array_size(row);
    if (count > table->columns) {
        table->widths = mem_resize(table->widths, count, sizeof(*table->widths));
        for (size_t i = table->columns; i < count; i++)
            table->widths[i] = WIDTH_MIN;
        table->columns = count;
    }
    for (size_t i = 0; i + 1 < count; i++) {
        size_t width = shown_width(json_string_value(json_array_get(row, i))) + PADDING;
        if (width > table->widths[i])
            table->widths[i] = width;
    }
}

static void print_row(const struct table *table, const json_t *row, struct buf *out)
{
    size_t count = json_array_size(row);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(row, i));
        buf_adds(out, text);
        for (size_t n = shown_width(text); i + 1 < count && n < table->widths[i]; n++)
            buf_addc(out, ' ');
    }
    buf_addc(out, '\n');
}

void table_rows(struct table *table, const json_t *rows, struct buf *out)
{
    size_t i;
    const json_t *row;
    json_array_foreach(rows, i, row) widen(table, row);
    json_array_foreach(rows, i, row) print_row(table, row, out);
}

/* ---------------------------------------------------------------------------------- from a Table
 */

/* One line, without control characters. */
static json_t *clean(const char *text)
{
    AUTO_FREE char *copy = mem_strdup(text);
    for (char *c = copy; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = ' ';
    json_t *value = json_string(copy);
    return value ? value : json_string("?");
}

static json_t *cell_text(const json_t *cell)
{
    if (!cell || json_is_null(cell))
        return json_string("");
    if (json_is_string(cell))
        return clean(json_string_value(cell));
    AUTO_FREE char *text = json_text(cell);
    return clean(text);
}

static bool is_shown(const struct table *table, size_t column)
{
    const json_t *definition = json_array_get(table->definitions, column);
    return definition && (table->wide || json_at_int(definition, "priority", 0) == 0);
}

static bool is_name(const struct table *table, size_t column)
{
    const char *format = json_at_text(json_array_get(table->definitions, column), "format");
    return format && strcmp(format, "name") == 0;
}

static json_t *header_of(const struct table *table)
{
    json_t *row = json_array();
    if (table->with_namespace)
        json_array_append_new(row, json_string("NAMESPACE"));
    for (size_t i = 0; i < json_array_size(table->definitions); i++) {
        const char *name = json_at_text(json_array_get(table->definitions, i), "name");
        AUTO_FREE char *upper = mem_strdup(name);
        for (char *c = upper; *c; c++)
            *c = (char)toupper((unsigned char)*c);
        if (is_shown(table, i))
            json_array_append_new(row, clean(upper));
    }
    return row;
}

static json_t *name_cell(const struct table *table, const json_t *cell)
{
    const char *name = json_string_value(cell);
    AUTO_FREE char *text = mem_printf("%s%s", table->name_prefix, name ? name : "");
    return clean(text);
}

static json_t *row_of(const struct table *table, const json_t *source)
{
    json_t *row = json_array();
    const json_t *cells = json_object_get(source, "cells");
    if (table->with_namespace)
        json_array_append_new(row, clean(object_namespace(json_object_get(source, "object"))));
    for (size_t i = 0; i < json_array_size(cells); i++) {
        const json_t *cell = json_array_get(cells, i);
        if (!is_shown(table, i))
            continue;
        json_array_append_new(row, table->name_prefix && is_name(table, i) ? name_cell(table, cell)
                                                                           : cell_text(cell));
    }
    return row;
}

void table_add(struct table *table, const json_t *meta_table, struct buf *out)
{
    json_t *definitions = json_object_get(meta_table, "columnDefinitions");
    if (json_array_size(definitions) > 0) {
        json_decref(table->definitions);
        table->definitions = json_incref(definitions);
    }
    json_t *rows = json_array();
    const json_t *source_rows = json_object_get(meta_table, "rows");
    if (!table->headed && !table->no_headers && json_array_size(source_rows) > 0) {
        json_array_append_new(rows, header_of(table));
        table->headed = true;
    }
    size_t i;
    const json_t *source;
    json_array_foreach(source_rows, i, source) json_array_append_new(rows, row_of(table, source));
    table_rows(table, rows, out);
    json_decref(rows);
}
