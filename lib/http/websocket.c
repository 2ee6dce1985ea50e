/*
 * A WebSocket client: libcurl opens the connection (with TLS, where the URL says so), the handshake
 * and the frames are done here. Debian's libcurl has no WebSocket of its own.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>

#include "frames.h"
#include "private.h"

#define HEAD_MAX ((size_t)64 << 10)
#define KEY_SIZE 25 /* base64 of 16 bytes, with its NUL */

struct socket {
    struct http_client *client;
    CURL *easy;
    int fd;
    int64_t last_ms; /* when the last byte came */
};

/* ------------------------------------------------------------------------------------------ bytes
 */

/* 0: ready; ERR_TIMEOUT when @limit_ms (0: none) have passed since the last byte. */
static int wait_ready(struct socket *socket, short events, int64_t limit_ms, struct err *err)
{
    for (;;) {
        int64_t left = limit_ms ? socket->last_ms + limit_ms - clock_ms() : 60000;
        if (left <= 0)
            return err_set(err, ERR_TIMEOUT, "%s: no answer in time", socket->client->base_url);
        struct pollfd fds[] = {{.fd = socket->fd, .events = events},
                               {.fd = socket->client->stop_fd, .events = POLLIN}};
        if (poll(fds, 2, left > 60000 ? 60000 : (int)left) < 0)
            continue;
        if (fds[1].revents)
            return err_set(err, ERR_TRANSIENT, "stopped");
        if (fds[0].revents)
            return 0;
    }
}

static int send_all(struct socket *socket, const char *data, size_t len, struct err *err)
{
    while (len > 0) {
        size_t sent = 0;
        CURLcode code = curl_easy_send(socket->easy, data, len, &sent);
        if (code != CURLE_OK && code != CURLE_AGAIN)
            return err_set(err, http_error_code(code), "%s: %s", socket->client->base_url,
                           curl_easy_strerror(code));
        data += sent;
        len -= sent;
        if (len > 0 && wait_ready(socket, POLLOUT, HTTP_TIMEOUT_MS, err))
            return -1;
    }
    return 0;
}

/* At least one byte; 0 bytes: the server has closed the connection. */
static int receive(struct socket *socket, char *data, size_t size, int64_t limit_ms,
                   size_t *ret_len, struct err *err)
{
    for (;;) {
        CURLcode code = curl_easy_recv(socket->easy, data, size, ret_len);
        if (code == CURLE_OK) {
            socket->last_ms = clock_ms();
            return 0;
        }
        if (code != CURLE_AGAIN)
            return err_set(err, http_error_code(code), "%s: %s", socket->client->base_url,
                           curl_easy_strerror(code));
        if (wait_ready(socket, POLLIN, limit_ms, err))
            return -1;
    }
}

/* ------------------------------------------------------------------------------------------
 * handshake */

