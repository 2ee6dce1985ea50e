/*
 * A server with a handler for tests:
 *   /echo          method, target, number of body bytes, body
 *   /big?n=        n bytes
 *   /wait          answers when fixture_open_gate() was called
 *   /events        three events, then the end
 *   /watch         a stream that the test writes to
 *   /denied        403, also to a WebSocket handshake
 *   /who           "CN O O …" of the client's certificate, or "nobody", or "refused: why"
 *   /peer          the address of the client
 *
 * With MOT_TEST_TLS in the environment both the server and client_open() speak TLS.
 */
#ifndef MOT_TESTS_HTTP_FIXTURE_H
#define MOT_TESTS_HTTP_FIXTURE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <api/http/server.h>

struct watcher {
    struct http_stream *stream; /* NULL once closed */
    struct fixture *fixture;
    bool overflowed;
};

struct fixture {
    struct http_server *server;
    int port;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool gate_open;
    struct watcher **watchers;
    size_t watcher_count, watcher_capacity;
    atomic_int waiting, begun, closed, writable;
};

/* @options may be NULL. */
void fixture_start(struct fixture *fixture, const struct http_server_options *options);
/* What the server uses with MOT_TEST_TLS; made when it is first asked for. */
struct certificates *fixture_certificates(void);
bool fixture_has_tls(void);
/* Stops and checks that every stream was closed exactly once. */
void fixture_stop(struct fixture *fixture, int64_t grace_ms);
void fixture_open_gate(struct fixture *fixture);
/* Writes to every open stream; returns how many took it. */
size_t fixture_send(struct fixture *fixture, const char *data, size_t len);
/* Ends, or aborts, every open stream. */
void fixture_end(struct fixture *fixture, bool abort);

/* Waits until *@counter is @wanted; false after ten seconds. */
bool fixture_reaches(atomic_int *counter, int wanted);
bool fixture_connections_reach(struct fixture *fixture, size_t wanted);
size_t open_descriptors(void);
/* CPU time of the process so far. */
int64_t cpu_us(void);
/* Resident memory; always 0 with a sanitizer, which keeps what was freed. */
size_t resident_bytes(void);

#endif
