/* The client's side of a watch, over chunked HTTP or WebSocket: events one by one, each with a
 * deadline. */
#ifndef TESTS_API_WATCH_CLIENT_H
#define TESTS_API_WATCH_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

struct watch_client;
/* Sends the request and reads the head of the answer; the test ends when that is not 200 or 101.
 * @headers: lines with \r\n, or NULL. @small: with a tiny receive buffer. */
struct watch_client *watch_open(int port, const char *target, const char *headers, bool small);
struct watch_client *watch_open_websocket(int port, const char *target, const char *headers);
/* The status of the handshake alone. */
int watch_handshake(int port, const char *target, const char *headers);
/* The head of its answer; free() it. */
char *watch_handshake_head(int port, const char *target, const char *headers);
void watch_close(struct watch_client *stream);
/* The next event, which the caller frees; NULL when none came within @timeout_ms or the stream has
 * ended. */
json_t *watch_next(struct watch_client *stream, int timeout_ms);
/* The server ended it: properly (end of chunks, or close frame 1000), or not. */
bool watch_ended_well(struct watch_client *stream);
bool watch_cut(struct watch_client *stream);
/* The next event is @type of the object @name (NULL: any); returns its resourceVersion. */
long long watch_expect(struct watch_client *stream, const char *type, const char *name);
void watch_expect_silence(struct watch_client *stream, int ms);

#endif
