/*
 * How fast a running API server creates, gets, lists, patches, applies, updates and fans out, and
 * what a request and a delivery cost it. It knows nothing of MoT: compare.py runs it against
 * Kubernetes's server of custom resources too.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "wire.h"

#define PATH "/apis/mot.dev/v1alpha1/namespaces/default/deployments"

struct bench {
    int port, objects, connections, watchers;
    int pid, database; /* whose CPU time is counted */
    long long run;
    atomic_int next;
    atomic_int refused; /* tries that got no answer of use */
    atomic_int failed;  /* requests none of whose tries did */
    const char *method;
    int64_t *took_us;
};

/* -------------------------------------------------------------------------------- the server */

/* User and system time with that of children that have ended, in microseconds; 0 when there is no
 * such process. */
static double process_cpu_us(int pid)
{
    AUTO_FREE char *path = mem_printf("/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    char text[1024] = "";
    unsigned long own[2] = {0}, ended[2] = {0};
    if (!file)
        return 0;
    if (!fgets(text, sizeof(text), file))
        text[0] = '\0';
    fclose(file);
    const char *fields = strrchr(text, ')');
    if (!fields || sscanf(fields, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu",
                          &own[0], &own[1], &ended[0], &ended[1]) != 4)
        return 0;
    return (double)(own[0] + own[1] + ended[0] + ended[1]) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

/* With that of its children. */
static double cpu_us(int pid)
{
    AUTO_FREE char *path = mem_printf("/proc/%d/task/%d/children", pid, pid);
    double sum = process_cpu_us(pid);
    FILE *file = fopen(path, "re");
    for (int child; file && fscanf(file, "%d", &child) == 1;)
        sum += process_cpu_us(child);
    if (file)
        fclose(file);
    return sum;
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

#define TRIES       3
#define RETRY_AFTER 1000 /* ms */

/* The object's resourceVersion; for a PUT. NULL when the server does not tell. */
static const char *current(const char *item, struct wire *wire, struct buf *buf,
                           enum wire_outcome *ret_outcome)
{
    wire_send(wire, "GET", item, "", "");
    *ret_outcome = wire_answer(wire, buf);
    if (*ret_outcome != WIRE_ANSWERED)
        return NULL;
    char *revision = strstr(buf->data, "\"resourceVersion\":\"");
    if (!revision)
        exit(1);
    revision += strlen("\"resourceVersion\":\"");
    revision[strspn(revision, "0123456789")] = '\0';
    return revision;
}

static char *object_text(const char *name, const char *revision, const char *image, int replicas)
{
    AUTO_FREE char *version =
        mem_printf(*revision ? ",\"resourceVersion\":\"%s\"" : "%s", revision);
    return mem_printf(
        "{\"apiVersion\":\"mot.dev/"
        "v1alpha1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"%s\"%s},"
        "\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"%s\"}]}},"
        "\"placement\":[{\"name\":\"a\",\"regions\":[\"r\"],\"replicas\":%d}]}}",
        name, version, image, replicas);
}

static enum wire_outcome put_object(struct wire *wire, const char *name, const char *item,
                                    struct buf *buf)
{
    enum wire_outcome outcome;
    const char *revision = current(item, wire, buf, &outcome);
    if (!revision)
        return outcome;
    AUTO_FREE char *body = object_text(name, revision, "i:1", 2);
    wire_send(wire, "PUT", item, "application/json", body);
    return wire_answer(wire, buf);
}

/* A new image each time, by the same manager. */
static void apply_object(struct wire *wire, const char *name, const char *item)
{
    AUTO_FREE char *image = mem_printf("i:%lld", (long long)clock_us());
    AUTO_FREE char *body = object_text(name, "", image, 2);
    AUTO_FREE char *path = mem_printf("%s?fieldManager=bench&force=true", item);
    wire_send(wire, "PATCH", path, "application/apply-patch+yaml", body);
}

static enum wire_outcome one_request(const struct bench *bench, struct wire *wire, int n,
                                     struct buf *buf)
{
    AUTO_FREE char *name = mem_printf("b%lld-%d", bench->run, n);
    AUTO_FREE char *item = mem_printf(PATH "/%s", name);
    if (strcmp(bench->method, "POST") == 0) {
        AUTO_FREE char *body = object_text(name, "", "i:1", 1);
        wire_send(wire, "POST", PATH, "application/json", body);
    } else if (strcmp(bench->method, "PUT") == 0) {
        return put_object(wire, name, item, buf);
    } else if (strcmp(bench->method, "APPLY") == 0) {
        apply_object(wire, name, item);
    } else if (strcmp(bench->method, "PATCH") == 0) {
        AUTO_FREE char *patch =
            mem_printf("{\"metadata\":{\"labels\":{\"n\":\"%lld\"}}}", (long long)clock_us());
        wire_send(wire, "PATCH", item, "application/merge-patch+json", patch);
    } else if (strcmp(bench->method, "LIST") == 0) {
        wire_send(wire, "GET", PATH, "", "");
    } else {
        wire_send(wire, bench->method, item, "", "");
    }
    return wire_answer(wire, buf);
}

/* As a client library does it: it comes again after a while, and by a new connection after one that
 * broke. */
static void ask_until_answered(struct bench *bench, struct wire **wire, int n, struct buf *buf)
{
    for (int tries = 0; tries < TRIES; tries++) {
        enum wire_outcome outcome = one_request(bench, *wire, n, buf);
        if (outcome == WIRE_ANSWERED)
            return;
        atomic_fetch_add(&bench->refused, 1);
        if (outcome == WIRE_CLOSED) {
            wire_close(*wire);
            *wire = wire_open(bench->port);
        } else {
            clock_sleep_ms(RETRY_AFTER);
        }
    }
    atomic_fetch_add(&bench->failed, 1);
}

static void *run_connection(void *context)
{
    struct bench *bench = context;
    struct buf buf;
    buf_init(&buf, (size_t)1 << 30);
    struct wire *wire = wire_open(bench->port);
    for (int n; (n = atomic_fetch_add(&bench->next, 1)) < bench->objects;) {
        int64_t began = clock_us();
        ask_until_answered(bench, &wire, n, &buf);
        bench->took_us[n] = clock_us() - began;
    }
    wire_close(wire);
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
    atomic_store(&bench->refused, 0);
    atomic_store(&bench->failed, 0);
    int64_t began = clock_us();
    double cpu = cpu_us(bench->pid);
    double database = cpu_us(bench->database);
    for (int i = 0; i < bench->connections; i++)
        pthread_create(&threads[i], NULL, run_connection, bench);
    for (int i = 0; i < bench->connections; i++)
        pthread_join(threads[i], NULL);
    double seconds = (double)(clock_us() - began) / 1e6;
    qsort(bench->took_us, (size_t)bench->objects, sizeof(int64_t), compare);
    cpu = cpu_us(bench->pid) - cpu;
    database = cpu_us(bench->database) - database;
    printf("%-6s %3d clients %8.0f /s   p50 %7.2f ms   p99 %7.2f ms   CPU %6.0f us, database %6.0f "
           "us   "
           "%6.1f MB\n",
           method, bench->connections, bench->objects / seconds,
           (double)bench->took_us[bench->objects / 2] / 1e3,
           (double)bench->took_us[bench->objects * 99 / 100] / 1e3, cpu / bench->objects,
           database / bench->objects, rss_mb(bench->pid));
    if (bench->refused > 0)
        printf("       %d tries were refused or cut, %d requests failed %d times\n", bench->refused,
               bench->failed, TRIES);
    fflush(stdout);
    free(threads);
}

/* -------------------------------------------------------------------------------- fan-out */

struct fan {
    struct bench *bench;
    int epoll;
    atomic_llong events;
};

/* -1 at the end of the watch. */
static long count_events(struct fan *fan, struct wire *wire)
{
    static char bytes[1 << 16];
    long got;
    while ((got = wire_some(wire, bytes, sizeof(bytes) - 1)) > 0) {
        bytes[got] = '\0';
        for (char *at = bytes; (at = strstr(at, "{\"type\":\"")); at++)
            atomic_fetch_add(&fan->events, 1);
    }
    return got;
}

static void *read_watches(void *context)
{
    struct fan *fan = context;
    struct epoll_event ready[64];
    for (;;) {
        int count = epoll_wait(fan->epoll, ready, 64, 2000);
        if (count <= 0)
            return NULL;
        for (int i = 0; i < count; i++) {
            if (count_events(fan, ready[i].data.ptr) < 0)
                return NULL;
        }
    }
}

/* That of a list; one of an item may come before it in the text. */
static long long list_revision(struct wire *wire, struct buf *buf)
{
    wire_send(wire, "GET", "/apis/mot.dev/v1alpha1/namespaces/nowhere/deployments", "", "");
    if (wire_answer(wire, buf) != WIRE_ANSWERED)
        return 0;
    const char *revision = strstr(buf->data, "\"resourceVersion\":\"");
    return revision ? strtoll(revision + strlen("\"resourceVersion\":\""), NULL, 10) : 0;
}

static void measure_fan_out(struct bench *bench)
{
    struct fan fan = {.bench = bench, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    struct wire *probe = wire_open(bench->port);
    AUTO_FREE char *path =
        mem_printf(PATH "?watch=1&resourceVersion=%lld", list_revision(probe, &buf));
    AUTO_FREE struct wire **wires = mem_array((size_t)bench->watchers, sizeof(*wires));
    for (int i = 0; i < bench->watchers; i++) {
        wires[i] = wire_open(bench->port);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = wires[i]};
        wire_send(wires[i], "GET", path, "", "");
        epoll_ctl(fan.epoll, EPOLL_CTL_ADD, wire_fd(wires[i]), &event);
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
        wire_close(wires[i]);
    close(fan.epoll);
    wire_close(probe);
    buf_release(&buf);
}

/* LIST reads all that is there, so that fewer of them say enough. */
#define LISTS_PART 50

int main(int argc, char **argv)
{
    if (argc != 7 && argc != 9) {
        fprintf(stderr,
                "bench_api PORT PID DATABASE-PID OBJECTS CONNECTIONS WATCHERS [CERTIFICATE KEY]\n");
        return 2;
    }
    struct bench bench = {.port = atoi(argv[1]),
                          .pid = atoi(argv[2]),
                          .database = atoi(argv[3]),
                          .objects = atoi(argv[4]),
                          .connections = atoi(argv[5]),
                          .watchers = atoi(argv[6]),
                          .run = clock_wall_ms()};
    int objects = bench.objects;
    signal(SIGPIPE, SIG_IGN);
    if (argc == 9)
        wire_use_tls(argv[7], argv[8]);
    bench.took_us = mem_array((size_t)objects, sizeof(int64_t));
    static const char *const methods[] = {"POST", "GET", "PATCH", "APPLY", "PUT"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(methods); i++)
        measure(&bench, methods[i]);
    bench.objects = objects / LISTS_PART;
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
