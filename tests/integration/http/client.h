/* A client of raw bytes: says exactly what a test wants and reads what comes, each with a deadline.
 */
#ifndef MOT_TESTS_HTTP_CLIENT_H
#define MOT_TESTS_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include <mot/base/buf.h>

#define CLIENT_TIMEOUT_MS 10000

struct client {
    int fd;
    void *tls;       /* OpenSSL's SSL; NULL: plain */
    bool tls_failed; /* the handshake: nothing can be sent or received */
    struct buf in;   /* received, not looked at yet */
};

struct reply {
    int status;
    struct buf head; /* status line and headers */
    struct buf body;
    bool chunked;
};

/* Files in PEM; certificate and key may be NULL. */
struct client_tls {
    const char *authorities, *certificate, *key;
};
/* What client_open() does from now on; NULL: plain. */
void client_use_tls(const struct client_tls *tls);

struct client *client_open(int port);
/* By IPv6, on ::1. */
struct client *client_open_v6(int port);
/* Whatever client_use_tls() says. */
struct client *client_open_plain(int port);
/* The common name of the server's certificate. */
void client_server_name(struct client *client, char *name, size_t size);
/* The session was resumed. */
bool client_resumed(struct client *client);
/* With a small receive buffer: one that is full soon. */
struct client *client_open_small(int port);
void client_close(struct client *client);
/* False when the server closed. */
bool client_send(struct client *client, const void *data, size_t len);
bool client_says(struct client *client, const char *text);
/* "METHOD path HTTP/1.1" with a Host and no body. */
bool client_asks(struct client *client, const char *method, const char *path);
/* Says that it will send nothing more. */
void client_half_close(struct client *client);
/* More bytes in client->in; false at the end, or when the deadline passed. */
bool client_more(struct client *client, int timeout_ms);
/* The connection ends, without more bytes, before the deadline. */
bool client_ended(struct client *client, int timeout_ms);
/* The bytes arrive before the deadline; they and what stood before them are taken. */
bool client_sees(struct client *client, const char *text, int timeout_ms);
/* A whole answer, of any framing but "until close"; status 0 when none came. */
struct reply client_reply(struct client *client, bool head_only);
void reply_release(struct reply *reply);
/* The value of a header into @value; false when absent. */
bool reply_header(const struct reply *reply, const char *name, char *value, size_t size);

#endif
