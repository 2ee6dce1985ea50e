#include <ctype.h>
#include <string.h>

#include <mot/http/client.h>

void http_escape(struct buf *buf, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if ((*c < 0x80 && isalnum(*c)) || strchr("-._~", *c)) {
            buf_addc(buf, (char)*c);
        } else {
            buf_addc(buf, '%');
            buf_addc(buf, digits[*c >> 4]);
            buf_addc(buf, digits[*c & 15]);
        }
    }
}
