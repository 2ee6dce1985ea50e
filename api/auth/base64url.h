/* Base64 as URLs, JSON Web Tokens and WebSocket sub-protocols have it (RFC 4648, 5), without
 * padding. */
#ifndef MOT_API_AUTH_BASE64URL_H
#define MOT_API_AUTH_BASE64URL_H

#include <stddef.h>

#include <mot/base/buf.h>

/* -1 when @text is anything else, or when bits that must be zero are not: so no two texts stand for
 * the same bytes. */
int base64url_decode(const char *text, size_t len, struct buf *out) MOT_NODISCARD;

#endif
