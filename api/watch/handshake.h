/* The rules for WebSocket watches: who may open one, and which sub-protocol is echoed. Pure. */
#ifndef MOT_API_WATCH_HANDSHAKE_H
#define MOT_API_WATCH_HANDSHAKE_H

#include <stdbool.h>

/* A missing Origin is no browser; a loopback one is ours. @host: the Host header, an origin equal
 * to it is fine, too. */
bool watch_origin_allowed(const char *origin, const char *host);
/*
 * *ret_protocol: what to echo, NULL for none; free() it. A bearer token that travels as a
 * sub-protocol is left out. False when more than one is left: nobody can know which one the client
 * means.
 */
bool watch_protocol(const char *offered, char **ret_protocol);

#endif
