/* The WebSocket handshake (RFC 6455, section 4.2.1), checked before libwebsockets sees anything of
 * it. */
#ifndef MOT_API_HTTP_HANDSHAKE_H
#define MOT_API_HTTP_HANDSHAKE_H

#include "reader.h"

/*
 * Sets request.websocket and websocket_key when @message asks for a WebSocket, and does nothing
 * when it does not. -1 with
 * @fault when it asks wrongly.
 */
int handshake_check(struct message *message, struct fault *fault) MOT_NODISCARD;
/* A token that may be sent back in Sec-WebSocket-Protocol. */
bool handshake_protocol_valid(const char *protocol);

#endif
