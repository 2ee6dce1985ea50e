#include "frames.h"

#include <string.h>

#include <mot/base/random.h>

enum opcode {
    OP_CONTINUATION = 0,
    OP_TEXT = 1,
    OP_BINARY = 2,
    OP_CLOSE = 8,
    OP_PING = 9,
    OP_PONG = 10
};

struct frame {
    unsigned opcode;
    size_t header;  /* bytes */
    size_t payload; /* bytes */
};

void ws_frames_init(struct ws_frames *frames, size_t max)
{
    *frames = (struct ws_frames){.max = max};
    buf_init(&frames->input, SIZE_MAX / 2); /* it holds one frame and what came with it */
    buf_init(&frames->output, 1 << 16);
}

void ws_frames_release(struct ws_frames *frames)
{
    buf_release(&frames->input);
    buf_release(&frames->output);
}

static uint64_t big_endian(const unsigned char *bytes, size_t count)
{
    uint64_t number = 0;
    for (size_t i = 0; i < count; i++)
        number = number << 8 | bytes[i];
    return number;
}

/* 1: a whole frame is there; 0: not yet; -1: none that a server may send. */
static int frame_at(const struct ws_frames *frames, struct frame *frame, struct err *err)
{
    const struct buf *input = &frames->input;
    if (input->len < 2)
        return 0;
    const unsigned char *bytes = (const unsigned char *)input->data;
    size_t len = bytes[1] & 0x7f;
    size_t extra = len == 126 ? 2 : len == 127 ? 8 : 0;
    if (bytes[1] & 0x80 || bytes[0] & 0x70)
        return err_set(err, ERR_TRANSIENT,
                       "the server sends WebSocket frames that no server may send");
    if (input->len < 2 + extra)
        return 0;
    uint64_t payload = extra ? big_endian(bytes + 2, extra) : len;
    if (payload > frames->max)
        return err_set(err, ERR_TOO_LARGE, "a WebSocket message is larger than %zu bytes",
                       frames->max);
    *frame = (struct frame){bytes[0] & 0x0f, 2 + extra, (size_t)payload};
    return input->len >= frame->header + frame->payload;
}

/* A control frame: its payload is at most 125 bytes. */
static void answer(struct ws_frames *frames, unsigned opcode, const char *payload, size_t len)
{
    unsigned char mask[4];
    random_bytes(mask, sizeof(mask));
    buf_addc(&frames->output, (char)(0x80 | opcode));
    buf_addc(&frames->output, (char)(0x80 | len));
    buf_add(&frames->output, mask, sizeof(mask));
    for (size_t i = 0; i < len; i++)
        buf_addc(&frames->output, (char)((unsigned char)payload[i] ^ mask[i % 4]));
}

static int take(struct ws_frames *frames, const struct frame *frame, http_on_data *on_data,
                void *context, struct err *err)
{
    const char *payload = frames->input.data + frame->header;
    switch (frame->opcode) {
    case OP_CONTINUATION:
    case OP_TEXT:
    case OP_BINARY:
        return frame->payload ? on_data(context, payload, frame->payload, err) : 0;
    case OP_CLOSE:
        frames->closed = true;
        frames->code =
            frame->payload >= 2 ? (unsigned)big_endian((const unsigned char *)payload, 2) : 0;
        answer(frames, OP_CLOSE, payload, frame->payload >= 2 && frame->payload <= 125 ? 2 : 0);
        return 0;
    case OP_PING:
        if (frame->payload <= 125)
            answer(frames, OP_PONG, payload, frame->payload);
        return 0;
    case OP_PONG:
        return 0;
    default:
        return err_set(err, ERR_TRANSIENT, "the server sends a WebSocket frame of an unknown kind");
    }
}

int ws_frames_add(struct ws_frames *frames, const char *data, size_t len, http_on_data *on_data,
                  void *context, struct err *err)
{
    buf_add(&frames->input, data, len);
    struct frame frame = {0};
    int rc = 0;
    while (rc == 0 && !frames->closed) {
        int whole = frame_at(frames, &frame, err);
        if (whole <= 0)
            return whole;
        rc = take(frames, &frame, on_data, context, err);
        buf_consume(&frames->input, frame.header + frame.payload);
        if (rc >= 0 && buf_failed(&frames->output))
            rc = err_set(err, ERR_TOO_LARGE, "the server sends too many pings at once");
    }
    return rc;
}
