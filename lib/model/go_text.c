#include <mot/model/go_text.h>

#include <stdlib.h>
#include <string.h>

#include <mot/base/buf.h>
#include <mot/base/mem.h>

#include "internal.h"

char *go_quoted(const char *text)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    write_go_quoted(&buf, text, strlen(text));
    return buf_take(&buf);
}

/* Inside JSON, these characters stand in strings only; U+2028 and U+2029 are E2 80 A8 and A9. */
static char *escape_html(const char *json, size_t len)
{
    struct buf out;
    buf_init(&out, BUF_MAX_DEFAULT);
    size_t plain = 0;
    for (size_t i = 0; i < len; i++) {
        bool separator = i + 2 < len && memcmp(json + i, "\xe2\x80", 2) == 0 &&
                         ((unsigned char)json[i + 2] & 0xfe) == 0xa8;
        if (!separator && json[i] != '<' && json[i] != '>' && json[i] != '&')
            continue;
        unsigned code = (unsigned char)json[i];
        if (separator)
            code = 0x2000 | ((unsigned char)json[i + 2] & 0x3f);
        buf_add(&out, json + plain, i - plain);
        buf_addf(&out, "\\u%04x", code);
        i += separator ? 2 : 0;
        plain = i + 1;
    }
    buf_add(&out, json + plain, len - plain);
    return buf_take(&out);
}

char *go_json(const json_t *value)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    json_write_style(&buf, value, JSON_STYLE_SORTED | JSON_STYLE_GO);
    char *text = escape_html(buf.data ? buf.data : "", buf.len);
    buf_release(&buf);
    return text;
}

static void write_go_map(struct buf *buf, const json_t *value, enum go_style style)
{
    static const char *const starts[] = {"map[", "map[string]interface {}{",
                                         "map[interface {}]interface {}{"};
    struct json_entry *entries = json_sorted_entries(value);
    buf_adds(buf, starts[style]);
    for (size_t i = 0; i < json_object_size(value); i++) {
        if (i > 0)
            buf_adds(buf, style == GO_VALUE ? " " : ", ");
        if (style == GO_VALUE)
            buf_adds(buf, entries[i].key);
        else
            write_go_quoted(buf, entries[i].key, strlen(entries[i].key));
        buf_addc(buf, ':');
        write_as_go(buf, entries[i].value, style);
    }
    buf_addc(buf, style == GO_VALUE ? ']' : '}');
    free(entries);
}

static void write_go_list(struct buf *buf, const json_t *value, enum go_style style)
{
    size_t index;
    json_t *item;
    buf_adds(buf, style == GO_VALUE ? "[" : "[]interface {}{");
    json_array_foreach(value, index, item)
    {
        if (index > 0)
            buf_adds(buf, style == GO_VALUE ? " " : ", ");
        write_as_go(buf, item, style);
    }
    buf_addc(buf, style == GO_VALUE ? ']' : '}');
}

void write_as_go(struct buf *buf, const json_t *value, enum go_style style)
{
    if (json_is_object(value))
        write_go_map(buf, value, style);
    else if (json_is_array(value))
        write_go_list(buf, value, style);
    else if (json_is_string(value) && style == GO_VALUE)
        buf_adds(buf, json_string_value(value));
    else if (json_is_string(value))
        write_go_quoted(buf, json_string_value(value), json_string_length(value));
    else if (json_is_real(value))
        write_go_number(buf, json_real_value(value));
    else if (json_is_null(value))
        buf_adds(buf, style == GO_VALUE ? "<nil>" : "interface {}(nil)");
    else
        json_write_style(buf, value, JSON_STYLE_GO);
}

static uint32_t decode_char(const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;
    static const unsigned char lead_masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = bytes[0] & lead_masks[len];
    for (size_t i = 1; i < len; i++)
        code = code << 6 | (bytes[i] & 0x3f);
    return code;
}

/* Controls, formats, separators other than the ASCII space, and private use. Characters that no
 * Unicode version has assigned yet count as printable here. */
static bool is_printable(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } unprintable[] = {{0x00, 0x1f},       {0x7f, 0xa0},     {0xad, 0xad},       {0x600, 0x605},
                       {0x61c, 0x61c},     {0x6dd, 0x6dd},   {0x70f, 0x70f},     {0x8e2, 0x8e2},
                       {0x1680, 0x1680},   {0x180e, 0x180e}, {0x2000, 0x200f},   {0x2028, 0x202f},
                       {0x205f, 0x206f},   {0x3000, 0x3000}, {0xe000, 0xf8ff},   {0xfeff, 0xfeff},
                       {0xfff9, 0xfffb},   {0xfffe, 0xffff}, {0x1d173, 0x1d17a}, {0xe0001, 0xe007f},
                       {0xf0000, 0x10ffff}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(unprintable); i++)
        if (code >= unprintable[i].first && code <= unprintable[i].last)
            return false;
    return true;
}

const char *go_next_unprintable(const char *from, uint32_t *ret_code)
{
    size_t left = strlen(from);
    while (left > 0) {
        size_t len = utf8_char(from, left);
        *ret_code = len > 0 ? decode_char(from, len) : 0xfffd;
        if (!is_printable(*ret_code))
            return from;
        from += len > 0 ? len : 1;
        left -= len > 0 ? len : 1;
    }
    return NULL;
}
