#include "base64.h"

#include <stdint.h>

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static void write_group(struct buf *out, uint32_t bits, int digits)
{
    bits <<= 6 * (4 - digits);
    for (int i = 0; out && i < digits - 1; i++)
        buf_addc(out, (char)((bits >> (16 - 8 * i)) & 0xff));
}

int base64_decode(const char *text, size_t len, struct buf *out)
{
    uint32_t bits = 0;
    int digits = 0;
    int padding = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' || text[i] == '\r')
            continue;
        if (text[i] == '=') {
            padding++;
            continue;
        }
        int digit = digit_of(text[i]);
        if (digit < 0 || padding > 0)
            return -1;
        bits = (bits << 6) | (uint32_t)digit;
        if (++digits == 4) {
            write_group(out, bits, 4);
            bits = 0;
            digits = 0;
        }
    }
    if (digits == 1 || (digits == 0 ? padding != 0 : padding != 4 - digits))
        return -1;
    if (digits > 0)
        write_group(out, bits, digits);
    return 0;
}
