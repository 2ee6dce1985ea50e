#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

/* Of client_use_tls(); the session is that of the last connection. */
static SSL_CTX *tls_context;
static SSL_SESSION *tls_session;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(tls_session);
    tls_session = session;
    return 1;
}

void client_use_tls(const struct client_tls *tls)
{
    SSL_CTX_free(tls_context);
    SSL_SESSION_free(tls_session);
    tls_context = NULL;
    tls_session = NULL;
    if (!tls)
        return;
    tls_context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(tls_context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_session_cache_mode(tls_context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(tls_context, keep_session);
    if (SSL_CTX_load_verify_file(tls_context, tls->authorities) != 1 ||
        (tls->certificate &&
         (SSL_CTX_use_certificate_file(tls_context, tls->certificate, SSL_FILETYPE_PEM) != 1 ||
          SSL_CTX_use_PrivateKey_file(tls_context, tls->key, SSL_FILETYPE_PEM) != 1))) {
        ERR_print_errors_fp(stderr);
        abort();
    }
}

/* True when the call is to be made again; false: it is over, or the deadline is. */
static bool wait_for_tls(struct client *client, int result, int64_t deadline)
{
    int error = SSL_get_error(client->tls, result);
    int64_t left = deadline - clock_ms();
    struct pollfd ready = {.fd = client->fd,
                           .events = error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN};
    ERR_clear_error();
    return (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) &&
           poll(&ready, 1, left > 0 ? (int)left : 0) == 1;
}

static void begin_tls(struct client *client)
{
    int64_t deadline = clock_ms() + CLIENT_TIMEOUT_MS;
    fcntl(client->fd, F_SETFL, O_NONBLOCK);
    client->tls = SSL_new(tls_context);
    SSL_set_fd(client->tls, client->fd);
    char name[] = "localhost";
    SSL_set_tlsext_host_name(client->tls, name);
    SSL_set1_host(client->tls, "localhost");
    if (tls_session)
        SSL_set_session(client->tls, tls_session);
    for (int result; (result = SSL_connect(client->tls)) != 1;) {
        if (!wait_for_tls(client, result, deadline)) {
            client->tls_failed = true;
            return;
        }
    }
}

void client_server_name(struct client *client, char *name, size_t size)
{
    X509 *x509 = SSL_get0_peer_certificate(client->tls);
    name[0] = '\0';
    if (x509)
        X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, name, (int)size);
}

bool client_resumed(struct client *client)
{
    return SSL_session_reused(client->tls);
}

static struct client *open_to(const struct sockaddr *address, socklen_t len, int receive_buffer)
{
    struct client *client = mem_zalloc(sizeof(*client));
    buf_init(&client->in, BUF_MAX_DEFAULT);
    client->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer)
        setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    if (client->fd < 0 || connect(client->fd, address, len)) {
        perror("connect");
        abort();
    }
    return client;
}

static struct client *open_with(int port, int receive_buffer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return open_to((struct sockaddr *)&address, sizeof(address), receive_buffer);
}

struct client *client_open_v6(int port)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                   .sin6_port = htons((uint16_t)port),
                                   .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct client *client = open_to((struct sockaddr *)&address, sizeof(address), 0);
    if (tls_context)
        begin_tls(client);
    return client;
}

static struct client *open_any(int port, int receive_buffer)
{
    struct client *client = open_with(port, receive_buffer);
    if (tls_context)
        begin_tls(client);
    return client;
}

struct client *client_open(int port)
{
    return open_any(port, 0);
}

struct client *client_open_small(int port)
{
    return open_any(port, 4096);
}

struct client *client_open_plain(int port)
{
    return open_with(port, 0);
}

