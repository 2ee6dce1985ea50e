#include "watch_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

#include <cmocka.h>

#define TIMEOUT_MS 10000

struct watch_client {
    int fd;
    bool websocket, closed, ended;
    struct buf in;   /* as it came */
    struct buf text; /* without framing */
};

static int connect_to(int port, bool small)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int size = 4096;
    assert_true(fd >= 0);
    if (small)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* False when nothing more comes. */
static bool receive(struct watch_client *stream, int timeout_ms)
{
    struct pollfd pollfd = {.fd = stream->fd, .events = POLLIN};
    char bytes[16384];
    if (stream->closed || poll(&pollfd, 1, timeout_ms) <= 0)
        return false;
    ssize_t count = recv(stream->fd, bytes, sizeof(bytes), 0);
    if (count <= 0) {
        stream->closed = true;
        return false;
    }
    buf_add(&stream->in, bytes, (size_t)count);
    return true;
}

static char *take_head(struct watch_client *stream)
{
    int64_t deadline = clock_ms() + TIMEOUT_MS;
    char *end = NULL;
    while (!end && clock_ms() < deadline && !stream->closed) {
        receive(stream, 100);
        end = stream->in.data ? strstr(stream->in.data, "\r\n\r\n") : NULL;
    }
    assert_non_null(end);
    size_t len = (size_t)(end + 4 - stream->in.data);
    char *head = mem_strndup(stream->in.data, len);
    buf_consume(&stream->in, len);
    return head;
}

/* Reads the head of the answer; returns its status. */
static int read_head(struct watch_client *stream)
{
    AUTO_FREE char *head = take_head(stream);
    return atoi(head + strlen("HTTP/1.1 "));
}

static struct watch_client *ask(int port, const char *target, const char *headers, bool small)
{
    struct watch_client *stream = mem_zalloc(sizeof(*stream));
    buf_init(&stream->in, BUF_MAX_DEFAULT);
    buf_init(&stream->text, BUF_MAX_DEFAULT);
    stream->fd = connect_to(port, small);
    AUTO_FREE char *request =
        mem_printf("GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n", target, headers ? headers : "");
    assert_int_equal(send(stream->fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    return stream;
}

struct watch_client *watch_open(int port, const char *target, const char *headers, bool small)
{
    struct watch_client *stream = ask(port, target, headers, small);
    int status = read_head(stream);
    if (status != 200)
        fail_msg("%s: %d %s", target, status, stream->in.data);
    return stream;
}

static char *handshake_headers(const char *headers)
{
    return mem_printf("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s",
                      headers ? headers : "");
}

struct watch_client *watch_open_websocket(int port, const char *target, const char *headers)
{
    AUTO_FREE char *all = handshake_headers(headers);
    struct watch_client *stream = ask(port, target, all, false);
    stream->websocket = true;
    assert_int_equal(read_head(stream), 101);
    return stream;
}

int watch_handshake(int port, const char *target, const char *headers)
{
    AUTO_FREE char *all = handshake_headers(headers);
    struct watch_client *stream = ask(port, target, all, false);
    int status = read_head(stream);
    watch_close(stream);
    return status;
}

char *watch_handshake_head(int port, const char *target, const char *headers)
{
    AUTO_FREE char *all = handshake_headers(headers);
    struct watch_client *stream = ask(port, target, all, false);
    char *head = take_head(stream);
    watch_close(stream);
    return head;
}

void watch_close(struct watch_client *stream)
{
    close(stream->fd);
    buf_release(&stream->in);
    buf_release(&stream->text);
    free(stream);
}

/* -------------------------------------------------------------------------------- framing */

static bool take_chunk(struct watch_client *stream)
{
    char *line = stream->in.len > 0 ? strstr(stream->in.data, "\r\n") : NULL;
    if (!line)
        return false;
    size_t len = strtoul(stream->in.data, NULL, 16);
    size_t head = (size_t)(line - stream->in.data) + 2;
    if (stream->in.len < head + len + 2)
        return false;
    stream->ended = stream->ended || len == 0;
    buf_add(&stream->text, stream->in.data + head, len);
    buf_consume(&stream->in, head + len + 2);
    return true;
}

static bool take_message(struct watch_client *stream)
{
    const unsigned char *data = (const unsigned char *)stream->in.data;
    if (stream->in.len < 2)
        return false;
    size_t len = data[1] & 127;
    size_t head = 2;
    if (len >= 126) {
        size_t bytes = len == 126 ? 2 : 8;
        if (stream->in.len < 2 + bytes)
            return false;
        len = 0;
        for (size_t i = 0; i < bytes; i++)
            len = len << 8 | data[2 + i];
        head += bytes;
    }
    if (stream->in.len < head + len)
        return false;
    if (data[0] == 0x88)
        stream->ended = len >= 2 && (data[head] << 8 | data[head + 1]) == 1000;
    else if (data[0] == 0x81)
        buf_add(&stream->text, data + head, len);
    buf_consume(&stream->in, head + len);
    return true;
}

static json_t *take_line(struct watch_client *stream)
{
    char *end = stream->text.len > 0 ? memchr(stream->text.data, '\n', stream->text.len) : NULL;
    if (!end)
        return NULL;
    size_t len = (size_t)(end - stream->text.data) + 1;
    json_t *event = json_loadb(stream->text.data, len, 0, NULL);
    assert_non_null(event);
    buf_consume(&stream->text, len);
    return event;
}

json_t *watch_next(struct watch_client *stream, int timeout_ms)
{
    int64_t deadline = clock_ms() + timeout_ms;
    for (;;) {
        while (stream->websocket ? take_message(stream) : take_chunk(stream))
            ;
        json_t *event = take_line(stream);
        int64_t left = deadline - clock_ms();
        if (event || stream->ended)
            return event;
        if (!receive(stream, left > 0 ? (int)left : 0) && (stream->closed || left <= 0))
            return NULL;
    }
}

bool watch_ended_well(struct watch_client *stream)
{
    json_t *event = watch_next(stream, TIMEOUT_MS);
    json_decref(event);
    return !event && stream->ended;
}

bool watch_cut(struct watch_client *stream)
{
    json_t *event;
    while ((event = watch_next(stream, TIMEOUT_MS)))
        json_decref(event);
    return stream->closed || stream->ended;
}

long long watch_expect(struct watch_client *stream, const char *type, const char *name)
{
    json_t *event = watch_next(stream, TIMEOUT_MS);
    if (!event)
        fail_msg("no %s of %s came", type, name ? name : "anything");
    const char *got_type = json_at_text(event, "type");
    const char *got_name = json_at_text(event, "object.metadata.name");
    if (!got_type || strcmp(got_type, type) != 0 ||
        (name && (!got_name || strcmp(got_name, name) != 0)))
        fail_msg("%s %s came instead of %s %s", got_type, got_name, type, name);
    const char *revision = json_at_text(event, "object.metadata.resourceVersion");
    long long number = revision ? atoll(revision) : 0;
    json_decref(event);
    return number;
}

void watch_expect_silence(struct watch_client *stream, int ms)
{
    json_t *event = watch_next(stream, ms);
    if (event) {
        AUTO_FREE char *text = json_text(event);
        fail_msg("unexpected: %s", text);
    }
}
