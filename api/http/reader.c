/*
 * Bytes go through our own scanner first (line ends, folding, control characters, sizes), then into
 * http-parser, then the finished head is judged as a whole. So each verdict depends on the bytes
 * alone and not on how they were cut.
 */
#include "reader.h"

#include <ctype.h>
#include <http_parser.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "tls.h"

#define HEADERS_MAX       1000
#define LEADING_BYTES_MAX 8

enum { PART_NONE, PART_TARGET, PART_NAME, PART_VALUE };

void message_free(struct message *message)
{
    if (!message)
        return;
    free(message->headers);
    free(message->text);
    free(message->method);
    free(message->path);
    buf_release(&message->body);
    certificate_unref(message->certificate);
    free(message);
}

/* The library's own limit counts bytes that ours counts better, and it is one for the whole
 * process. */
static void lift_parser_limit(void)
{
    http_parser_set_max_header_size(0x7fffffff);
}

void reader_init(struct reader *reader, const struct reader_limits *limits)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, lift_parser_limit);
    memset(reader, 0, sizeof(*reader));
    reader->limits = *limits;
    (void)snprintf(reader->too_large, sizeof(reader->too_large),
                   "Request entity too large: limit is %zu", limits->body_max);
    reader->parser = mem_zalloc(sizeof(*reader->parser));
    buf_init(&reader->text, limits->header_max * 2 + 1024);
    reader_next(reader);
}

void reader_release(struct reader *reader)
{
    message_free(reader->message);
    buf_release(&reader->text);
    free(reader->marks);
    free(reader->parser);
}

void reader_next(struct reader *reader)
{
    message_free(reader->message);
    reader->message = NULL;
    reader->state = READER_IDLE;
    reader->fault = (struct fault){0, NULL};
    buf_release(&reader->text);
    buf_init(&reader->text, reader->limits.header_max * 2 + 1024);
    free(reader->marks);
    reader->marks = NULL;
    reader->mark_count = reader->mark_cap = 0;
    reader->head_bytes = 0;
    reader->line_len = 0;
    reader->part = PART_NONE;
    reader->last = 0;
    memset(reader->tail, 0, sizeof(reader->tail));
    reader->in_request_line = true;
    reader->complete = false;
    reader->chunked = false;
    reader->body_left = 0;
    http_parser_init(reader->parser, HTTP_REQUEST);
    reader->parser->data = reader;
}

static int fail(struct reader *reader, int status, const char *message)
{
    reader->state = READER_FAILED;
    reader->fault = (struct fault){status, message};
    return -1;
}

bool reader_has_token(const char *list, const char *token)
{
    size_t wanted = strlen(token);
    while (*list) {
        list += strspn(list, ", \t");
        size_t len = strcspn(list, ",");
        size_t trimmed = len;
        while (trimmed > 0 && (list[trimmed - 1] == ' ' || list[trimmed - 1] == '\t'))
            trimmed--;
        if (trimmed == wanted && strncasecmp(list, token, wanted) == 0)
            return true;
        list += len;
    }
    return false;
}

/* ------------------------------------------------------------------------ what http-parser tells
 */

static int on_url(http_parser *parser, const char *at, size_t len)
{
    struct reader *reader = parser->data;
    reader->part = PART_TARGET;
    buf_add(&reader->text, at, len);
    return 0;
}

static int on_name(http_parser *parser, const char *at, size_t len)
{
    struct reader *reader = parser->data;
    if (reader->part != PART_NAME) {
        buf_addc(&reader->text, '\0');
        if (reader->mark_count >= HEADERS_MAX)
            return fail(reader, 431, "too many headers");
        mem_grow((void **)&reader->marks, &reader->mark_cap, reader->mark_count,
                 sizeof(*reader->marks));
        reader->marks[reader->mark_count++] = (struct reader_mark){reader->text.len, 0};
        reader->part = PART_NAME;
    }
    for (size_t i = 0; i < len; i++)
        buf_addc(&reader->text, (char)tolower((unsigned char)at[i]));
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
    struct reader *reader = parser->data;
    if (reader->part == PART_NAME) {
        buf_addc(&reader->text, '\0');
        reader->marks[reader->mark_count - 1].value = reader->text.len;
        reader->part = PART_VALUE;
    }
    buf_add(&reader->text, at, len);
    return 0;
}

