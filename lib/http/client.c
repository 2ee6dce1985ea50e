/*
 * One easy handle in one multi handle: the multi interface is what lets a call end when a
 * descriptor (the process' stop) becomes readable, instead of waiting for the next byte of the
 * server.
 */
#include <mot/http/client.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "private.h"

/* One exchange. */
struct call {
    struct http_client *client;
    struct http_response *response;
    http_on_data *on_data; /* NULL: the body is collected */
    void *context;
    size_t max_body;
    int64_t last_ms; /* when the last byte came */
    bool headers_done;
    bool ended; /* by on_data */
    bool failed;
    struct err err;
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;

static void global_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---------------------------------------------------------------------------------- callbacks */

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct call *call = context;
    size_t len = size * count;
    call->last_ms = clock_ms();
    long status = 0;
    curl_easy_getinfo(call->client->easy, CURLINFO_RESPONSE_CODE, &status);
    if (call->on_data && status >= 200 && status < 300) {
        int rc = call->on_data(call->context, data, len, &call->err);
        call->ended = rc == 1;
        call->failed = rc < 0;
        return rc == 0 ? len : CURL_WRITEFUNC_ERROR;
    }
    buf_add(&call->response->body, data, len);
    if (buf_failed(&call->response->body)) {
        call->failed = true;
        err_set(&call->err, ERR_TOO_LARGE, "the answer is larger than %zu bytes", call->max_body);
        return CURL_WRITEFUNC_ERROR;
    }
    return len;
}

bool http_header_value(const char *line, size_t len, const char *name, char *value, size_t size)
{
    size_t name_len = strlen(name);
    if (len <= name_len || strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
        return false;
    const char *begin = line + name_len + 1;
    const char *end = line + len;
    while (begin < end && (*begin == ' ' || *begin == '\t'))
        begin++;
    while (end > begin && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
        end--;
    snprintf(value, size, "%.*s", (int)(end - begin), begin);
    return true;
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    struct call *call = context;
    size_t len = size * count;
    char value[128];
    call->last_ms = clock_ms();
    if (http_header_value(data, len, "content-type", value, sizeof(value)))
        memcpy(call->response->content_type, value, sizeof(value));
    else if (http_header_value(data, len, "retry-after", value, sizeof(value)))
        call->response->retry_after_s = strtoll(value, NULL, 10);
    else if (len == 2 && data[0] == '\r')
        call->headers_done = true;
    return len;
}

/* ---------------------------------------------------------------------------------- the client */

static void set_blob(CURL *easy, CURLoption option, char *text)
{
    struct curl_blob blob = {.data = text, .len = strlen(text), .flags = CURL_BLOB_NOCOPY};
    curl_easy_setopt(easy, option, &blob);
}

static void set_tls(struct http_client *client, const struct http_client_options *options)
{
    CURL *easy = client->easy;
    if (client->ca_data)
        set_blob(easy, CURLOPT_CAINFO_BLOB, client->ca_data);
    else if (options->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    if (client->cert_data)
        set_blob(easy, CURLOPT_SSLCERT_BLOB, client->cert_data);
    else if (options->cert_file)
        curl_easy_setopt(easy, CURLOPT_SSLCERT, options->cert_file);
    if (client->key_data)
        set_blob(easy, CURLOPT_SSLKEY_BLOB, client->key_data);
    else if (options->key_file)
        curl_easy_setopt(easy, CURLOPT_SSLKEY, options->key_file);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options->insecure ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options->insecure ? 0L : 2L);
}

/* With a server name of its own, the URL has that name and every connection goes to the URL's host.
 */
static void set_server_name(struct http_client *client, const char *name)
{
    const char *scheme_end = strstr(client->base_url, "://");
    if (!scheme_end)
        return;
    const char *host = scheme_end + 3;
    size_t authority = strcspn(host, "/");
    size_t host_len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    AUTO_FREE char *rest = mem_strndup(host + host_len, authority - host_len);
    AUTO_FREE char *rule = mem_printf("%s%s:%.*s%s", name, *rest ? rest : ":", (int)host_len, host,
                                      *rest ? rest : ":");
    client->resolve = curl_slist_append(NULL, rule);
    curl_easy_setopt(client->easy, CURLOPT_CONNECT_TO, client->resolve);
    char *url = mem_printf("%.*s%s%s", (int)(host - client->base_url), client->base_url, name,
                           host + host_len);
    free(client->base_url);
    client->base_url = url;
}

static void set_fixed(struct http_client *client, const struct http_client_options *options)
{
    CURL *easy = client->easy;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_USERAGENT,
                     options->user_agent ? options->user_agent : "mot/" MOT_VERSION);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, client->message);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    if (options->unix_socket)
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, options->unix_socket);
    if (options->user)
        curl_easy_setopt(easy, CURLOPT_USERNAME, options->user);
    if (options->password)
        curl_easy_setopt(easy, CURLOPT_PASSWORD, options->password);
    set_tls(client, options);
    if (options->server_name)
        set_server_name(client, options->server_name);
}

