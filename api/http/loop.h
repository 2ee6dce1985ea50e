/*
 * What libwebsockets does for the server, in words that know nothing of it. Everything here is for
 * the loop thread, except loop_wake().
 */
#ifndef MOT_API_HTTP_LOOP_H
#define MOT_API_HTTP_LOOP_H

#include <stdbool.h>
#include <stddef.h>

#include <mot/base/err.h>

struct connection;
struct http_server;
struct loop;

/* Listens. The loop runs in loop_run(), which returns when server_finished(). */
struct loop *loop_new(struct http_server *server, struct err *err) MOT_NODISCARD;
void loop_run(struct loop *loop);
/* After loop_run(). */
void loop_free(struct loop *loop);
int loop_port(const struct loop *loop);
/* How many descriptors connections may use. */
size_t loop_descriptors(const struct loop *loop);
/* Any thread: server_on_wake() will be called. */
void loop_wake(struct loop *loop);

/* Takes all of it; what the socket does not take is kept until it does. -1: the peer is gone. */
int io_write(struct connection *connection, char *data, size_t len) MOT_NODISCARD;
/* Something is kept: connection_writable() follows when it is gone. */
bool io_blocked(const struct connection *connection);
/* connection_writable() in a later turn. */
void io_want_write(struct connection *connection);
/* Whether bytes of the peer are wanted, and its end noticed. */
void io_receive(struct connection *connection, bool on);
void io_shutdown_write(struct connection *connection);
/* Called when a connection was changed outside of its own events: closes it if it is doomed. */
void io_settle(struct connection *connection);

/*
 * WebSocket: an adopted pair of sockets leads to libwebsockets' ws role, which gets a clean
 * handshake and does the framing of what the peer sends, pings and closes.
 */
struct bridge;
/* NULL when there are no descriptors. */
struct bridge *bridge_open(struct connection *connection, const char *key, const char *protocol,
                           const char *headers);
/* Bytes of the peer. */
void bridge_input(struct bridge *bridge, const char *data, size_t len);
/* The peer takes bytes again. */
void bridge_resume(struct bridge *bridge);
/* The stream has frames, or ended. */
void bridge_work(struct bridge *bridge);
/* -1 when the last ping was not answered. */
int bridge_ping(struct bridge *bridge) MOT_NODISCARD;
/* The connection is gone. */
void bridge_close(struct bridge *bridge);

#endif
