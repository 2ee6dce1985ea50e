#include "connection.h"

#include <stdio.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "handshake.h"
#include "tls.h"

#define PIECE_MAX    ((size_t)64 * 1024) /* per write */
#define TURN_MAX     ((size_t)1 << 20)   /* written before other connections get their turn */
#define INPUT_MAX    ((size_t)256 * 1024)
#define DRAIN_MAX    ((size_t)16 << 20)
#define SMALL_BODY   ((size_t)32 * 1024) /* goes out with its head */
#define KEEP_MEMORY  ((size_t)4096)
#define STREAM_FILL  ((size_t)32 * 1024)
#define FILLS_A_TURN 32

static void set_deadline(struct connection *c, enum deadline_sort sort)
{
    deadline_set(&c->server->deadlines, &c->deadline, sort, clock_ms());
}

struct connection *connection_new(struct http_server *server, void *link, const char *peer,
                                  bool tls)
{
    struct connection *c = mem_zalloc(sizeof(*c));
    c->server = server;
    c->link = link;
    snprintf(c->peer, sizeof(c->peer), "%s", peer);
    struct reader_limits limits = {server->options.header_max, server->options.body_max};
    reader_init(&c->reader, &limits);
    buf_init(&c->in, INPUT_MAX + PIECE_MAX);
    buf_init(&c->out, SIZE_MAX / 2);
    buf_init(&c->tail, SIZE_MAX / 2);
    c->next = server->connections;
    if (c->next)
        c->next->previous = c;
    server->connections = c;
    atomic_fetch_add(&server->connection_count, 1);
    c->shaking = tls;
    set_deadline(c, tls ? DEADLINE_HEADER : DEADLINE_IDLE);
    return c;
}

/* The stream and the request behind it end here, whatever the reason. */
static void finish_stream(struct connection *c)
{
    struct http_stream *stream = c->stream;
    c->stream = NULL;
    server_close_stream(c->server, stream);
    atomic_fetch_sub(&c->server->stream_count, 1);
    job_free(c->job);
    c->job = NULL;
}

void connection_free(struct connection *c)
{
    struct http_server *server = c->server;
    deadline_set(&server->deadlines, &c->deadline, DEADLINE_NONE, 0);
    if (c->bridge)
        bridge_close(c->bridge);
    if (c->stream)
        finish_stream(c);
    else if (c->job)
        c->job->connection = NULL;
    if (c->previous)
        c->previous->next = c->next;
    else
        server->connections = c->next;
    if (c->next)
        c->next->previous = c->previous;
    atomic_fetch_sub(&server->connection_count, 1);
    certificate_unref(c->certificate);
    reader_release(&c->reader);
    buf_release(&c->in);
    buf_release(&c->out);
    buf_release(&c->tail);
    http_charge_release(&c->charge);
    free(c);
}

/* ------------------------------------------------------------------------ writing */

static void trim(struct buf *buf)
{
    if (buf->cap > KEEP_MEMORY)
        buf_release(buf);
    else
        buf_clear(buf);
}

/* True when all of it is with the kernel. */
static bool flush(struct connection *c)
{
    size_t turn = 0;
    while (!io_blocked(c)) {
        if (c->out_at == c->out.len) {
            trim(&c->out);
            c->out_at = 0;
            if (c->tail.len == 0) {
                http_charge_release(&c->charge);
                return true;
            }
            struct buf empty = c->out;
            c->out = c->tail;
            c->tail = empty;
            continue;
        }
        if (turn >= TURN_MAX) {
            io_want_write(c);
            break;
        }
        size_t n = c->out.len - c->out_at;
        n = n < PIECE_MAX ? n : PIECE_MAX;
        if (io_write(c, c->out.data + c->out_at, n)) {
            c->doomed = true;
            return false;
        }
        c->out_at += n;
        turn += n;
    }
    /* It runs from the last progress, not from the last attempt. */
    if (turn > 0 || c->deadline.sort != DEADLINE_WRITE)
        set_deadline(c, DEADLINE_WRITE);
    return false;
}