static int on_head(http_parser *parser)
{
    struct reader *reader = parser->data;
    reader->complete = true;
    return 1; /* no body: bodies are ours */
}

static const struct http_parser_settings settings = {
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
};

static bool token_byte(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static int parser_fault(struct reader *reader, char offending)
{
    if (reader->state == READER_FAILED)
        return -1;
    enum http_errno error = HTTP_PARSER_ERRNO(reader->parser);
    if (error == HPE_INVALID_METHOD && token_byte(offending))
        return fail(reader, 501, "the method is not known");
    if (error == HPE_UNEXPECTED_CONTENT_LENGTH)
        return fail(reader, 400, "the length of the body is given twice");
    return fail(reader, 400, http_errno_description(error));
}

static int parse(struct reader *reader, const char *data, size_t len)
{
    size_t used = http_parser_execute(reader->parser, &settings, data, len);
    if (reader->state == READER_FAILED)
        return -1;
    if (HTTP_PARSER_ERRNO(reader->parser) != HPE_OK)
        return parser_fault(reader, used < len ? data[used] : '\0');
    return 0;
}

/* ------------------------------------------------------------------------ the head as a whole */

static size_t count_of(const struct http_request *request, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < request->header_count; i++)
        count += strcmp(request->headers[i].name, name) == 0;
    return count;
}

static void trim_end(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        text[--len] = '\0';
}

static int take_headers(struct reader *reader, struct message *message)
{
    size_t count = reader->mark_count;
    buf_addc(&reader->text, '\0');
    message->text = buf_take(&reader->text);
    message->headers = mem_array(count + 1, sizeof(*message->headers));
    for (size_t i = 0; i < count; i++) {
        char *name = message->text + reader->marks[i].name;
        char *value =
            reader->marks[i].value ? message->text + reader->marks[i].value : name + strlen(name);
        trim_end(value);
        message->headers[i] = (struct http_header){name, value};
        if (!*name)
            return fail(reader, 400, "a header without a name");
        for (const char *c = name; *c; c++) {
            if (!token_byte(*c))
                return fail(reader, 400, "a malformed header name");
        }
    }
    message->request.headers = message->headers;
    message->request.header_count = count;
    return 0;
}

static int check_method(struct reader *reader, struct message *message)
{
    static const char *const served[] = {"GET",   "HEAD",   "POST",   "PUT",
                                         "PATCH", "DELETE", "OPTIONS"};
    message->method = mem_strdup(http_method_str((enum http_method)reader->parser->method));
    message->request.method = message->method;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(served); i++) {
        if (strcmp(served[i], message->method) == 0)
            return 0;
    }
    return fail(reader, 405, "the method is not served");
}

/* "/path?query", "http://host/path?query", or "*" for OPTIONS. */
static int check_target(struct reader *reader, struct message *message)
{
    const char *target = message->text;
    message->request.target = target;
    if (strchr(target, '#'))
        return fail(reader, 400, "the request target has a fragment");
    const char *path = target;
    if (strncasecmp(target, "http://", 7) == 0 || strncasecmp(target, "https://", 8) == 0) {
        path = strstr(target, "://") + 3;
        path += strcspn(path, "/?");
    } else if (*target != '/' &&
               !(strcmp(target, "*") == 0 && strcmp(message->method, "OPTIONS") == 0)) {
        return fail(reader, 400, "the request target is not a path");
    }
    message->path = mem_printf("%s%s", *path == '/' || *path == '*' ? "" : "/", path);
    message->request.path = message->path;
    message->request.query = "";
    char *query = strchr(message->path, '?');
    if (query) {
        *query = '\0';
        message->request.query = query + 1;
    }
    return 0;
}

