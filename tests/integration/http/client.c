#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

static struct client *open_with(int port, int receive_buffer)
{
    struct client *client = mem_zalloc(sizeof(*client));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    buf_init(&client->in, BUF_MAX_DEFAULT);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer)
        setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof(address))) {
        perror("connect");
        abort();
    }
    return client;
}

struct client *client_open(int port)
{
    return open_with(port, 0);
}

struct client *client_open_small(int port)
{
    return open_with(port, 4096);
}

void client_close(struct client *client)
{
    close(client->fd);
    buf_release(&client->in);
    free(client);
}

bool client_send(struct client *client, const void *data, size_t len)
{
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

bool client_says(struct client *client, const char *text)
{
    return client_send(client, text, strlen(text));
}

bool client_asks(struct client *client, const char *method, const char *path)
{
    AUTO_FREE char *text = mem_printf("%s %s HTTP/1.1\r\nHost: test\r\n\r\n", method, path);
    return client_says(client, text);
}

/* 1: bytes, 0: the end, -1: nothing in time or an error. */
static int receive(struct client *client, int64_t deadline)
{
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
