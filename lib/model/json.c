#include <mot/model/json.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

#include "internal.h"

/* Out of memory ends the process here too: no half-built values. */
__attribute__((constructor)) static void use_our_allocator(void)
{
    json_set_alloc_funcs(mem_alloc, free);
}

static int compare_entries(const void *a, const void *b)
{
    const struct json_entry *left = a;
    const struct json_entry *right = b;
    return strcmp(left->key, right->key);
}

struct json_entry *json_sorted_entries(const json_t *object)
{
    size_t count = json_object_size(object);
    struct json_entry *entries = mem_array(count ? count : 1, sizeof(*entries));
    const char *key;
    json_t *value;
    size_t n = 0;
    bool sorted = true;
    json_object_foreach(json_mutable(object), key, value)
    {
        entries[n] = (struct json_entry){key, value};
        sorted = sorted && (n == 0 || strcmp(entries[n - 1].key, key) < 0);
        n++;
    }
    if (!sorted)
        qsort(entries, n, sizeof(*entries), compare_entries);
    return entries;
}

/* Digits and decimal exponent of the shortest form: 1234.5 → "12345", 3. */
static int shortest_digits(double number, char digits[20])
{
    char text[40] = "";
    for (int precision = 14; precision <= 16; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, number);
        if (!(strtod(text, NULL) < number) && !(strtod(text, NULL) > number))
            break;
    }
    char *exponent = strchr(text, 'e');
    int value = exponent ? (int)strtol(exponent + 1, NULL, 10) : 0;
    size_t n = 0;
    for (char *c = text; c < exponent && n < 19; c++) {
        if (*c >= '0' && *c <= '9')
            digits[n++] = *c;
    }
    while (n > 1 && digits[n - 1] == '0')
        n--;
    digits[n] = '\0';
    return value;
}

static void write_exponent_form(struct buf *buf, const char *digits, int exponent)
{
    buf_addc(buf, digits[0]);
    if (digits[1])
        buf_addf(buf, ".%s", digits + 1);
    buf_addf(buf, "e%c%d", exponent < 0 ? '-' : '+', abs(exponent));
}

static void write_decimal_form(struct buf *buf, const char *digits, int exponent)
{
    int count = (int)strlen(digits);
    if (exponent < 0) {
        buf_adds(buf, "0.");
        for (int i = -1; i > exponent; i--)
            buf_addc(buf, '0');
        buf_adds(buf, digits);
        return;
    }
    for (int i = 0; i <= exponent || i < count; i++) {
        if (i == exponent + 1)
            buf_addc(buf, '.');
        buf_addc(buf, i < count ? digits[i] : '0');
    }
}

void json_write_real(struct buf *buf, double number)
{
    char digits[20];
    double magnitude = fabs(number);
    if (signbit(number))
        buf_addc(buf, '-');
    int exponent = shortest_digits(magnitude, digits);
    if (digits[0] != '0' && (magnitude < 1e-6 || magnitude >= 1e21))
        write_exponent_form(buf, digits, exponent);
    else
        write_decimal_form(buf, digits, digits[0] == '0' ? 0 : exponent);
}

static void write_object(struct buf *buf, const json_t *value, unsigned style)
{
    const char *key;
    json_t *child;
    bool first = true;
    buf_addc(buf, '{');
    json_object_foreach(json_mutable(value), key, child)
    {
        if (!first)
            buf_addc(buf, ',');
        first = false;
        buf_add_json(buf, key);
        buf_addc(buf, ':');
        json_write_style(buf, child, style);
    }
    buf_addc(buf, '}');
}

static void write_object_sorted(struct buf *buf, const json_t *value, unsigned style)
{
    size_t count = json_object_size(value);
    struct json_entry *entries = json_sorted_entries(value);
    buf_addc(buf, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_addc(buf, ',');
        buf_add_json(buf, entries[i].key);
        buf_addc(buf, ':');
        json_write_style(buf, entries[i].value, style);
    }
    buf_addc(buf, '}');
    free(entries);
}

static void write_array(struct buf *buf, const json_t *value, unsigned style)
{
    size_t index;
    json_t *child;
    buf_addc(buf, '[');
    json_array_foreach(value, index, child)
    {
        if (index > 0)
            buf_addc(buf, ',');
        json_write_style(buf, child, style);
    }
    buf_addc(buf, ']');
}