static char *copy(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

struct http_client *http_client_new(const struct http_client_options *options, struct err *err)
{
    if (strncmp(options->base_url, "http://", 7) != 0 &&
        strncmp(options->base_url, "https://", 8) != 0) {
        err_set(err, ERR_INVALID, "\"%s\" is not an http:// or https:// URL", options->base_url);
        return NULL;
    }
    pthread_once(&global_once, global_init);
    struct http_client *client = mem_zalloc(sizeof(*client));
    size_t len = strlen(options->base_url);
    while (len > 0 && options->base_url[len - 1] == '/')
        len--;
    client->base_url = mem_strndup(options->base_url, len);
    client->token = copy(options->token);
    client->ca_data = copy(options->ca_data);
    client->cert_data = copy(options->cert_data);
    client->key_data = copy(options->key_data);
    client->stop_fd = options->stop_fd > 0 ? options->stop_fd : -1;
    client->easy = curl_easy_init();
    client->multi = curl_multi_init();
    if (!client->easy || !client->multi) {
        err_set(err, ERR_INTERNAL, "libcurl does not start");
        http_client_free(client);
        return NULL;
    }
    set_fixed(client, options);
    return client;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->easy);
    curl_multi_cleanup(client->multi);
    curl_slist_free_all(client->resolve);
    free(client->base_url);
    free(client->token);
    free(client->ca_data);
    free(client->cert_data);
    free(client->key_data);
    free(client);
}

const char *http_client_url(const struct http_client *client)
{
    return client->base_url;
}

/* ---------------------------------------------------------------------------------- an exchange */

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
    AUTO_FREE char *line = mem_printf("%s: %s", name, value);
    return curl_slist_append(list, line);
}

struct curl_slist *http_headers_of(const struct http_client *client,
                                   const struct http_request *request)
{
    struct curl_slist *list =
        add_header(NULL, "Accept", request->accept ? request->accept : "application/json");
    if (client->token) {
        AUTO_FREE char *value = mem_printf("Bearer %s", client->token);
        list = add_header(list, "Authorization", value);
    }
    if (request->body) {
        list = add_header(list, "Content-Type",
                          request->content_type ? request->content_type : "application/json");
        list = curl_slist_append(list, "Expect:");
    }
    for (size_t i = 0; request->headers && request->headers[i]; i++)
        list = curl_slist_append(list, request->headers[i]);
    return list;
}

static void set_request(struct http_client *client, const struct http_request *request,
                        const char *url, struct curl_slist *headers, struct call *call)
{
    CURL *easy = client->easy;
    const char *method = request->method ? request->method : "GET";
    int64_t timeout = request->timeout_ms ? request->timeout_ms : HTTP_TIMEOUT_MS;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, call->on_data ? 0L : (long)timeout);
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(easy, CURLOPT_NOBODY, strcmp(method, "HEAD") == 0 ? 1L : 0L);
    if (request->body) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
    } else if (strcmp(method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    client->message[0] = '\0';
}

enum err_code http_error_code(CURLcode code)
{
    if (code == CURLE_OPERATION_TIMEDOUT)
        return ERR_TIMEOUT;
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
        code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE)
        return ERR_INVALID;
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return ERR_FORBIDDEN;
    return ERR_TRANSIENT;
}

