/* The files of schemas/roles/, as lib/model/embed.cmake wrote them into the build folder. */
#ifndef MOT_API_AUTH_DEFAULTS_EMBEDDED_H
#define MOT_API_AUTH_DEFAULTS_EMBEDDED_H

#include <stddef.h>

struct embedded_roles {
    const char *name;
    const unsigned char *text;
    size_t len;
};

/* Ends with an element without name. */
extern const struct embedded_roles defaults_embedded[];

#endif
