/*
 * A client's WebSocket frames, through a server with a socket: its front, the pair of sockets, and
 * the ws role of libwebsockets. The first byte says how they are sent, the others are what is sent
 * behind the handshake:
 *
 *     bit 0     the server has nothing more to say after its messages, and closes
 *     bit 1     the frames do not wait for the answer to the handshake
 *     bits 2-7  seed of the cuts between writes; 0: one write
 *
 * Whatever they are, the connection ends soon after the client has said that it is done, the stream
 * is closed once, nothing is left over, and what the server sends are the frames of RFC 6455: its
 * messages, answers to pings that were there, a close.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include <api/http/server.h>
#include <lib/must.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10, FINAL = 0x80 };

#define DEADLINE_MS 10000
#define PINGS_MAX   64

static const char messages[] = "{\"n\":1}\n{\"n\":2}\n";
static const char handshake[] =
    "GET /%s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/* ------------------------------------------------------------------------ the server */

static struct {
    struct http_server *server;
    size_t descriptors; /* without connections */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t begun, closed; /* streams */
} rig = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static size_t open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;
    must(folder != NULL);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void on_closed(void *context)
{
    (void)context;
    pthread_mutex_lock(&rig.lock);
    rig.closed++;
    pthread_cond_broadcast(&rig.changed);
    pthread_mutex_unlock(&rig.lock);
}

static void handle(void *context, const struct http_request *request,
                   struct http_response *response)
{
    static const struct http_stream_events events = {.closed = on_closed};
    (void)context;
    must(request->websocket);
    pthread_mutex_lock(&rig.lock);
    rig.begun++;
    pthread_mutex_unlock(&rig.lock);
    struct http_stream *stream = http_stream_begin(request, response, NULL, &events, NULL);
    for (size_t at = 0; messages[at]; at += 8) {
        struct http_frame *frame = http_frame_new(mem_strndup(messages + at, 8), 8);
        must(http_stream_write(stream, frame));
        http_frame_unref(frame);
    }
    if (strcmp(request->path, "/end") == 0)
        http_stream_end(stream);
}

/* Each stream that was begun is closed: once, and before the deadline. */
static void await_streams(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DEADLINE_MS / 1000;
    pthread_mutex_lock(&rig.lock);
    while (rig.closed < rig.begun)
        must(pthread_cond_timedwait(&rig.changed, &rig.lock, &until) == 0);
    must(rig.closed == rig.begun);
    pthread_mutex_unlock(&rig.lock);
}

/* The sockets go a moment after the streams. */
static void await_sockets(void)
{
    int64_t until = clock_ms() + DEADLINE_MS;
    while (http_server_counts(rig.server).connections > 0 || open_descriptors() > rig.descriptors) {
        must(clock_ms() < until);
        clock_sleep_ms(1);
    }
    must(http_server_counts(rig.server).streams == 0);
}

static void stop(void)
{
    await_sockets();
    http_server_stop(rig.server, 1000);
}

static void start(void)
{
    struct err err = {0};
    const struct http_server_options options = {
        .workers = 1, .connections_max = 64, .handler = handle};
    rig.server = http_server_start(&options, &err);
    must(rig.server != NULL);
    rig.descriptors = open_descriptors();
    atexit(stop);
}

/* ------------------------------------------------------------------------ what the client sends */

enum end {
    BOUNDARY,   /* whole frames, none of them the last one */
    UNFINISHED, /* a frame is missing its end */
    CLOSED,     /* a close frame */
    REFUSED,    /* no client may send this */
};

struct sent {
    enum end end;
    struct buf pings[PINGS_MAX]; /* payloads */
    size_t ping_count;
};

struct head {
    unsigned opcode; /* with FINAL */
    bool masked;
    bool extended; /* its length has bytes of its own */
    size_t len;    /* of the header with its mask */
    uint64_t payload;
};

