/*
 * One connection: reads a request, hands it to a worker, writes the answer, and again. Loop thread
 * only; knows no libwebsockets, only loop.h.
 */
#ifndef MOT_API_HTTP_CONNECTION_H
#define MOT_API_HTTP_CONNECTION_H

#include "internal.h"
#include "loop.h"

enum connection_state {
    CONNECTION_READING,
    CONNECTION_WAITING,   /* for a handler */
    CONNECTION_WRITING,   /* an answer with an end */
    CONNECTION_STREAMING, /* an answer that goes on */
    CONNECTION_BRIDGED,   /* WebSocket */
    CONNECTION_LINGERING, /* our side is shut: the peer's last bytes are dropped */
};

struct connection {
    struct deadline deadline; /* first: a deadline is its connection */
    struct connection *previous, *next;
    struct http_server *server;
    void *link; /* loop.c's */
    struct bridge *bridge;
    enum connection_state state;
    struct reader reader;
    struct buf in; /* not parsed yet, from in_at on */
    size_t in_at;
    struct buf out; /* not written yet, from out_at on */
    size_t out_at;
    struct buf tail; /* a large body, after out */
    struct job *job;
    struct http_charge charge; /* of what is in `out` and `tail` */
    struct http_stream *stream;
    enum stream_framing framing;
    struct certificate *certificate; /* of a TLS client */
    bool shaking;                    /* hands, for TLS: nothing can be said yet */
    const char *unwelcome;           /* what will be said then, with a 503 */
    bool distrusted;                 /* its certificate was good, and no longer is */
    bool close_after;
    bool continue_sent;
    bool doomed; /* to be closed as soon as its events are over */
    size_t drained;
    char peer[64];
};

/* @tls: connection_secured() will follow, before anything is received. */
struct connection *connection_new(struct http_server *server, void *link, const char *peer,
                                  bool tls);
/* The socket is gone. */
void connection_free(struct connection *connection);

/* Each may set `doomed`. */
void connection_received(struct connection *connection, const char *data, size_t len);
/* Takes over @certificate, which may be NULL. */
void connection_secured(struct connection *connection, struct certificate *certificate);
/* Takes over @certificate, which from now on stands for the one before. A refused one is the end of
 * the connection after the next answer, and of an answer that goes on: by a new one the peer may do
 * better. */
void connection_judged(struct connection *connection, struct certificate *certificate);
/* The peer sends nothing more, but may wait for its last answer. */
void connection_ended(struct connection *connection);
void connection_writable(struct connection *connection);
void connection_answer(struct connection *connection, struct job *job);
void connection_stream_work(struct connection *connection);
void connection_deadline(struct connection *connection, enum deadline_sort sort);
void connection_refuse(struct connection *connection, int status, const char *message);
void connection_stop(struct connection *connection);
/* What was refused without it. */
void connection_report(struct connection *connection, int status, const char *message);

/* From websocket.c: bytes for the peer; the far end is closed. */
void connection_bridge_output(struct connection *connection, const char *data, size_t len);
void connection_bridge_ended(struct connection *connection);

#endif
