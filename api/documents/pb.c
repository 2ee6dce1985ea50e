#include "pb.h"

#include <stdint.h>
#include <string.h>

#include <mot/model/json.h>

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

static void pb_put_varint(struct buf *buf, uint64_t number)
{
    while (number >= 0x80) {
        buf_addc(buf, (char)(number | 0x80));
        number >>= 7;
    }
    buf_addc(buf, (char)number);
}

static void pb_put_bytes(struct buf *buf, unsigned field, const void *data, size_t len)
{
    pb_put_varint(buf, (uint64_t)field << 3 | WIRE_BYTES);
    pb_put_varint(buf, len);
    buf_add(buf, data, len);
}

void pb_put_text(struct buf *buf, unsigned field, const char *text)
{
    if (text && *text)
        pb_put_bytes(buf, field, text, strlen(text));
}

void pb_choose_text(struct buf *buf, unsigned field, const char *text)
{
    pb_put_bytes(buf, field, text, strlen(text));
}

void pb_choose_bool(struct buf *buf, unsigned field, bool value)
{
    pb_put_varint(buf, (uint64_t)field << 3 | WIRE_VARINT);
    pb_put_varint(buf, value);
}

void pb_put_bool(struct buf *buf, unsigned field, bool value)
{
    if (value)
        pb_choose_bool(buf, field, true);
}

void pb_put_int(struct buf *buf, unsigned field, const json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) == 0)
        return;
    pb_put_varint(buf, (uint64_t)field << 3 | WIRE_VARINT);
    pb_put_varint(buf, (uint64_t)json_integer_value(value));
}

void pb_choose_double(struct buf *buf, unsigned field, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    pb_put_varint(buf, (uint64_t)field << 3 | WIRE_FIXED64);
    for (int i = 0; i < 8; i++)
        buf_addc(buf, (char)(bits >> (8 * i) & 0xff));
}

void pb_put_double(struct buf *buf, unsigned field, const json_t *value)
{
    double number = json_number_value(value);
    if (json_is_number(value) && (number < 0 || number > 0))
        pb_choose_double(buf, field, number);
}

void pb_put_message(struct buf *buf, unsigned field, pb_writer *write, const json_t *value)
{
    struct buf inner;
    if (!value)
        return;
    buf_init(&inner, BUF_MAX_DEFAULT);
    write(&inner, value);
    pb_put_bytes(buf, field, inner.data ? inner.data : "", inner.len);
    buf_release(&inner);
}

void pb_put_messages(struct buf *buf, unsigned field, pb_writer *write, const json_t *array)
{
    size_t index;
    json_t *item;
    json_array_foreach(array, index, item)
    {
        pb_put_message(buf, field, write, item);
    }
}

void pb_put_texts(struct buf *buf, unsigned field, const json_t *array)
{
    size_t index;
    json_t *item;
    json_array_foreach(array, index, item)
    {
        pb_put_text(buf, field, json_string_value(item));
    }
}

/* ---- pairs of a name and a value ---- */

static void pb_put_named(struct buf *buf, unsigned field, const char *name, pb_writer *write,
                         const json_t *value)
{
    struct buf inner;
    buf_init(&inner, BUF_MAX_DEFAULT);
    pb_put_text(&inner, 1, name);
    pb_put_message(&inner, 2, write, value);
    pb_put_bytes(buf, field, inner.data, inner.len);
    buf_release(&inner);
}

void pb_put_all_named(struct buf *buf, unsigned field, pb_writer *write, const json_t *object)
{
    const char *key;
    json_t *value;
    json_t *copy = json_deep_copy(object);
    json_object_foreach(copy, key, value)
    {
        pb_put_named(buf, field, key, write, value);
    }
    json_decref(copy);
}

void pb_write_any(struct buf *buf, const json_t *value)
{
    struct buf text;
    buf_init(&text, BUF_MAX_DEFAULT);
    json_write(&text, value);
    buf_addc(&text, '\n');
    pb_put_bytes(buf, 2, text.data, text.len);
    buf_release(&text);
}

void pb_put_extensions(struct buf *buf, unsigned field, const json_t *object)
{
    const char *key;
    json_t *value;
    json_t *copy = json_deep_copy(object);
    json_object_foreach(copy, key, value)
    {
        if (strncmp(key, "x-", 2) == 0)
            pb_put_named(buf, field, key, pb_write_any, value);
    }
    json_decref(copy);
}
