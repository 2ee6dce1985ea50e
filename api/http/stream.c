#include "stream.h"

#include <stdatomic.h>
#include <string.h>

#include <mot/base/mem.h>

#include "handshake.h"

#define FRAMES_PER_FILL    256
#define QUEUED_MAX_DEFAULT ((size_t)1 << 20)

struct http_frame {
    atomic_size_t refs;
    size_t len;
    char *data;
};

struct http_frame *http_frame_new(char *data, size_t len)
{
    struct http_frame *frame = mem_alloc(sizeof(*frame));
    atomic_init(&frame->refs, 1);
    frame->len = len;
    frame->data = data;
    return frame;
}

struct http_frame *http_frame_ref(struct http_frame *frame)
{
    atomic_fetch_add_explicit(&frame->refs, 1, memory_order_relaxed);
    return frame;
}

void http_frame_unref(struct http_frame *frame)
{
    if (frame && atomic_fetch_sub_explicit(&frame->refs, 1, memory_order_acq_rel) == 1) {
        free(frame->data);
        free(frame);
    }
}

struct http_stream *stream_new(size_t queued_max, const struct http_stream_events *events,
                               void *context)
{
    struct http_stream *stream = mem_zalloc(sizeof(*stream));
    pthread_mutex_init(&stream->lock, NULL);
    atomic_init(&stream->refs, 1);
    stream->queued_max = queued_max;
    stream->events = events;
    stream->context = context;
    return stream;
}

/* Without an owner (a handler under test) nobody is told, and the caller drains the stream itself.
 */
struct http_stream *http_stream_begin(const struct http_request *request,
                                      struct http_response *response, const char *protocol,
                                      const struct http_stream_events *events, void *context)
{
    const struct stream_owner *owner = request->internal;
    size_t queued_max = owner ? owner->queued_max : QUEUED_MAX_DEFAULT;
    struct http_stream *stream = stream_new(queued_max, events, context);
    if (owner) {
        stream->notify = owner->notify;
        stream->owner = owner->owner;
    }
    if (protocol && handshake_protocol_valid(protocol))
        stream->protocol = mem_strdup(protocol);
    response->stream = stream;
    return stream;
}

/* With the lock held. */
static void drop_frames(struct http_stream *stream)
{
    for (size_t i = 0; i < stream->count; i++)
        http_frame_unref(stream->ring[(stream->first + i) % stream->capacity]);
    stream->count = 0;
    stream->queued = 0;
    free(stream->ring);
    stream->ring = NULL;
    stream->capacity = 0;
}

void stream_close(struct http_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    bool first = !stream->closed;
    stream->closed = true;
    drop_frames(stream);
    pthread_mutex_unlock(&stream->lock);
    if (first && stream->events && stream->events->closed)
        stream->events->closed(stream->context);
}

struct http_stream *http_stream_ref(struct http_stream *stream)
{
    atomic_fetch_add_explicit(&stream->refs, 1, memory_order_relaxed);
    return stream;
}

void http_stream_unref(struct http_stream *stream)
{
    if (!stream || atomic_fetch_sub_explicit(&stream->refs, 1, memory_order_acq_rel) != 1)
        return;
    drop_frames(stream);
    pthread_mutex_destroy(&stream->lock);
    free(stream->protocol);
    free(stream);
}

static void push(struct http_stream *stream, struct http_frame *frame)
{
    if (stream->count == stream->capacity) {
        size_t capacity = stream->capacity ? stream->capacity * 2 : 4;
        struct http_frame **ring = mem_array(capacity, sizeof(struct http_frame *));
        for (size_t i = 0; i < stream->count; i++)
            ring[i] = stream->ring[(stream->first + i) % stream->capacity];
        free(stream->ring);
        stream->ring = ring;
        stream->capacity = capacity;
        stream->first = 0;
    }
    stream->ring[(stream->first + stream->count++) % stream->capacity] = frame;
    stream->queued += frame->len;
}

/*
 * Unlocks. The owner is told under the lock: stream_close() waits for it, so the stream and its
 * owner are there until then.
 */
static void notify_and_unlock(struct http_stream *stream)
{
    bool tell = !stream->notified && !stream->closed && stream->notify;
    stream->notified = true;
    if (tell)
        stream->notify(stream->owner, stream);
    pthread_mutex_unlock(&stream->lock);
}

