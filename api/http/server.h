/*
 * The HTTP front: HTTP/1.1 and WebSocket on one port, over TLS, or without it on the loopback
 * interface. libwebsockets (raw-skt role, libev loop) owns sockets, timers and WebSocket framing,
 * OpenSSL does TLS; http-parser reads HTTP/1.1, with strict rules of ours on top. One event-loop
 * thread does all IO; handlers run on worker threads and know nothing of sockets: a request goes
 * in, a response comes out.
 *
 * Everything has a bound: header bytes (431), body (413), time to send the headers and the body
 * (408), idle keep-alive, connections (503), requests in flight (429 with Retry-After), bytes
 * queued per stream. A request that can't be understood gets a Status answer in JSON and a closed
 * connection, never just a closed connection.
 */
#ifndef MOT_API_HTTP_SERVER_H
#define MOT_API_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/buf.h>
#include <mot/base/err.h>

struct http_server;

struct http_header {
    const char *name; /* lower case in requests */
    const char *value;
};

/* What a TLS client showed: the private key of this certificate is its own. */
struct http_certificate {
    const char *common_name; /* "" if it has none; the last one of several */
    const char *const *organizations;
    size_t organization_count;
    int64_t until_wall_ms;   /* it must not be used after */
    const char *fingerprint; /* SHA-256, in hexadecimal */
    const char *refused;     /* why its authorities don't vouch for it; NULL: they do */
};

/*
 * Owned by the server; valid until the handler returns (for a stream: until its closed() was
 * called). Names and values of headers have no control characters but the tab.
 */
struct http_request {
    const char *method; /* "GET" */
    const char *target; /* as it came: "/apis/x?limit=5" */
    /* Raw, still percent-encoded: handlers split it at '/' and then decode segments. */
    const char *path;
    const char *query; /* raw; "" if none */
    const struct http_header *headers;
    size_t header_count;
    const char *body; /* NUL-terminated behind body_len */
    size_t body_len;
    const char *peer;                           /* "127.0.0.1:40312" */
    const struct http_certificate *certificate; /* of the client, NULL if it showed none */
    bool websocket;      /* a valid WebSocket handshake: the handler may answer with a stream */
    int64_t received_ms; /* clock_ms() */
    void *internal;
};

/* The first value of a header, or NULL; @name in lower case. */
const char *http_header(const struct http_request *request, const char *name);
/* The first value of a query parameter, decoded, '+' as space; NULL when absent, "" when without
 * value. free() it. */
char *http_query(const struct http_request *request, const char *name);
/* Decodes %XX into a string of its own; NULL when it is malformed or has a NUL. '+' stays '+'. */
char *http_decode(const char *text, size_t len);

/* For what outlives the handler: all but the body, in one piece; free() it. */
struct http_request *http_request_copy(const struct http_request *request) MOT_NODISCARD;

/* Something that is held as long as the bytes of an answer are in memory. */
struct http_charge {
    /* Once they were sent or dropped; any thread, must not block. NULL: nothing is held. */
    void (*release)(void *context, size_t amount);
    void *context;
    size_t amount;
};

struct http_response {
    int status;               /* 200 */
    const char *content_type; /* static text or NULL */
    struct buf headers;       /* further "Name: value\r\n" lines */
    struct buf body;
    struct http_stream *stream; /* set by http_stream_begin(): the answer goes on */
    struct http_charge charge;
};
/* Releases what is held, if anything. */
void http_charge_release(struct http_charge *charge);
void http_response_header(struct http_response *response, const char *name, const char *value);

/* What is refused before a handler sees it. */
struct http_refusal {
    int status;
    const char *reason;  /* the one of the Status, "RequestEntityTooLarge" */
    const char *message; /* and its message */
    const char *peer;
    const char *method;                 /* NULL: it was not understood so far */
    const char *target;                 /* as it came, maybe cut; NULL: as the method */
    const struct http_request *request; /* without a body; NULL: its head was not in order */
};
/* Loop thread: must not block. What it is given is valid until it returns. */
typedef void http_on_refused(void *context, const struct http_refusal *refusal);

/*
 * A handler fills in @response. It may block (worker thread) up to the request's deadline.
 */
