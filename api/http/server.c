#include "server.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>

#include "connection.h"
#include "internal.h"
#include "loop.h"

#define STREAMS_A_TURN 4096

/* ------------------------------------------------------------------------ mailbox */

static void mailbox_init(struct mailbox *mailbox)
{
    pthread_mutex_init(&mailbox->lock, NULL);
    mailbox->done_end = &mailbox->done;
    mailbox->notified_end = &mailbox->notified;
}

/* With the lock held. */
static bool must_wake(struct mailbox *mailbox)
{
    bool must = !mailbox->woken && !mailbox->shut;
    mailbox->woken = true;
    return must;
}

/* With the lock held, so that the loop can't be freed meanwhile. */
static void wake(struct http_server *server)
{
    if (must_wake(&server->mailbox))
        loop_wake(server->loop);
}

static void tell_job_done(struct job *job)
{
    struct http_server *server = job->server;
    pthread_mutex_lock(&server->mailbox.lock);
    job->next = NULL;
    *server->mailbox.done_end = job;
    server->mailbox.done_end = &job->next;
    bool must = must_wake(&server->mailbox);
    pthread_mutex_unlock(&server->mailbox.lock);
    if (must) /* the loop is there as long as the workers, and finds the lock free */
        loop_wake(server->loop);
}

void server_tell_stream(void *owner, struct http_stream *stream)
{
    struct http_server *server = owner;
    pthread_mutex_lock(&server->mailbox.lock);
    if (!stream->listed) {
        stream->listed = true;
        stream->next_notified = NULL;
        *server->mailbox.notified_end = stream;
        server->mailbox.notified_end = &stream->next_notified;
    }
    wake(server);
    pthread_mutex_unlock(&server->mailbox.lock);
}

static struct job *take_jobs(struct http_server *server, bool *ret_stop)
{
    pthread_mutex_lock(&server->mailbox.lock);
    struct job *jobs = server->mailbox.done;
    server->mailbox.done = NULL;
    server->mailbox.done_end = &server->mailbox.done;
    server->mailbox.woken = false;
    *ret_stop = server->mailbox.stop;
    pthread_mutex_unlock(&server->mailbox.lock);
    return jobs;
}

/* With the lock held. */
static struct http_stream *unlist(struct mailbox *mailbox, struct http_stream **at)
{
    struct http_stream *stream = *at;
    *at = stream->next_notified;
    if (!*at)
        mailbox->notified_end = at;
    stream->listed = false;
    return stream;
}

static struct http_stream *take_stream(struct http_server *server)
{
    struct mailbox *mailbox = &server->mailbox;
    pthread_mutex_lock(&mailbox->lock);
    struct http_stream *stream = mailbox->notified ? unlist(mailbox, &mailbox->notified) : NULL;
    pthread_mutex_unlock(&mailbox->lock);
    return stream;
}

static void forget_stream(struct mailbox *mailbox, struct http_stream *stream)
{
    pthread_mutex_lock(&mailbox->lock);
    if (stream->listed) {
        struct http_stream **at = &mailbox->notified;
        while (*at != stream)
            at = &(*at)->next_notified;
        unlist(mailbox, at);
    }
    pthread_mutex_unlock(&mailbox->lock);
}

void server_close_stream(struct http_server *server, struct http_stream *stream)
{
    stream_close(stream);
    forget_stream(&server->mailbox, stream);
    http_stream_unref(stream);
}

/* ------------------------------------------------------------------------ loop thread */

void job_free(struct job *job)
{
    if (!job)
        return;
    wire_response_release(&job->response);
    message_free(job->message);
    free(job);
}

/* The peer went away while the handler ran, or the server did. */
static void drop_job(struct http_server *server, struct job *job)
{
    if (job->response.stream)
        server_close_stream(server, job->response.stream);
    job_free(job);
}

static void finish_job(struct http_server *server, struct job *job)
{
    struct connection *connection = job->connection;
    atomic_fetch_sub(&server->in_flight, 1);
    if (!connection) {
        drop_job(server, job);
        return;
    }
    connection_answer(connection, job);
    connection_writable(connection);
    io_settle(connection);
}

static void begin_stop(struct http_server *server)
{
    server->stopping = true;
    server->stop_at_ms = clock_ms() + server->grace_ms;
    for (struct connection *c = server->connections, *next; c; c = next) {
        next = c->next;
        connection_stop(c);
        io_settle(c);
    }
}

/* Not without end, however fast they are written to: sockets and deadlines have their turn too. */
static void work_on_streams(struct http_server *server)
{
    for (int i = 0; i < STREAMS_A_TURN; i++) {
        struct http_stream *stream = take_stream(server);
        if (!stream)
            return;
        struct connection *connection = stream->connection;
        if (!connection)
            continue; /* its handler has not returned yet: the queue is looked at then */
        connection_stream_work(connection);
        io_settle(connection);
    }
    pthread_mutex_lock(&server->mailbox.lock);
    wake(server);
    pthread_mutex_unlock(&server->mailbox.lock);
}

void server_on_wake(struct http_server *server)
{
    bool stop = false;
    for (struct job *job = take_jobs(server, &stop), *next; job; job = next) {
        next = job->next;
        finish_job(server, job);
    }
    work_on_streams(server);
    if (stop && !server->stopping)
        begin_stop(server);
}

void server_on_timer(struct http_server *server)
{
    enum deadline_sort sort = DEADLINE_NONE;
    int64_t now = clock_ms();
    for (struct deadline *d = deadline_due(&server->deadlines, now, &sort); d;
         d = deadline_due(&server->deadlines, now, &sort)) {
        struct connection *connection = (struct connection *)d;
        connection_deadline(connection, sort);
        io_settle(connection);
    }
    if (!server->stopping || now < server->stop_at_ms)
        return;
    for (struct connection *c = server->connections, *next; c; c = next) {
        next = c->next;
        c->doomed = true;
        io_settle(c);
    }
    server->stop_at_ms = now + 100; /* those that lws did not let go at once */
}

