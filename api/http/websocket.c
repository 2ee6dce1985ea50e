/*
 * A WebSocket is a connection of ours (HTTP is read by us, and refused by us), a pair of sockets,
 * and a wsi of libwebsockets' ws role at the far end:
 *
 *     peer ═ connection ─ near ═══ socketpair ═══ wsi (ws role) ─ stream
 *
 * lws sees a handshake of ours with nothing of the client's in it but the validated key. Flow
 * control works in both directions: a socket that takes nothing stops the reading at the other end.
 */
#include "link.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#define CLIENT_MESSAGE_MAX ((size_t)64 * 1024)
#define STREAM_FILL        ((size_t)32 * 1024)

struct bridge {
    struct loop *loop;
    struct connection *connection; /* NULL once it is gone */
    struct link near;              /* wsi NULL once it is gone */
    struct lws *ws;                /* NULL once it is gone */
    struct buf input;              /* for near */
    struct buf frames;
    char *headers; /* of the 101, until it is sent */
    bool established;
    bool in_near;   /* a callback of near is running: it closes by its result */
    bool too_large; /* the client's message was */
    bool ping_due;
    bool ping_unanswered;
    size_t message; /* bytes of the client's message so far */
};

static void free_if_done(struct bridge *bridge)
{
    if (bridge->connection || bridge->near.wsi || bridge->ws)
        return;
    bridge->loop->websockets--;
    buf_release(&bridge->input);
    buf_release(&bridge->frames);
    free(bridge->headers);
    free(bridge);
}

static struct link *front_of(struct bridge *bridge)
{
    return bridge->connection->link;
}

/* Sends on what waits for the near end; the peer is not read while something waits. */
static void push_input(struct bridge *bridge)
{
    if (bridge->near.wsi && bridge->input.len > 0 && !bridge->near.blocked) {
        if (link_write(&bridge->near, bridge->input.data, bridge->input.len))
            bridge->connection->doomed = true;
        buf_release(&bridge->input);
    }
    link_receive(front_of(bridge), !bridge->near.blocked && bridge->input.len == 0);
}

struct bridge *bridge_open(struct connection *connection, const char *key, const char *protocol,
                           const char *headers)
{
    int pair[2];
    struct link *front = connection->link;
    struct loop *loop = lws_context_user(lws_get_context(front->wsi));
    if (loop_descriptors(loop) < atomic_load(&loop->server->connection_count) + 2 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair))
        return NULL;
    struct bridge *bridge = mem_zalloc(sizeof(*bridge));
    bridge->loop = loop;
    bridge->connection = connection;
    bridge->near.bridge = bridge;
    bridge->near.receive = bridge->near.receiving = true;
    buf_init(&bridge->input, (size_t)1 << 20);
    buf_init(&bridge->frames, SIZE_MAX / 2);
    loop->websockets++;
    bridge->headers =
        protocol ? mem_printf("Sec-WebSocket-Protocol: %s\r\n%s", protocol, headers ? headers : "")
                 : mem_strdup(headers);
    lws_adopt_desc_t far = {.vh = loop->ws,
                            .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP,
                            .fd.sockfd = pair[1],
                            .opaque = bridge};
    bridge->ws = lws_adopt_descriptor_vhost_via_info(&far);
    lws_adopt_desc_t near = {.vh = loop->front,
                             .type = LWS_ADOPT_SOCKET,
                             .fd.sockfd = pair[0],
                             .vh_prot_name = "near",
                             .opaque = bridge};
    bridge->near.wsi = lws_adopt_descriptor_vhost_via_info(&near);
    if (!bridge->ws || !bridge->near.wsi) {
        bridge_close(bridge);
        return NULL;
    }
    buf_addf(&bridge->input,
             "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
             key);
    push_input(bridge);
    return bridge;
}

void bridge_input(struct bridge *bridge, const char *data, size_t len)
{
    buf_add(&bridge->input, data, len);
    push_input(bridge);
}

void bridge_resume(struct bridge *bridge)
{
    if (bridge->near.wsi)
        link_receive(&bridge->near, true);
}

void bridge_work(struct bridge *bridge)
{
    if (bridge->ws && bridge->established)
        lws_callback_on_writable(bridge->ws);
}

int bridge_ping(struct bridge *bridge)
{
    if (bridge->ping_unanswered || !bridge->established)
        return -1;
    bridge->ping_due = bridge->ping_unanswered = true;
    bridge_work(bridge);
    return 0;
}

void bridge_close(struct bridge *bridge)
{
    bridge->connection = NULL;
    /* The far end sees the end of its socket and closes by itself. */
    if (!bridge->near.wsi)
        free_if_done(bridge);
    else if (!bridge->in_near)
        link_kill(&bridge->near);
}

/* ------------------------------------------------------------------------ near end */

