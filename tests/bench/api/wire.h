/* HTTP/1.1 to a server under test, plain or over TLS. What no server under load may do ends the
 * program. */
#ifndef MOT_TESTS_BENCH_API_WIRE_H
#define MOT_TESTS_BENCH_API_WIRE_H

#include <stddef.h>

#include <mot/base/buf.h>

struct wire;

enum wire_outcome {
    WIRE_ANSWERED,
    WIRE_BUSY,   /* 429, 503 or 504: to be asked again, after the second that they name */
    WIRE_CLOSED, /* by the server, before the answer's end: of no more use */
};

/* From here on connections use TLS with this client certificate; the server's is not looked at. */
void wire_use_tls(const char *certificate, const char *key);
struct wire *wire_open(int port);
void wire_close(struct wire *wire);
int wire_fd(const struct wire *wire);

/* @type: of the body; "" when there is none. */
void wire_send(struct wire *wire, const char *method, const char *path, const char *type,
               const char *body);
/* One whole answer, head and body, sized or chunked; another one than 2xx or those of a busy server
 * ends the program. */
enum wire_outcome wire_answer(struct wire *wire, struct buf *buf);
/* What has come, at most @size bytes: 0 when nothing is left to read for now, -1 at the end. For a
 * wire whose fd said that something is there, until it returns 0. */
long wire_some(struct wire *wire, char *bytes, size_t size);

#endif
