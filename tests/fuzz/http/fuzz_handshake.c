/* The headers of a WebSocket handshake: what is accepted must be safe to hand on. */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <api/http/handshake.h>
#include <api/http/reader.h>

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
        if (handshake_check(message, &fault) == 0 && message->request.websocket)
            check_accepted(message);
        const char *protocol = http_header(&message->request, "sec-websocket-protocol");
        if (protocol && handshake_protocol_valid(protocol) && strpbrk(protocol, "\r\n ,"))
            abort();
        message_free(message);
    }
    reader_release(&reader);
    return 0;
}
