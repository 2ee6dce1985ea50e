/*
 * Reading WebSocket frames from a server (RFC 6455), as pieces of any size arrive. No IO, no
 * libcurl: what to answer goes into a buffer.
 */
#ifndef MOT_HTTP_FRAMES_H
#define MOT_HTTP_FRAMES_H

#include <mot/base/buf.h>
#include <mot/http/client.h>

struct ws_frames {
    size_t max;        /* bytes of a frame's payload */
    struct buf input;  /* not whole frames yet */
    struct buf output; /* masked frames for the server: pongs, the close */
    bool closed;       /* the server has closed it; the answer is in @output */
    unsigned code;     /* why: 1000, or 0 when it did not say */
};

void ws_frames_init(struct ws_frames *frames, size_t max);
void ws_frames_release(struct ws_frames *frames);
/* Hands the payload of text and binary frames to @on_data, with its returns; -1 also for what no
 * server may send. */
int ws_frames_add(struct ws_frames *frames, const char *data, size_t len, http_on_data *on_data,
                  void *context, struct err *err) MOT_NODISCARD;

#endif
