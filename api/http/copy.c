/* A request's copy, in one piece of memory: the structures, then their texts. */
#include "server.h"

#include <string.h>

#include <mot/base/mem.h>

struct texts {
    char *at; /* NULL: they are only measured */
    size_t size;
};

static const char *add(struct texts *texts, const char *text)
{
    size_t len = text ? strlen(text) + 1 : 0;
    texts->size += len;
    if (!texts->at || !text)
        return NULL;
    char *copy = memcpy(texts->at, text, len);
    texts->at += len;
    return copy;
}

static void add_certificate(struct texts *texts, const struct http_certificate *from,
                            struct http_certificate *to, const char **organizations)
{
    *to = *from;
    to->common_name = add(texts, from->common_name);
    to->fingerprint = add(texts, from->fingerprint);
    to->refused = add(texts, from->refused);
    for (size_t i = 0; i < from->organization_count; i++) {
        const char *copy = add(texts, from->organizations[i]);
        if (organizations)
            organizations[i] = copy;
    }
    to->organizations = organizations;
}

static void add_headers(struct texts *texts, const struct http_request *from,
                        struct http_header *headers)
{
    for (size_t i = 0; i < from->header_count; i++) {
        struct http_header copy = {.name = add(texts, from->headers[i].name),
                                   .value = add(texts, from->headers[i].value)};
        if (headers)
            headers[i] = copy;
    }
}

static void add_line(struct texts *texts, const struct http_request *from, struct http_request *to)
{
    to->method = add(texts, from->method);
    to->target = add(texts, from->target);
    to->path = add(texts, from->path);
    to->query = add(texts, from->query);
    to->peer = add(texts, from->peer);
}

struct http_request *http_request_copy(const struct http_request *request)
{
    struct whole {
        struct http_request request;
        struct http_certificate certificate;
    };
    const struct http_certificate *certificate = request->certificate;
    size_t organizations = certificate ? certificate->organization_count : 0;
    size_t names = request->header_count * sizeof(struct http_header);
    struct whole scratch;
    struct texts texts = {0};
    add_line(&texts, request, &scratch.request);
    add_headers(&texts, request, NULL);
    if (certificate)
        add_certificate(&texts, certificate, &scratch.certificate, NULL);

    char *memory =
        mem_alloc(sizeof(struct whole) + names + organizations * sizeof(char *) + texts.size);
    struct whole *whole = (struct whole *)(void *)memory;
    struct http_header *headers = (struct http_header *)(void *)(memory + sizeof(*whole));
    const char **groups = (const char **)(void *)(memory + sizeof(*whole) + names);
    texts.at = memory + sizeof(*whole) + names + organizations * sizeof(char *);
    whole->request = *request;
    add_line(&texts, request, &whole->request);
    add_headers(&texts, request, headers);
    whole->request.headers = headers;
    if (certificate) {
        add_certificate(&texts, certificate, &whole->certificate, groups);
        whole->request.certificate = &whole->certificate;
    }
    whole->request.body = "";
    whole->request.body_len = 0;
    whole->request.internal = NULL;
    return &whole->request;
}
