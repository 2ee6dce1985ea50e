#include <stdio.h>

#include "internal.h"

static size_t expected_length(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead < 0xe0)
        return 2;
    if (lead >= 0xe0 && lead < 0xf0)
        return 3;
    if (lead >= 0xf0 && lead < 0xf5)
        return 4;
    return 0;
}

size_t utf8_char(const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t n = len > 0 ? expected_length(bytes[0]) : 0;
    if (n == 0 || n > len)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    }
    /* Overlong forms, surrogates, and what is above U+10FFFF. */
    if ((bytes[0] == 0xe0 && bytes[1] < 0xa0) || (bytes[0] == 0xed && bytes[1] > 0x9f) ||
        (bytes[0] == 0xf0 && bytes[1] < 0x90) || (bytes[0] == 0xf4 && bytes[1] > 0x8f))
        return 0;
    return n;
}

static void write_escape(struct buf *buf, unsigned char c)
{
    static const char plain[] = "\a\b\f\n\r\t\v\"\\";
    static const char letters[] = "abfnrtv\"\\";
    const char *found = c ? strchr(plain, c) : NULL;
    if (found)
        buf_addf(buf, "\\%c", letters[found - plain]);
    else
        buf_addf(buf, "\\x%02x", c);
}

void write_go_quoted(struct buf *buf, const char *text, size_t len)
{
    buf_addc(buf, '"');
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)text[i];
        size_t n = utf8_char(text + i, len - i);
        if (n == 0 || c < 0x20 || c == 0x7f || c == '"' || c == '\\') {
            write_escape(buf, c);
            i++;
        } else {
            buf_add(buf, text + i, n);
            i += n;
        }
    }
    buf_addc(buf, '"');
}
