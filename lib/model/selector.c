/* Label selectors: the grammar, the checks and the texts of k8s.io/apimachinery/pkg/labels. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "internal.h"
#include "selector_internal.h"

struct selector *selector_new(void)
{
    return mem_zalloc(sizeof(struct selector));
}

void selector_free(struct selector *selector)
{
    if (!selector)
        return;
    for (size_t i = 0; i < selector->count; i++) {
        free(selector->items[i].key);
        texts_release(&selector->items[i].values);
    }
    free(selector->items);
    free(selector);
}

struct requirement *selector_add(struct selector *selector, const char *key,
                                 enum selector_operator op)
{
    mem_grow((void **)&selector->items, &selector->capacity, selector->count,
             sizeof(*selector->items));
    struct requirement *requirement = &selector->items[selector->count++];
    *requirement = (struct requirement){.key = mem_strdup(key), .op = op};
    return requirement;
}

bool selector_is_everything(const struct selector *selector)
{
    return !selector || (selector->count == 0 && !selector->nothing);
}

const char *selector_exact(const struct selector *selector, const char *key)
{
    for (size_t i = 0; selector && i < selector->count; i++) {
        const struct requirement *item = &selector->items[i];
        if (item->op == SELECTOR_IN && item->values.count == 1 && strcmp(item->key, key) == 0)
            return item->values.items[0];
    }
    return NULL;
}

/* ---- matching ---- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(a, *(char *const *)b);
}

/* The values are sorted. */
static bool has_value(const struct requirement *item, const char *value)
{
    return item->values.count > 0 && bsearch(value, item->values.items, item->values.count,
                                             sizeof(char *), compare_texts) != NULL;
}

static bool parse_number(const char *text, long long *ret_number)
{
    char *end;
    errno = 0;
    *ret_number = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0 &&
           strspn(text, "+-0123456789") == strlen(text);
}

static bool compare_numbers(const struct requirement *item, const char *value)
{
    long long left;
    long long right;
    if (!value || !parse_number(value, &left) || !parse_number(item->values.items[0], &right))
        return false;
    return item->op == SELECTOR_GREATER ? left > right : left < right;
}

static bool requirement_matches(const struct requirement *item, const char *value)
{
    switch (item->op) {
    case SELECTOR_IN:
        return value && has_value(item, value);
    case SELECTOR_NOT_IN:
        return !value || !has_value(item, value);
    case SELECTOR_EXISTS:
        return value != NULL;
    case SELECTOR_NOT_EXISTS:
        return value == NULL;
    case SELECTOR_GREATER:
    case SELECTOR_LESS:
        return compare_numbers(item, value);
    }
    return false;
}

bool selector_matches(const struct selector *selector, const json_t *values)
{
    if (!selector)
        return true;
    if (selector->nothing)
        return false;
    for (size_t i = 0; i < selector->count; i++) {
        const struct requirement *item = &selector->items[i];
        const char *value = json_string_value(json_object_get(values, item->key));
        if (!value && selector->absent_is_empty)
            value = "";
        if (!requirement_matches(item, value))
            return false;
    }
    return true;
}

/* ---- the lexer ---- */

enum token {
    TOKEN_END,
    TOKEN_ERROR,
    TOKEN_IDENTIFIER,
    TOKEN_COMMA,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_EQUALS,
    TOKEN_NOT_EQUALS,
    TOKEN_NOT,
    TOKEN_IN,
    TOKEN_NOT_IN,
    TOKEN_GREATER,
    TOKEN_LESS,
};

struct lexeme {
    enum token token;
    char *text; /* owned by the parser's list */
};

struct parser {
    const char *at;
    struct texts texts; /* of all lexemes */
    struct lexeme next;
    struct selector *selector;
    struct err *err;
};

