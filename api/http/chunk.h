/*
 * The chunked transfer coding, strictly: CR LF everywhere, no blanks around sizes, bounded
 * extensions and trailers (both are read and dropped). http-parser as distributions build it is lax
 * here, so it is not used for bodies.
 */
#ifndef MOT_API_HTTP_CHUNK_H
#define MOT_API_HTTP_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/buf.h>

#include "fault.h"

enum chunk_state {
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER_START,
    CHUNK_TRAILER_NAME,
    CHUNK_TRAILER_VALUE,
    CHUNK_TRAILER_LF,
    CHUNK_END_LF,
    CHUNK_DONE,
    CHUNK_FAILED,
};

struct chunk_decoder {
    enum chunk_state state;
    int digits;
    uint64_t left;   /* of this chunk */
    size_t overhead; /* bytes of extensions and trailers so far */
    size_t body_max;
    struct fault fault; /* when CHUNK_FAILED */
};

void chunk_init(struct chunk_decoder *decoder, size_t body_max);
/* Returns how many bytes were used; adds the body's bytes to @body. Stops at CHUNK_DONE and
 * CHUNK_FAILED. */
size_t chunk_feed(struct chunk_decoder *decoder, const char *data, size_t len, struct buf *body);

#endif