static int finish(struct call *call, CURLcode code, struct err *err)
{
    long status = 0;
    curl_easy_getinfo(call->client->easy, CURLINFO_RESPONSE_CODE, &status);
    call->response->status = (int)status;
    if (call->failed)
        return err_set(err, call->err.code, "%s", call->err.message);
    if (code == CURLE_OK || call->ended)
        return 0;
    const char *detail = call->client->message;
    return err_set(err, http_error_code(code), "%s: %s", call->client->base_url,
                   *detail ? detail : curl_easy_strerror(code));
}

/* How long to wait for the next event of a stream; -1 when it has been silent for too long. */
static int wait_ms(const struct call *call, const struct http_request *request)
{
    int64_t limit = 0;
    if (call->on_data && !call->headers_done)
        limit = request->timeout_ms ? request->timeout_ms : HTTP_TIMEOUT_MS;
    else if (call->on_data)
        limit = request->idle_ms;
    if (limit == 0)
        return 60000;
    int64_t left = call->last_ms + limit - clock_ms();
    return left > 60000 ? 60000 : left > 0 ? (int)left : -1;
}

static int perform(struct call *call, const struct http_request *request, struct err *err)
{
    struct http_client *client = call->client;
    for (;;) {
        int running = 0;
        CURLMcode rc = curl_multi_perform(client->multi, &running);
        if (rc != CURLM_OK)
            return err_set(err, ERR_INTERNAL, "libcurl: %s", curl_multi_strerror(rc));
        int left = 0;
        const CURLMsg *message = curl_multi_info_read(client->multi, &left);
        if (message && message->msg == CURLMSG_DONE)
            return finish(call, message->data.result, err);
        int timeout = wait_ms(call, request);
        if (timeout < 0)
            return err_set(err, ERR_TIMEOUT, "%s: no answer in time", client->base_url);
        struct curl_waitfd stop = {.fd = client->stop_fd, .events = CURL_WAIT_POLLIN};
        rc = curl_multi_poll(client->multi, &stop, client->stop_fd >= 0 ? 1 : 0, timeout, NULL);
        if (rc != CURLM_OK)
            return err_set(err, ERR_INTERNAL, "libcurl: %s", curl_multi_strerror(rc));
        if (stop.revents)
            return err_set(err, ERR_TRANSIENT, "stopped");
    }
}

static int exchange(struct http_client *client, const struct http_request *request,
                    http_on_data *on_data, void *context, struct http_response *response,
                    struct err *err)
{
    memset(response, 0, sizeof(*response));
    response->retry_after_s = -1;
    size_t max_body = request->max_body ? request->max_body : HTTP_MAX_BODY;
    buf_init(&response->body, max_body);
    struct call call = {.client = client,
                        .response = response,
                        .on_data = on_data,
                        .context = context,
                        .max_body = max_body,
                        .last_ms = clock_ms()};
    AUTO_FREE char *url = mem_printf("%s%s", client->base_url, request->path);
    struct curl_slist *headers = http_headers_of(client, request);
    set_request(client, request, url, headers, &call);
    curl_multi_add_handle(client->multi, client->easy);
    int rc = perform(&call, request, err);
    curl_multi_remove_handle(client->multi, client->easy);
    curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(client->easy, CURLOPT_POSTFIELDS, NULL);
    curl_slist_free_all(headers);
    return rc;
}

int http_send(struct http_client *client, const struct http_request *request,
              struct http_response *ret_response, struct err *err)
{
    return exchange(client, request, NULL, NULL, ret_response, err);
}

int http_stream(struct http_client *client, const struct http_request *request,
                http_on_data *on_data, void *context, struct http_response *ret_response,
                struct err *err)
{
    return exchange(client, request, on_data, context, ret_response, err);
}

const char *http_response_text(const struct http_response *response)
{
    return response->body.data ? response->body.data : "";
}

void http_response_release(struct http_response *response)
{
    buf_release(&response->body);
}