static bool is_special(char c)
{
    return c != '\0' && strchr("=!(),><", c) != NULL;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum token symbol_token(const char *text, size_t len)
{
    static const struct {
        const char *text;
        enum token token;
    } symbols[] = {{"==", TOKEN_EQUALS}, {"!=", TOKEN_NOT_EQUALS}, {"=", TOKEN_EQUALS},
                   {"!", TOKEN_NOT},     {"(", TOKEN_OPEN},        {")", TOKEN_CLOSE},
                   {",", TOKEN_COMMA},   {">", TOKEN_GREATER},     {"<", TOKEN_LESS}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(symbols); i++) {
        if (strlen(symbols[i].text) == len && memcmp(symbols[i].text, text, len) == 0)
            return symbols[i].token;
    }
    return TOKEN_ERROR;
}

static struct lexeme lex(struct parser *parser)
{
    while (is_space(*parser->at))
        parser->at++;
    const char *start = parser->at;
    enum token token = TOKEN_END;
    if (is_special(*start)) {
        size_t len = is_special(start[1]) && symbol_token(start, 2) != TOKEN_ERROR ? 2 : 1;
        token = symbol_token(start, len);
        parser->at += len;
    } else if (*start) {
        while (*parser->at && !is_special(*parser->at) && !is_space(*parser->at))
            parser->at++;
        token = TOKEN_IDENTIFIER;
    }
    texts_add(&parser->texts, mem_strndup(start, (size_t)(parser->at - start)));
    char *text = parser->texts.items[parser->texts.count - 1];
    if (token == TOKEN_IDENTIFIER && strcmp(text, "in") == 0)
        token = TOKEN_IN;
    else if (token == TOKEN_IDENTIFIER && strcmp(text, "notin") == 0)
        token = TOKEN_NOT_IN;
    return (struct lexeme){token, text};
}

/* Where a value or a key is due, "in" and "notin" are words like others. */
static struct lexeme look(const struct parser *parser)
{
    struct lexeme next = parser->next;
    if (next.token == TOKEN_IN || next.token == TOKEN_NOT_IN)
        next.token = TOKEN_IDENTIFIER;
    return next;
}

static struct lexeme take_any(struct parser *parser)
{
    struct lexeme taken = parser->next;
    parser->next = lex(parser);
    return taken;
}

static struct lexeme take(struct parser *parser)
{
    struct lexeme taken = look(parser);
    parser->next = lex(parser);
    return taken;
}

/* ---- the parser ---- */

static char *joined_problems(const struct name_problems *problems)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    for (size_t i = 0; i < problems->count; i++)
        buf_addf(&buf, "%s%s", i > 0 ? "; " : "", problems->texts[i]);
    return buf_take(&buf);
}

/* -1 with the error set when there are problems with @value; releases them. */
static int report(struct name_problems *problems, const char *field, const char *value,
                  struct err *err)
{
    if (problems->count == 0)
        return 0;
    AUTO_FREE char *text = joined_problems(problems);
    struct buf quoted;
    buf_init(&quoted, BUF_MAX_DEFAULT);
    write_go_quoted(&quoted, value, strlen(value));
    err_set(err, ERR_INVALID, "%s: Invalid value: %s: %s", field, quoted.data, text);
    buf_release(&quoted);
    name_problems_release(problems);
    return -1;
}

static int check_key(const char *key, const char *field, struct err *err)
{
    struct name_problems problems = {0};
    check_qualified_name(key, &problems);
    return report(&problems, field, key, err);
}

static int check_values(const struct requirement *item, struct err *err)
{
    for (size_t i = 0; i < item->values.count; i++) {
        struct name_problems problems = {0};
        check_label_value(item->values.items[i], &problems);
        AUTO_FREE char *field = mem_printf("values[%zu][%s]", i, item->key);
        if (report(&problems, field, item->values.items[i], err) != 0)
            return -1;
    }
    return 0;
}

/* Sorted, each once. */
static void settle_values(struct texts *values)
{
    size_t kept = 0;
    texts_sort(values);
    for (size_t i = 0; i < values->count; i++) {
        if (kept > 0 && strcmp(values->items[kept - 1], values->items[i]) == 0)
            free(values->items[i]);
        else
            values->items[kept++] = values->items[i];
    }
    values->count = kept;
}

static int check_requirement(struct requirement *item, struct err *err)
{
    long long number;
    settle_values(&item->values);
    if ((item->op == SELECTOR_IN || item->op == SELECTOR_NOT_IN) && item->values.count == 0)
        return err_set(
            err, ERR_INVALID,
            "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty");
    if ((item->op == SELECTOR_GREATER || item->op == SELECTOR_LESS) &&
        !parse_number(item->values.items[0], &number))
        return err_set(err, ERR_INVALID,
                       "values[0]: Invalid value: \"%s\": for 'Gt', 'Lt' operators, the value must "
                       "be an integer",
                       item->values.items[0]);
    return check_values(item, err);
}

