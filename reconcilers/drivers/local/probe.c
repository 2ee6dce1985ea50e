/*
 * A try connects, sends one request and reads the status line. Until a readiness probe passes for
 * the first time it tries often, so that a start is seen when it happens, not a period later.
 */
#include "probe.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mot/base/buf.h>
#include <mot/base/clock.h>

#define FIRST_INTERVAL_MS 20
#define FAST_INTERVAL_MS  250
#define DRAIN_MAX         65536u

bool reactor_watch(struct reactor *reactor, struct source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(reactor->epoll, EPOLL_CTL_ADD, source->fd, &event) == 0 ||
           (errno == EEXIST && epoll_ctl(reactor->epoll, EPOLL_CTL_MOD, source->fd, &event) == 0);
}

void reactor_close(struct reactor *reactor, struct source *source)
{
    if (source->fd < 0)
        return;
    epoll_ctl(reactor->epoll, EPOLL_CTL_DEL, source->fd, NULL);
    close(source->fd);
    source->fd = -1;
}

const char *probe_name(const struct probe *probe)
{
    return probe->liveness ? "liveness" : "readiness";
}

/* Doubles up to FAST_INTERVAL_MS, then grows by half up to the period. */
static int64_t next_interval(struct probe *probe)
{
    if (probe->liveness || probe->passing)
        return probe->spec->period_ms;
    int64_t interval = probe->interval;
    probe->interval = interval < FAST_INTERVAL_MS ? interval * 2 : interval + interval / 2;
    return interval < probe->spec->period_ms ? interval : probe->spec->period_ms;
}

static bool judge(struct probe *probe, bool ok)
{
    probe->in_a_row = probe->last == ok && probe->in_a_row > 0 ? probe->in_a_row + 1 : 1;
    probe->last = ok;
    int threshold = ok ? probe->spec->success_threshold : probe->spec->failure_threshold;
    if (probe->passing == ok || probe->in_a_row < (threshold > 0 ? threshold : 1))
        return false;
    probe->passing = ok;
    probe->interval = ok ? FIRST_INTERVAL_MS : FAST_INTERVAL_MS;
    return true;
}

static void finish(struct probe *probe, bool ok, const char *message)
{
    bool news = !probe->known || probe->last != ok || strcmp(probe->message, message) != 0;
    if (news) {
        snprintf(probe->message, sizeof(probe->message), "%s", message);
        probe->checked_at = clock_wall_ms();
    }
    probe->known = true;
    news = judge(probe, ok) || news;
    int64_t at = probe->began + next_interval(probe);
    int64_t now = clock_ms();
    if (probe->stage != PROBE_DRAINING) {
        reactor_close(probe->reactor, &probe->source);
        probe->stage = PROBE_WAITING;
    }
    timer_set(&probe->reactor->timers, &probe->timer, at > now ? at : now + 1);
    if (news)
        probe->changed(probe->owner, probe);
}

static bool has_header(const struct workload_probe *spec, const char *name)
{
    for (size_t i = 0; i < spec->header_count; i++) {
        if (strcasecmp(spec->headers[i].name, name) == 0)
            return true;
    }
    return false;
}

static bool send_request(struct probe *probe)
{
    const struct workload_probe *spec = probe->spec;
    struct buf request;
    buf_init(&request, 65536);
    buf_addf(&request, "GET %s%s HTTP/1.1\r\n", *spec->path == '/' ? "" : "/", spec->path);
    if (!has_header(spec, "Host"))
        buf_addf(&request, "Host: 127.0.0.1:%d\r\n", probe->port);
    if (!has_header(spec, "User-Agent"))
        buf_adds(&request, "User-Agent: mot-probe/" MOT_VERSION "\r\n");
    for (size_t i = 0; i < spec->header_count; i++)
        buf_addf(&request, "%s: %s\r\n", spec->headers[i].name, spec->headers[i].value);
    buf_adds(&request, "Connection: close\r\n\r\n");
    /* A fresh socket's buffer holds it. */
    ssize_t n = send(probe->source.fd, request.data, request.len, MSG_NOSIGNAL);
    bool ok = n == (ssize_t)request.len;
    buf_release(&request);
    return ok;
}

