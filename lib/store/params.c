#include "pg.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include <mot/base/mem.h>

static int add(struct pg_params *params, const char *value, size_t len, int format)
{
    int i = params->count++;

    params->values[i] = value;
    params->lengths[i] = (int)len;
    params->formats[i] = format;
    return i;
}

void pg_text(struct pg_params *params, const char *text)
{
    (void)add(params, text, 0, 0);
}

void pg_number(struct pg_params *params, int64_t number)
{
    char *text = params->numbers[params->count];

    (void)snprintf(text, sizeof(params->numbers[0]), "%lld", (long long)number);
    (void)add(params, text, 0, 0);
}

void pg_binary(struct pg_params *params, const struct buf *binary)
{
    (void)add(params, binary->data, binary->len, 1);
}

static void add32(struct buf *array, uint32_t number)
{
    uint32_t wire = htobe32(number);

    buf_add(array, &wire, sizeof(wire));
}

void pg_array_begin(struct buf *array, enum pg_type type, size_t count)
{
    buf_clear(array);
    add32(array, count == 0 ? 0 : 1); /* dimensions */
    add32(array, 1);                  /* there may be NULLs */
    add32(array, (uint32_t)type);
    if (count == 0)
        return;
    add32(array, (uint32_t)count);
    add32(array, 1); /* the first index */
}

void pg_array_text(struct buf *array, const char *text, size_t len)
{
    add32(array, (uint32_t)len);
    buf_add(array, text, len);
}

void pg_array_null(struct buf *array)
{
    add32(array, UINT32_MAX);
}

void pg_array_i64(struct buf *array, int64_t number)
{
    uint64_t wire = htobe64((uint64_t)number);

    add32(array, sizeof(wire));
    buf_add(array, &wire, sizeof(wire));
}

void pg_array_i16(struct buf *array, int16_t number)
{
    uint16_t wire = htobe16((uint16_t)number);

    add32(array, sizeof(wire));
    buf_add(array, &wire, sizeof(wire));
}

void pg_array_bool(struct buf *array, bool value)
{
    add32(array, 1);
    buf_addc(array, value ? 1 : 0);
}