typedef void http_handler(void *context, const struct http_request *request,
                          struct http_response *response);

/* ------------------------------------------------------------------------ streams */

/*
 * A stream is an answer that goes on: chunked HTTP, or WebSocket text messages (one per write). Any
 * thread may write; what is queued is bounded: when a frame does not fit, the stream is "full" and
 * the writer comes back when writable() was called, or cuts it. Frames are reference-counted so
 * that a thousand watchers share the bytes of one event.
 */
struct http_frame;
/* Takes ownership of @data (malloc). One reference belongs to the caller. */
struct http_frame *http_frame_new(char *data, size_t len) MOT_NODISCARD;
struct http_frame *http_frame_ref(struct http_frame *frame);
void http_frame_unref(struct http_frame *frame);

struct http_stream;
struct http_stream_events {
    /* The queue has room again after a refused write. Loop thread: must not block. */
    void (*writable)(void *context);
    /* The peer is gone or the stream was ended; nothing may be written any more and @context may be
     * freed. Called exactly once. Loop thread: must not block. */
    void (*closed)(void *context);
};

/*
 * Makes the response a stream: headers are flushed at once. In a handler only, once. The stream is
 * freed by the server after closed(). For WebSocket, sub-protocol @protocol (or NULL) is confirmed.
 */
struct http_stream *http_stream_begin(const struct http_request *request,
                                      struct http_response *response, const char *protocol,
                                      const struct http_stream_events *events, void *context);
/* Takes a reference of its own. False when full or closed: nothing was queued. */
bool http_stream_write(struct http_stream *stream, struct http_frame *frame);
/*
 * The server frees a stream after closed(), which comes whenever the peer leaves. So a thread that
 * writes needs either a lock that closed() takes too, or a reference: it keeps the memory, and
 * writing to a closed stream is refused.
 */
struct http_stream *http_stream_ref(struct http_stream *stream);
void http_stream_unref(struct http_stream *stream);
/* Everything queued is sent, then: end of chunks, or WebSocket close 1000. */
void http_stream_end(struct http_stream *stream);
/* At once; what is queued is dropped. */
void http_stream_abort(struct http_stream *stream);

/* ------------------------------------------------------------------------ server */

/* PEM. A change of any of them is noticed within a second, and holds for new connections. */
struct http_tls_files {
    const char *certificate; /* the server's, with the authorities between it and the root */
    const char *key;
    const char *client_authorities; /* NULL: clients are not asked for certificates */
};

struct http_server_options {
    /* "127.0.0.1", "::1" (also in brackets), "::" for IPv4 as well; without TLS only a loopback
     * address */
    const char *address;
    struct http_tls_files tls; /* without a certificate it speaks plain HTTP */
    int port;                  /* 0: a free one */
    int workers;               /* threads for handlers; 0: 32 */
    size_t connections_max;    /* 0: 20000 */
    size_t requests_max;       /* waiting for or in handlers; 0: 1024 */
    size_t header_max;         /* bytes of request line and headers; 0: 64 KiB */
    size_t body_max;           /* 0: 3 MiB */
    size_t stream_queue_max;   /* bytes queued per stream; 0: 1 MiB */
    int64_t header_timeout_ms; /* first byte to end of headers; 0: 10 s */
    int64_t body_timeout_ms;   /* whole body; 0: 30 s */
    int64_t idle_timeout_ms;   /* keep-alive; 0: 90 s */
    int64_t write_timeout_ms;  /* a peer that reads nothing while an answer waits; 0: 30 s */
    http_handler *handler;
    http_on_refused *on_refused; /* may be NULL */
    void *context;               /* of both */
};

struct http_server_counts {
    size_t connections, streams, requests_in_flight;
    uint64_t requests, refused;
};

struct http_server *http_server_start(const struct http_server_options *options,
                                      struct err *err) MOT_NODISCARD;
int http_server_port(const struct http_server *server);
struct http_server_counts http_server_counts(struct http_server *server);
/* Stops accepting, lets handlers finish (up to @grace_ms), ends streams, closes, joins threads. */
void http_server_stop(struct http_server *server, int64_t grace_ms);

#endif