static int open_socket(struct socket *socket, const char *url, int64_t timeout_ms, struct err *err)
{
    socket->easy = curl_easy_duphandle(socket->client->easy);
    if (!socket->easy)
        return err_set(err, ERR_INTERNAL, "libcurl does not start");
    curl_easy_setopt(socket->easy, CURLOPT_URL, url);
    curl_easy_setopt(socket->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(socket->easy, CURLOPT_CUSTOMREQUEST, NULL);
    curl_easy_setopt(socket->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    CURLcode code = curl_easy_perform(socket->easy);
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (code == CURLE_OK)
        code = curl_easy_getinfo(socket->easy, CURLINFO_ACTIVESOCKET, &fd);
    if (code != CURLE_OK || fd == CURL_SOCKET_BAD)
        return err_set(err, http_error_code(code), "%s: %s", socket->client->base_url,
                       curl_easy_strerror(code));
    socket->fd = fd;
    socket->last_ms = clock_ms();
    return 0;
}

static void new_key(char key[KEY_SIZE])
{
    unsigned char bytes[16];
    random_bytes(bytes, sizeof(bytes));
    EVP_EncodeBlock((unsigned char *)key, bytes, sizeof(bytes));
}

/* What the server must answer to a key: RFC 6455, 4.2.2. */
static void expected_accept(const char *key, char accept[64])
{
    AUTO_FREE char *text = mem_printf("%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    accept[0] = '\0';
    if (EVP_Digest(text, strlen(text), digest, &len, EVP_sha1(), NULL) == 1)
        EVP_EncodeBlock((unsigned char *)accept, digest, (int)len);
}

static int send_handshake(struct socket *socket, const struct http_request *request,
                          const char *key, struct err *err)
{
    const char *host = strstr(socket->client->base_url, "://") + 3;
    struct buf text;
    buf_init(&text, HEAD_MAX);
    buf_addf(&text,
             "GET %s HTTP/1.1\r\nHost: %.*s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nUser-Agent: mot/" MOT_VERSION
             "\r\n",
             request->path, (int)strcspn(host, "/"), host, key);
    struct curl_slist *headers = http_headers_of(socket->client, request);
    for (const struct curl_slist *header = headers; header; header = header->next)
        buf_addf(&text, "%s\r\n", header->data);
    curl_slist_free_all(headers);
    buf_adds(&text, "\r\n");
    int rc = buf_failed(&text) ? err_set(err, ERR_TOO_LARGE, "the request's headers are too long")
                               : send_all(socket, text.data, text.len, err);
    buf_release(&text);
    return rc;
}

/* Reads up to the end of the headers; what came behind them stays in @input behind *ret_head bytes.
 */
static int read_head(struct socket *socket, struct buf *input, int64_t limit_ms, size_t *ret_head,
                     struct err *err)
{
    char data[4096];
    const char *end = NULL;
    while (!end) {
        size_t len = 0;
        if (receive(socket, data, sizeof(data), limit_ms, &len, err))
            return -1;
        buf_add(input, data, len);
        if (len == 0 || buf_failed(input))
            return err_set(err, ERR_TRANSIENT, "%s: no answer to the WebSocket handshake",
                           socket->client->base_url);
        end = strstr(input->data, "\r\n\r\n");
    }
    *ret_head = (size_t)(end + 4 - input->data);
    return 0;
}

/* The value of a header in @head; "" if there is none. */
static void find_header(const char *head, size_t len, const char *name, char *value, size_t size)
{
    value[0] = '\0';
    for (const char *line = head; line < head + len;) {
        const char *end = memchr(line, '\n', (size_t)(head + len - line));
        if (!end || http_header_value(line, (size_t)(end + 1 - line), name, value, size))
            return;
        line = end + 1;
    }
}

/* An answer that is no handshake: a Status, with its length. */
static int read_refusal(struct socket *socket, struct buf *input, size_t head,
                        struct http_response *response, struct err *err)
{
    char text[128], data[4096];
    find_header(input->data, head, "content-length", text, sizeof(text));
    size_t wanted = (size_t)strtoull(text, NULL, 10);
    find_header(input->data, head, "content-type", response->content_type,
                sizeof(response->content_type));
    buf_add(&response->body, input->data + head, input->len - head);
    while (response->body.len < wanted) {
        size_t len = 0;
        if (receive(socket, data, sizeof(data), HTTP_TIMEOUT_MS, &len, err))
            return -1;
        if (len == 0)
            break;
        buf_add(&response->body, data, len);
        if (buf_failed(&response->body))
            return err_set(err, ERR_TOO_LARGE, "the answer is too large");
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------
 * messages */

static int read_messages(struct socket *socket, struct ws_frames *frames,
                         const struct http_request *request, http_on_data *on_data, void *context,
                         struct err *err)
{
    char data[16384];
    int rc = 0;
    while (rc == 0 && !frames->closed) {
        size_t len = 0;
        if (receive(socket, data, sizeof(data), request->idle_ms, &len, err))
            return -1;
        if (len == 0)
            return err_set(err, ERR_TRANSIENT, "%s: the WebSocket broke off",
                           socket->client->base_url);
        rc = ws_frames_add(frames, data, len, on_data, context, err);
        if (rc >= 0 && frames->output.len &&
            send_all(socket, frames->output.data, frames->output.len, err))
            return -1;
        buf_clear(&frames->output);
    }
    return rc < 0 ? -1 : 0;
}

static int converse(struct socket *socket, const struct http_request *request,
                    http_on_data *on_data, void *context, struct http_response *response,
                    struct buf *input, struct err *err)
{
    char key[KEY_SIZE], expected[64], accept[128];
    size_t head = 0;
    new_key(key);
    if (send_handshake(socket, request, key, err) ||
        read_head(socket, input, request->timeout_ms ? request->timeout_ms : HTTP_TIMEOUT_MS, &head,
                  err))
        return -1;
    if (sscanf(input->data, "HTTP/1.1 %d ", &response->status) != 1)
        return err_set(err, ERR_TRANSIENT, "%s: what answers is no HTTP server",
                       socket->client->base_url);
    if (response->status != 101)
        return read_refusal(socket, input, head, response, err);
    expected_accept(key, expected);
    find_header(input->data, head, "sec-websocket-accept", accept, sizeof(accept));
    if (strcmp(accept, expected) != 0)
        return err_set(err, ERR_TRANSIENT, "%s: the WebSocket handshake was not answered rightly",
                       socket->client->base_url);
    struct ws_frames frames;
    ws_frames_init(&frames, HTTP_MAX_BODY);
    int rc = ws_frames_add(&frames, input->data + head, input->len - head, on_data, context, err);
    if (rc == 0)
        rc = read_messages(socket, &frames, request, on_data, context, err);
    ws_frames_release(&frames);
    return rc < 0 ? -1 : 0;
}

int http_websocket(struct http_client *client, const struct http_request *request,
                   http_on_data *on_data, void *context, struct http_response *ret_response,
                   struct err *err)
{
    memset(ret_response, 0, sizeof(*ret_response));
    ret_response->retry_after_s = -1;
    buf_init(&ret_response->body, HTTP_MAX_BODY);
    struct socket socket = {.client = client, .fd = -1};
    struct buf input;
    buf_init(&input, HEAD_MAX);
    int64_t timeout = request->timeout_ms ? request->timeout_ms : HTTP_TIMEOUT_MS;
    int rc = open_socket(&socket, client->base_url, timeout, err);
    if (rc == 0)
        rc = converse(&socket, request, on_data, context, ret_response, &input, err);
    buf_release(&input);
    curl_easy_cleanup(socket.easy);
    return rc;
}
