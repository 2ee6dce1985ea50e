#include "jsonpath.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "internal.h"

#define STEPS_MAX 32

enum step_kind { STEP_KEY, STEP_INDEX, STEP_ALL, STEP_FILTER };

enum comparison {
    COMPARE_EXISTS,
    COMPARE_EQ,
    COMPARE_NE,
    COMPARE_LT,
    COMPARE_LE,
    COMPARE_GT,
    COMPARE_GE
};

struct step {
    enum step_kind kind;
    char *key;
    long index;
    struct jsonpath *left; /* of a filter, below @ */
    enum comparison comparison;
    json_t *right;
};

struct jsonpath {
    struct step steps[STEPS_MAX];
    size_t count;
};

static int parse_steps(struct jsonpath *path, const char **at, const char *stops, struct err *err);

void jsonpath_free(struct jsonpath *path)
{
    if (!path)
        return;
    for (size_t i = 0; i < path->count; i++) {
        free(path->steps[i].key);
        jsonpath_free(path->steps[i].left);
        json_decref(path->steps[i].right);
    }
    free(path);
}

static int refuse(const char *at, struct err *err)
{
    return err_set(err, ERR_INVALID, "unrecognized JSON path at \"%s\"", at);
}

/* .name, up to the next unescaped "." or "[". */
static void parse_name(struct step *step, const char **at, const char *stops)
{
    struct buf key;
    buf_init(&key, BUF_MAX_DEFAULT);
    for (; **at && **at != '.' && **at != '[' && !strchr(stops, **at); (*at)++) {
        if (**at == '\\' && (*at)[1])
            (*at)++;
        buf_addc(&key, **at);
    }
    step->kind = STEP_KEY;
    step->key = buf_take(&key);
}

/* A quoted text; NULL when the end quote is missing. */
static char *parse_quoted(const char **at)
{
    char quote = *(*at)++;
    struct buf text;
    buf_init(&text, BUF_MAX_DEFAULT);
    for (; **at && **at != quote; (*at)++) {
        if (**at == '\\' && (*at)[1])
            (*at)++;
        buf_addc(&text, **at);
    }
    if (**at != quote) {
        buf_release(&text);
        return NULL;
    }
    (*at)++;
    return buf_take(&text);
}

static enum comparison parse_comparison(const char **at)
{
    static const struct {
        const char *text;
        enum comparison comparison;
    } operators[] = {{"==", COMPARE_EQ}, {"!=", COMPARE_NE}, {"<=", COMPARE_LE},
                     {">=", COMPARE_GE}, {"<", COMPARE_LT},  {">", COMPARE_GT}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(operators); i++) {
        size_t len = strlen(operators[i].text);
        if (strncmp(*at, operators[i].text, len) == 0) {
            *at += len;
            return operators[i].comparison;
        }
    }
    return COMPARE_EXISTS;
}

static int parse_right(struct step *step, const char **at, struct err *err)
{
    const char *start = *at;
    if (**at == '"' || **at == '\'') {
        AUTO_FREE char *text = parse_quoted(at);
        step->right = text ? json_string(text) : NULL;
    } else {
        size_t len = strcspn(start, ") ");
        struct err ignored;
        step->right = json_parse(start, len, false, &ignored);
        *at += len;
    }
    return step->right ? 0 : refuse(start, err);
}

static void skip_spaces(const char **at)
{
    *at += strspn(*at, " ");
}

/* After "[?(": @.a.b=="x")] */
static int parse_filter(struct step *step, const char **at, struct err *err)
{
    step->kind = STEP_FILTER;
    step->left = mem_zalloc(sizeof(*step->left));
    skip_spaces(at);
    if (**at != '@')
        return refuse(*at, err);
    (*at)++;
    if (parse_steps(step->left, at, ")=!<> ", err) != 0)
        return -1;
    skip_spaces(at);
    step->comparison = parse_comparison(at);
    skip_spaces(at);
    if (step->comparison != COMPARE_EXISTS && parse_right(step, at, err) != 0)
        return -1;
    skip_spaces(at);
    if (strncmp(*at, ")]", 2) != 0)
        return refuse(*at, err);
    *at += 2;
    return 0;
}

