/*
 * A growing byte buffer with a maximum. Going over the maximum is remembered, not
 * fatal: writers need not check each call, the reader asks buf_failed() once.
 * data is always NUL-terminated (the NUL is not counted in len) once anything was added.
 */
#ifndef MOT_BASE_BUF_H
#define MOT_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/err.h>

struct buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max;
    bool failed;
};

#define BUF_MAX_DEFAULT ((size_t)256 << 20)

void buf_init(struct buf *buf, size_t max);
void buf_release(struct buf *buf);
/* Keeps the memory. */
void buf_clear(struct buf *buf);
bool buf_failed(const struct buf *buf);

void buf_add(struct buf *buf, const void *data, size_t len);
void buf_adds(struct buf *buf, const char *text);
void buf_addc(struct buf *buf, char c);
void buf_addf(struct buf *buf, const char *format, ...) MOT_PRINTF(2, 3);
void buf_addv(struct buf *buf, const char *format, __builtin_va_list args);
void buf_add_i64(struct buf *buf, int64_t number);
/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void buf_add_json(struct buf *buf, const char *text);
void buf_add_json_n(struct buf *buf, const char *text, size_t len);
/* The content is @data (malloc, with room for a NUL behind @len) from now on, owned by the buffer.
 */
void buf_adopt(struct buf *buf, char *data, size_t len);
/* Drops @n bytes from the front. */
void buf_consume(struct buf *buf, size_t n);
/*
 * Makes room for @n more bytes and returns where they go, zeroed; NULL when over the maximum. The
 * caller writes there and adds to len what it wrote.
 */
char *buf_reserve(struct buf *buf, size_t n);
/* The content as a string of its own (free() it); the buffer is empty afterwards. Never NULL. */
char *buf_take(struct buf *buf);

#endif
