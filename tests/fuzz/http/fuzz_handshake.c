/* The headers of a WebSocket handshake: what is accepted must be safe to hand on, what is refused
 * says why, and no page of another site may watch. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <api/http/handshake.h>
#include <api/http/reader.h>
#include <api/watch/handshake.h>
#include <lib/must.h>
#include <mot/base/mem.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_accepted(const struct message *message)
{
    if (strlen(message->websocket_key) != 24 || strcmp(message->request.method, "GET") != 0 ||
        message->http10)
        abort();
    for (const char *c = message->websocket_key; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("+/=", *c))
            abort();
    }
}

static bool is_v6_loopback(const char *text, size_t len)
{
    struct in6_addr address;
    AUTO_FREE char *copy = mem_strndup(text, len);
    return inet_pton(AF_INET6, copy, &address) == 1 && IN6_IS_ADDR_LOOPBACK(&address);
}

/* Nothing but a name of ours and perhaps a port is behind the scheme, or what the Host header says.
 */
static void check_origin(const char *origin, const char *host)
{
    static const char *const one[] = {"https://ui.example", NULL};
    static const char *const all[] = {"*", NULL};
    must(watch_origin_allowed(origin, host, all));
    bool allowed = watch_origin_allowed(origin, host, NULL);
    must(!allowed || watch_origin_allowed(origin, host, one));
    if (!origin || !allowed)
        return;
    const char *name = strstr(origin, "://");
    must(name != NULL);
    name += 3;
    if (host && strcasecmp(name, host) == 0)
        return;
    must(watch_host_is_loopback(name));
    size_t len = strncasecmp(name, "localhost", 9) == 0 ? 9
                 : *name == '['                         ? strcspn(name, "]") + 1
                                                        : strspn(name, "0123456789.");
    must(len > 0 && strchr(":/", name[len]));
    must(*name == 'l' || *name == 'L' || *name == '[' || strncmp(name, "127.", 4) == 0);
    must(*name != '[' || is_v6_loopback(name + 1, len - 2));
}

/* The one that is echoed was offered, and is not the client's token. */
static void check_protocol(const char *offered)
{
    static const char bearer[] = "base64url.bearer.authorization.k8s.io.";
    char *protocol = NULL;
    if (watch_protocol(offered, &protocol) && protocol) {
        must(*protocol && offered && strstr(offered, protocol));
        must(!strchr(protocol, ',') && strncmp(protocol, bearer, strlen(bearer)) != 0);
    } else {
        must(!protocol);
    }
    free(protocol);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char start[] = "GET /apis/x?watch=1 HTTP/1.1\r\nHost: x\r\n";
    struct reader_limits limits = {.header_max = 65536, .body_max = 512};
    struct reader reader;
    reader_init(&reader, &limits);
    reader_feed(&reader, start, sizeof(start) - 1);
    size_t used = 0;
    while (used < size && reader.state != READER_DONE && reader.state != READER_FAILED)
        used += reader_feed(&reader, (const char *)data + used, size - used);
    if (reader.state == READER_HEAD)
        reader_feed(&reader, "\r\n\r\n", 4);
    if (reader.state == READER_DONE) {
        struct fault fault = {0, NULL};
        struct message *message = reader_take(&reader);
        int checked = handshake_check(message, &fault);
        must(checked == 0 || (fault.status >= 400 && fault.message && !message->request.websocket));
        if (message->request.websocket)
            check_accepted(message);
        check_origin(http_header(&message->request, "origin"),
                     http_header(&message->request, "host"));
        check_protocol(http_header(&message->request, "sec-websocket-protocol"));
        const char *protocol = http_header(&message->request, "sec-websocket-protocol");
        if (protocol && handshake_protocol_valid(protocol) && strpbrk(protocol, "\r\n ,"))
            abort();
        message_free(message);
    }
    reader_release(&reader);
    return 0;
}
