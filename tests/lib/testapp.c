/*
 * A small HTTP server that misbehaves on request, for the driver tests and the demo. It listens on
 * $PORT (or --port) of 127.0.0.1. Each setting is an option or a variable:
 *
 *     --ready-after MS  TESTAPP_READY_AFTER   /ready answers 503 until then
 *     --listen-after MS TESTAPP_LISTEN_AFTER  nothing listens until then
 *     --crash-after MS  TESTAPP_CRASH_AFTER   exits with code 3 then
 *     --never-ready     TESTAPP_NEVER_READY   /ready always answers 503
 *     --unhealthy-after MS TESTAPP_UNHEALTHY_AFTER  /health answers 500 from then on
 *     --ignore-term     TESTAPP_IGNORE_TERM   does not end on SIGTERM
 *     --note FILE       TESTAPP_NOTE          appends "start PID INSTANCE" and "term PID INSTANCE"
 * lines there
 *
 * GET /            a greeting             GET /env      its environment
 * GET /ready, /health                     GET /exit?N   exits with code N
 * GET /unready, /reready                  switch /ready off and on
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static struct {
    int port;
    int64_t ready_after, listen_after, crash_after, unhealthy_after;
    bool never_ready, ignore_term, unready;
    const char *note;
    int64_t started;
} app;

static volatile sig_atomic_t terminated;

static void on_term(int signal_number)
{
    (void)signal_number;
    terminated = 1;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t age(void)
{
    return now_ms() - app.started;
}

static int64_t number_of(const char *variable)
{
    const char *text = getenv(variable);
    return text ? strtoll(text, NULL, 10) : 0;
}

static void note(const char *what)
{
    const char *instance = getenv("MOT_INSTANCE");
    int fd = app.note ? open(app.note, O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
    if (fd < 0)
        return;
    dprintf(fd, "%s %d %s\n", what, (int)getpid(), instance ? instance : "-");
    close(fd);
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"ready-after", required_argument, NULL, 'r'},
                                            {"listen-after", required_argument, NULL, 'l'},
                                            {"crash-after", required_argument, NULL, 'c'},
                                            {"unhealthy-after", required_argument, NULL, 'u'},
                                            {"never-ready", no_argument, NULL, 'n'},
                                            {"ignore-term", no_argument, NULL, 'i'},
                                            {"note", required_argument, NULL, 'o'},
                                            {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        int64_t number = optarg ? strtoll(optarg, NULL, 10) : 0;
        if (option == 'p')
            app.port = (int)number;
        else if (option == 'r')
            app.ready_after = number;
        else if (option == 'l')
            app.listen_after = number;
        else if (option == 'c')
            app.crash_after = number;
        else if (option == 'u')
            app.unhealthy_after = number;
        else if (option == 'n')
            app.never_ready = true;
        else if (option == 'i')
            app.ignore_term = true;
        else if (option == 'o')
            app.note = optarg;
        else
            exit(2);
    }
}

static void configure(int argc, char **argv)
{
    app.started = now_ms();
    app.port = (int)number_of("PORT");
    app.ready_after = number_of("TESTAPP_READY_AFTER");
    app.listen_after = number_of("TESTAPP_LISTEN_AFTER");
    app.crash_after = number_of("TESTAPP_CRASH_AFTER");
    app.unhealthy_after = number_of("TESTAPP_UNHEALTHY_AFTER");
    app.never_ready = getenv("TESTAPP_NEVER_READY") != NULL;
    app.ignore_term = getenv("TESTAPP_IGNORE_TERM") != NULL;
    app.note = getenv("TESTAPP_NOTE");
    parse(argc, argv);
}

static int listen_on(int port)
{
    int one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 64) < 0) {
        fprintf(stderr, "cannot listen on port %d: %s\n", port, strerror(errno));
        exit(1);
    }
    return fd;
}

static void answer(int fd, int status, const char *body)
{
    dprintf(fd,
            "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
            "Connection: close\r\n\r\n%s",
            status, status < 400 ? "OK" : "No", strlen(body), body);
}

static void answer_environment(int fd)
{
    size_t size = 1;
    for (char **item = environ; *item; item++)
        size += strlen(*item) + 1;
    char *body = calloc(1, size);
    char *at = body;
    for (char **item = environ; body && *item; item++) {
        size_t len = strlen(*item);
        memcpy(at, *item, len);
        at[len] = '\n';
        at += len + 1;
    }
    answer(fd, 200, body ? body : "");
    free(body);
}

static void answer_ready(int fd)
{
    bool ready = !app.never_ready && !app.unready && age() >= app.ready_after;
    answer(fd, ready ? 200 : 503, ready ? "ready\n" : "not ready\n");
}

static void route(int fd, const char *path)
{
    if (strcmp(path, "/env") == 0) {
        answer_environment(fd);
    } else if (strcmp(path, "/ready") == 0) {
        answer_ready(fd);
    } else if (strcmp(path, "/health") == 0) {
        bool ok = !app.unhealthy_after || age() < app.unhealthy_after;
        answer(fd, ok ? 200 : 500, ok ? "ok\n" : "ill\n");
    } else if (strcmp(path, "/unready") == 0 || strcmp(path, "/reready") == 0) {
        app.unready = path[1] == 'u';
        answer(fd, 200, "done\n");
    } else if (strncmp(path, "/exit", 5) == 0) {
        answer(fd, 200, "bye\n");
        exit(path[5] == '?' ? (int)strtol(path + 6, NULL, 10) : 0);
    } else {
        answer(fd, strcmp(path, "/") == 0 ? 200 : 404, "MoT test app\n");
    }
}

static void serve(int listener)
{
    char request[4096];
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct timeval patience = {.tv_sec = 2};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    size_t used = 0;
    ssize_t n;
    request[0] = '\0';
    while (!strstr(request, "\r\n\r\n") && used < sizeof(request) - 1 &&
           (n = recv(fd, request + used, sizeof(request) - 1 - used, 0)) > 0) {
        used += (size_t)n;
        request[used] = '\0';
    }
    char path[256] = "";
    if (sscanf(request, "GET %255s", path) == 1)
        route(fd, path);
    close(fd);
}

/* How long to wait for a request; NULL: as long as it takes. */
static const struct timespec *patience_of(int listener, struct timespec *patience)
{
    int64_t next = INT64_MAX;
    if (app.crash_after)
        next = app.crash_after;
    if (listener < 0 && app.listen_after < next)
        next = app.listen_after;
    if (next == INT64_MAX)
        return NULL;
    int64_t left = next - age();
    left = left > 0 ? left : 0;
    *patience = (struct timespec){.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
    return patience;
}

/* Signals come in only while we wait: one that came just before would be noticed with the next
 * request, if there is one. */
static void block_signals(sigset_t *ret_before)
{
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    sigprocmask(SIG_BLOCK, &ours, ret_before);
}

int main(int argc, char **argv)
{
    configure(argc, argv);
    sigset_t while_waiting;
    block_signals(&while_waiting);
    struct sigaction action = {.sa_handler = on_term};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    note("start");
    printf("started, port %d\n", app.port);
    fflush(stdout);
    int listener = -1;
    for (;;) {
        if (listener < 0 && app.port > 0 && age() >= app.listen_after)
            listener = listen_on(app.port);
        struct pollfd item = {.fd = listener, .events = POLLIN};
        struct timespec patience;
        int count =
            ppoll(&item, 1, patience_of(app.port > 0 ? listener : 0, &patience), &while_waiting);
        if (terminated) {
            note("term");
            terminated = 0;
            if (!app.ignore_term)
                return 0;
        }
        if (app.crash_after && age() >= app.crash_after)
            return 3;
        if (count > 0)
            serve(listener);
    }
}
