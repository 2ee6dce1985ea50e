/*
 * The event loop: libwebsockets on libev. Connections are its raw-skt role, because its HTTP role
 * in the versions that distributions ship must not see untrusted input; TLS lies between that and
 * the connections. Three habits of 4.1.6 shape this file:
 *
 *  - While lws keeps bytes that a socket did not take, it does not read that socket; a peer that
 *    sends meanwhile would make the loop spin. So receiving is off as long as a link is blocked.
 *  - Closing such a socket waits for the bytes to go. link_drop() shuts it down first.
 *  - Its libev plugin never moves an armed timer forward. So deadlines have a timer of our own in
 *    the same libev loop. It also wakes lws now and then while there are WebSockets: the timeout of
 *    a close that the peer does not answer would be late by half a minute.
 */
#include "loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>

#include "link.h"

#define PACKET_MAX           ((size_t)128 * 1024)
#define RECEIVE_MAX          ((unsigned)64 * 1024)
#define PLAIN_MAX            ((size_t)256 * 1024) /* of one receive */
#define DESCRIPTORS_RESERVED ((size_t)64)
#define NUDGE_MS             1000
#define JUDGE_MS             1000
#define OVER_LIMIT_MAX       ((size_t)256) /* connections that are only told that there are too many */

/* ------------------------------------------------------------------------ links */

static void apply_receive(struct link *link)
{
    bool on = link->receive && !link->blocked;
    if (on == link->receiving)
        return;
    link->receiving = on;
    lws_rx_flow_control(link->wsi, on ? 1 : 0);
}

int link_write(struct link *link, char *data, size_t len)
{
    if (lws_write(link->wsi, (unsigned char *)data, len, LWS_WRITE_RAW) < 0)
        return -1;
    link->blocked = lws_partial_buffered(link->wsi) != 0;
    apply_receive(link);
    return 0;
}

void link_unblocked(struct link *link)
{
    link->blocked = lws_partial_buffered(link->wsi) != 0;
    apply_receive(link);
}

void link_receive(struct link *link, bool on)
{
    link->receive = on;
    apply_receive(link);
}

void link_drop(struct link *link)
{
    if (!lws_partial_buffered(link->wsi))
        return;
    int fd = lws_get_socket_fd(link->wsi);
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    shutdown(fd, SHUT_RDWR);
}

