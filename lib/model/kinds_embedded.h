/* The files of schemas/kinds/, as lib/model/embed.cmake wrote them into the build folder. */
#ifndef MOT_MODEL_KINDS_EMBEDDED_H
#define MOT_MODEL_KINDS_EMBEDDED_H

#include <stddef.h>

struct embedded_kind {
    const char *name;
    const unsigned char *text;
    size_t len;
};

/* Ends with an element without name. */
extern const struct embedded_kind kinds_embedded[];

#endif
