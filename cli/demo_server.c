/*
 * `mot demo-server`: a tiny HTTP server, so that examples and tests have something to deploy that
 * every machine has. It answers every GET with 200 and a line that says who it is. One connection
 * at a time, each with a short deadline: a demo, no more.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/base/options.h>
#include <mot/base/stop.h>

#include "cli/commands.h"

#define REQUEST_MAX 8192
#define DEADLINE_MS 2000

static int open_port(int port, struct err *err)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 64) != 0) {
        err_set(err, ERR_TRANSIENT, "cannot listen on port %d: %s", port, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

/* Until the empty line, the deadline or the limit. */
static bool read_request(int fd, char *text, size_t size)
{
    size_t len = 0;
    int64_t deadline = clock_ms() + DEADLINE_MS;
    while (len < size - 1) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - clock_ms();
        if (left <= 0 || poll(&wait, 1, (int)left) <= 0)
            return false;
        ssize_t n = recv(fd, text + len, size - 1 - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        text[len] = '\0';
        if (strstr(text, "\r\n\r\n"))
            return true;
    }
    return false;
}

static void answer(int fd, const char *message)
{
    char request[REQUEST_MAX];
    if (!read_request(fd, request, sizeof(request)))
        return;
    struct buf body;
    struct buf text;
    buf_init(&body, REQUEST_MAX);
    buf_init(&text, (size_t)2 * REQUEST_MAX);
    bool is_get = strncmp(request, "GET ", 4) == 0;
    if (is_get)
        buf_addf(&body, "%s from pid %d\n", message, (int)getpid());
    else
        buf_adds(&body, "only GET\n");
    buf_addf(&text,
             "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: "
             "close\r\n\r\n",
             is_get ? "200 OK" : "405 Method Not Allowed", body.len);
    buf_add(&text, body.data, body.len);
    if (!buf_failed(&text))
        (void)!send(fd, text.data, text.len, MSG_NOSIGNAL);
    buf_release(&body);
    buf_release(&text);
}

static void serve(int listener, const char *message)
{
    struct pollfd fds[] = {{.fd = stop_fd(), .events = POLLIN}, {.fd = listener, .events = POLLIN}};
    while (!stop_requested()) {
        if (poll(fds, MOT_ARRAY_SIZE(fds), -1) <= 0 || fds[0].revents)
            continue;
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        answer(fd, message);
        close(fd);
    }
}

int demo_server_main(int argc, char **argv)
{
    static struct {
        int port;
        const char *message;
    } settings = {.message = "hello"};
    const char *given = getenv("PORT");
    settings.port = given ? (int)strtol(given, NULL, 10) : 0;
    const struct option_spec options[] = {
        {"port", "N", OPTION_INT, &settings.port, "the port on 127.0.0.1 (default $PORT)"},
        {"message", "TEXT", OPTION_STRING, &settings.message, "what to answer (default hello)"},
        {0}};
    const struct command_spec command = {
        .name = "mot demo-server",
        .summary = "Runs a small HTTP server: something to deploy that every machine has.",
        .options = options};
    struct err err = {0};
    int args = 0;
    int rc = options_parse(&command, argc, argv, &args, &err);
    if (rc > 0)
        return 0;
    if (rc == 0 && (settings.port < 1 || settings.port > 65535))
        rc = err_set(&err, ERR_INVALID, "--port must be between 1 and 65535, or PORT be set");
    stop_install();
    int listener = rc == 0 ? open_port(settings.port, &err) : -1;
    if (listener < 0) {
        fprintf(stderr, "mot demo-server: %s\n", err.message);
        return 1;
    }
    serve(listener, settings.message);
    close(listener);
    return 0;
}
