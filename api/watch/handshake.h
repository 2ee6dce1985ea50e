/* The rules for WebSocket watches: who may open one, and which sub-protocol is echoed. Pure. */
#ifndef MOT_API_WATCH_HANDSHAKE_H
#define MOT_API_WATCH_HANDSHAKE_H

#include <stdbool.h>

/*
 * A missing Origin is no browser; a loopback one is ours. @host: the Host header, an origin equal
 * to it is fine, too. @allowed (NULL-terminated, or NULL): "https://ui.example", or "*" for all.
 */
bool watch_origin_allowed(const char *origin, const char *host, const char *const *allowed);
/* Of a Host header, with or without a port: localhost, 127.0.0.0/8 or [::1]. */
bool watch_host_is_loopback(const char *host);
/*
 * *ret_protocol: what to echo, NULL for none; free() it. A bearer token that travels as a
 * sub-protocol is left out. A single one is echoed whatever it is; of several the first one that
 * Kubernetes knows, for that is what the frames are then (text, with all of them). False when it
 * knows none.
 */
bool watch_protocol(const char *offered, char **ret_protocol);

#endif