static void write_real(struct buf *buf, double number, unsigned style)
{
    size_t start = buf->len;
    json_write_real(buf, number);
    if (!(style & JSON_STYLE_GO) && !buf_failed(buf) && !strpbrk(buf->data + start, ".e"))
        buf_adds(buf, ".0");
}

void json_write_style(struct buf *buf, const json_t *value, unsigned style)
{
    if (!value) {
        buf_adds(buf, "null");
        return;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        if (style & JSON_STYLE_SORTED)
            write_object_sorted(buf, value, style);
        else
            write_object(buf, value, style);
        break;
    case JSON_ARRAY:
        write_array(buf, value, style);
        break;
    case JSON_STRING:
        buf_add_json_n(buf, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        buf_add_i64(buf, json_integer_value(value));
        break;
    case JSON_REAL:
        write_real(buf, json_real_value(value), style);
        break;
    case JSON_TRUE:
        buf_adds(buf, "true");
        break;
    case JSON_FALSE:
        buf_adds(buf, "false");
        break;
    case JSON_NULL:
        buf_adds(buf, "null");
        break;
    }
}

void json_write(struct buf *buf, const json_t *value)
{
    json_write_style(buf, value, JSON_STYLE_FAITHFUL);
}

char *json_text(const json_t *value)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    json_write(&buf, value);
    return buf_take(&buf);
}

json_t *json_at(const json_t *value, const char *path)
{
    const json_t *at = value;
    while (at && *path) {
        size_t len = strcspn(path, ".");
        at = json_object_getn(at, path, len);
        path += len;
        if (*path == '.')
            path++;
    }
    return json_mutable(at);
}

const char *json_at_text(const json_t *value, const char *path)
{
    return json_string_value(json_at(value, path));
}

int64_t json_at_int(const json_t *value, const char *path, int64_t fallback)
{
    const json_t *at = json_at(value, path);
    return json_is_integer(at) ? json_integer_value(at) : fallback;
}

bool json_at_bool(const json_t *value, const char *path, bool fallback)
{
    const json_t *at = json_at(value, path);
    return json_is_boolean(at) ? json_is_true(at) : fallback;
}

void json_put(json_t *object, const char *path, json_t *child)
{
    json_t *at = object;
    while (json_is_object(at)) {
        size_t len = strcspn(path, ".");
        if (path[len] == '\0') {
            json_object_setn_new_nocheck(at, path, len, child);
            return;
        }
        json_t *next = json_object_getn(at, path, len);
        if (!json_is_object(next)) {
            next = json_object();
            json_object_setn_new_nocheck(at, path, len, next);
        }
        at = next;
        path += len + 1;
    }
    json_decref(child);
}

bool json_same(const json_t *a, const json_t *b)
{
    if (a == b)
        return true;
    return a && b && json_equal(a, b);
}

bool json_depth_within(const json_t *value, int depth)
{
    if (!json_is_object(value) && !json_is_array(value))
        return true;
    if (depth <= 0)
        return false;
    const char *key;
    json_t *child;
    size_t index;
    if (json_is_object(value)) {
        json_object_foreach(json_mutable(value), key, child)
        {
            if (!json_depth_within(child, depth - 1))
                return false;
        }
        return true;
    }
    json_array_foreach(value, index, child)
    {
        if (!json_depth_within(child, depth - 1))
            return false;
    }
    return true;
}

size_t json_count_within(const json_t *value, size_t limit)
{
    size_t count = 1;
    const char *key;
    json_t *child;
    size_t index;
    json_object_foreach(json_mutable(value), key, child)
    {
        if (count > limit)
            return count;
        count += json_count_within(child, limit - count);
    }
    json_array_foreach(value, index, child)
    {
        if (count > limit)
            return count;
        count += json_count_within(child, limit - count);
    }
    return count;
}

size_t json_bytes_within(const json_t *value, size_t limit)
{
    size_t bytes = 4 + json_string_length(value);
    const char *key;
    json_t *child;
    size_t index;
    json_object_foreach(json_mutable(value), key, child)
    {
        bytes += strlen(key) + 4;
        if (bytes > limit)
            return bytes;
        bytes += json_bytes_within(child, limit - bytes);
    }
    json_array_foreach(value, index, child)
    {
        if (bytes > limit)
            return bytes;
        bytes += json_bytes_within(child, limit - bytes);
    }
    return bytes;
}