/* False: not all of it is there. */
static bool read_head(const uint8_t *data, size_t size, struct head *head)
{
    if (size < 2)
        return false;
    size_t len = data[1] & 0x7f;
    size_t extra = len == 126 ? 2 : len == 127 ? 8 : 0;
    *head = (struct head){.opcode = data[0], .masked = (data[1] & 0x80) != 0, .payload = len};
    head->extended = extra > 0;
    head->len = 2 + extra + (head->masked ? 4 : 0);
    if (size < head->len)
        return false;
    if (extra > 0)
        head->payload = 0;
    for (size_t i = 0; i < extra; i++)
        head->payload = head->payload << 8 | data[2 + i];
    return true;
}

/* libwebsockets also takes frames without a mask. */
static bool may_be_sent(const struct head *head, bool in_message)
{
    unsigned opcode = head->opcode & 0x0f;
    bool final = head->opcode & FINAL;
    if ((head->opcode & 0x70) || head->payload >> 63)
        return false;
    if (opcode == CONTINUATION)
        return in_message;
    if (opcode == TEXT || opcode == BINARY)
        return !in_message;
    return (opcode == CLOSE || opcode == PING || opcode == PONG) && final && !head->extended;
}

static void add_ping(struct sent *sent, const struct head *head, const uint8_t *payload)
{
    static const uint8_t none[4] = {0};
    const uint8_t *mask = head->masked ? payload - 4 : none;
    if (sent->ping_count == PINGS_MAX)
        return;
    struct buf *ping = &sent->pings[sent->ping_count++];
    buf_init(ping, 125);
    for (size_t i = 0; i < head->payload; i++)
        buf_addc(ping, (char)(payload[i] ^ mask[i % 4]));
}

static void judge(const uint8_t *data, size_t size, struct sent *sent)
{
    bool in_message = false;
    size_t at = 0;
    while (at < size) {
        struct head head;
        if (!read_head(data + at, size - at, &head)) {
            sent->end = UNFINISHED;
            return;
        }
        if (!may_be_sent(&head, in_message)) {
            sent->end = REFUSED;
            return;
        }
        if (head.payload > size - at - head.len) {
            sent->end = UNFINISHED;
            return;
        }
        unsigned opcode = head.opcode & 0x0f;
        if (opcode == PING)
            add_ping(sent, &head, data + at + head.len);
        else if (opcode <= BINARY)
            in_message = !(head.opcode & FINAL);
        at += head.len + head.payload;
        if (opcode == CLOSE) {
            sent->end = CLOSED;
            return;
        }
    }
    sent->end = BOUNDARY;
}

/* ------------------------------------------------------------------------ the client */

