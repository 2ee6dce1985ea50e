/* Texts as Go prints them, for messages that clients know word for word. */
#ifndef MOT_MODEL_GO_TEXT_H
#define MOT_MODEL_GO_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/err.h>

/* strconv.Quote: "a\n\"b\""; free() it. */
char *go_quoted(const char *text) MOT_NODISCARD;
/* json.Marshal of a decoded value: sorted keys, no spaces, `<`, `>` and `&` escaped; free() it. */
char *go_json(const json_t *value) MOT_NODISCARD;
/* The next character at or after @from that unicode.IsPrint refuses, and its code point; NULL when
 * all the rest is printable. Bytes that are not UTF-8 count as printable, as U+FFFD does. */
const char *go_next_unprintable(const char *from, uint32_t *ret_code);

#endif
