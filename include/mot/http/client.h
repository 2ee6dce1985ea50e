/*
 * An HTTP client over libcurl: one request at a time on kept-alive connections. A client belongs to
 * one thread at a time. Every call has a deadline and a size limit; nothing is retried here.
 *
 * A response with any status is a success of the call; errors are ERR_TRANSIENT (not reached,
 * broken off), ERR_TIMEOUT, ERR_TOO_LARGE, ERR_INVALID (the URL, a certificate that can't be read),
 * ERR_FORBIDDEN (TLS refused).
 */
#ifndef MOT_HTTP_CLIENT_H
#define MOT_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/buf.h>
#include <mot/base/err.h>

struct http_client;

struct http_client_options {
    const char *base_url;    /* "http://127.0.0.1:8080"; a request's path is put behind it */
    const char *unix_socket; /* NULL, or the socket to connect to instead of the URL's host */
    const char *user_agent;  /* NULL: "mot/<version>" */
    const char *token;       /* bearer token, NULL for none */
    const char *user;        /* basic authentication, NULL for none */
    const char *password;
    const char *ca_file; /* NULL: the system's authorities; ca_data is PEM and goes first */
    const char *ca_data;
    const char *cert_file;
    const char *cert_data;
    const char *key_file;
    const char *key_data;
    const char *server_name; /* for TLS when it is not the URL's host, or NULL */
    bool insecure;           /* no check of the server's certificate */
    int stop_fd; /* calls end with ERR_TRANSIENT when it becomes readable; 0 or -1 for none */
};

struct http_client *http_client_new(const struct http_client_options *options,
                                    struct err *err) MOT_NODISCARD;
void http_client_free(struct http_client *client);
const char *http_client_url(const struct http_client *client);

struct http_request {
    const char *method;       /* NULL: GET */
    const char *path;         /* with its query, already escaped: "/api/v1/namespaces?limit=5" */
    const char *accept;       /* NULL: "application/json" */
    const char *content_type; /* NULL: "application/json"; only with a body */
    const char *body;         /* NULL for none */
    size_t body_len;
    const char *const *headers; /* further ones, "Name: value", NULL-terminated; may be NULL */
    int64_t timeout_ms; /* for the whole exchange, of a stream until its headers; 0: 30000 */
    int64_t idle_ms;    /* a stream that is silent for so long ends with ERR_TIMEOUT; 0: never */
    size_t max_body;    /* of the response; 0: 64 MiB */
};

struct http_response {
    int status;
    struct buf body;        /* NUL-terminated; "" has data NULL */
    char content_type[128]; /* "" when absent */
    int64_t retry_after_s;  /* -1 when absent */
};
/* The body as text, "" when there is none. */
const char *http_response_text(const struct http_response *response);
void http_response_release(struct http_response *response);

/* *ret_response is to be released also after an error. */
int http_send(struct http_client *client, const struct http_request *request,
              struct http_response *ret_response, struct err *err) MOT_NODISCARD;

/* Gets the body as it arrives, in pieces of any size. 0 to go on, 1 to end the call (a success), -1
 * with @err. */
typedef int http_on_data(void *context, const char *data, size_t len, struct err *err);
/*
 * For answers without end. Pieces go to @on_data only when the status is 2xx; the body of any other
 * answer is in *ret_response. Returns 0 when the server or @on_data ended it.
 */
int http_stream(struct http_client *client, const struct http_request *request,
                http_on_data *on_data, void *context, struct http_response *ret_response,
                struct err *err) MOT_NODISCARD;

/*
 * The same over a WebSocket: the payload of each message goes to @on_data. An answer that is no
 * handshake is in *ret_response, as with http_stream. Returns 0 when the server closed it or
 * @on_data ended it.
 */
int http_websocket(struct http_client *client, const struct http_request *request,
                   http_on_data *on_data, void *context, struct http_response *ret_response,
                   struct err *err) MOT_NODISCARD;

/* Adds @text to a path or query, everything but unreserved characters as %XX. */
void http_escape(struct buf *buf, const char *text);

#endif