static void linger(struct connection *c)
{
    c->state = CONNECTION_LINGERING;
    io_shutdown_write(c);
    io_receive(c, true);
    set_deadline(c, DEADLINE_LINGER);
}

static void finish_answer(struct connection *c)
{
    c->continue_sent = false;
    reader_next(&c->reader);
    if (c->close_after || c->server->stopping)
        linger(c);
    else
        c->state = CONNECTION_READING;
}

/* @message is what is known of the request; NULL: look at what was read of it. */
static void report(const struct connection *c, const struct fault *fault,
                   const struct message *message)
{
    const struct http_server_options *options = &c->server->options;
    atomic_fetch_add(&c->server->refused, 1);
    if (!options->on_refused)
        return;
    if (!message)
        message = c->reader.message;
    const struct http_request *request =
        message && message->request.path ? &message->request : NULL;
    const struct http_refusal refusal = {
        .status = fault->status,
        .reason = wire_status_reason(fault->status),
        .message = fault->message,
        .peer = c->peer,
        .method = request ? request->method : reader_method(&c->reader),
        .target = request ? request->target : reader_target(&c->reader),
        .request = request};
    options->on_refused(options->context, &refusal);
}

static void refuse(struct connection *c, const struct fault *fault)
{
    const struct message *message = c->reader.message;
    bool head_only = message && message->method && strcmp(message->method, "HEAD") == 0;
    report(c, fault, NULL);
    wire_fault(&c->out, fault, head_only);
    c->close_after = true;
    c->in_at = c->in.len;
    c->state = CONNECTION_WRITING;
    set_deadline(c, DEADLINE_NONE);
}

/* ------------------------------------------------------------------------ answers */

/* @c's reader is done with the request, and the answer comes from here instead of a handler. */
static void answer_fault(struct connection *c, struct job *job, const struct fault *fault)
{
    report(c, fault, job->message);
    wire_status(&job->response, fault);
    connection_answer(c, job);
}

static void dispatch(struct connection *c)
{
    struct http_server *server = c->server;
    struct job *job = mem_zalloc(sizeof(*job));
    job->message = reader_take(&c->reader);
    job->server = server;
    job->owner =
        (struct stream_owner){server->options.stream_queue_max, server_tell_stream, server};
    job->connection = c;
    wire_response_release(&job->response);
    job->response.status = 200;
    struct message *message = job->message;
    memcpy(message->peer, c->peer, sizeof(message->peer));
    message->request.peer = message->peer;
    message->certificate = certificate_ref(c->certificate);
    message->request.certificate = certificate_view(c->certificate);
    message->request.internal = job;
    message->close = message->close || c->distrusted;
    c->job = job;
    c->state = CONNECTION_WAITING;
    io_receive(c, false);
    set_deadline(c, DEADLINE_NONE);

    struct fault fault;
    if (handshake_check(message, &fault)) {
        message->close = true;
        answer_fault(c, job, &fault);
        return;
    }
    atomic_fetch_add(&server->requests, 1);
    if (atomic_load(&server->in_flight) >= server->options.requests_max) {
        fault =
            (struct fault){429, "the server handles as many requests as it can, try again later"};
        answer_fault(c, job, &fault);
        return;
    }
    atomic_fetch_add(&server->in_flight, 1);
    pool_submit(server->pool, job);
}

static void send_response(struct connection *c, struct job *job)
{
    struct http_response *response = &job->response;
    struct message *message = job->message;
    if (buf_failed(&response->body) || buf_failed(&response->headers)) {
        struct fault fault = {500, "Internal error occurred: the answer is too large"};
        wire_status(response, &fault);
    }
    c->close_after = message->close || c->server->stopping;
    wire_head(&c->out, response, WIRE_LENGTH, c->close_after);
    bool body =
        strcmp(message->method, "HEAD") != 0 && response->status != 204 && response->status != 304;
    if (body && response->body.len <= SMALL_BODY) {
        buf_add(&c->out, response->body.data, response->body.len);
    } else if (body) {
        buf_release(&c->tail);
        c->tail = response->body;
        c->charge = response->charge;
        response->charge = (struct http_charge){0};
        buf_init(&response->body, 0);
    }
    c->job = NULL;
    job_free(job);
    c->state = CONNECTION_WRITING;
}

