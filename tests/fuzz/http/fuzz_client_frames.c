/*
 * What a server sends our client over a WebSocket, cut into pieces in two ways. The first byte
 * seeds the cuts. Either way gives the same messages and the same verdict.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

#include <lib/http/frames.h>
#include <lib/must.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MESSAGES_MAX ((size_t)512) /* small, so that inputs go over it */

struct outcome {
    int rc;
    bool closed;
    unsigned code;
    size_t answer;    /* bytes */
    struct buf bytes; /* the messages */
};

static int take(void *context, const char *data, size_t len, struct err *err)
{
    (void)err;
    must(len > 0 && len <= MESSAGES_MAX);
    buf_add(context, data, len);
    return len == 7; /* the caller has enough */
}

/* Every answer is a masked control frame. */
static void check_answer(const struct buf *output)
{
    const unsigned char *bytes = (const unsigned char *)output->data;
    for (size_t at = 0; at < output->len;) {
        must(output->len - at >= 6 && (bytes[at] == 0x8a || bytes[at] == 0x88));
        must((bytes[at + 1] & 0x80) != 0 && (bytes[at + 1] & 0x7f) <= 125);
        at += 6 + (bytes[at + 1] & 0x7fU);
        must(at <= output->len);
    }
}

static struct outcome read_all(const char *bytes, size_t len, uint32_t seed)
{
    struct outcome outcome = {0};
    struct ws_frames frames;
    struct err err = {0};
    buf_init(&outcome.bytes, BUF_MAX_DEFAULT);
    ws_frames_init(&frames, MESSAGES_MAX);
    for (size_t at = 0, n; at < len && outcome.rc == 0 && !frames.closed; at += n) {
        seed = seed * 1664525 + 1013904223;
        n = seed >> 16 & 15;
        n = n + 1 < len - at ? n + 1 : len - at;
        outcome.rc = ws_frames_add(&frames, bytes + at, n, take, &outcome.bytes, &err);
    }
    must(outcome.rc >= 0 || err.code == ERR_TRANSIENT || err.code == ERR_TOO_LARGE);
    must(outcome.rc >= 0 || err.message[0]);
    check_answer(&frames.output);
    outcome.closed = frames.closed;
    outcome.code = frames.code;
    outcome.answer = frames.output.len;
    ws_frames_release(&frames);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct outcome one = read_all((const char *)data + 1, size - 1, 1);
    struct outcome two = read_all((const char *)data + 1, size - 1, data[0] * 65537U + 5);
    must(one.rc == two.rc && one.closed == two.closed && one.code == two.code);
    must(one.answer == two.answer && one.bytes.len == two.bytes.len);
    must(one.bytes.len == 0 || memcmp(one.bytes.data, two.bytes.data, one.bytes.len) == 0);
    buf_release(&one.bytes);
    buf_release(&two.bytes);
    return 0;
}
