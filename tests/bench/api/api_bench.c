/*
 * How fast a running API server creates, gets, lists, patches, updates and fans out, and what a
 * request and a delivery cost it. run.py starts a server and runs this with 1, 32 and 256 clients.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>

#define PATH "/apis/mot.dev/v1alpha1/namespaces/default/deployments"

struct bench {
    int port, objects, connections, watchers, pid;
    long long run;
    atomic_int next;
    const char *method;
    int64_t *took_us;
};

/* -------------------------------------------------------------------------------- the server */

/* User and system time, in microseconds; 0 when there is no such process. */
static double cpu_us(int pid)
{
    AUTO_FREE char *path = mem_printf("/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    char text[1024] = "";
    unsigned long user = 0, system = 0;
    if (!file)
        return 0;
    if (!fgets(text, sizeof(text), file))
        text[0] = '\0';
    fclose(file);
    const char *fields = strrchr(text, ')');
    if (!fields || sscanf(fields, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                          &system) != 2)
        return 0;
    return (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static double rss_mb(int pid)
{
    AUTO_FREE char *path = mem_printf("/proc/%d/statm", pid);
    FILE *file = fopen(path, "re");
    unsigned long pages = 0;
    if (!file)
        return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1048576;
}

/* -------------------------------------------------------------------------------- requests */

static int dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        perror("connect");
        exit(1);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static void send_request(int fd, const char *method, const char *path, const char *body)
{
    const char *type =
        strcmp(method, "PATCH") == 0 ? "application/merge-patch+json" : "application/json";
    AUTO_FREE char *text = mem_printf("%s %s HTTP/1.1\r\nHost: bench\r\nContent-Type: %s\r\n"
                                      "Content-Length: %zu\r\n\r\n%s",
                                      method, path, type, strlen(body), body);
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
        exit(1);
}

/* Reads one whole answer; returns its body's length, and ends the program unless it is 2xx. */
static size_t read_answer(int fd, struct buf *buf)
{
    char *head = NULL;
    buf_clear(buf);
    while (!head || buf->len < (size_t)(head - buf->data) + 4 +
                                   strtoul(strstr(buf->data, "Content-Length: ") + 16, NULL, 10)) {
        char *room = buf_reserve(buf, 65536);
        ssize_t count = recv(fd, room, 65536, 0);
        if (count <= 0) {
            fprintf(stderr, "the server closed\n");
            exit(1);
        }
        buf->len += (size_t)count;
        buf->data[buf->len] = '\0';
        head = strstr(buf->data, "\r\n\r\n");
    }
    if (buf->data[9] != '2') {
        fprintf(stderr, "%s\n", buf->data);
        exit(1);
    }
    return buf->len;
}

/* The object's resourceVersion; for a PUT. */
static const char *current(const char *item, int fd, struct buf *buf)
{
    send_request(fd, "GET", item, "");
    read_answer(fd, buf);
    char *revision = strstr(buf->data, "\"resourceVersion\":\"");
    if (!revision)
        exit(1);
    revision += strlen("\"resourceVersion\":\"");
    revision[strspn(revision, "0123456789")] = '\0';
    return revision;
}

static void one_request(const struct bench *bench, int fd, int n, struct buf *buf)
{
    AUTO_FREE char *name = mem_printf("b%lld-%d", bench->run, n);
    AUTO_FREE char *item = mem_printf(PATH "/%s", name);
    const char *revision = strcmp(bench->method, "PUT") == 0 ? current(item, fd, buf) : "";
    AUTO_FREE char *version =
        mem_printf(*revision ? ",\"resourceVersion\":\"%s\"" : "%s", revision);
    AUTO_FREE char *body = mem_printf(
        "{\"apiVersion\":\"mot.dev/"
        "v1alpha1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"%s\"%s},"
        "\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"}]}},"
        "\"placement\":[{\"name\":\"a\",\"regions\":[\"r\"],\"replicas\":%d}]}}",
        name, version, 1 + (*revision != '\0'));
    AUTO_FREE char *patch =
        mem_printf("{\"metadata\":{\"labels\":{\"n\":\"%lld\"}}}", (long long)clock_us());
    if (strcmp(bench->method, "POST") == 0)
        send_request(fd, "POST", PATH, body);
    else if (strcmp(bench->method, "PUT") == 0)
        send_request(fd, "PUT", item, body);
    else if (strcmp(bench->method, "PATCH") == 0)
        send_request(fd, "PATCH", item, patch);
    else if (strcmp(bench->method, "LIST") == 0)
        send_request(fd, "GET", PATH "?limit=500", "");
    else
        send_request(fd, bench->method, item, "");
    read_answer(fd, buf);
}

