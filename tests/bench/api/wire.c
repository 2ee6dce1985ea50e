#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mot/base/mem.h>

struct wire {
    int fd;
    SSL *tls; /* NULL: plain */
};

static SSL_CTX *tls_context;

static void give_up(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(1);
}

void wire_use_tls(const char *certificate, const char *key)
{
    tls_context = SSL_CTX_new(TLS_client_method());
    if (!tls_context ||
        SSL_CTX_use_certificate_file(tls_context, certificate, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls_context, key, SSL_FILETYPE_PEM) != 1)
        give_up("the client certificate");
}

static int dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        give_up("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

struct wire *wire_open(int port)
{
    struct wire *wire = mem_zalloc(sizeof(*wire));
    wire->fd = dial(port);
    if (!tls_context)
        return wire;
    wire->tls = SSL_new(tls_context);
    if (!wire->tls || SSL_set_fd(wire->tls, wire->fd) != 1 || SSL_connect(wire->tls) != 1)
        give_up("TLS");
    return wire;
}

void wire_close(struct wire *wire)
{
    SSL_free(wire->tls);
    close(wire->fd);
    free(wire);
}

int wire_fd(const struct wire *wire)
{
    return wire->fd;
}

/* What could not be sent shows when the answer is read. */
static void put(struct wire *wire, const char *text, size_t len)
{
    if (wire->tls)
        SSL_write(wire->tls, text, (int)len);
    else
        send(wire->fd, text, len, MSG_NOSIGNAL);
}

void wire_send(struct wire *wire, const char *method, const char *path, const char *type,
               const char *body)
{
    AUTO_FREE char *header = *type ? mem_printf("Content-Type: %s\r\n", type) : mem_strdup("");
    AUTO_FREE char *text =
        mem_printf("%s %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n%s", method,
                   path, header, strlen(body), body);
    put(wire, text, strlen(text));
}

/* How an answer ends, as its head says. */
struct extent {
    size_t head; /* bytes; 0: not all of it is there */
    bool sized;
    size_t body;
};

static struct extent read_head(const struct buf *buf)
{
    static const char size[] = "\r\nContent-Length: ";
    const char *end = strstr(buf->data, "\r\n\r\n");
    if (!end)
        return (struct extent){0};
    AUTO_FREE char *head = mem_strndup(buf->data, (size_t)(end - buf->data));
    const char *sized = strcasestr(head, size);
    return (struct extent){.head = strlen(head) + 4,
                           .sized = sized != NULL,
                           .body = sized ? strtoul(sized + strlen(size), NULL, 10) : 0};
}

static bool is_whole(const struct buf *buf, const struct extent *extent)
{
    if (extent->head == 0)
        return false;
    if (extent->sized)
        return buf->len >= extent->head + extent->body;
    return buf->len >= extent->head + 5 && memcmp(buf->data + buf->len - 5, "0\r\n\r\n", 5) == 0;
}

static enum wire_outcome outcome_of(const struct buf *buf)
{
    static const char *const busy[] = {"429", "503", "504"};
    const char *status = buf->data + strlen("HTTP/1.1 ");
    for (size_t i = 0; i < MOT_ARRAY_SIZE(busy); i++) {
        if (strncmp(status, busy[i], 3) == 0)
            return WIRE_BUSY;
    }
    if (*status == '2')
        return WIRE_ANSWERED;
    fprintf(stderr, "%s\n", buf->data);
    exit(1);
}

enum wire_outcome wire_answer(struct wire *wire, struct buf *buf)
{
    struct extent extent = {0};
    buf_clear(buf);
    do {
        char *room = buf_reserve(buf, 65536);
        long count = wire->tls ? SSL_read(wire->tls, room, 65536) : recv(wire->fd, room, 65536, 0);
        if (count <= 0)
            return WIRE_CLOSED;
        buf->len += (size_t)count;
        buf->data[buf->len] = '\0';
        if (extent.head == 0)
            extent = read_head(buf);
    } while (!is_whole(buf, &extent));
    return outcome_of(buf);
}

long wire_some(struct wire *wire, char *bytes, size_t size)
{
    if (!wire->tls) {
        long count = recv(wire->fd, bytes, size, MSG_DONTWAIT);
        return count > 0 ? count : count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    }
    fcntl(wire->fd, F_SETFL, fcntl(wire->fd, F_GETFL) | O_NONBLOCK);
    int count = SSL_read(wire->tls, bytes, (int)size);
    if (count > 0)
        return count;
    return SSL_get_error(wire->tls, count) == SSL_ERROR_WANT_READ ? 0 : -1;
}