static void begin_stream(struct connection *c, struct job *job)
{
    struct message *message = job->message;
    c->stream = job->response.stream;
    c->stream->connection = c;
    atomic_fetch_add(&c->server->stream_count, 1);
    if (c->server->stopping || c->distrusted)
        http_stream_end(c->stream);
    if (message->request.websocket) {
        c->bridge =
            bridge_open(c, message->websocket_key, c->stream->protocol, job->response.headers.data);
        c->state = CONNECTION_BRIDGED;
        c->close_after = true;
        set_deadline(c, DEADLINE_PING);
        if (!c->bridge) {
            struct fault fault = {503, "too many open connections"};
            finish_stream(c);
            refuse(c, &fault);
        } else if (c->in_at < c->in.len) {
            bridge_input(c->bridge, c->in.data + c->in_at, c->in.len - c->in_at);
        }
        buf_release(&c->in);
        c->in_at = 0;
        return;
    }
    c->close_after = message->close || message->http10;
    c->framing = message->http10 ? STREAM_RAW : STREAM_CHUNKED;
    wire_head(&c->out, &job->response, message->http10 ? WIRE_RAW : WIRE_CHUNKED, c->close_after);
    if (strcmp(message->method, "HEAD") == 0) {
        finish_stream(c);
        c->state = CONNECTION_WRITING;
        return;
    }
    c->state = CONNECTION_STREAMING;
    io_receive(c, true);
}

/* ------------------------------------------------------------------------ turns */

/* False when there is nothing to do until something happens. */
static bool turn_reading(struct connection *c)
{
    if (c->in_at == c->in.len) {
        trim(&c->in);
        c->in_at = 0;
        if (c->reader.state == READER_IDLE)
            set_deadline(c, DEADLINE_IDLE);
        io_receive(c, true);
        return false;
    }
    enum reader_state before = c->reader.state;
    c->in_at += reader_feed(&c->reader, c->in.data + c->in_at, c->in.len - c->in_at);
    switch (c->reader.state) {
    case READER_FAILED:
        refuse(c, &c->reader.fault);
        break;
    case READER_DONE:
        dispatch(c);
        break;
    case READER_BODY:
        if (before != READER_BODY)
            set_deadline(c, DEADLINE_BODY);
        if (c->reader.message->expects_continue && !c->continue_sent && before != READER_BODY &&
            c->in_at == c->in.len && c->reader.message->body.len == 0) {
            char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
            c->continue_sent = true;
            c->doomed = io_write(c, line, sizeof(line) - 1) != 0;
        }
        break;
    case READER_HEAD:
        if (before != READER_HEAD)
            set_deadline(c, DEADLINE_HEADER);
        break;
    case READER_IDLE:
        break;
    }
    return true;
}

static bool turn_streaming(struct connection *c, int *fills)
{
    if (stream_aborted(c->stream)) {
        c->doomed = true;
        return false;
    }
    if (!flush(c))
        return false;
    set_deadline(c, DEADLINE_NONE);
    if (stream_ended(c->stream)) {
        finish_stream(c);
        finish_answer(c);
        return true;
    }
    if (++*fills > FILLS_A_TURN) {
        io_want_write(c);
        return false;
    }
    stream_fill(c->stream, &c->out, STREAM_FILL, c->framing);
    return c->out.len > 0 || stream_ended(c->stream);
}

static void run(struct connection *c)
{
    int fills = 0;
    bool more = true;
    while (more && !c->doomed) {
        switch (c->state) {
        case CONNECTION_READING:
            more = turn_reading(c);
            break;
        case CONNECTION_WRITING:
            more = flush(c);
            if (more)
                finish_answer(c);
            break;
        case CONNECTION_STREAMING:
            more = turn_streaming(c, &fills);
            break;
        case CONNECTION_BRIDGED:
            more = false;
            if (flush(c)) {
                if (c->deadline.sort == DEADLINE_WRITE)
                    set_deadline(c, DEADLINE_PING);
                bridge_resume(c->bridge);
            }
            break;
        case CONNECTION_WAITING:
        case CONNECTION_LINGERING:
            more = false;
            break;
        }
    }
}

