#include "compress.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

#define ABOVE   ((size_t)128 << 10) /* as kube-apiserver */
#define FASTEST 1

/* As kube-apiserver reads it: the word by itself, without a weight. */
static bool takes_gzip(const struct request *request)
{
    const char *at = http_header(request->http, "accept-encoding");
    while (at && *at) {
        at += strspn(at, " \t,");
        size_t len = strcspn(at, ",");
        size_t end = len;
        while (end > 0 && (at[end - 1] == ' ' || at[end - 1] == '\t'))
            end--;
        if (end == strlen("gzip") && strncmp(at, "gzip", end) == 0)
            return true;
        at += len;
    }
    return false;
}

/* -1: not to less than half of it. */
static int deflate(struct buf *body)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(FASTEST);
    if (!compressor)
        return -1;
    size_t room = body->len / 2;
    char *bytes = mem_alloc(room + 1);
    size_t len = libdeflate_gzip_compress(compressor, body->data, body->len, bytes, room);
    libdeflate_free_compressor(compressor);
    if (len == 0) {
        free(bytes);
        return -1;
    }
    bytes[len] = '\0';
    buf_adopt(body, mem_resize(bytes, len + 1, 1), len);
    return 0;
}

void compress_answer(struct request *request)
{
    struct answers *answers = &request->api->answers;
    struct http_response *response = request->response;
    struct buf *body = &response->body;
    if (response->stream || body->len <= ABOVE || buf_failed(body) ||
        request->route.type != ROUTE_RESOURCE || !takes_gzip(request))
        return;
    if (!answers_cover(answers, response, body->cap + body->len / 2))
        return;
    if (deflate(body) == 0) {
        http_response_header(response, "Content-Encoding", "gzip");
        http_response_header(response, "Vary", "Accept-Encoding");
    }
    answers_reduce(answers, response, body->cap);
}