void link_kill(struct link *link)
{
    link_drop(link);
    lws_set_timeout(link->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
}

/* ------------------------------------------------------------------------ TLS */

static struct loop *loop_of(const struct link *link)
{
    return lws_context_user(lws_get_context(link->wsi));
}

/* What TLS has for the peer. The scratch is free again afterwards. */
static int write_cipher(struct link *link, struct buf *cipher)
{
    int result = buf_failed(cipher) ? -1 : 0;
    if (result == 0 && cipher->len > 0)
        result = link_write(link, cipher->data, cipher->len);
    buf_clear(cipher);
    return result;
}

static int write_plain(struct link *link, const char *data, size_t len)
{
    struct buf *cipher = &loop_of(link)->cipher;
    if (tls_session_send(link->tls, data, len, cipher) < 0) {
        buf_clear(cipher);
        return -1;
    }
    return write_cipher(link, cipher);
}

/* Before the end of the socket, as far as it takes bytes: without it the peer can't know that
 * nothing is missing. */
static void say_goodbye(struct link *link)
{
    struct buf *cipher = &loop_of(link)->cipher;
    if (!link->tls || link->blocked)
        return;
    tls_session_close(link->tls, cipher);
    if (write_cipher(link, cipher) < 0)
        link->connection->doomed = true;
}

/* The answer of other HTTPS servers to those who speak HTTP to them. */
static void refuse_plain(struct link *link)
{
    char text[] = "HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\n"
                  "Client sent an HTTP request to an HTTPS server.\n";
    int ignored = link_write(link, text, sizeof(text) - 1);
    (void)ignored;
    link->connection->doomed = true;
    connection_report(link->connection, 400, "Client sent an HTTP request to an HTTPS server.");
}

/* A connection may live for months: an authority that is taken away meanwhile vouches for nobody.
 */
static void judge_again(struct loop *loop, struct link *link)
{
    tls_refresh(loop->tls, clock_ms());
    struct certificate *certificate = tls_session_judge(loop->tls, link->tls);
    if (certificate)
        connection_judged(link->connection, certificate);
}

static void receive_cipher(struct loop *loop, struct link *link, const char *data, size_t len)
{
    struct connection *connection = link->connection;
    bool begun = tls_session_established(link->tls);
    int result = tls_session_receive(link->tls, data, len, &loop->plain, &loop->cipher);
    if (write_cipher(link, &loop->cipher) < 0)
        result = -1;
    if (!begun && tls_session_established(link->tls))
        connection_secured(connection, tls_session_certificate(link->tls));
    judge_again(loop, link);
    if (loop->plain.len > 0)
        connection_received(connection, loop->plain.data, loop->plain.len);
    buf_clear(&loop->plain);
    if (result < 0)
        connection->doomed = true;
    else if (result > 0)
        connection_ended(connection);
}

static void received(struct loop *loop, struct link *link, const char *data, size_t len)
{
    bool first = !link->touched;
    link->touched = true;
    if (!link->tls)
        connection_received(link->connection, data, len);
    else if (first && len > 0 && data[0] >= 'A' && data[0] <= 'Z')
        refuse_plain(link);
    else
        receive_cipher(loop, link, data, len);
}

/* ------------------------------------------------------------------------ what connections ask for
 */

int io_write(struct connection *connection, char *data, size_t len)
{
    struct link *link = connection->link;
    return link->tls ? write_plain(link, data, len) : link_write(link, data, len);
}

bool io_blocked(const struct connection *connection)
{
    const struct link *link = connection->link;
    return link->blocked;
}

void io_want_write(struct connection *connection)
{
    struct link *link = connection->link;
    lws_callback_on_writable(link->wsi);
}

void io_receive(struct connection *connection, bool on)
{
    link_receive(connection->link, on);
}

void io_shutdown_write(struct connection *connection)
{
    struct link *link = connection->link;
    say_goodbye(link);
    shutdown(lws_get_socket_fd(link->wsi), SHUT_WR);
}

void io_settle(struct connection *connection)
{
    if (!connection->doomed)
        return;
    say_goodbye(connection->link);
    link_kill(connection->link);
}

/* ------------------------------------------------------------------------ events */

/* "127.0.0.1:40312", also of a peer that comes by IPv4 to a socket of IPv6, or "[::1]:40312". */
static void peer_name(struct lws *wsi, char *text, size_t size)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
    socklen_t len = sizeof(address);
    char ip[INET6_ADDRSTRLEN] = "?";
    (void)getpeername(lws_get_socket_fd(wsi), &address.any, &len);
    if (address.any.sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr)) {
        inet_ntop(AF_INET6, &address.v6.sin6_addr, ip, sizeof(ip));
        snprintf(text, size, "[%s]:%d", ip, ntohs(address.v6.sin6_port));
        return;
    }
    bool mapped = address.any.sa_family == AF_INET6;
    if (mapped)
        inet_ntop(AF_INET, &address.v6.sin6_addr.s6_addr[12], ip, sizeof(ip));
    else if (address.any.sa_family == AF_INET)
        inet_ntop(AF_INET, &address.v4.sin_addr, ip, sizeof(ip));
    snprintf(text, size, "%s:%d", ip, ntohs(mapped ? address.v6.sin6_port : address.v4.sin_port));
}

static int on_connect(struct loop *loop, struct lws *wsi)
{
    char peer[64];
    struct link *link = mem_zalloc(sizeof(*link));
    link->wsi = wsi;
    link->receive = link->receiving = true;
    lws_set_opaque_user_data(wsi, link);
    peer_name(wsi, peer, sizeof(peer));
    const char *unwelcome = loop->server->stopping      ? "the server is stopping"
                            : server_full(loop->server) ? "too many open connections"
                                                        : NULL;
    link->connection = connection_new(loop->server, link, peer, loop->tls != NULL);
    link->connection->unwelcome = unwelcome;
    if (loop->tls) {
        tls_refresh(loop->tls, clock_ms());
        link->tls = tls_session_new(loop->tls);
        link->connection->doomed = !link->tls;
    } else if (unwelcome) {
        connection_refuse(link->connection, 503, unwelcome);
    }
    return link->connection->doomed ? -1 : 0;
}

static void on_close(struct link *link)
{
    connection_free(link->connection);
    tls_session_free(link->tls);
    free(link);
}

static int result(struct link *link)
{
    if (!link->connection->doomed)
        return 0;
    say_goodbye(link);
    link_drop(link);
    return -1;
}

