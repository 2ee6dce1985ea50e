#include "chunk.h"

#include <ctype.h>
#include <string.h>

#define OVERHEAD_MAX ((size_t)16 * 1024)

void chunk_init(struct chunk_decoder *decoder, size_t body_max)
{
    memset(decoder, 0, sizeof(*decoder));
    decoder->body_max = body_max;
}

static void fail(struct chunk_decoder *d, int status, const char *message)
{
    d->state = CHUNK_FAILED;
    d->fault = (struct fault){status, message};
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool text_byte(char c)
{
    return (unsigned char)c >= 0x20 ? c != 0x7f : c == '\t';
}

static void size_byte(struct chunk_decoder *d, char c, size_t body_len)
{
    int digit = digit_of(c);
    if (digit >= 0) {
        if (++d->digits > 15) {
            fail(d, 413, "Request entity too large: a chunk's size is over the limit");
            return;
        }
        d->left = d->left * 16 + (uint64_t)digit;
        return;
    }
    if (d->digits == 0 || (c != '\r' && c != ';')) {
        fail(d, 400, "the size of a chunk is not a hexadecimal number");
        return;
    }
    if (d->left > d->body_max || d->left > d->body_max - body_len)
        fail(d, 413, "Request entity too large: the body is over the limit");
    else
        d->state = c == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
}

static void overhead_byte(struct chunk_decoder *d, char c, enum chunk_state next)
{
    if (++d->overhead > OVERHEAD_MAX)
        fail(d, 413, "Request entity too large: chunk extensions and trailers are over the limit");
    else if (c == '\r')
        d->state = next;
    else if (!text_byte(c))
        fail(d, 400, "a control character in a chunk extension or trailer");
}

static void trailer_byte(struct chunk_decoder *d, char c)
{
    if (d->state == CHUNK_TRAILER_START) {
        if (c == '\r') {
            d->state = CHUNK_END_LF;
            return;
        }
        d->state = CHUNK_TRAILER_NAME;
        if (c == ':') {
            fail(d, 400, "a trailer without a name");
            return;
        }
    }
    if (d->state == CHUNK_TRAILER_NAME) {
        if (c == ':')
            d->state = CHUNK_TRAILER_VALUE;
        else if (!isalnum((unsigned char)c) && !strchr("!#$%&'*+-.^_`|~", c))
            fail(d, 400, "a malformed trailer");
        else if (c == '\0' || ++d->overhead > OVERHEAD_MAX)
            fail(d, 400, "a malformed trailer");
        return;
    }
    overhead_byte(d, c, CHUNK_TRAILER_LF);
}

static void expect(struct chunk_decoder *d, char c, char wanted, enum chunk_state next)
{
    if (c == wanted)
        d->state = next;
    else
        fail(d, 400, "a chunk does not end with CR LF");
}

static void size_line_end(struct chunk_decoder *d, char c)
{
    expect(d, c, '\n', d->left ? CHUNK_DATA : CHUNK_TRAILER_START);
    d->digits = 0;
}

static void one_byte(struct chunk_decoder *d, char c, size_t body_len)
{
    switch (d->state) {
    case CHUNK_SIZE:
        size_byte(d, c, body_len);
        break;
    case CHUNK_EXTENSION:
        overhead_byte(d, c, CHUNK_SIZE_LF);
        break;
    case CHUNK_SIZE_LF:
        size_line_end(d, c);
        break;
    case CHUNK_DATA_CR:
        expect(d, c, '\r', CHUNK_DATA_LF);
        break;
    case CHUNK_DATA_LF:
        expect(d, c, '\n', CHUNK_SIZE);
        break;
    case CHUNK_TRAILER_START:
    case CHUNK_TRAILER_NAME:
    case CHUNK_TRAILER_VALUE:
        trailer_byte(d, c);
        break;
    case CHUNK_TRAILER_LF:
        expect(d, c, '\n', CHUNK_TRAILER_START);
        break;
    case CHUNK_END_LF:
        expect(d, c, '\n', CHUNK_DONE);
        break;
    case CHUNK_DATA:
    case CHUNK_DONE:
    case CHUNK_FAILED:
        break;
    }
}

size_t chunk_feed(struct chunk_decoder *d, const char *data, size_t len, struct buf *body)
{
    size_t at = 0;
    while (at < len && d->state != CHUNK_DONE && d->state != CHUNK_FAILED) {
        if (d->state != CHUNK_DATA) {
            one_byte(d, data[at++], body->len);
            continue;
        }
        size_t n = len - at < d->left ? len - at : (size_t)d->left;
        buf_add(body, data + at, n);
        at += n;
        d->left -= n;
        if (d->left == 0)
            d->state = CHUNK_DATA_CR;
    }
    return at;
}
