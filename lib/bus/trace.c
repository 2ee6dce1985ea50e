#include <stdio.h>

#include <mot/base/random.h>

#include "internal.h"

char *bus_trace_new(char text[TRACE_TEXT_SIZE])
{
    unsigned char ids[24];
    random_bytes(ids, sizeof(ids));
    ids[0] |= 1; /* all zeroes are not allowed */
    ids[16] |= 1;
    char *at = text;
    at += snprintf(at, 4, "00-");
    for (size_t i = 0; i < sizeof(ids); i++) {
        if (i == 16)
            *at++ = '-';
        at += snprintf(at, 3, "%02x", ids[i]);
    }
    snprintf(at, 4, "-01");
    return text;
}
