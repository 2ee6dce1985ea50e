#include "utf8.h"

#include <stdint.h>
#include <string.h>

#include <mot/base/utf8.h>

/* What the second byte may be: leaves out overlong forms, surrogates and what is over U+10FFFF. */
static void second_byte(unsigned char lead, unsigned char *ret_low, unsigned char *ret_high)
{
    *ret_low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    *ret_high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
}

size_t utf8_length(const unsigned char *text, size_t len)
{
    unsigned char lead = text[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    size_t need = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (len < need)
        return 0;
    unsigned char low, high;
    second_byte(lead, &low, &high);
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    return need;
}

bool utf8_valid(const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t len = utf8_length((const unsigned char *)text, left);
        if (len == 0)
            return false;
        text += len;
        left -= len;
    }
    return true;
}
