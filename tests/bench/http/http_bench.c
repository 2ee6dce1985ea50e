/*
 * How fast the HTTP front is: requests per second over kept-alive connections, and events delivered
 * per second to a thousand watchers. Server and client share the process and its cores, so the
 * numbers are for comparisons.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <api/http/server.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>

#define STREAMS    1000
#define EVENT_SIZE 1500
#define RUN_MS     3000

static struct http_stream *streams[STREAMS];
static atomic_int stream_count;

static void ignore(void *context)
{
    (void)context;
}

static const struct http_stream_events events = {ignore, ignore};

static void handle(void *context, const struct http_request *request,
                   struct http_response *response)
{
    (void)context;
    response->content_type = "application/json";
    if (strcmp(request->path, "/watch") == 0) {
        struct http_stream *stream = http_stream_begin(request, response, NULL, &events, NULL);
        streams[atomic_fetch_add(&stream_count, 1)] = stream;
    } else {
        buf_adds(&response->body,
                 "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Success\"}\n");
    }
}

static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        perror("connect");
        exit(1);
    }
    return fd;
}

static void say(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        perror("send");
}

static int open_all(int port, int count, int *fds, const char *request)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fds[i] = connect_to(port)};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event);
        say(fds[i], request);
    }
    return epoll;
}

static void close_all(int epoll, int count, const int *fds)
{
    for (int i = 0; i < count; i++)
        close(fds[i]);
    close(epoll);
}

static void bench_requests(int port, int connections)
{
    static const char request[] = "GET /x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n";
    struct epoll_event ready[256];
    char bytes[4096];
    int *fds = mem_array((size_t)connections, sizeof(int));
    int epoll = open_all(port, connections, fds, request);
    int64_t begin = clock_ms(), done = 0;
    while (clock_ms() - begin < RUN_MS) {
        int count = epoll_wait(epoll, ready, 256, 1000);
        for (int i = 0; i < count; i++) {
            if (recv(ready[i].data.fd, bytes, sizeof(bytes), 0) <= 0)
                exit(1);
            done++; /* answers are small: one read each */
            say(ready[i].data.fd, request);
        }
    }
    printf("%4d connections: %8.0f requests/s\n", connections,
           (double)done * 1000.0 / (double)(clock_ms() - begin));
    close_all(epoll, connections, fds);
    free(fds);
}

struct sink {
    int epoll;
    atomic_llong bytes;
    atomic_bool stop;
};

static void *swallow(void *context)
{
    struct sink *sink = context;
    struct epoll_event ready[256];
    static char bytes[1 << 18];
    while (!atomic_load(&sink->stop)) {
        int count = epoll_wait(sink->epoll, ready, 256, 100);
        for (int i = 0; i < count; i++) {
            ssize_t n = recv(ready[i].data.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
            atomic_fetch_add(&sink->bytes, n > 0 ? n : 0);
        }
    }
    return NULL;
}

/* @burst events to everybody, and again when all of them have arrived. */
static void bench_fan_out(struct sink *sink, int burst, const char *what, long long event_bytes)
{
    int64_t begin = clock_ms(), sent = 0;
    long long wanted = atomic_load(&sink->bytes);
    while (clock_ms() - begin < RUN_MS) {
        for (int b = 0; b < burst; b++) {
            struct http_frame *frame = http_frame_new(mem_zalloc(EVENT_SIZE), EVENT_SIZE);
            for (int i = 0; i < STREAMS; i++)
                sent += http_stream_write(streams[i], frame);
            http_frame_unref(frame);
        }
        wanted += event_bytes * STREAMS * burst;
        while (atomic_load(&sink->bytes) < wanted)
            usleep(100);
    }
    printf("%s, %2d events at a time to %d: %8.0f deliveries/s\n", what, burst, STREAMS,
           (double)sent * 1000.0 / (double)(clock_ms() - begin));
}

static void bench_streams(int port, const char *what, const char *request, long long event_bytes)
{
    static const int bursts[] = {1, 8, 16};
    static int fds[STREAMS];
    struct sink sink = {0};
    pthread_t thread;
    atomic_store(&stream_count, 0);
    sink.epoll = open_all(port, STREAMS, fds, request);
    while (atomic_load(&stream_count) < STREAMS)
        usleep(1000);
    pthread_create(&thread, NULL, swallow, &sink);
    for (long long before = -1; before != atomic_load(&sink.bytes); usleep(300000))
        before = atomic_load(&sink.bytes); /* the heads */
    for (size_t i = 0; i < MOT_ARRAY_SIZE(bursts); i++)
        bench_fan_out(&sink, bursts[i], what, event_bytes);
    atomic_store(&sink.stop, true);
    pthread_join(thread, NULL);
    close_all(sink.epoll, STREAMS, fds);
    usleep(500000);
}

int main(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 16384 ? limit.rlim_max : 16384;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct http_server_options options = {.handler = handle};
    struct err err = {0};
    struct http_server *server = http_server_start(&options, &err);
    if (!server) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    int port = http_server_port(server);
    bench_requests(port, 1);
    bench_requests(port, 32);
    bench_requests(port, 256);
    bench_streams(port, "chunked", "GET /watch HTTP/1.1\r\nHost: x\r\n\r\n", EVENT_SIZE + 7);
    bench_streams(
        port, "WebSocket",
        "GET /watch HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        EVENT_SIZE + 4);
    http_server_stop(server, 1000);
    return 0;
}
