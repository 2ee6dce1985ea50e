/* The fields of the Kubernetes types that are read as protobuf, by their numbers. */
#ifndef MOT_API_PROTOBUF_TYPES_H
#define MOT_API_PROTOBUF_TYPES_H

#include <stdbool.h>

enum field_type {
    FIELD_TEXT,
    FIELD_INT,
    FIELD_BOOL,
    FIELD_TEXTS,
    FIELD_TEXT_MAP,
    FIELD_TEXTS_MAP,  /* of messages that hold texts in field 1 */
    FIELD_TIME,       /* seconds */
    FIELD_MICRO_TIME, /* microseconds */
    FIELD_JSON,       /* a message that holds JSON text in field 1 */
    FIELD_MESSAGE,
    FIELD_MESSAGES,
};

struct field {
    unsigned number; /* 0 ends a table */
    const char *name;
    enum field_type type;
    bool optional; /* a pointer in Go: "", 0 and false are something else than nothing */
    const struct field *message;
};

/* Of the object itself; NULL for types that are not read. */
const struct field *protobuf_fields(const char *api_version, const char *kind);

#endif