static int front_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                          size_t len)
{
    (void)user;
    struct loop *loop = lws_context_user(lws_get_context(wsi));
    struct link *link = lws_get_opaque_user_data(wsi);
    switch ((int)reason) {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return atomic_load(&loop->server->connection_count) >=
               loop->server->options.connections_max + OVER_LIMIT_MAX;
    case LWS_CALLBACK_RAW_ADOPT:
        return on_connect(loop, wsi);
    case LWS_CALLBACK_RAW_RX:
        received(loop, link, in, len);
        return result(link);
    case LWS_CALLBACK_RAW_WRITEABLE:
        link_unblocked(link);
        connection_writable(link->connection);
        return result(link);
    case LWS_CALLBACK_RAW_CLOSE:
        if (link) {
            lws_set_opaque_user_data(wsi, NULL);
            on_close(link);
        }
        return 0;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        server_on_wake(loop->server);
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols front_protocols[] = {
    {.name = "front", .callback = front_callback, .tx_packet_size = PACKET_MAX},
    {.name = "near", .callback = websocket_near_callback, .tx_packet_size = PACKET_MAX},
    {0},
};

static const struct lws_protocols ws_protocols[] = {
    {.name = "ws",
     .callback = websocket_callback,
     .rx_buffer_size = 1024,
     .tx_packet_size = PACKET_MAX},
    {0},
};

/* ------------------------------------------------------------------------ timer */

/* Peers of answers that go on may send nothing for hours: these are looked at by the clock. */
static bool must_judge(const struct loop *loop)
{
    const struct http_server *server = loop->server;
    return server->options.tls.client_authorities && loop->tls &&
           atomic_load(&server->stream_count) > 0;
}

static void judge_streams(struct loop *loop, int64_t now_ms)
{
    loop->judged_ms = now_ms;
    tls_refresh(loop->tls, now_ms);
    if (tls_authorities(loop->tls) == loop->judged)
        return;
    loop->judged = tls_authorities(loop->tls);
    for (struct connection *c = loop->server->connections; c; c = c->next)
        if (c->stream || c->job)
            judge_again(loop, c->link);
}

static void on_timer(struct ev_loop *ev, struct ev_timer *timer, int events)
{
    (void)ev;
    (void)events;
    struct loop *loop = timer->data;
    loop->timer_at_ms = -1;
    server_on_timer(loop->server);
    if (loop->websockets > 0 && clock_ms() >= loop->nudged_ms + NUDGE_MS) {
        loop->nudged_ms = clock_ms();
        lws_cancel_service(loop->context);
    }
    if (must_judge(loop) && clock_ms() >= loop->judged_ms + JUDGE_MS)
        judge_streams(loop, clock_ms());
}

/* Before each wait: ends the loop, or makes the timer ring for the next deadline. One that rings
 * too early does no harm. */
static void on_prepare(struct ev_loop *ev, struct ev_prepare *prepare, int events)
{
    (void)events;
    struct loop *loop = prepare->data;
    struct http_server *server = loop->server;
    if (server_finished(server)) {
        ev_break(ev, EVBREAK_ALL);
        return;
    }
    int64_t next = deadline_next(&server->deadlines);
    if (server->stopping && (next < 0 || server->stop_at_ms < next))
        next = server->stop_at_ms;
    if (loop->websockets > 0 && (next < 0 || loop->nudged_ms + NUDGE_MS < next))
        next = loop->nudged_ms + NUDGE_MS;
    if (must_judge(loop) && (next < 0 || loop->judged_ms + JUDGE_MS < next))
        next = loop->judged_ms + JUDGE_MS;
    if (next < 0 || (loop->timer_at_ms >= 0 && loop->timer_at_ms <= next))
        return;
    int64_t wait = next - clock_ms();
    ev_timer_stop(ev, loop->timer);
    ev_timer_set(loop->timer, wait > 0 ? (double)(wait + 1) / 1000.0 : 0.0, 0.0);
    ev_timer_start(ev, loop->timer);
    loop->timer_at_ms = next;
}

/* ------------------------------------------------------------------------ life */

static void log_line(int level, const char *line)
{
    AUTO_FREE char *text = mem_strndup(line, strcspn(line, "\n"));
    if (level == LLL_ERR)
        log_warn("libwebsockets", LOG_S("text", text));
    else
        log_debug("libwebsockets", LOG_S("text", text));
}

/* lws sizes its tables by this limit when the context is created. */
static size_t raise_descriptors(size_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 1024;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur == RLIM_INFINITY ? SIZE_MAX : (size_t)limit.rlim_cur;
}

/* With IPv6 on, lws takes an IPv4 address for any address. "::" is for IPv4, too, whatever the
 * system's default. */
static uint64_t family_options(const struct loop *loop)
{
    return strchr(loop->server->address, ':') ? LWS_SERVER_OPTION_IPV6_V6ONLY_MODIFY
                                              : LWS_SERVER_OPTION_DISABLE_IPV6;
}

static int create_context(struct loop *loop, struct err *err)
{
    void *foreign[] = {loop->ev};
    struct lws_context_creation_info info = {0};
    info.options =
        LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS | family_options(loop);
    info.foreign_loops = foreign;
    info.pt_serv_buf_size = RECEIVE_MAX;
    info.user = loop;
    info.gid = -1;
    info.uid = -1;
    loop->context = lws_create_context(&info);
    if (!loop->context)
        return err_set(err, ERR_INTERNAL,
                       "libwebsockets can't be started (is its libev plugin installed?)");
    return 0;
}

static int create_vhosts(struct loop *loop, struct err *err)
{
    const struct http_server *server = loop->server;
    struct lws_context_creation_info info = {0};
    info.options = LWS_SERVER_OPTION_ADOPT_APPLY_LISTEN_ACCEPT_CONFIG | family_options(loop);
    info.vhost_name = "front";
    info.port = server->options.port;
    info.iface = server->address;
    info.protocols = front_protocols;
    info.listen_accept_role = "raw-skt";
    info.listen_accept_protocol = "front";
    info.ka_time = 60;
    info.ka_interval = 15;
    info.ka_probes = 4;
    loop->front = lws_create_vhost(loop->context, &info);
    if (!loop->front || lws_get_vhost_listen_port(loop->front) <= 0)
        return err_set(err, ERR_TRANSIENT,
                       strchr(server->address, ':') ? "can't listen on [%s]:%d"
                                                    : "can't listen on %s:%d",
                       server->address, server->options.port);
    struct lws_context_creation_info inner = {0};
    inner.options = LWS_SERVER_OPTION_DISABLE_IPV6;
    inner.vhost_name = "ws";
    inner.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    inner.protocols = ws_protocols;
    loop->ws = lws_create_vhost(loop->context, &inner);
    if (!loop->ws)
        return err_set(err, ERR_INTERNAL, "libwebsockets refuses the WebSocket vhost");
    return 0;
}

struct loop *loop_new(struct http_server *server, struct err *err)
{
    struct loop *loop = mem_zalloc(sizeof(*loop));
    lws_set_log_level(LLL_ERR, log_line);
    loop->server = server;
    buf_init(&loop->plain, PLAIN_MAX);
    buf_init(&loop->cipher, PACKET_MAX);
    loop->descriptors = raise_descriptors(server->options.connections_max + OVER_LIMIT_MAX + 2048);
    loop->timer_at_ms = -1;
    loop->timer = mem_zalloc(sizeof(*loop->timer));
    loop->prepare = mem_zalloc(sizeof(*loop->prepare));
    loop->ev = ev_loop_new(EVFLAG_AUTO);
    if (!loop->ev) {
        err_set(err, ERR_INTERNAL, "libev has no usable backend");
        loop_free(loop);
        return NULL;
    }
    ev_timer_init(loop->timer, on_timer, 0.0, 0.0);
    loop->timer->data = loop;
    ev_prepare_init(loop->prepare, on_prepare);
    loop->prepare->data = loop;
    ev_prepare_start(loop->ev, loop->prepare);
    if (server->options.tls.certificate)
        loop->tls = tls_new(&server->options.tls, err);
    if ((server->options.tls.certificate && !loop->tls) || create_context(loop, err) ||
        create_vhosts(loop, err)) {
        loop_free(loop);
        return NULL;
    }
    return loop;
}

void loop_run(struct loop *loop)
{
    ev_run(loop->ev, 0);
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    if (loop->context)
        lws_context_destroy(loop->context);
    if (loop->ev) {
        ev_timer_stop(loop->ev, loop->timer);
        ev_prepare_stop(loop->ev, loop->prepare);
        ev_loop_destroy(loop->ev);
    }
    tls_free(loop->tls);
    buf_release(&loop->plain);
    buf_release(&loop->cipher);
    free(loop->timer);
    free(loop->prepare);
    free(loop);
}

int loop_port(const struct loop *loop)
{
    return lws_get_vhost_listen_port(loop->front);
}

size_t loop_descriptors(const struct loop *loop)
{
    size_t used = DESCRIPTORS_RESERVED + loop->websockets * 2;
    return loop->descriptors > used ? loop->descriptors - used : 0;
}

void loop_wake(struct loop *loop)
{
    lws_cancel_service(loop->context);
}
