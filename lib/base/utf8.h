/* For writers that must not let a broken byte through (JSON, logs). Private to lib/base. */
#ifndef MOT_BASE_UTF8_H
#define MOT_BASE_UTF8_H

#include <stddef.h>

#define UTF8_REPLACEMENT "\xEF\xBF\xBD"

/* The length (1 to 4) of the well-formed character at @text, 0 when it is none; @len > 0. */
size_t utf8_length(const unsigned char *text, size_t len);

#endif
