#include "bearer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <mot/base/mem.h>

#include "base64url.h"

#define TOKEN_MAX ((size_t)64 * 1024)

static int from_header(const char *value, char **ret_token, struct err *err)
{
    static const char scheme[] = "Bearer";
    size_t len = strcspn(value, " \t");
    const char *token = value + len + strspn(value + len, " \t");
    if (len != strlen(scheme) || strncasecmp(value, scheme, len) != 0)
        return err_set(err, ERR_FORBIDDEN, "only Bearer is served in Authorization");
    if (!*token || strpbrk(token, " \t"))
        return err_set(err, ERR_FORBIDDEN, "a bearer token is one word");
    *ret_token = mem_strdup(token);
    return 0;
}

/* What is found in the lists of sub-protocols. */
struct protocols {
    char *token;
    size_t others;
    bool broken;
};

static void take_protocol(struct protocols *found, const char *text, size_t len)
{
    size_t prefix = strlen(BEARER_PROTOCOL);
    if (len < prefix || strncmp(text, BEARER_PROTOCOL, prefix) != 0) {
        found->others += len > 0;
        return;
    }
    struct buf token;
    buf_init(&token, TOKEN_MAX);
    if (found->token || base64url_decode(text + prefix, len - prefix, &token) < 0 ||
        token.len == 0 || strlen(token.data) != token.len || strpbrk(token.data, " \t\r\n"))
        found->broken = true;
    else
        found->token = buf_take(&token);
    buf_release(&token);
}

static void take_list(struct protocols *found, const char *list)
{
    while (*list) {
        list += strspn(list, " \t,");
        size_t len = strcspn(list, ","), next = len;
        while (len > 0 && (list[len - 1] == ' ' || list[len - 1] == '\t'))
            len--;
        take_protocol(found, list, len);
        list += next;
    }
}

static int from_protocols(const struct http_request *request, char **ret_token, struct err *err)
{
    struct protocols found = {0};
    for (size_t i = 0; i < request->header_count; i++)
        if (strcmp(request->headers[i].name, "sec-websocket-protocol") == 0)
            take_list(&found, request->headers[i].value);
    if (!found.broken && (!found.token || found.others > 0)) {
        *ret_token = found.token;
        return 0;
    }
    free(found.token);
    return err_set(err, ERR_FORBIDDEN, "%s",
                   found.broken ? "the sub-protocol with the bearer token is malformed"
                                : "beside the bearer token another sub-protocol must be offered");
}

int bearer_find(const struct http_request *request, char **ret_token, struct err *err)
{
    *ret_token = NULL;
    const char *header = http_header(request, "authorization");
    if (header)
        return from_header(header, ret_token, err);
    return request->websocket ? from_protocols(request, ret_token, err) : 0;
}
