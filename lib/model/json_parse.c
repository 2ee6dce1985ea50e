/*
 * A JSON parser of our own, because jansson's refuses integers beyond int64, knows neither the
 * paths of duplicate keys nor a depth limit of ours, and its texts are not those that Kubernetes
 * clients know from Go's decoder.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "internal.h"

#define DUPLICATES_MAX 100
#define NUMBER_MAX     4096
#define SHOWN_KEY_MAX  256 /* of a key in the path of a duplicate */

/* One container on the way to the current value: a member's key as written, or an index. */
struct frame {
    const char *key;
    size_t key_len;
    size_t index;
};

struct parser {
    const char *text;
    const char *at;
    const char *end;
    struct err *err;
    bool strict;
    bool raw; /* strings and numbers become strings that hold their own text */
    struct texts *duplicates;
    int depth;
    struct frame frames[MODEL_DEPTH_MAX + 1];
};

static json_t *parse_value(struct parser *parser);

static json_t *fail(const struct parser *parser, const char *what)
{
    int line = 1;
    int column = 1;
    for (const char *c = parser->text; c < parser->at; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    err_set(parser->err, ERR_INVALID, "%s (line %d, column %d)", what, line, column);
    return NULL;
}

/* As Go names a character: 'x', '\n', '\'', '"'. */
static void quote_char(const char *at, size_t left, char out[16])
{
    unsigned char c = (unsigned char)*at;
    size_t n = utf8_char(at, left);
    if (c == '\'')
        snprintf(out, 16, "'\\''");
    else if (c == '\n' || c == '\r' || c == '\t')
        snprintf(out, 16, "'\\%c'", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (c < 0x20 || c == 0x7f || n == 0)
        snprintf(out, 16, "'\\x%02x'", c);
    else
        snprintf(out, 16, "'%.*s'", (int)n, at);
}

static json_t *fail_char(const struct parser *parser, const char *context)
{
    char quoted[16];
    char text[160];
    if (parser->at >= parser->end)
        return fail(parser, "unexpected end of JSON input");
    quote_char(parser->at, (size_t)(parser->end - parser->at), quoted);
    snprintf(text, sizeof(text), "invalid character %s %s", quoted, context);
    return fail(parser, text);
}

static void skip_space(struct parser *parser)
{
    while (parser->at < parser->end && (*parser->at == ' ' || *parser->at == '\n' ||
                                        *parser->at == '\r' || *parser->at == '\t'))
        parser->at++;
}

static bool peek(const struct parser *parser, char c)
{
    return parser->at < parser->end && *parser->at == c;
}

static bool is_digit(const struct parser *parser)
{
    return parser->at < parser->end && *parser->at >= '0' && *parser->at <= '9';
}

/* Four hexadecimal digits; -1 with the error set. */
static int parse_hex4(struct parser *parser)
{
    int value = 0;
    for (int i = 0; i < 4; i++, parser->at++) {
        char c = parser->at < parser->end ? *parser->at : '\0';
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            fail_char(parser, "in \\u hexadecimal character escape");
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

static void add_code_point(struct buf *buf, unsigned code)
{
    if (code < 0x80) {
        buf_addc(buf, (char)code);
    } else if (code < 0x800) {
        buf_addc(buf, (char)(0xc0 | (code >> 6)));
        buf_addc(buf, (char)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        buf_addc(buf, (char)(0xe0 | (code >> 12)));
        buf_addc(buf, (char)(0x80 | ((code >> 6) & 0x3f)));
        buf_addc(buf, (char)(0x80 | (code & 0x3f)));
    } else {
        buf_addc(buf, (char)(0xf0 | (code >> 18)));
        buf_addc(buf, (char)(0x80 | ((code >> 12) & 0x3f)));
        buf_addc(buf, (char)(0x80 | ((code >> 6) & 0x3f)));
        buf_addc(buf, (char)(0x80 | (code & 0x3f)));
    }
}

/* After "\u". A surrogate without its other half becomes U+FFFD, as in Go. */
static bool parse_unicode_escape(struct parser *parser, struct buf *buf)
{
    int first = parse_hex4(parser);
    if (first < 0)
        return false;
    if (first == 0) {
        fail(parser, "a NUL in a string is not supported");
        return false;
    }
    unsigned code = (unsigned)first;
    bool high = code >= 0xd800 && code < 0xdc00;
    if (high && parser->end - parser->at >= 6 && parser->at[0] == '\\' && parser->at[1] == 'u') {
        const char *before = parser->at;
        parser->at += 2;
        int second = parse_hex4(parser);
        if (second < 0)
            return false;
        if (second >= 0xdc00 && second < 0xe000)
            code = 0x10000 + ((code - 0xd800) << 10) + ((unsigned)second - 0xdc00);
        else
            parser->at = before;
    }
    add_code_point(buf, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
    return true;
}

static bool parse_escape(struct parser *parser, struct buf *buf)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    parser->at++;
    char c = parser->at < parser->end ? *parser->at : '\0';
    if (c == 'u') {
        parser->at++;
        return parse_unicode_escape(parser, buf);
    }
    const char *found = c ? strchr(letters, c) : NULL;
    if (!found) {
        fail_char(parser, "in string escape code");
        return false;
    }
    buf_addc(buf, meanings[found - letters]);
    parser->at++;
    return true;
}

/* A run without escapes; false with the error set. */
static bool parse_plain_run(struct parser *parser, struct buf *buf)
{
    const char *start = parser->at;
    while (parser->at < parser->end && *parser->at != '"' && *parser->at != '\\') {
        unsigned char c = (unsigned char)*parser->at;
        if (c < 0x20) {
            fail_char(parser, "in string literal");
            return false;
        }
        size_t n = c < 0x80 ? 1 : utf8_char(parser->at, (size_t)(parser->end - parser->at));
        if (n == 0) {
            buf_add(buf, start, (size_t)(parser->at - start));
            buf_adds(buf, "\xef\xbf\xbd");
            start = parser->at + 1;
        }
        parser->at += n ? n : 1;
    }
    buf_add(buf, start, (size_t)(parser->at - start));
    return true;
}

/* After the opening quote; consumes the closing one. */
static bool parse_string(struct parser *parser, struct buf *buf)
{
    while (parser->at < parser->end) {
        if (*parser->at == '"') {
            parser->at++;
            return true;
        }
        if (*parser->at == '\\' ? !parse_escape(parser, buf) : !parse_plain_run(parser, buf))
            return false;
    }
    fail_char(parser, "");
    return false;
}

/* The common case needs no buffer: printable ASCII up to the closing quote. */
static bool parse_simple_string(struct parser *parser, const char **ret_text, size_t *ret_len)
{
    const char *c = parser->at;
    while (c < parser->end && *c >= 0x20 && *c < 0x7f && *c != '"' && *c != '\\')
        c++;
    if (c >= parser->end || *c != '"')
        return false;
    *ret_text = parser->at;
    *ret_len = (size_t)(c - parser->at);
    parser->at = c + 1;
    return true;
}

static json_t *parse_string_value(struct parser *parser)
{
    const char *text;
    size_t len;
    parser->at++;
    if (parse_simple_string(parser, &text, &len))
        return json_stringn_nocheck(text, len);
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    json_t *value = NULL;
    if (parse_string(parser, &buf))
        value = json_stringn_nocheck(buf.data ? buf.data : "", buf.len);
    buf_release(&buf);
    return value;
}

static json_t *fail_range(const struct parser *parser, const char *number)
{
    AUTO_FREE char *text = mem_printf(
        "json: cannot unmarshal number %.*s into Go value of type float64", SHOWN_KEY_MAX, number);
    return fail(parser, text);
}

static json_t *convert_number(struct parser *parser, const char *start, bool is_real)
{
    size_t len = (size_t)(parser->at - start);
    if (len > NUMBER_MAX)
        return fail(parser, "a number has too many digits");
    char small[64];
    char *text = len < sizeof(small) ? small : mem_alloc(len + 1);
    memcpy(text, start, len);
    text[len] = '\0';
    errno = 0;
    long long integer = is_real ? 0 : strtoll(text, NULL, 10);
    json_t *value = NULL;
    if (!is_real && errno == 0) {
        value = json_integer(integer);
    } else {
        double real = strtod(text, NULL);
        value = isfinite(real) ? json_real(real) : fail_range(parser, text);
    }
    if (text != small)
        free(text);
    return value;
}

static bool skip_digits(struct parser *parser, const char *context)
{
    if (!is_digit(parser)) {
        fail_char(parser, context);
        return false;
    }
    while (is_digit(parser))
        parser->at++;
    return true;
}

static json_t *parse_number(struct parser *parser)
{
    const char *start = parser->at;
    bool is_real = false;
    if (peek(parser, '-'))
        parser->at++;
    if (peek(parser, '0'))
        parser->at++;
    else if (!skip_digits(parser, "in numeric literal"))
        return NULL;
    if (peek(parser, '.')) {
        is_real = true;
        parser->at++;
        if (!skip_digits(parser, "after decimal point in numeric literal"))
            return NULL;
    }
    if (peek(parser, 'e') || peek(parser, 'E')) {
        is_real = true;
        parser->at++;
        if (peek(parser, '+') || peek(parser, '-'))
            parser->at++;
        if (!skip_digits(parser, "in exponent of numeric literal"))
            return NULL;
    }
    return convert_number(parser, start, is_real);
}

static json_t *parse_literal(struct parser *parser, const char *word, json_t *value)
{
    char context[48];
    for (const char *c = word; *c; c++, parser->at++) {
        if (peek(parser, *c))
            continue;
        snprintf(context, sizeof(context), "in literal %s (expecting '%c')", word, *c);
        return fail_char(parser, context);
    }
    return value;
}

/* A long key is cut: every duplicate below it would repeat it. */
static int shown_length(const struct frame *frame)
{
    size_t len = frame->key_len;
    if (len > SHOWN_KEY_MAX)
        for (len = SHOWN_KEY_MAX; len > 0 && ((unsigned char)frame->key[len] & 0xc0) == 0x80;)
            len--;
    return (int)len;
}

static char *frames_path(const struct parser *parser)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    for (int i = 0; i < parser->depth; i++) {
        const struct frame *frame = &parser->frames[i];
        if (!frame->key)
            buf_addf(&buf, "[%zu]", frame->index);
        else
            buf_addf(&buf, "%s%.*s", i > 0 ? "." : "", shown_length(frame), frame->key);
    }
    return buf_take(&buf);
}

/* False when duplicates are not allowed. */
static bool note_duplicate(struct parser *parser)
{
    if (!parser->strict && (!parser->duplicates || parser->duplicates->count >= DUPLICATES_MAX))
        return true;
    AUTO_FREE char *path = frames_path(parser);
    if (parser->strict) {
        AUTO_FREE char *text = mem_printf("duplicate field \"%s\"", path);
        fail(parser, text);
        return false;
    }
    texts_addf(parser->duplicates, "duplicate field \"%s\"", path);
    return true;
}

static bool parse_member_value(struct parser *parser, json_t *object, const char *key, size_t len)
{
    bool duplicate = json_object_getn(object, key, len) != NULL;
    if (duplicate && !note_duplicate(parser))
        return false;
    skip_space(parser);
    if (!peek(parser, ':')) {
        fail_char(parser, "after object key");
        return false;
    }
    parser->at++;
    json_t *value = parse_value(parser);
    if (!value)
        return false;
    json_object_setn_new_nocheck(object, key, len, value);
    return true;
}

static bool parse_member(struct parser *parser, json_t *object)
{
    struct frame *frame = &parser->frames[parser->depth - 1];
    if (!peek(parser, '"')) {
        fail_char(parser, "looking for beginning of object key string");
        return false;
    }
    parser->at++;
    if (parse_simple_string(parser, &frame->key, &frame->key_len))
        return parse_member_value(parser, object, frame->key, frame->key_len);
    struct buf key;
    buf_init(&key, BUF_MAX_DEFAULT);
    bool ok = parse_string(parser, &key);
    if (ok) {
        frame->key = key.data ? key.data : "";
        frame->key_len = key.len;
        ok = parse_member_value(parser, object, frame->key, frame->key_len);
    }
    buf_release(&key);
    return ok;
}

static bool parse_members(struct parser *parser, json_t *object)
{
    skip_space(parser);
    if (peek(parser, '}')) {
        parser->at++;
        return true;
    }
    for (;;) {
        skip_space(parser);
        if (!parse_member(parser, object))
            return false;
        skip_space(parser);
        if (peek(parser, '}')) {
            parser->at++;
            return true;
        }
        if (!peek(parser, ',')) {
            fail_char(parser, "after object key:value pair");
            return false;
        }
        parser->at++;
    }
}

static bool parse_elements(struct parser *parser, json_t *array)
{
    skip_space(parser);
    if (peek(parser, ']')) {
        parser->at++;
        return true;
    }
    for (size_t index = 0;; index++) {
        parser->frames[parser->depth - 1] = (struct frame){.index = index};
        json_t *value = parse_value(parser);
        if (!value)
            return false;
        json_array_append_new(array, value);
        skip_space(parser);
        if (peek(parser, ']')) {
            parser->at++;
            return true;
        }
        if (!peek(parser, ',')) {
            fail_char(parser, "after array element");
            return false;
        }
        parser->at++;
    }
}

static json_t *parse_container(struct parser *parser, bool is_object)
{
    if (parser->depth >= MODEL_DEPTH_MAX)
        return fail(parser, "exceeded max depth");
    parser->at++;
    parser->depth++;
    json_t *value = is_object ? json_object() : json_array();
    bool ok = is_object ? parse_members(parser, value) : parse_elements(parser, value);
    parser->depth--;
    if (!ok) {
        json_decref(value);
        return NULL;
    }
    return value;
}

/* For what a value says as it stands in the document: "1.0" is not "1". */
static json_t *parse_raw_scalar(struct parser *parser)
{
    const char *start = parser->at;
    json_t *value = *start == '"' ? parse_string_value(parser) : parse_number(parser);
    if (!value)
        return NULL;
    json_decref(value);
    return json_stringn_nocheck(start, (size_t)(parser->at - start));
}

static json_t *parse_value(struct parser *parser)
{
    skip_space(parser);
    char c = parser->at < parser->end ? *parser->at : '\0';
    if (parser->raw && (c == '"' || c == '-' || is_digit(parser)))
        return parse_raw_scalar(parser);
    switch (c) {
    case '{':
        return parse_container(parser, true);
    case '[':
        return parse_container(parser, false);
    case '"':
        return parse_string_value(parser);
    case 't':
        return parse_literal(parser, "true", json_true());
    case 'f':
        return parse_literal(parser, "false", json_false());
    case 'n':
        return parse_literal(parser, "null", json_null());
    default:
        if (c == '-' || is_digit(parser))
            return parse_number(parser);
        return fail_char(parser, "looking for beginning of value");
    }
}

static json_t *parse_document(struct parser *parser)
{
    json_t *value = parse_value(parser);
    if (!value)
        return NULL;
    skip_space(parser);
    if (parser->at < parser->end) {
        json_decref(value);
        return fail_char(parser, "after top-level value");
    }
    return value;
}

json_t *json_parse(const char *text, size_t len, bool strict, struct err *err)
{
    if (!text)
        text = "";
    struct parser parser = {
        .text = text, .at = text, .end = text + len, .err = err, .strict = strict};
    return parse_document(&parser);
}

json_t *json_parse_duplicates(const char *text, size_t len, struct texts *duplicates,
                              struct err *err)
{
    if (!text)
        text = "";
    struct parser parser = {
        .text = text, .at = text, .end = text + len, .err = err, .duplicates = duplicates};
    return parse_document(&parser);
}

json_t *json_parse_raw(const char *text, size_t len, struct err *err)
{
    struct parser parser = {.text = text, .at = text, .end = text + len, .err = err, .raw = true};
    return parse_document(&parser);
}
