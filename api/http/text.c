/* What handlers ask of a request: headers, query parameters, percent-decoding. */
#include "server.h"

#include <string.h>

#include <mot/base/mem.h>

const char *http_header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    }
    return NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* NULL when a % is not followed by two digits or the text has a NUL. */
static char *decode(const char *text, size_t len, bool plus_is_space)
{
    char *out = mem_alloc(len + 1);
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%') {
            int high = len - i > 2 ? hex_digit(text[i + 1]) : -1;
            int low = len - i > 2 ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                free(out);
                return NULL;
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0') {
            free(out);
            return NULL;
        }
        out[used++] = c;
    }
    out[used] = '\0';
    return out;
}

char *http_decode(const char *text, size_t len)
{
    return decode(text, len, false);
}

char *http_query(const struct http_request *request, const char *name)
{
    const char *at = request->query;
    while (*at) {
        size_t len = strcspn(at, "&");
        size_t key_len = strcspn(at, "=&");
        AUTO_FREE char *key = decode(at, key_len, true);
        if (key && strcmp(key, name) == 0) {
            if (key_len == len)
                return mem_strdup("");
            char *value = decode(at + key_len + 1, len - key_len - 1, true);
            /* Malformed: as it came, so that the handler's own check can name it. */
            return value ? value : mem_strndup(at + key_len + 1, len - key_len - 1);
        }
        at += len + (at[len] == '&');
    }
    return NULL;
}
