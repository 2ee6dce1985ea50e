/*
 * The queue behind an answer that goes on. Any thread writes; the loop thread takes frames out,
 * several at once, already framed for the wire. Knows no sockets: whoever owns the stream is told
 * through notify().
 */
#ifndef MOT_API_HTTP_STREAM_H
#define MOT_API_HTTP_STREAM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <mot/base/buf.h>

#include "server.h"

enum stream_framing { STREAM_CHUNKED, STREAM_RAW, STREAM_WEBSOCKET };

/* What request->internal points to: who hears of the streams that are begun with it. */
struct stream_owner {
    size_t queued_max;
    void (*notify)(void *owner, struct http_stream *stream); /* may be NULL */
    void *owner;
};

struct http_stream {
    atomic_size_t refs;
    pthread_mutex_t lock;
    struct http_frame **ring;
    size_t first, count, capacity;
    size_t queued, queued_max; /* bytes */
    bool ending, aborted, closed;
    bool refused;  /* a write was refused: writable() is due */
    bool notified; /* the owner knows that there is work */
    const struct http_stream_events *events;
    void *context;
    void (*notify)(void *owner, struct http_stream *stream);
    void *owner;
    char *protocol;
    /* loop thread only */
    struct http_stream *next_notified; /* with `listed`, under the mailbox's lock */
    bool listed;
    void *connection;
    bool end_sent;
};

/* One that nobody writes to yet. @notify: called by any thread, at most once until the next
 * stream_fill(). */
struct http_stream *stream_new(size_t queued_max, const struct http_stream_events *events,
                               void *context);
/* Calls closed(), the first time. The caller gives its reference back with http_stream_unref(). */
void stream_close(struct http_stream *stream);

/*
 * Takes frames until @out holds @target bytes or more (frames stay whole, so at least one goes) and
 * appends them as they stand on the wire; after the last one of an ended stream also the end of the
 * chunks. Calls writable() when that is due.
 */
void stream_fill(struct http_stream *stream, struct buf *out, size_t target,
                 enum stream_framing framing);
/* Nothing more will come out of stream_fill(). */
bool stream_ended(struct http_stream *stream);
bool stream_aborted(struct http_stream *stream);
bool stream_empty(struct http_stream *stream);

/* The header of an unmasked WebSocket text frame; returns its length (2, 4 or 10). */
size_t stream_text_header(size_t len, unsigned char header[10]);

#endif
