/* Base64 with padding, for !!binary and the format "byte". */
#ifndef MOT_MODEL_BASE64_H
#define MOT_MODEL_BASE64_H

#include <stddef.h>

#include <mot/base/buf.h>

/* -1 when @text is not standard base64 with padding; line ends are skipped. @out may be NULL: only
 * checks. */
int base64_decode(const char *text, size_t len, struct buf *out);

#endif