bool server_finished(const struct http_server *server)
{
    return server->stopping && !server->connections;
}

bool server_full(struct http_server *server)
{
    size_t count = atomic_load(&server->connection_count);
    return count >= server->options.connections_max || count >= loop_descriptors(server->loop);
}

static void *run_loop(void *context)
{
    struct http_server *server = context;
    loop_run(server->loop);
    return NULL;
}

/* ------------------------------------------------------------------------ workers */

static void run_handler(struct job *job)
{
    job->server->options.handler(job->server->options.context, &job->message->request,
                                 &job->response);
    tell_job_done(job);
}

/* ------------------------------------------------------------------------ life */

static void set_defaults(struct http_server_options *options)
{
#define DEFAULT(field, value) options->field = options->field ? options->field : (value)
    DEFAULT(address, "127.0.0.1");
    DEFAULT(workers, 32);
    DEFAULT(connections_max, 20000);
    DEFAULT(requests_max, 1024);
    DEFAULT(header_max, (size_t)64 * 1024);
    DEFAULT(body_max, (size_t)3 << 20);
    DEFAULT(stream_queue_max, (size_t)1 << 20);
    DEFAULT(header_timeout_ms, 10 * 1000);
    DEFAULT(body_timeout_ms, 30 * 1000);
    DEFAULT(idle_timeout_ms, 90 * 1000);
    DEFAULT(write_timeout_ms, 30 * 1000);
#undef DEFAULT
}

/* "[::1]" as it stands in URLs without its brackets; free() it. */
static char *bare_address(const char *text)
{
    size_t len = strlen(text);
    if (strcmp(text, "localhost") == 0)
        return mem_strdup("127.0.0.1");
    if (len > 2 && text[0] == '[' && text[len - 1] == ']' && strchr(text, ':'))
        return mem_strndup(text + 1, len - 2);
    return mem_strdup(text);
}

static int check_address(struct http_server *server, struct err *err)
{
    struct in_addr v4;
    struct in6_addr v6;
    bool loopback = false;
    char *text = server->address = bare_address(server->options.address);
    if (inet_pton(AF_INET, text, &v4) == 1)
        loopback = ntohl(v4.s_addr) >> 24 == 127;
    else if (inet_pton(AF_INET6, text, &v6) == 1)
        loopback = IN6_IS_ADDR_LOOPBACK(&v6);
    else
        return err_set(err, ERR_INVALID,
                       "%s is no IP address; without TLS it must be a loopback one, such as "
                       "127.0.0.1 or ::1",
                       text);
    if (!server->options.tls.certificate && !loopback)
        return err_set(err, ERR_FORBIDDEN,
                       "%s is not a loopback address: without TLS the API is served on "
                       "127.0.0.0/8 and ::1 only",
                       text);
    return 0;
}

static void set_deadlines(struct http_server *server)
{
    int64_t *duration = server->deadlines.duration_ms;
    duration[DEADLINE_IDLE] = server->options.idle_timeout_ms;
    duration[DEADLINE_HEADER] = server->options.header_timeout_ms;
    duration[DEADLINE_BODY] = server->options.body_timeout_ms;
    duration[DEADLINE_WRITE] = server->options.write_timeout_ms;
    duration[DEADLINE_LINGER] = 3 * 1000;
    duration[DEADLINE_PING] = 30 * 1000;
}

static void server_free(struct http_server *server)
{
    loop_free(server->loop);
    pthread_mutex_destroy(&server->mailbox.lock);
    free(server->address);
    free(server);
}

struct http_server *http_server_start(const struct http_server_options *options, struct err *err)
{
    struct http_server *server = mem_zalloc(sizeof(*server));
    server->options = *options;
    set_defaults(&server->options);
    set_deadlines(server);
    mailbox_init(&server->mailbox);
    if (check_address(server, err) == 0)
        server->loop = loop_new(server, err);
    if (server->loop)
        server->pool = pool_start(server->options.workers, run_handler, err);
    if (!server->pool) {
        server_free(server);
        return NULL;
    }
    int error = pthread_create(&server->thread, NULL, run_loop, server);
    if (error) {
        err_set(err, ERR_TRANSIENT, "can't start a thread: %s", strerror(error));
        pool_stop(server->pool);
        server_free(server);
        return NULL;
    }
    return server;
}

int http_server_port(const struct http_server *server)
{
    return loop_port(server->loop);
}

struct http_server_counts http_server_counts(struct http_server *server)
{
    return (struct http_server_counts){
        .connections = atomic_load(&server->connection_count),
        .streams = atomic_load(&server->stream_count),
        .requests_in_flight = atomic_load(&server->in_flight),
        .requests = atomic_load(&server->requests),
        .refused = atomic_load(&server->refused),
    };
}

void http_server_stop(struct http_server *server, int64_t grace_ms)
{
    if (!server)
        return;
    pthread_mutex_lock(&server->mailbox.lock);
    server->grace_ms = grace_ms;
    server->mailbox.stop = true;
    wake(server);
    pthread_mutex_unlock(&server->mailbox.lock);
    pthread_join(server->thread, NULL);
    pool_stop(server->pool);

    /* Handlers that took longer than the grace: their answers go nowhere. */
    bool stop = false;
    for (struct job *job = take_jobs(server, &stop), *next; job; job = next) {
        next = job->next;
        drop_job(server, job);
    }
    pthread_mutex_lock(&server->mailbox.lock);
    server->mailbox.shut = true;
    pthread_mutex_unlock(&server->mailbox.lock);
    server_free(server);
}
