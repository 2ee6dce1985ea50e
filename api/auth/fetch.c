#include "fetch.h"

#include <string.h>

#include <mot/base/mem.h>
#include <mot/http/client.h>

#define BODY_MAX   ((size_t)1 << 20)
#define TIMEOUT_MS 10000

bool fetch_url_allowed(const char *url)
{
    static const char *const loopbacks[] = {"127.0.0.1", "localhost", "[::1]"};
    if (strncmp(url, "https://", 8) == 0)
        return true;
    if (strncmp(url, "http://", 7) != 0)
        return false;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(loopbacks); i++) {
        size_t len = strlen(loopbacks[i]);
        if (strncmp(url + 7, loopbacks[i], len) == 0 && strchr(":/", url[7 + len]))
            return true; /* also at the end of the text */
    }
    return false;
}

char *fetch_url(const char *url, const char *ca_file, int stop_fd, struct err *err)
{
    if (!fetch_url_allowed(url)) {
        err_set(err, ERR_INVALID, "%s is no https:// URL", url);
        return NULL;
    }
    const char *host = strstr(url, "://") + 3;
    const char *path = host + strcspn(host, "/");
    AUTO_FREE char *base = mem_strndup(url, (size_t)(path - url));
    struct http_client_options options = {.base_url = base, .ca_file = ca_file, .stop_fd = stop_fd};
    struct http_client *client = http_client_new(&options, err);
    if (!client)
        return NULL;
    struct http_request request = {
        .path = *path ? path : "/", .timeout_ms = TIMEOUT_MS, .max_body = BODY_MAX};
    struct http_response response;
    char *body = NULL;
    if (http_send(client, &request, &response, err) == 0) {
        if (response.status == 200)
            body = mem_strdup(http_response_text(&response));
        else
            err_set(err, ERR_TRANSIENT, "%s answers %d", url, response.status);
    }
    http_response_release(&response);
    http_client_free(client);
    return body;
}
