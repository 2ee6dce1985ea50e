/* meta.yaml, as lib/model/embed.cmake wrote it into the build folder. */
#ifndef MOT_API_DOCUMENTS_META_EMBEDDED_H
#define MOT_API_DOCUMENTS_META_EMBEDDED_H

#include <stddef.h>

struct embedded_file {
    const char *name;
    const unsigned char *text;
    size_t len;
};

extern const struct embedded_file meta_embedded[];

#endif
