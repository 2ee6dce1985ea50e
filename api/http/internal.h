/*
 * How the parts of the server hang together.
 *
 * The loop thread owns every connection. A worker owns one job at a time and never sees a
 * connection; it hands the job back through the mailbox. Streams are written by any thread, which
 * also goes through the mailbox. The mailbox is the only thing that threads share, besides the
 * counters and each stream's own queue.
 */
#ifndef MOT_API_HTTP_INTERNAL_H
#define MOT_API_HTTP_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "deadline.h"
#include "reader.h"
#include "server.h"
#include "stream.h"
#include "wire.h"

struct connection;
struct loop;
struct pool;

/* One request on its way through a handler. */
struct job {
    struct stream_owner owner; /* first: request->internal */
    struct message *message;
    struct http_response response;
    struct http_server *server;
    struct connection *connection; /* loop thread only; NULL once that is gone */
    struct job *next;
};
void job_free(struct job *job);

struct mailbox {
    pthread_mutex_t lock;
    struct job *done, **done_end;
    struct http_stream *notified, **notified_end; /* streams with work */
    bool stop;
    bool woken;
    bool shut; /* nobody listens any more */
};

struct http_server {
    struct http_server_options options;
    char *address;
    struct loop *loop;
    struct pool *pool;
    pthread_t thread;
    struct mailbox mailbox;
    /* loop thread only */
    struct connection *connections;
    struct deadlines deadlines;
    bool stopping;
    int64_t grace_ms;
    int64_t stop_at_ms;
    /* counters */
    atomic_size_t connection_count, stream_count, in_flight;
    atomic_ullong requests, refused;
};

/* server.c, loop thread. */
void server_on_wake(struct http_server *server);
void server_on_timer(struct http_server *server);
/* True when the loop may end. */
bool server_finished(const struct http_server *server);
/* Any thread: notify() of every stream. */
void server_tell_stream(void *owner, struct http_stream *stream);
bool server_full(struct http_server *server);
void server_close_stream(struct http_server *server, struct http_stream *stream);

/* pool.c: the threads that run handlers. */
struct pool *pool_start(int threads, void (*run)(struct job *), struct err *err) MOT_NODISCARD;
void pool_submit(struct pool *pool, struct job *job);
/* Runs what is queued, then joins. */
void pool_stop(struct pool *pool);

#endif