/* After "[". */
static int parse_bracket(struct step *step, const char **at, struct err *err)
{
    const char *start = *at;
    if (strncmp(start, "?(", 2) == 0) {
        *at += 2;
        return parse_filter(step, at, err);
    }
    if (*start == '\'' || *start == '"') {
        step->kind = STEP_KEY;
        step->key = parse_quoted(at);
        if (!step->key)
            return refuse(start, err);
    } else if (*start == '*') {
        step->kind = STEP_ALL;
        (*at)++;
    } else {
        char *end;
        step->kind = STEP_INDEX;
        step->index = strtol(start, &end, 10);
        if (end == start)
            return refuse(start, err);
        *at = end;
    }
    if (**at != ']')
        return refuse(start, err);
    (*at)++;
    return 0;
}

static int parse_steps(struct jsonpath *path, const char **at, const char *stops, struct err *err)
{
    while (**at && !strchr(stops, **at)) {
        if (path->count == STEPS_MAX)
            return refuse(*at, err);
        struct step *step = &path->steps[path->count];
        char lead = *(*at)++;
        if (lead != '[' && (lead != '.' || **at == '.'))
            return refuse(*at - 1, err);
        path->count++;
        if (lead == '[') {
            if (parse_bracket(step, at, err) != 0)
                return -1;
        } else if (**at == '*') {
            step->kind = STEP_ALL;
            (*at)++;
        } else if (**at == '[' || **at == '\0') {
            path->count--; /* ".[0]" and a lone "." */
        } else {
            parse_name(step, at, stops);
        }
    }
    return 0;
}

struct jsonpath *jsonpath_parse(const char *text, struct err *err)
{
    struct jsonpath *path = mem_zalloc(sizeof(*path));
    const char *at = text;
    if (parse_steps(path, &at, "", err) == 0)
        return path;
    jsonpath_free(path);
    return NULL;
}

/* ---- evaluation ---- */

static const json_t *first_from(const struct jsonpath *path, size_t step, const json_t *value);

static bool compare(enum comparison comparison, const json_t *left, const json_t *right)
{
    int order;
    if (comparison == COMPARE_EXISTS)
        return true;
    if (json_is_number(left) && json_is_number(right)) {
        double a = json_number_value(left);
        double b = json_number_value(right);
        order = a < b ? -1 : a > b;
    } else if (json_is_string(left) && json_is_string(right)) {
        order = strcmp(json_string_value(left), json_string_value(right));
    } else {
        bool same = json_same(left, right);
        return comparison == COMPARE_EQ ? same : comparison == COMPARE_NE && !same;
    }
    switch (comparison) {
    case COMPARE_EQ:
        return order == 0;
    case COMPARE_NE:
        return order != 0;
    case COMPARE_LT:
        return order < 0;
    case COMPARE_LE:
        return order <= 0;
    case COMPARE_GT:
        return order > 0;
    case COMPARE_GE:
        return order >= 0;
    case COMPARE_EXISTS:
        break;
    }
    return true;
}

static bool passes(const struct step *step, const json_t *item)
{
    const json_t *left = jsonpath_first(step->left, item);
    return left && compare(step->comparison, left, step->right);
}

static const json_t *first_of_items(const struct jsonpath *path, size_t step, const json_t *value)
{
    const char *key;
    size_t index;
    json_t *item;
    bool filter = path->steps[step].kind == STEP_FILTER;
    json_array_foreach(value, index, item)
    {
        const json_t *found =
            !filter || passes(&path->steps[step], item) ? first_from(path, step + 1, item) : NULL;
        if (found)
            return found;
    }
    json_object_foreach(json_mutable(value), key, item)
    {
        const json_t *found =
            !filter || passes(&path->steps[step], item) ? first_from(path, step + 1, item) : NULL;
        if (found)
            return found;
    }
    return NULL;
}

static const json_t *first_from(const struct jsonpath *path, size_t step, const json_t *value)
{
    for (; value && step < path->count; step++) {
        const struct step *now = &path->steps[step];
        long index = now->index;
        if (now->kind == STEP_ALL || now->kind == STEP_FILTER)
            return first_of_items(path, step, value);
        if (index < 0)
            index += (long)json_array_size(value);
        if (now->kind == STEP_KEY)
            value = json_object_get(value, now->key);
        else
            value = index < 0 ? NULL : json_array_get(value, (size_t)index);
    }
    return value;
}

const json_t *jsonpath_first(const struct jsonpath *path, const json_t *value)
{
    return first_from(path, 0, value);
}