static int fail(struct parser *parser, const char *found, const char *expected)
{
    return err_set(parser->err, ERR_INVALID, "found '%s', expected: %s", found, expected);
}

static void add_value(struct requirement *item, const char *value)
{
    texts_add(&item->values, mem_strdup(value));
}

/* Between the parentheses; "(,a)" and "(a,)" hold an empty value. */
static int parse_list_items(struct parser *parser, struct requirement *item)
{
    for (;;) {
        struct lexeme taken = take(parser);
        struct lexeme next = look(parser);
        if (taken.token == TOKEN_IDENTIFIER) {
            add_value(item, taken.text);
            if (next.token == TOKEN_CLOSE)
                return 0;
            if (next.token != TOKEN_COMMA)
                return fail(parser, next.text, "',' or ')'");
        } else if (taken.token == TOKEN_COMMA) {
            if (item->values.count == 0 || next.token == TOKEN_CLOSE)
                add_value(item, "");
            if (next.token == TOKEN_CLOSE)
                return 0;
            if (next.token == TOKEN_COMMA) {
                take(parser);
                add_value(item, "");
            }
        } else {
            return fail(parser, taken.text, "',', or identifier");
        }
    }
}

static int parse_list(struct parser *parser, struct requirement *item)
{
    struct lexeme open = take(parser);
    if (open.token != TOKEN_OPEN)
        return err_set(parser->err, ERR_INVALID, "found '%s' expected: '('", open.text);
    struct lexeme next = look(parser);
    if (next.token == TOKEN_CLOSE) { /* "()" holds an empty value, as a real server reads it */
        take(parser);
        add_value(item, "");
        return 0;
    }
    if (next.token != TOKEN_IDENTIFIER && next.token != TOKEN_COMMA)
        return fail(parser, next.text, "',', ')' or identifier");
    if (parse_list_items(parser, item) != 0)
        return -1;
    struct lexeme close = take(parser);
    return close.token == TOKEN_CLOSE ? 0 : fail(parser, close.text, "')'");
}

static int parse_exact_value(struct parser *parser, struct requirement *item)
{
    struct lexeme next = look(parser);
    if (next.token == TOKEN_END || next.token == TOKEN_COMMA) {
        add_value(item, "");
        return 0;
    }
    next = take(parser);
    if (next.token != TOKEN_IDENTIFIER)
        return fail(parser, next.text, "identifier");
    add_value(item, next.text);
    return 0;
}

static int parse_operation(struct parser *parser, struct requirement *item)
{
    struct lexeme op = take_any(parser);
    switch (op.token) {
    case TOKEN_IN:
    case TOKEN_NOT_IN:
        item->op = op.token == TOKEN_IN ? SELECTOR_IN : SELECTOR_NOT_IN;
        return parse_list(parser, item);
    case TOKEN_EQUALS:
    case TOKEN_NOT_EQUALS:
        item->op = op.token == TOKEN_EQUALS ? SELECTOR_IN : SELECTOR_NOT_IN;
        return parse_exact_value(parser, item);
    case TOKEN_GREATER:
    case TOKEN_LESS:
        item->op = op.token == TOKEN_GREATER ? SELECTOR_GREATER : SELECTOR_LESS;
        return parse_exact_value(parser, item);
    case TOKEN_END:
    case TOKEN_ERROR:
    case TOKEN_IDENTIFIER:
    case TOKEN_COMMA:
    case TOKEN_OPEN:
    case TOKEN_CLOSE:
    case TOKEN_NOT:
        break;
    }
    return fail(parser, op.text, "in, notin, =, ==, !=, gt, lt");
}

