#include <mot/base/buf.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <mot/base/mem.h>

#include "utf8.h"

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

void buf_release(struct buf *buf)
{
    free(buf->data);
    buf_init(buf, buf->max);
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->data)
        buf->data[0] = '\0';
}

bool buf_failed(const struct buf *buf)
{
    return buf->failed;
}

/* Room for @n bytes and the NUL. After a failure nothing is added any more: no holes. */
static bool make_room(struct buf *buf, size_t n)
{
    if (buf->failed || n > buf->max || buf->len > buf->max - n) {
        buf->failed = true;
        return false;
    }
    size_t need = buf->len + n;
    if (buf->data && need < buf->cap)
        return true;
    size_t cap = buf->cap < 64 ? 64 : buf->cap;
    while (cap <= need)
        cap = cap > SIZE_MAX / 2 ? need + 1 : cap * 2;
    if (cap - 1 > buf->max)
        cap = buf->max + 1;
    buf->data = mem_resize(buf->data, cap, 1);
    buf->cap = cap;
    return true;
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
    if (!make_room(buf, len))
        return;
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void buf_adds(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_addc(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_addf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_addv(buf, format, args);
    va_end(args);
}

__attribute__((format(printf, 2, 0))) void buf_addv(struct buf *buf, const char *format,
                                                    va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    if (len < 0)
        buf->failed = true;
    else if (make_room(buf, (size_t)len)) {
        vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

void buf_add_i64(struct buf *buf, int64_t number)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRId64, number);
    buf_add(buf, text, (size_t)len);
}

static void add_escaped(struct buf *buf, unsigned char c)
{
    static const char shorts[] = "\b\f\n\r\t\"\\";
    static const char letters[] = "bfnrt\"\\";
    const char *found = c ? strchr(shorts, c) : NULL;
    if (found) {
        char pair[2] = {'\\', letters[found - shorts]};
        buf_add(buf, pair, 2);
    } else {
        buf_addf(buf, "\\u%04x", c);
    }
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

void buf_add_json(struct buf *buf, const char *text)
{
    buf_add_json_n(buf, text, text ? strlen(text) : 0);
}

void buf_add_json_n(struct buf *buf, const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;
    buf_addc(buf, '"');
    for (size_t i = 0; i < len;) {
        size_t run = 0;
        while (i + run < len && is_plain(bytes[i + run]))
            run++;
        if (run > 0) {
            buf_add(buf, text + i, run);
            i += run;
            continue;
        }
        if (bytes[i] < 0x80) {
            add_escaped(buf, bytes[i++]);
            continue;
        }
        size_t n = utf8_length(bytes + i, len - i);
        if (n > 0)
            buf_add(buf, text + i, n);
        else
            buf_adds(buf, UTF8_REPLACEMENT);
        i += n > 0 ? n : 1;
    }
    buf_addc(buf, '"');
}

void buf_consume(struct buf *buf, size_t n)
{
    if (n == 0 || !buf->data)
        return;
    if (n > buf->len)
        n = buf->len;
    buf->len -= n;
    memmove(buf->data, buf->data + n, buf->len);
    buf->data[buf->len] = '\0';
}

char *buf_reserve(struct buf *buf, size_t n)
{
    if (!make_room(buf, n))
        return NULL;
    char *place = buf->data + buf->len;
    memset(place, 0, n + 1);
    return place;
}

char *buf_take(struct buf *buf)
{
    char *text = buf->data ? buf->data : mem_strdup("");
    buf->data = NULL;
    buf->len = 0;
    buf->cap = 0;
    return text;
}

void buf_adopt(struct buf *buf, char *data, size_t len)
{
    free(buf->data);
    buf->data = data;
    buf->len = len;
    buf->cap = len + 1;
}