static void *run_connection(void *context)
{
    struct bench *bench = context;
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    int fd = dial(bench->port);
    for (int n; (n = atomic_fetch_add(&bench->next, 1)) < bench->objects;) {
        int64_t began = clock_us();
        one_request(bench, fd, n, &buf);
        bench->took_us[n] = clock_us() - began;
    }
    close(fd);
    buf_release(&buf);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void measure(struct bench *bench, const char *method)
{
    pthread_t *threads = mem_array((size_t)bench->connections, sizeof(*threads));
    bench->method = method;
    atomic_store(&bench->next, 0);
    int64_t began = clock_us();
    double cpu = cpu_us(bench->pid);
    for (int i = 0; i < bench->connections; i++)
        pthread_create(&threads[i], NULL, run_connection, bench);
    for (int i = 0; i < bench->connections; i++)
        pthread_join(threads[i], NULL);
    double seconds = (double)(clock_us() - began) / 1e6;
    qsort(bench->took_us, (size_t)bench->objects, sizeof(int64_t), compare);
    cpu = cpu_us(bench->pid) - cpu;
    printf("%-6s %3d clients %8.0f /s   p50 %6.2f ms   p99 %6.2f ms   %6.0f us of CPU   %5.1f MB\n",
           method, bench->connections, bench->objects / seconds,
           (double)bench->took_us[bench->objects / 2] / 1e3,
           (double)bench->took_us[bench->objects * 99 / 100] / 1e3, cpu / bench->objects,
           rss_mb(bench->pid));
    fflush(stdout);
    free(threads);
}

/* -------------------------------------------------------------------------------- fan-out */

struct fan {
    struct bench *bench;
    int epoll;
    atomic_llong events;
};

static void *read_watches(void *context)
{
    struct fan *fan = context;
    static char bytes[1 << 16];
    struct epoll_event ready[64];
    for (;;) {
        int count = epoll_wait(fan->epoll, ready, 64, 2000);
        if (count <= 0)
            return NULL;
        for (int i = 0; i < count; i++) {
            ssize_t got = recv(ready[i].data.fd, bytes, sizeof(bytes) - 1, 0);
            if (got <= 0)
                return NULL;
            bytes[got] = '\0';
            for (char *at = bytes; (at = strstr(at, "{\"type\":\"")); at++)
                atomic_fetch_add(&fan->events, 1);
        }
    }
}

static void measure_fan_out(struct bench *bench)
{
    struct fan fan = {.bench = bench, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    int probe = dial(bench->port);
    send_request(probe, "GET", PATH "?limit=1", "");
    read_answer(probe, &buf);
    long long revision = strtoll(strstr(buf.data, "\"resourceVersion\":\"") + 19, NULL, 10);
    char *tail = strstr(buf.data, "],\"metadata\":{\"resourceVersion\":\"");
    if (tail)
        revision = strtoll(tail + strlen("],\"metadata\":{\"resourceVersion\":\""), NULL, 10);
    AUTO_FREE char *path = mem_printf(PATH "?watch=1&resourceVersion=%lld", revision);
    AUTO_FREE int *fds = mem_array((size_t)bench->watchers, sizeof(int));
    for (int i = 0; i < bench->watchers; i++) {
        int fd = dial(bench->port);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        send_request(fd, "GET", path, "");
        epoll_ctl(fan.epoll, EPOLL_CTL_ADD, fd, &event);
        fds[i] = fd;
    }
    clock_sleep_ms(500);
    pthread_t reader;
    int64_t began = clock_us();
    double cpu = cpu_us(bench->pid);
    pthread_create(&reader, NULL, read_watches, &fan);
    measure(bench, "PATCH");
    long long wanted = (long long)bench->objects * bench->watchers;
    while (atomic_load(&fan.events) < wanted && clock_us() - began < 120000000)
        clock_sleep_ms(1);
    double seconds = (double)(clock_us() - began) / 1e6;
    cpu = cpu_us(bench->pid) - cpu;
    printf("watch  %8.0f events/s to %d watchers (%lld of %lld in %.2f s)   %.2f us of CPU each   "
           "%5.1f MB\n",
           (double)atomic_load(&fan.events) / seconds, bench->watchers, atomic_load(&fan.events),
           wanted, seconds, cpu / (double)wanted, rss_mb(bench->pid));
    pthread_join(reader, NULL);
    for (int i = 0; i < bench->watchers; i++)
        close(fds[i]);
    close(fan.epoll);
    close(probe);
    buf_release(&buf);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "bench_api PORT PID OBJECTS CONNECTIONS WATCHERS\n");
        return 2;
    }
    struct bench bench = {.port = atoi(argv[1]),
                          .pid = atoi(argv[2]),
                          .objects = atoi(argv[3]),
                          .connections = atoi(argv[4]),
                          .watchers = atoi(argv[5]),
                          .run = clock_wall_ms()};
    int objects = bench.objects;
    bench.took_us = mem_array((size_t)objects, sizeof(int64_t));
    measure(&bench, "POST");
    measure(&bench, "GET");
    measure(&bench, "PATCH");
    measure(&bench, "PUT");
    bench.objects = objects / 20;
    measure(&bench, "LIST");
    if (bench.watchers > 0) {
        bench.objects = objects / 4;
        measure_fan_out(&bench);
    }
    bench.objects = objects;
    measure(&bench, "DELETE");
    free(bench.took_us);
    return 0;
}