static int parse_requirement(struct parser *parser)
{
    struct lexeme key = take(parser);
    bool negated = key.token == TOKEN_NOT;
    if (negated)
        key = take(parser);
    if (key.token != TOKEN_IDENTIFIER)
        return fail(parser, key.text, "identifier");
    if (check_key(key.text, "<nil>", parser->err) != 0)
        return -1;
    enum token next = look(parser).token;
    bool alone = next == TOKEN_END || next == TOKEN_COMMA;
    struct requirement *item =
        selector_add(parser->selector, key.text, negated ? SELECTOR_NOT_EXISTS : SELECTOR_EXISTS);
    if (negated || alone)
        return 0;
    if (parse_operation(parser, item) != 0)
        return -1;
    return check_requirement(item, parser->err);
}

static int parse_requirements(struct parser *parser)
{
    for (;;) {
        struct lexeme next = look(parser);
        if (next.token == TOKEN_END)
            return 0;
        if (next.token != TOKEN_IDENTIFIER && next.token != TOKEN_NOT)
            return fail(parser, next.text, "!, identifier, or 'end of string'");
        if (parse_requirement(parser) != 0)
            return err_wrap(parser->err, "unable to parse requirement");
        next = take(parser);
        if (next.token == TOKEN_END)
            return 0;
        if (next.token != TOKEN_COMMA)
            return fail(parser, next.text, "',' or 'end of string'");
        next = look(parser);
        if (next.token != TOKEN_IDENTIFIER && next.token != TOKEN_NOT)
            return fail(parser, next.text, "identifier after ','");
    }
}

struct selector *selector_parse_labels(const char *text, struct err *err)
{
    struct parser parser = {.at = text, .err = err, .selector = selector_new()};
    parser.next = lex(&parser);
    int result = parse_requirements(&parser);
    texts_release(&parser.texts);
    if (result == 0)
        return parser.selector;
    selector_free(parser.selector);
    return NULL;
}

/* ---- LabelSelector objects ---- */

static int add_match_labels(struct selector *selector, const json_t *labels, struct err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_mutable(labels), key, value)
    {
        if (!json_is_string(value))
            return err_set(err, ERR_INVALID, "matchLabels[%s]: must be a string", key);
        if (check_key(key, "key", err) != 0)
            return -1;
        struct requirement *item = selector_add(selector, key, SELECTOR_IN);
        texts_add(&item->values, mem_strdup(json_string_value(value)));
        if (check_requirement(item, err) != 0)
            return -1;
    }
    return 0;
}

static int find_operator(const char *text, enum selector_operator *ret_op, struct err *err)
{
    static const char *const names[] = {"In", "NotIn", "Exists", "DoesNotExist"};
    for (size_t i = 0; text && i < MOT_ARRAY_SIZE(names); i++) {
        if (strcmp(names[i], text) == 0) {
            *ret_op = (enum selector_operator)i;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "\"%s\" is not a valid label selector operator",
                   text ? text : "");
}

static int add_match_expression(struct selector *selector, const json_t *expression,
                                struct err *err)
{
    enum selector_operator op = SELECTOR_IN;
    const char *key = json_at_text(expression, "key");
    const json_t *values = json_object_get(expression, "values");
    if (find_operator(json_at_text(expression, "operator"), &op, err) != 0 ||
        check_key(key ? key : "", "key", err) != 0)
        return -1;
    struct requirement *item = selector_add(selector, key, op);
    size_t index;
    json_t *value;
    json_array_foreach(values, index, value)
    {
        if (!json_is_string(value))
            return err_set(err, ERR_INVALID, "values[%zu]: must be a string", index);
        add_value(item, json_string_value(value));
    }
    bool takes_values = op == SELECTOR_IN || op == SELECTOR_NOT_IN;
    if (!takes_values && item->values.count > 0)
        return err_set(
            err, ERR_INVALID,
            "values: Invalid value: values set must be empty for exists and does not exist");
    return check_requirement(item, err);
}

struct selector *selector_from_object(const json_t *label_selector, struct err *err)
{
    struct selector *selector = selector_new();
    size_t index;
    json_t *expression;
    selector->nothing = !label_selector || json_is_null(label_selector);
    int result = add_match_labels(selector, json_object_get(label_selector, "matchLabels"), err);
    json_array_foreach(json_object_get(label_selector, "matchExpressions"), index, expression)
    {
        if (result == 0)
            result = add_match_expression(selector, expression, err);
    }
    if (result == 0)
        return selector;
    selector_free(selector);
    return NULL;
}