bool http_stream_write(struct http_stream *stream, struct http_frame *frame)
{
    pthread_mutex_lock(&stream->lock);
    if (stream->closed || stream->aborted || stream->ending) {
        pthread_mutex_unlock(&stream->lock);
        return false;
    }
    /* A frame over the maximum goes when it is alone: it could never go otherwise. */
    if (stream->count > 0 && (stream->queued >= stream->queued_max ||
                              frame->len > stream->queued_max - stream->queued)) {
        stream->refused = true;
        pthread_mutex_unlock(&stream->lock);
        return false;
    }
    if (frame->len > 0) /* an empty chunk would be the end */
        push(stream, http_frame_ref(frame));
    notify_and_unlock(stream);
    return true;
}

void http_stream_end(struct http_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->ending = true;
    notify_and_unlock(stream);
}

void http_stream_abort(struct http_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->aborted = true;
    drop_frames(stream);
    notify_and_unlock(stream);
}

size_t stream_text_header(size_t len, unsigned char header[10])
{
    header[0] = 0x81; /* final, text */
    if (len < 126) {
        header[1] = (unsigned char)len;
        return 2;
    }
    size_t bytes = len < 65536 ? 2 : 8;
    header[1] = bytes == 2 ? 126 : 127;
    for (size_t i = 0; i < bytes; i++)
        header[2 + i] = (unsigned char)((uint64_t)len >> (8 * (bytes - 1 - i)));
    return 2 + bytes;
}

static void add_frame(struct buf *out, const struct http_frame *frame, enum stream_framing framing)
{
    unsigned char header[10];
    switch (framing) {
    case STREAM_CHUNKED:
        buf_addf(out, "%zx\r\n", frame->len);
        buf_add(out, frame->data, frame->len);
        buf_add(out, "\r\n", 2);
        break;
    case STREAM_RAW:
        buf_add(out, frame->data, frame->len);
        break;
    case STREAM_WEBSOCKET:
        buf_add(out, header, stream_text_header(frame->len, header));
        buf_add(out, frame->data, frame->len);
        break;
    }
}

/* Takes what one fill may carry. *@ret_end: the stream ends behind these frames. */
static size_t take(struct http_stream *stream, struct http_frame **frames, size_t room,
                   bool *ret_end, bool *ret_writable)
{
    size_t taken = 0, bytes = 0;
    pthread_mutex_lock(&stream->lock);
    stream->notified = false;
    while (taken < FRAMES_PER_FILL && stream->count > 0 && bytes < room) {
        struct http_frame *frame = stream->ring[stream->first];
        stream->first = (stream->first + 1) % stream->capacity;
        stream->count--;
        stream->queued -= frame->len;
        bytes += frame->len;
        frames[taken++] = frame;
    }
    *ret_end = stream->ending && stream->count == 0 && !stream->aborted;
    *ret_writable = stream->refused && stream->queued <= stream->queued_max / 2 && !stream->ending;
    if (*ret_writable)
        stream->refused = false;
    pthread_mutex_unlock(&stream->lock);
    return taken;
}

void stream_fill(struct http_stream *stream, struct buf *out, size_t target,
                 enum stream_framing framing)
{
    struct http_frame *frames[FRAMES_PER_FILL];
    bool end = false, writable = false;
    size_t room = out->len < target ? target - out->len : 0;
    size_t count = take(stream, frames, room, &end, &writable);
    for (size_t i = 0; i < count; i++) {
        add_frame(out, frames[i], framing);
        http_frame_unref(frames[i]);
    }
    if (end && !stream->end_sent) {
        stream->end_sent = true;
        if (framing == STREAM_CHUNKED)
            buf_adds(out, "0\r\n\r\n");
    }
    if (writable && stream->events && stream->events->writable)
        stream->events->writable(stream->context);
}

bool stream_ended(struct http_stream *stream)
{
    return stream->end_sent;
}

bool stream_aborted(struct http_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    bool aborted = stream->aborted;
    pthread_mutex_unlock(&stream->lock);
    return aborted;
}

bool stream_empty(struct http_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    bool empty = stream->count == 0 && (!stream->ending || stream->end_sent);
    pthread_mutex_unlock(&stream->lock);
    return empty;
}