void client_close(struct client *client)
{
    if (client->tls) /* or OpenSSL takes the session for one that must not be resumed */
        SSL_set_shutdown(client->tls, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(client->tls);
    close(client->fd);
    buf_release(&client->in);
    free(client);
}

static bool send_tls(struct client *client, const char *data, size_t len)
{
    int64_t deadline = clock_ms() + CLIENT_TIMEOUT_MS;
    while (len > 0) {
        size_t n = 0;
        int result = client->tls_failed ? 0 : SSL_write_ex(client->tls, data, len, &n);
        if (result != 1 && (client->tls_failed || !wait_for_tls(client, result, deadline)))
            return false;
        data += n;
        len -= n;
    }
    return true;
}

bool client_send(struct client *client, const void *data, size_t len)
{
    if (client->tls)
        return send_tls(client, data, len);
    const char *at = data;
    while (len > 0) {
        struct pollfd ready = {.fd = client->fd, .events = POLLOUT};
        if (poll(&ready, 1, CLIENT_TIMEOUT_MS) != 1)
            return false;
        ssize_t n = send(client->fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN)
            return false;
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
    return true;
}

void client_half_close(struct client *client)
{
    if (client->tls)
        SSL_shutdown(client->tls);
    shutdown(client->fd, SHUT_WR);
}

bool client_says(struct client *client, const char *text)
{
    return client_send(client, text, strlen(text));
}

bool client_asks(struct client *client, const char *method, const char *path)
{
    AUTO_FREE char *text = mem_printf("%s %s HTTP/1.1\r\nHost: test\r\n\r\n", method, path);
    return client_says(client, text);
}

static int receive_tls(struct client *client, int64_t deadline)
{
    char bytes[16384];
    size_t n = 0;
    if (client->tls_failed)
        return 0;
    for (int result; (result = SSL_read_ex(client->tls, bytes, sizeof(bytes), &n)) != 1;) {
        if (SSL_get_error(client->tls, result) == SSL_ERROR_ZERO_RETURN)
            return 0;
        if (!wait_for_tls(client, result, deadline))
            return -1;
    }
    buf_add(&client->in, bytes, n);
    return 1;
}

/* 1: bytes, 0: the end, -1: nothing in time or an error. */
static int receive(struct client *client, int64_t deadline)
{
    if (client->tls)
        return receive_tls(client, deadline);
    int64_t left = deadline - clock_ms();
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};
    if (poll(&ready, 1, left > 0 ? (int)left : 0) != 1)
        return -1;
    char bytes[16384];
    ssize_t n = recv(client->fd, bytes, sizeof(bytes), 0);
    if (n > 0)
        buf_add(&client->in, bytes, (size_t)n);
    return n > 0 ? 1 : n == 0 ? 0 : -1;
}

bool client_more(struct client *client, int timeout_ms)
{
    return receive(client, clock_ms() + timeout_ms) == 1;
}

bool client_ended(struct client *client, int timeout_ms)
{
    return client->in.len == 0 && receive(client, clock_ms() + timeout_ms) == 0;
}

bool client_sees(struct client *client, const char *text, int timeout_ms)
{
    int64_t deadline = clock_ms() + timeout_ms;
    size_t len = strlen(text);
    for (;;) {
        char *at = client->in.len ? memmem(client->in.data, client->in.len, text, len) : NULL;
        if (at) {
            buf_consume(&client->in, (size_t)(at - client->in.data) + len);
            return true;
        }
        if (receive(client, deadline) != 1)
            return false;
    }
}

bool reply_header(const struct reply *reply, const char *name, char *value, size_t size)
{
    AUTO_FREE char *start = mem_printf("\r\n%s: ", name);
    const char *at = reply->head.data ? strcasestr(reply->head.data, start) : NULL;
    if (!at)
        return false;
    at += strlen(start);
    snprintf(value, size, "%.*s", (int)strcspn(at, "\r"), at);
    return true;
}

static bool have(struct client *client, size_t len, int64_t deadline)
{
    while (client->in.len < len) {
        if (receive(client, deadline) != 1)
            return false;
    }
    return true;
}

static bool take_line(struct client *client, struct buf *line, int64_t deadline)
{
    for (;;) {
        char *end = client->in.len ? memmem(client->in.data, client->in.len, "\r\n", 2) : NULL;
        if (end) {
            size_t len = (size_t)(end - client->in.data);
            buf_add(line, client->in.data, len + 2);
            buf_consume(&client->in, len + 2);
            return true;
        }
        if (receive(client, deadline) != 1)
            return false;
    }
}

static bool take_chunks(struct client *client, struct buf *body, int64_t deadline)
{
    size_t size = 1;
    while (size > 0) {
        struct buf line;
        buf_init(&line, 100);
        bool got = take_line(client, &line, deadline);
        size = got ? strtoul(line.data, NULL, 16) : 0;
        buf_release(&line);
        if (!got || !have(client, size + 2, deadline))
            return false;
        buf_add(body, client->in.data, size);
        buf_consume(&client->in, size + 2);
    }
    return true;
}

struct reply client_reply(struct client *client, bool head_only)
{
    struct reply reply = {0};
    int64_t deadline = clock_ms() + CLIENT_TIMEOUT_MS;
    buf_init(&reply.head, BUF_MAX_DEFAULT);
    buf_init(&reply.body, BUF_MAX_DEFAULT);
    size_t before;
    do {
        before = reply.head.len;
        if (!take_line(client, &reply.head, deadline))
            return reply;
    } while (reply.head.len - before > 2);
    char value[64];
    bool body = true;
    reply.chunked = reply_header(&reply, "Transfer-Encoding", value, sizeof(value));
    if (reply.chunked && !head_only) {
        body = take_chunks(client, &reply.body, deadline);
    } else if (reply_header(&reply, "Content-Length", value, sizeof(value)) && !head_only) {
        size_t len = strtoul(value, NULL, 10);
        body = have(client, len, deadline);
        if (body) {
            buf_add(&reply.body, client->in.data, len);
            buf_consume(&client->in, len);
        }
    }
    reply.status = body ? (int)strtol(reply.head.data + 9, NULL, 10) : 0;
    return reply;
}

void reply_release(struct reply *reply)
{
    buf_release(&reply->head);
    buf_release(&reply->body);
}