static int open_client(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_server_port(rig.server)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    must(fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    /* The end of so many connections must not use up the ports. */
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    return fd;
}

/* The server may have gone. */
static void say(int fd, const void *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = send(fd, (const char *)data + at, len - at, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        at += (size_t)n;
    }
}

static void say_in_pieces(int fd, const uint8_t *data, size_t size, uint32_t seed)
{
    for (size_t at = 0, n; at < size; at += n) {
        seed = seed ? seed * 1664525 + 1013904223 : 0;
        n = seed ? (seed >> 16) % 97 + 1 : size;
        n = n < size - at ? n : size - at;
        say(fd, data + at, n);
    }
}

/* libFuzzer's alarm may interrupt any wait. */
static void await_bytes(int fd)
{
    int64_t until = clock_ms() + DEADLINE_MS;
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    while (poll(&pollfd, 1, 1000) != 1)
        must(clock_ms() < until);
}

/* False at the end of the connection, which must come before the deadline. */
static bool hear(int fd, struct buf *in)
{
    char data[4096];
    await_bytes(fd);
    ssize_t n = recv(fd, data, sizeof(data), 0);
    if (n > 0)
        buf_add(in, data, (size_t)n);
    return n > 0;
}

/* The answer to the handshake; the bytes behind it stay. */
static void hear_head(int fd, struct buf *in)
{
    const char *end = NULL;
    while (!end) {
        must(hear(fd, in));
        end = strstr(in->data, "\r\n\r\n");
    }
    must(strncmp(in->data, "HTTP/1.1 101 ", 13) == 0);
    const char *accept = strcasestr(in->data, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    must(accept && accept < end);
    buf_consume(in, (size_t)(end + 4 - in->data));
}

/* ------------------------------------------------------------------------ what the client hears */

/* The pongs answer pings, in their order; some may be left out. */
static void check_pong(const struct sent *sent, size_t *next, const char *payload, size_t len)
{
    for (; *next < sent->ping_count; ++*next) {
        const struct buf *ping = &sent->pings[*next];
        if (ping->len == len && (len == 0 || memcmp(ping->data, payload, len) == 0))
            break;
    }
    must(*next < sent->ping_count || sent->ping_count == PINGS_MAX);
    ++*next;
}

/* Returns whether there was a close frame, and whether there were all messages. */
static bool check_heard(const struct buf *in, const struct sent *sent, bool *ret_all)
{
    size_t message = 0, ping = 0;
    bool closed = false;
    for (size_t at = 0; at < in->len;) {
        struct head head;
        if (!read_head((const uint8_t *)in->data + at, in->len - at, &head) ||
            head.payload > in->len - at - head.len)
            break; /* it was broken off */
        const char *payload = in->data + at + head.len;
        must(!head.masked && !closed);
        if (head.opcode == (FINAL | TEXT)) {
            must(head.payload == 8 && message + 8 < sizeof(messages) &&
                 memcmp(payload, messages + message, 8) == 0);
            message += 8;
        } else if (head.opcode == (FINAL | PONG)) {
            check_pong(sent, &ping, payload, head.payload);
        } else {
            /* libwebsockets says back what the client's close had, be it a single byte. */
            must(head.opcode == (FINAL | CLOSE) && head.payload <= 125);
            closed = true;
        }
        at += head.len + head.payload;
    }
    *ret_all = message == sizeof(messages) - 1;
    return closed;
}

/* ------------------------------------------------------------------------ one connection */

static void converse(const uint8_t *data, size_t size, uint8_t mode)
{
    static const uint8_t goodbye[] = {FINAL | CLOSE, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe8 ^ 2};
    struct sent sent = {.end = BOUNDARY};
    struct buf in;
    bool all = false; /* messages have come */
    bool server_ends = mode & 1, at_once = mode & 2;
    buf_init(&in, BUF_MAX_DEFAULT);
    judge(data, size, &sent);
    AUTO_FREE char *head = mem_printf(handshake, server_ends ? "end" : "");
    int fd = open_client();
    say(fd, head, strlen(head));
    if (!at_once)
        hear_head(fd, &in);
    say_in_pieces(fd, data, size, mode >> 2);
    if (at_once)
        hear_head(fd, &in);
    while (server_ends && sent.end == BOUNDARY && !check_heard(&in, &sent, &all))
        must(hear(fd, &in));
    must(!server_ends || sent.end != BOUNDARY || all);
    if (sent.end == BOUNDARY)
        say(fd, goodbye, sizeof(goodbye));
    else if (sent.end == UNFINISHED)
        shutdown(fd, SHUT_WR);
    /* Who is told what was wrong need not wait for the end. */
    while (!(sent.end == REFUSED && check_heard(&in, &sent, &all)) && hear(fd, &in))
        ;
    close(fd);
    must(check_heard(&in, &sent, &all) || sent.end != BOUNDARY);
    for (size_t i = 0; i < sent.ping_count; i++)
        buf_release(&sent.pings[i]);
    buf_release(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned runs;
    if (size == 0)
        return 0;
    if (!rig.server)
        start();
    converse(data + 1, size - 1, data[0]);
    await_streams();
    if (runs++ % 256 == 0)
        await_sockets();
    return 0;
}