static int check_version_and_host(struct reader *reader, struct message *message)
{
    if (reader->parser->http_major != 1 || reader->parser->http_minor > 1)
        return fail(reader, 505, "only HTTP/1.1 and HTTP/1.0 are served");
    message->http10 = reader->parser->http_minor == 0;
    size_t hosts = count_of(&message->request, "host");
    if (hosts > 1)
        return fail(reader, 400, "more than one Host header");
    if (hosts == 0 && !message->http10)
        return fail(reader, 400, "missing Host header");
    const char *host = http_header(&message->request, "host");
    if (host && host[strcspn(host, " \t/@,?#\\")])
        return fail(reader, 400, "malformed Host header");
    return 0;
}

static int check_length(struct reader *reader, struct message *message)
{
    const char *coding = http_header(&message->request, "transfer-encoding");
    const char *length = http_header(&message->request, "content-length");
    if (coding) {
        if (length)
            return fail(reader, 400, "both Content-Length and Transfer-Encoding are given");
        if (message->http10)
            return fail(reader, 400, "Transfer-Encoding needs HTTP/1.1");
        if (count_of(&message->request, "transfer-encoding") != 1)
            return fail(reader, 400, "more than one Transfer-Encoding");
        if (strcasecmp(coding, "chunked") != 0)
            return fail(reader, 501, "the only transfer coding served is chunked");
        reader->chunked = true;
        chunk_init(&reader->chunks, reader->limits.body_max);
        return 0;
    }
    if (!length)
        return 0;
    if (count_of(&message->request, "content-length") != 1)
        return fail(reader, 400, "the length of the body is given twice");
    if (!*length || length[strspn(length, "0123456789")] || strlen(length) > 18)
        return fail(reader, 400, "Content-Length is not a number");
    reader->body_left = strtoull(length, NULL, 10);
    if (reader->body_left > reader->limits.body_max)
        return fail(reader, 413, reader->too_large);
    return 0;
}

static int check_rest(struct reader *reader, struct message *message)
{
    struct http_request *request = &message->request;
    if (count_of(request, "authorization") > 1)
        return fail(reader, 400, "more than one Authorization header");
    message->close = message->http10;
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcmp(request->headers[i].name, "connection") == 0 &&
            reader_has_token(request->headers[i].value, "close"))
            message->close = true;
    }
    const char *expect = http_header(request, "expect");
    if (expect && !message->http10) {
        if (strcasecmp(expect, "100-continue") != 0)
            return fail(reader, 417, "the only expectation served is 100-continue");
        message->expects_continue = true;
    }
    return 0;
}

static void complete(struct reader *reader)
{
    struct message *message = reader->message;
    message->request.body = message->body.len ? message->body.data : "";
    message->request.body_len = message->body.len;
    message->request.received_ms = clock_ms();
    reader->state = READER_DONE;
}

static int judge_head(struct reader *reader)
{
    if (!reader->complete)
        return fail(reader, 400, "malformed request");
    struct message *message = mem_zalloc(sizeof(*message));
    reader->message = message;
    buf_init(&message->body, reader->limits.body_max + 1);
    if (take_headers(reader, message) || check_method(reader, message) ||
        check_version_and_host(reader, message) || check_target(reader, message) ||
        check_length(reader, message) || check_rest(reader, message))
        return -1;
    reader->state = READER_BODY;
    if (!reader->chunked && reader->body_left == 0)
        complete(reader);
    return 0;
}

/* ------------------------------------------------------------------------ bytes */

/* " HTTP/1.1": http-parser, as distributions build it, looks at no letter of it. */
static bool version_valid(const char tail[9])
{
    return memcmp(tail, " HTTP/", 6) == 0 && isdigit((unsigned char)tail[6]) && tail[7] == '.' &&
           isdigit((unsigned char)tail[8]);
}