/* ------------------------------------------------------------------------ events */

void connection_secured(struct connection *c, struct certificate *certificate)
{
    c->certificate = certificate;
    c->shaking = false;
    set_deadline(c, DEADLINE_IDLE);
    if (c->unwelcome)
        connection_refuse(c, 503, c->unwelcome);
}

void connection_judged(struct connection *c, struct certificate *certificate)
{
    certificate_unref(c->certificate);
    c->certificate = certificate;
    c->distrusted = certificate_view(certificate)->refused != NULL;
    if (c->distrusted && c->stream)
        http_stream_end(c->stream);
}

void connection_received(struct connection *c, const char *data, size_t len)
{
    if (c->doomed)
        return;
    if (c->state == CONNECTION_LINGERING) {
        c->drained += len;
        c->doomed = c->drained > DRAIN_MAX;
        return;
    }
    if (c->state == CONNECTION_BRIDGED) {
        bridge_input(c->bridge, data, len);
        return;
    }
    if (c->in.len + len > INPUT_MAX) {
        c->doomed = true;
        return;
    }
    buf_add(&c->in, data, len);
    run(c);
}

void connection_ended(struct connection *c)
{
    if (c->state == CONNECTION_WAITING)
        c->job->message->close = true;
    else if (c->state == CONNECTION_WRITING)
        c->close_after = true;
    else
        c->doomed = true;
}

void connection_writable(struct connection *c)
{
    if (c->deadline.sort == DEADLINE_WRITE)
        set_deadline(c, DEADLINE_WRITE);
    run(c);
}

void connection_answer(struct connection *c, struct job *job)
{
    if (job->response.stream)
        begin_stream(c, job);
    else
        send_response(c, job);
}

void connection_stream_work(struct connection *c)
{
    if (c->state != CONNECTION_BRIDGED)
        run(c);
    else if (stream_aborted(c->stream))
        c->doomed = true;
    else
        bridge_work(c->bridge);
}

void connection_report(struct connection *c, int status, const char *message)
{
    struct fault fault = {status, message};
    report(c, &fault, NULL);
}

void connection_refuse(struct connection *c, int status, const char *message)
{
    struct fault fault = {status, message};
    refuse(c, &fault);
    run(c);
}

void connection_deadline(struct connection *c, enum deadline_sort sort)
{
    switch (sort) {
    case DEADLINE_HEADER:
        if (c->shaking)
            c->doomed = true;
        else
            connection_refuse(c, 408, "the headers of the request did not come in time");
        break;
    case DEADLINE_BODY:
        connection_refuse(c, 408, "the body of the request did not come in time");
        break;
    case DEADLINE_PING:
        if (bridge_ping(c->bridge))
            c->doomed = true;
        else
            set_deadline(c, DEADLINE_PING);
        break;
    case DEADLINE_NONE:
    case DEADLINE_IDLE:
    case DEADLINE_WRITE:
    case DEADLINE_LINGER:
    case DEADLINE_SORTS:
        c->doomed = true;
        break;
    }
}

void connection_stop(struct connection *c)
{
    if (c->state == CONNECTION_READING && c->reader.state == READER_IDLE)
        c->doomed = true;
    else if (c->stream)
        http_stream_end(c->stream);
}

void connection_bridge_output(struct connection *c, const char *data, size_t len)
{
    if (c->state != CONNECTION_BRIDGED)
        return;
    buf_add(&c->out, data, len);
    run(c);
}

void connection_bridge_ended(struct connection *c)
{
    if (c->state != CONNECTION_BRIDGED)
        return;
    if (c->stream)
        finish_stream(c);
    c->state = CONNECTION_WRITING;
    run(c);
}
