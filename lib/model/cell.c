#include "cell.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

#include "internal.h"
#include "jsonpath.h"

#define ALTERNATIVES_MAX 8
#define PIECES_MAX       8
#define OR               " | "

/* A literal text, then a path; the last one of a template may have no path. */
struct piece {
    char *before;
    struct jsonpath *path;
};

/* One path alone, or a template of pieces. */
struct alternative {
    struct jsonpath *path;
    struct piece pieces[PIECES_MAX];
    size_t count;
};

struct cell {
    struct alternative alternatives[ALTERNATIVES_MAX];
    size_t count;
};

void cell_free(struct cell *cell)
{
    if (!cell)
        return;
    for (size_t i = 0; i < cell->count; i++) {
        struct alternative *alternative = &cell->alternatives[i];
        jsonpath_free(alternative->path);
        for (size_t p = 0; p < alternative->count; p++) {
            free(alternative->pieces[p].before);
            jsonpath_free(alternative->pieces[p].path);
        }
    }
    free(cell);
}

static int parse_template(struct alternative *alternative, const char *text, struct err *err)
{
    while (*text) {
        if (alternative->count == PIECES_MAX)
            return err_set(err, ERR_INVALID, "too many parts in a column's template");
        struct piece *piece = &alternative->pieces[alternative->count++];
        size_t before = strcspn(text, "{");
        piece->before = mem_strndup(text, before);
        text += before;
        if (!*text)
            return 0;
        size_t len = strcspn(text, "}");
        if (!text[len])
            return err_set(err, ERR_INVALID, "a column's template lacks a }");
        AUTO_FREE char *path = mem_strndup(text + 1, len - 1);
        piece->path = jsonpath_parse(path, err);
        if (!piece->path)
            return -1;
        text += len + 1;
    }
    return 0;
}

static int parse_alternative(struct cell *cell, const char *text, bool computed, struct err *err)
{
    if (cell->count == ALTERNATIVES_MAX)
        return err_set(err, ERR_INVALID, "too many alternatives in a column");
    struct alternative *alternative = &cell->alternatives[cell->count++];
    if (computed && strchr(text, '{'))
        return parse_template(alternative, text, err);
    alternative->path = jsonpath_parse(text, err);
    return alternative->path ? 0 : -1;
}

struct cell *cell_parse(const char *text, bool computed, struct err *err)
{
    struct cell *cell = mem_zalloc(sizeof(*cell));
    for (const char *rest = text; rest;) {
        const char *end = computed ? strstr(rest, OR) : NULL;
        AUTO_FREE char *part = mem_strndup(rest, end ? (size_t)(end - rest) : strlen(rest));
        if (parse_alternative(cell, part, computed, err) != 0) {
            cell_free(cell);
            return NULL;
        }
        rest = end ? end + strlen(OR) : NULL;
    }
    return cell;
}

static bool is_there(const json_t *value)
{
    return value && !json_is_null(value) && !(json_is_string(value) && !json_string_length(value));
}

static json_t *fill_template(const struct alternative *alternative, const json_t *object)
{
    struct buf text;
    buf_init(&text, BUF_MAX_DEFAULT);
    bool complete = true;
    for (size_t i = 0; complete && i < alternative->count; i++) {
        const struct piece *piece = &alternative->pieces[i];
        const json_t *value = piece->path ? jsonpath_first(piece->path, object) : NULL;
        buf_adds(&text, piece->before);
        complete = !piece->path || (json_is_string(value) && is_there(value));
        if (complete && piece->path)
            buf_adds(&text, json_string_value(value));
    }
    json_t *result = complete ? json_stringn(text.data ? text.data : "", text.len) : NULL;
    buf_release(&text);
    return result;
}

static json_t *value_of(const struct alternative *alternative, const json_t *object)
{
    if (!alternative->path)
        return fill_template(alternative, object);
    return json_incref(json_mutable(jsonpath_first(alternative->path, object)));
}

json_t *cell_value(const struct cell *cell, const json_t *object)
{
    for (size_t i = 0; i + 1 < cell->count; i++) {
        json_t *value = value_of(&cell->alternatives[i], object);
        if (is_there(value))
            return value;
        json_decref(value);
    }
    return value_of(&cell->alternatives[cell->count - 1], object);
}