/* Looks at one byte of the head; -1 when the bytes before it are all that may be parsed. */
static int scan(struct reader *reader, char c)
{
    unsigned char byte = (unsigned char)c;
    if (++reader->head_bytes > reader->limits.header_max) {
        return reader->in_request_line ? fail(reader, 414, "the request target is too long")
                                       : fail(reader, 431, "the headers are too large");
    }
    if ((reader->last == '\r') != (c == '\n'))
        return fail(reader, 400, "a line does not end with CR LF");
    if (byte == 0x7f || (byte < 0x20 && c != '\t' && c != '\r' && c != '\n'))
        return fail(reader, 400, "a control character in the head of the request");
    if (!reader->in_request_line && reader->line_len == 0 && (c == ' ' || c == '\t'))
        return fail(reader, 400, "folded headers are not served");
    if (reader->in_request_line && (c == '\t' || (c == ' ' && reader->last == ' ')))
        return fail(reader, 400, "more than one blank in the request line");
    if (reader->in_request_line && c == '\r' && !version_valid(reader->tail))
        return fail(reader, 400, "the request line does not end with the version of HTTP");
    if (reader->in_request_line) {
        memmove(reader->tail, reader->tail + 1, sizeof(reader->tail) - 1);
        reader->tail[sizeof(reader->tail) - 1] = c;
    }
    reader->last = c;
    reader->line_len++;
    return 0;
}

/* Returns the bytes used. A fault that the scanner saw counts only when the parser has none before
 * it. */
static size_t feed_head(struct reader *reader, const char *data, size_t len)
{
    size_t at = 0;
    bool end = false;
    struct fault late = {0, NULL};
    while (at < len && !end) {
        if (scan(reader, data[at])) {
            late = reader->fault;
            reader->state = READER_HEAD;
            break;
        }
        if (data[at++] == '\n') {
            end = reader->line_len == 2 && !reader->in_request_line;
            reader->line_len = 0;
            reader->in_request_line = false;
        }
    }
    if (at > 0 && parse(reader, data, at))
        return at;
    if (late.status)
        fail(reader, late.status, late.message);
    else if (end)
        (void)judge_head(reader);
    return at;
}

/* Empty lines before a request are skipped (RFC 9112, section 2.2). */
static size_t feed_idle(struct reader *reader, const char *data, size_t len)
{
    size_t at = 0;
    while (at < len && (data[at] == '\r' || data[at] == '\n')) {
        if ((reader->last == '\r') != (data[at] == '\n') ||
            ++reader->head_bytes > LEADING_BYTES_MAX) {
            fail(reader, 400, "malformed request line");
            return at;
        }
        reader->last = data[at++];
    }
    if (at == len)
        return at;
    if (reader->last == '\r') {
        fail(reader, 400, "malformed request line");
    } else if (data[at] == 0x16) {
        fail(reader, 400, "this port serves plain HTTP, and the client sent a TLS handshake");
    } else {
        reader->state = READER_HEAD;
        reader->head_bytes = 0;
        reader->last = 0;
    }
    return at;
}

static size_t feed_body(struct reader *reader, const char *data, size_t len)
{
    struct message *message = reader->message;
    if (reader->chunked) {
        size_t used = chunk_feed(&reader->chunks, data, len, &message->body);
        if (reader->chunks.state == CHUNK_FAILED)
            fail(reader, reader->chunks.fault.status,
                 reader->chunks.fault.status == 413 ? reader->too_large
                                                    : reader->chunks.fault.message);
        else if (reader->chunks.state == CHUNK_DONE)
            complete(reader);
        return used;
    }
    size_t n = len < reader->body_left ? len : (size_t)reader->body_left;
    buf_add(&message->body, data, n);
    reader->body_left -= n;
    if (reader->body_left == 0)
        complete(reader);
    return n;
}

size_t reader_feed(struct reader *reader, const char *data, size_t len)
{
    size_t at = 0;
    if (reader->state == READER_IDLE)
        at = feed_idle(reader, data, len);
    if (reader->state == READER_HEAD && at < len)
        at += feed_head(reader, data + at, len - at);
    if (reader->state == READER_BODY && at < len)
        at += feed_body(reader, data + at, len - at);
    return at;
}

struct message *reader_take(struct reader *reader)
{
    struct message *message = reader->message;
    reader->message = NULL;
    return message;
}

/* http-parser has told of the target once it is behind the method. */
const char *reader_target(const struct reader *reader)
{
    if (reader->message)
        return reader->message->text;
    return reader->text.len > 0 && *reader->text.data ? reader->text.data : NULL;
}

const char *reader_method(const struct reader *reader)
{
    if (reader->message && reader->message->method)
        return reader->message->method;
    if (!reader_target(reader))
        return NULL;
    return http_method_str((enum http_method)reader->parser->method);
}
