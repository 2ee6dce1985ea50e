/* Small helpers over jansson, for the edges where JSON is read and written. */
#ifndef MOT_MODEL_JSON_H
#define MOT_MODEL_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <mot/base/buf.h>
#include <mot/base/err.h>
#include <mot/model/texts.h>

/*
 * Parses one value; refuses duplicate keys when @strict (`duplicate field "spec.x"`), nesting over
 * 100, trailing bytes and NULs in strings. The last of duplicate keys wins otherwise. Integers
 * beyond int64 become reals, bytes that are not UTF-8 become U+FFFD. The error is the text of Go's
 * decoder with " (line L, column C)". A new reference.
 */
json_t *json_parse(const char *text, size_t len, bool strict, struct err *err) MOT_NODISCARD;
/* Not strict, and adds a `duplicate field "spec.x"` for each duplicate key to @duplicates, in
 * document order, at most 100. */
json_t *json_parse_duplicates(const char *text, size_t len, struct texts *duplicates,
                              struct err *err) MOT_NODISCARD;
/* Compact; keys in the order they have. */
void json_write(struct buf *buf, const json_t *value);
/* Compact text, free() it. */
char *json_text(const json_t *value) MOT_NODISCARD;

/* json_at(object, "metadata.labels"): follows object keys; NULL when one is missing. Borrowed. */
json_t *json_at(const json_t *value, const char *path);
/* NULL (or the fallback) when it is missing or of another type. Borrowed. */
const char *json_at_text(const json_t *value, const char *path);
int64_t json_at_int(const json_t *value, const char *path, int64_t fallback);
bool json_at_bool(const json_t *value, const char *path, bool fallback);
/* Sets object keys on the way; steals @child. */
void json_put(json_t *object, const char *path, json_t *child);
/* Equal by value; 1 and 1.0 differ, as in Go. */
bool json_same(const json_t *a, const json_t *b);

#endif
