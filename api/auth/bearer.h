/* Where a request carries its bearer token. */
#ifndef MOT_API_AUTH_BEARER_H
#define MOT_API_AUTH_BEARER_H

#include "../http/server.h"

/* Of browsers, which can't set headers on a WebSocket handshake; what follows is the token in
 * base64url. */
#define BEARER_PROTOCOL "base64url.bearer.authorization.k8s.io."

/*
 * *ret_token: from "Authorization: Bearer", or else from the sub-protocols of a WebSocket
 * handshake, where another one must stand beside it that can be echoed; NULL when the request has
 * neither. free() it. -1: there are credentials of another sort, or broken ones.
 */
int bearer_find(const struct http_request *request, char **ret_token,
                struct err *err) MOT_NODISCARD;

#endif