static void connected(struct probe *probe)
{
    int number = 0;
    socklen_t len = sizeof(number);
    getsockopt(probe->source.fd, SOL_SOCKET, SO_ERROR, &number, &len);
    if (number != 0) {
        char text[48];
        finish(probe, false, strerror_r(number, text, sizeof(text)));
    } else if (probe->spec->type == PROBE_TCP) {
        finish(probe, true, "connected");
    } else if (!send_request(probe)) {
        finish(probe, false, "the request could not be sent");
    } else {
        probe->stage = PROBE_READING;
        reactor_watch(probe->reactor, &probe->source, EPOLLIN);
    }
}

/* Once "HTTP/1.1 200" is there. The rest is read and dropped: closing early would look like a fault
 * to the server. */
static void answered(struct probe *probe)
{
    char message[32];
    bool http = memcmp(probe->head, "HTTP/1.", 7) == 0 && probe->head[8] == ' ';
    long status = http ? strtol(probe->head + 9, NULL, 10) : 0;
    probe->stage = PROBE_DRAINING;
    if (http)
        snprintf(message, sizeof(message), "HTTP %ld", status);
    else
        snprintf(message, sizeof(message), "the answer is not HTTP");
    finish(probe, status >= 200 && status < 400, message);
}

static void stop_draining(struct probe *probe)
{
    reactor_close(probe->reactor, &probe->source);
    probe->stage = PROBE_WAITING;
}

static void receive(struct probe *probe)
{
    char data[4096];
    ssize_t n = recv(probe->source.fd, data, sizeof(data), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (probe->stage == PROBE_DRAINING) {
        probe->received += n > 0 ? (unsigned)n : 0;
        if (n <= 0 || probe->received > DRAIN_MAX)
            stop_draining(probe);
        return;
    }
    if (n <= 0) {
        finish(probe, false, "the connection was closed without an answer");
        return;
    }
    for (ssize_t i = 0; i < n && probe->received < 12; i++)
        probe->head[probe->received++] = data[i];
    if (probe->received >= 12)
        answered(probe);
}

static void on_event(void *owner, uint32_t events)
{
    struct probe *probe = owner;
    (void)events;
    if (probe->source.fd < 0)
        return;
    if (probe->stage == PROBE_CONNECTING)
        connected(probe);
    else
        receive(probe);
}

static void try(struct probe *probe)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)probe->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    stop_draining(probe);
    probe->began = clock_ms();
    probe->received = 0;
    memset(probe->head, 0, sizeof(probe->head));
    probe->source.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe->source.fd < 0) {
        finish(probe, false, "no socket for the probe");
        return;
    }
    if (connect(probe->source.fd, (const struct sockaddr *)&address, sizeof(address)) < 0 &&
        errno != EINPROGRESS) {
        char text[48];
        finish(probe, false, strerror_r(errno, text, sizeof(text)));
        return;
    }
    probe->stage = PROBE_CONNECTING;
    reactor_watch(probe->reactor, &probe->source, EPOLLOUT);
    timer_set(&probe->reactor->timers, &probe->timer, probe->began + probe->spec->timeout_ms);
}

static void on_timer(void *owner)
{
    struct probe *probe = owner;
    if (probe->stage == PROBE_CONNECTING || probe->stage == PROBE_READING) {
        char message[64];
        snprintf(message, sizeof(message), "no answer within %" PRId64 " ms",
                 probe->spec->timeout_ms);
        finish(probe, false, message);
    } else {
        try(probe);
    }
}

void probe_start(struct probe *probe, int64_t now)
{
    probe_stop(probe);
    if (probe->spec->type == PROBE_NONE)
        return;
    probe->source.ready = on_event;
    probe->source.owner = probe;
    probe->timer.due = on_timer;
    probe->timer.owner = probe;
    probe->interval = FIRST_INTERVAL_MS;
    probe->in_a_row = 0;
    probe->known = false;
    probe->passing = probe->liveness;
    probe->message[0] = '\0';
    int64_t delay = probe->spec->initial_delay_ms;
    if (delay == 0 && probe->liveness)
        delay = probe->spec->period_ms; /* what has just been started can't be ill */
    timer_set(&probe->reactor->timers, &probe->timer, now + delay);
}

void probe_stop(struct probe *probe)
{
    timer_clear(&probe->reactor->timers, &probe->timer);
    stop_draining(probe);
}
