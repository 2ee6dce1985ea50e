#include "handshake.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define PROTOCOLS_MAX ((size_t)32 * 1024)
#define PROTOCOL_MAX  ((size_t)256)
#define KEY_LEN       ((size_t)24)

static int refuse(struct fault *fault, int status, const char *message)
{
    *fault = (struct fault){status, message};
    return -1;
}

static size_t header_count(const struct http_request *request, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < request->header_count; i++)
        count += strcmp(request->headers[i].name, name) == 0;
    return count;
}

/* In any of the headers of that name. */
static bool has_token(const struct http_request *request, const char *name, const char *token)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcmp(request->headers[i].name, name) == 0 &&
            reader_has_token(request->headers[i].value, token))
            return true;
    }
    return false;
}

/* 16 bytes in base64: 22 digits and "==". */
static bool key_valid(const char *key)
{
    if (!key || strlen(key) != KEY_LEN || strcmp(key + KEY_LEN - 2, "==") != 0)
        return false;
    for (size_t i = 0; i < KEY_LEN - 2; i++) {
        if (!isalnum((unsigned char)key[i]) && key[i] != '+' && key[i] != '/')
            return false;
    }
    return true;
}

static bool token_byte(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

bool handshake_protocol_valid(const char *protocol)
{
    size_t len = strlen(protocol);
    if (len == 0 || len > PROTOCOL_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!token_byte(protocol[i]))
            return false;
    }
    return true;
}

/* Tokens, commas and blanks; empty elements are allowed in any list. */
static bool protocols_valid(const struct http_request *request)
{
    size_t total = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcmp(request->headers[i].name, "sec-websocket-protocol") != 0)
            continue;
        const char *value = request->headers[i].value;
        total += strlen(value);
        for (; *value; value++) {
            /* '=' is no token character, but padding of bearer tokens in base64 is seen in the
             * wild. */
            if (!token_byte(*value) && !strchr(", \t=", *value))
                return false;
        }
    }
    return total <= PROTOCOLS_MAX;
}

int handshake_check(struct message *message, struct fault *fault)
{
    struct http_request *request = &message->request;
    if (!has_token(request, "upgrade", "websocket"))
        return 0;
    if (strcmp(request->method, "GET") != 0)
        return refuse(fault, 400, "a WebSocket handshake is a GET request");
    if (message->http10)
        return refuse(fault, 400, "a WebSocket handshake needs HTTP/1.1");
    if (!has_token(request, "connection", "upgrade"))
        return refuse(fault, 400, "a WebSocket handshake needs \"Connection: Upgrade\"");
    if (request->body_len > 0)
        return refuse(fault, 400, "a WebSocket handshake has no body");
    const char *version = http_header(request, "sec-websocket-version");
    if (!version || header_count(request, "sec-websocket-version") != 1 ||
        strcmp(version, "13") != 0)
        return refuse(fault, 426, "the only WebSocket version served is 13");
    const char *key = http_header(request, "sec-websocket-key");
    if (header_count(request, "sec-websocket-key") != 1 || !key_valid(key))
        return refuse(fault, 400, "Sec-WebSocket-Key must be 16 bytes in base64, once");
    if (!protocols_valid(request))
        return refuse(fault, 400, "Sec-WebSocket-Protocol is malformed or too long");
    memcpy(message->websocket_key, key, KEY_LEN + 1);
    request->websocket = true;
    return 0;
}
