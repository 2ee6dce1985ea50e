/*
 * A connection's bytes, cut into arbitrary pieces. The first byte seeds the cuts, the rest is what
 * a client sends. The same bytes in one piece must give the same requests and the same verdict.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <api/http/handshake.h>
#include <api/http/reader.h>
#include <mot/base/mem.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a connection made of its bytes. */
struct outcome {
    size_t requests;
    size_t used;
    int status;
    enum reader_state state;
    uint64_t hash;
};

static void mix(struct outcome *outcome, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++)
        outcome->hash = (outcome->hash ^ bytes[i]) * 1099511628211U;
    outcome->hash = (outcome->hash ^ len) * 1099511628211U;
}

static void look_at(struct outcome *outcome, struct message *message)
{
    const struct http_request *request = &message->request;
    mix(outcome, request->method, strlen(request->method));
    mix(outcome, request->target, strlen(request->target));
    mix(outcome, request->path, strlen(request->path));
    mix(outcome, request->query, strlen(request->query));
    mix(outcome, request->body, request->body_len);
    for (size_t i = 0; i < request->header_count; i++) {
        mix(outcome, request->headers[i].name, strlen(request->headers[i].name));
        mix(outcome, request->headers[i].value, strlen(request->headers[i].value));
    }
    struct fault fault = {0, NULL};
    AUTO_FREE char *value = http_query(request, "a");
    AUTO_FREE char *path = http_decode(request->path, strlen(request->path));
    if (value)
        mix(outcome, value, strlen(value));
    if (path)
        mix(outcome, path, strlen(path));
    if (handshake_check(message, &fault) && fault.status < 400)
        abort();
}

static size_t piece(uint32_t *seed, size_t left)
{
    if (*seed == 0)
        return left;
    *seed = *seed * 1664525 + 1013904223;
    size_t len = (*seed >> 16) % 23 + 1;
    return len < left ? len : left;
}

static struct outcome read_all(const char *bytes, size_t len, uint32_t seed)
{
    struct outcome outcome = {.hash = 14695981039346656037U};
    struct reader_limits limits = {.header_max = 2048, .body_max = 512};
    struct reader reader;
    reader_init(&reader, &limits);
    while (outcome.used < len && reader.state != READER_FAILED) {
        size_t given = piece(&seed, len - outcome.used);
        /* On its own allocation: AddressSanitizer sees a read behind the piece. */
        char *copy = mem_alloc(given);
        memcpy(copy, bytes + outcome.used, given);
        size_t used = reader_feed(&reader, copy, given);
        free(copy);
        if (used > given || (used == 0 && reader.state != READER_FAILED))
            abort();
        outcome.used += used;
        if (reader.state == READER_DONE) {
            struct message *message = reader_take(&reader);
            look_at(&outcome, message);
            message_free(message);
            reader_next(&reader);
            outcome.requests++;
        }
    }
    outcome.status = reader.fault.status;
    outcome.state = reader.state;
    reader_release(&reader);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *bytes = (const char *)data + 1;
    struct outcome whole = read_all(bytes, size - 1, 0);
    struct outcome cut = read_all(bytes, size - 1, data[0] + 1U);
    if (whole.requests != cut.requests || whole.status != cut.status || whole.state != cut.state ||
        whole.hash != cut.hash || (whole.state == READER_FAILED && whole.status < 400))
        abort();
    return 0;
}
