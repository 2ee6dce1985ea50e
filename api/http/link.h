/* One raw socket of libwebsockets with its flow control; shared by loop.c and websocket.c. */
#ifndef MOT_API_HTTP_LINK_H
#define MOT_API_HTTP_LINK_H

#include <stdbool.h>

#include <libwebsockets.h>

#include "connection.h"
#include "tls.h"

struct link {
    struct lws *wsi;
    struct connection *connection; /* NULL for the near end of a bridge */
    struct bridge *bridge;
    struct tls_session *tls; /* NULL: plain */
    bool touched;            /* bytes of the peer have come */
    bool receive;            /* wanted */
    bool blocked;            /* lws keeps bytes that the socket did not take */
    bool receiving;
};

struct loop {
    struct http_server *server;
    struct ev_loop *ev;
    struct ev_timer *timer;
    struct ev_prepare *prepare;
    int64_t timer_at_ms;
    int64_t nudged_ms;
    int64_t judged_ms; /* when the peers of streams were looked at */
    uint64_t judged;   /* and by which authorities */
    struct lws_context *context;
    struct lws_vhost *front; /* listens */
    struct lws_vhost *ws;    /* only adopts */
    struct tls *tls;         /* NULL: plain HTTP */
    struct buf plain;        /* scratch of one callback */
    struct buf cipher;       /* scratch of one write */
    size_t descriptors;
    size_t websockets;
};

int link_write(struct link *link, char *data, size_t len) MOT_NODISCARD;
/* To be called in WRITEABLE. */
void link_unblocked(struct link *link);
void link_receive(struct link *link, bool on);
/* Ends with RAW_CLOSE, at once or, when lws keeps bytes, in the next turn. */
void link_kill(struct link *link);
/* For a callback that is about to return -1: so that kept bytes don't keep it open. */
void link_drop(struct link *link);

int websocket_near_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                            size_t len);
int websocket_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                       size_t len);

#endif