static int near_received(struct bridge *bridge, const char *data, size_t len)
{
    if (!bridge->connection)
        return -1;
    bridge->in_near = true;
    connection_bridge_output(bridge->connection, data, len);
    if (!bridge->connection->doomed && io_blocked(bridge->connection))
        link_receive(&bridge->near, false);
    io_settle(bridge->connection);
    bridge->in_near = false;
    if (bridge->connection)
        return 0;
    link_drop(&bridge->near);
    return -1;
}

static int near_writable(struct bridge *bridge)
{
    link_unblocked(&bridge->near);
    if (!bridge->connection)
        return -1;
    push_input(bridge);
    return 0;
}

static void near_closed(struct bridge *bridge)
{
    bridge->near.wsi = NULL;
    struct connection *connection = bridge->connection;
    if (!connection) {
        free_if_done(bridge);
        return;
    }
    connection_bridge_ended(connection);
    io_settle(connection);
}

int websocket_near_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                            size_t len)
{
    (void)user;
    struct bridge *bridge = lws_get_opaque_user_data(wsi);
    switch ((int)reason) {
    case LWS_CALLBACK_RAW_RX:
        return near_received(bridge, in, len);
    case LWS_CALLBACK_RAW_WRITEABLE:
        return near_writable(bridge);
    case LWS_CALLBACK_RAW_CLOSE:
        lws_set_opaque_user_data(wsi, NULL);
        if (bridge)
            near_closed(bridge);
        return 0;
    default:
        return 0;
    }
}

/* ------------------------------------------------------------------------ ws role */

static int add_headers(struct bridge *bridge, struct lws_process_html_args *args)
{
    size_t len = strlen(bridge->headers);
    if (len >= (size_t)args->max_len)
        return 1;
    memcpy(args->p, bridge->headers, len);
    args->p += len;
    return 0;
}

/* With a close frame; the peer has a while to answer it. Returns -1 for the callback to return. */
static int close_politely(struct bridge *bridge, enum lws_close_status status)
{
    if (bridge->connection)
        deadline_set(&bridge->loop->server->deadlines, &bridge->connection->deadline,
                     DEADLINE_LINGER, clock_ms());
    lws_close_reason(bridge->ws, status, NULL, 0);
    return -1;
}

/* Frames go out as they would through lws_write(…, LWS_WRITE_TEXT), but several at once. */
static int ws_writable(struct bridge *bridge)
{
    unsigned char ping[LWS_PRE + 8];
    struct connection *connection = bridge->connection;
    if (!connection || !connection->stream)
        return -1;
    /* lws has said goodbye to a peer that broke the protocol: nothing may follow that. */
    if (lws_get_close_length(bridge->ws) > 0)
        return 0;
    if (bridge->too_large)
        return close_politely(bridge, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE);
    if (bridge->ping_due) {
        bridge->ping_due = false;
        lws_callback_on_writable(bridge->ws);
        return lws_write(bridge->ws, ping + LWS_PRE, 0, LWS_WRITE_PING) < 0 ? -1 : 0;
    }
    stream_fill(connection->stream, &bridge->frames, STREAM_FILL, STREAM_WEBSOCKET);
    if (bridge->frames.len > 0) {
        int written = lws_write(bridge->ws, (unsigned char *)bridge->frames.data,
                                bridge->frames.len, LWS_WRITE_RAW);
        buf_release(&bridge->frames);
        if (written < 0)
            return -1;
        lws_callback_on_writable(bridge->ws);
        return 0;
    }
    if (stream_ended(connection->stream)) {
        return close_politely(bridge, LWS_CLOSE_STATUS_NORMAL);
    }
    return 0;
}

/*
 * What clients send is of no interest, but it must have an end. The close is said in the next turn:
 * said here, lws would drop the rest of what it has read, take what comes behind that for frames,
 * and break off without a close frame.
 */
static void ws_received(struct bridge *bridge, size_t len)
{
    bridge->message = lws_is_first_fragment(bridge->ws) ? len : bridge->message + len;
    if (bridge->message + lws_remaining_packet_payload(bridge->ws) > CLIENT_MESSAGE_MAX)
        bridge->too_large = true;
    if (bridge->too_large)
        lws_callback_on_writable(bridge->ws);
}

int websocket_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                       size_t len)
{
    (void)user;
    struct bridge *bridge = lws_get_opaque_user_data(wsi);
    if (!bridge)
        return 0;
    switch ((int)reason) {
    case LWS_CALLBACK_ADD_HEADERS:
        return add_headers(bridge, in);
    case LWS_CALLBACK_ESTABLISHED:
        bridge->established = true;
        bridge_work(bridge);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return ws_writable(bridge);
    case LWS_CALLBACK_RECEIVE:
        ws_received(bridge, len);
        return 0;
    case LWS_CALLBACK_RECEIVE_PONG:
        bridge->ping_unanswered = false;
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        if (bridge->ws == wsi) {
            bridge->ws = NULL;
            free_if_done(bridge);
        }
        return 0;
    default:
        return 0;
    }
}
