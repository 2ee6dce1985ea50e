/*
 * The queue in front of the one connection that writes, and the thread that empties it.
 *
 * A request belongs to the queue (its caller may take it back at its deadline), then to the thread,
 * which always finishes it: every step of the thread has a deadline. While PostgreSQL is away
 * requests are sent back after OUTAGE_WAIT_MS, so that callers learn soon and the queue stays
 * short.
 */
#include "store_private.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <mot/base/backoff.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "keyset.h"

#define BATCH_BYTES     ((size_t)2 << 20)
#define OUTAGE_WAIT_MS  1000
#define CONNECT_TIME_MS 3000

struct writer {
    struct store *store;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_condattr_t monotonic;
    struct request *first, *last;
    size_t waiting; /* the cost of what is queued */
    size_t max;
    bool closing;
    bool down; /* connecting has failed, and not succeeded since */

    /* Of the thread alone. */
    struct batch_writer out;
    struct keyset *keys;
    struct backoff backoff;
    bool in_doubt; /* what became of the batch under way */
    char backend_started[64];
    int backend;
};

static struct timespec at(int64_t ms)
{
    return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
}

/* ------------------------------------------------------------------------------- the queue */

static void enqueue(struct writer *writer, struct request *request)
{
    request->next = NULL;
    if (writer->last != NULL)
        writer->last->next = request;
    else
        writer->first = request;
    writer->last = request;
    writer->waiting += request->cost;
}

/* Takes the request after @before (NULL: the first) out. */
static struct request *unlink_after(struct writer *writer, struct request *before)
{
    struct request *request = before != NULL ? before->next : writer->first;

    if (before != NULL)
        before->next = request->next;
    else
        writer->first = request->next;
    if (writer->last == request)
        writer->last = before;
    writer->waiting -= request->cost;
    request->next = NULL;
    return request;
}

static void take_back(struct writer *writer, const struct request *request)
{
    struct request *before = NULL;

    for (struct request *r = writer->first; r != NULL && r != request; r = r->next)
        before = r;
    (void)unlink_after(writer, before);
}

/* With the lock held. */
static void finish(struct request *request, enum err_code code, const char *message)
{
    request->code = code;
    if (code != ERR_NONE && message != NULL)
        (void)err_set(request->err, code, "%s", message);
    request->state = REQUEST_DONE;
    pthread_cond_signal(request->waiter);
}

static void wait_done(struct writer *writer, struct request *request)
{
    struct timespec until = at(request->deadline);

    while (request->state != REQUEST_DONE) {
        if (request->state == REQUEST_TAKEN) {
            pthread_cond_wait(request->waiter, &writer->lock);
            continue;
        }
        pthread_cond_timedwait(request->waiter, &writer->lock, &until);
        if (request->state != REQUEST_QUEUED || clock_ms() < request->deadline)
            continue;
        take_back(writer, request);
        request->state = REQUEST_DONE;
        request->code = ERR_TRANSIENT;
        (void)err_set(request->err, ERR_TRANSIENT, "%s",
                      writer->down ? "postgresql is away" : "postgresql is too slow");
    }
}

size_t writer_queued(struct writer *writer)
{
    size_t waiting;

    pthread_mutex_lock(&writer->lock);
    waiting = writer->waiting;
    pthread_mutex_unlock(&writer->lock);
    return waiting;
}

void writer_commit(struct writer *writer, struct request *request)
{
    pthread_cond_t done;

    pthread_cond_init(&done, &writer->monotonic);
    request->waiter = &done;
    request->state = REQUEST_QUEUED;
    pthread_mutex_lock(&writer->lock);
    if (writer->closing || (writer->waiting > 0 && writer->waiting + request->cost > writer->max)) {
        request->code = ERR_TRANSIENT;
        (void)err_set(request->err, ERR_TRANSIENT, "%s",
                      writer->closing ? "the store is being closed" : "too many writes wait");
    } else {
        if (writer->down && request->deadline > request->queued_at + OUTAGE_WAIT_MS)
            request->deadline = request->queued_at + OUTAGE_WAIT_MS;
        enqueue(writer, request);
        pthread_cond_signal(&writer->wake);
        wait_done(writer, request);
    }
    pthread_mutex_unlock(&writer->lock);
    pthread_cond_destroy(&done);
}

/* ------------------------------------------------------------------------------- batches */

static bool add_keys(struct keyset *keys, const struct store_commit *commit)
{
    for (size_t i = 0; i < commit->write_count; i++)
        if (keyset_has(keys, keyset_of_object(&commit->writes[i].key)))
            return false;
    for (size_t i = 0; i < commit->position_count; i++)
        if (keyset_has(keys, keyset_of_position(commit->positions[i].name)))
            return false;
    for (size_t i = 0; i < commit->write_count; i++)
        (void)keyset_add(keys, keyset_of_object(&commit->writes[i].key));
    for (size_t i = 0; i < commit->position_count; i++)
        (void)keyset_add(keys, keyset_of_position(commit->positions[i].name));
    return true;
}

static void batch_add(struct batch *batch, struct request *request)
{
    request->state = REQUEST_TAKEN;
    if (batch->last != NULL)
        batch->last->next = request;
    else
        batch->first = request;
    batch->last = request;
    batch->count++;
    batch->cost += request->cost;
    batch->bytes += request->bytes;
    if (request->deadline > batch->deadline)
        batch->deadline = request->deadline;
}

/* Everything queued that fits, but for requests that touch what is in the batch already. */
static void take_batch(struct writer *writer, struct batch *batch)
{
    struct request *before = NULL;

    memset(batch, 0, sizeof(*batch));
    keyset_clear(writer->keys);
    for (struct request *r = writer->first; r != NULL;) {
        struct request *next = r->next;

        if (batch->first != NULL &&
            (batch->cost + r->cost > BATCH_WRITES || batch->bytes + r->bytes > BATCH_BYTES))
            break;
        if (add_keys(writer->keys, r->commit))
            batch_add(batch, unlink_after(writer, before));
        else
            before = r;
        r = next;
    }
}

static void finish_batch(struct writer *writer, struct batch *batch, enum err_code code,
                         const char *message)
{
    pthread_mutex_lock(&writer->lock);
    for (struct request *r = batch->first, *next; r != NULL; r = next) {
        next = r->next;
        finish(r, code != ERR_NONE ? code : r->code, message);
    }
    pthread_mutex_unlock(&writer->lock);
}

/* ------------------------------------------------------------------------------- the connection */

static void set_down(struct writer *writer, bool down, const char *why)
{
    int64_t now = clock_ms();
    struct request *before = NULL;

    pthread_mutex_lock(&writer->lock);
    writer->down = down;
    for (struct request *r = down ? writer->first : NULL; r != NULL;) {
        struct request *next = r->next;

        if (now - r->queued_at >= OUTAGE_WAIT_MS)
            finish(unlink_after(writer, before), ERR_TRANSIENT, why);
        else
            before = r;
        r = next;
    }
    pthread_mutex_unlock(&writer->lock);
}

static int look_around(struct writer *writer, struct pg *pg, int64_t deadline, struct err *err)
{
    AUTO_ROWS struct pg_rows *rows =
        pg_exec(pg,
                "SELECT coalesce((SELECT max(revision) FROM change_log), 1), backend_start::text"
                " FROM pg_stat_activity WHERE pid = pg_backend_pid()",
                deadline, err);

    if (rows == NULL)
        return -1;
    if (pg_count(rows) != 1)
        return err_set(err, ERR_INTERNAL, "postgresql does not know its own process");
    if (!writer->in_doubt)
        writer->out.revision = pg_get_number(rows, 0, 0);
    (void)snprintf(writer->backend_started, sizeof(writer->backend_started), "%s",
                   pg_get(rows, 0, 1));
    writer->backend = pg_backend(pg);
    return 0;
}

/* One try. The old connection's process stays in backend and backend_started when it fails. */
static int connect_once(struct writer *writer, int64_t deadline, struct err *err)
{
    int64_t now = clock_ms();
    struct pg *pg;

    if (deadline > now + CONNECT_TIME_MS)
        deadline = now + CONNECT_TIME_MS;
    pg = store_connect(writer->store, deadline, err);
    if (pg != NULL && look_around(writer, pg, deadline, err) < 0) {
        pg_close(pg);
        pg = NULL;
    }
    if (pg == NULL) {
        set_down(writer, true, err->message);
        return -1;
    }
    writer->out.pg = pg;
    set_down(writer, false, NULL);
    return 0;
}

static void disconnect(struct writer *writer)
{
    pg_close(writer->out.pg);
    writer->out.pg = NULL;
}

/* Waits before the next try, not past @deadline; false when there is no time left. */
static bool pause_until_retry(struct writer *writer, int64_t deadline)
{
    int64_t retry = clock_ms() + backoff_next(&writer->backoff);

    if (retry >= deadline)
        return false;
    clock_sleep_ms(retry - clock_ms());
    return true;
}

/* No new try after @last_try; a try may take until @deadline. */
static int connect_until(struct writer *writer, int64_t last_try, int64_t deadline, struct err *err)
{
    if (writer->out.pg != NULL && pg_usable(writer->out.pg))
        return 0;
    disconnect(writer);
    while (connect_once(writer, deadline, err) < 0)
        if (!pause_until_retry(writer, last_try))
            return -1;
    return 0;
}

/* ------------------------------------------------------------------------------- writing */

static void write_batch(struct writer *writer, struct batch *batch);

/* One bad write must not take the others with it. */
static void write_singly(struct writer *writer, struct batch *batch)
{
    for (struct request *r = batch->first, *next; r != NULL; r = next) {
        struct batch single = {0};

        next = r->next;
        r->next = NULL;
        batch_add(&single, r);
        write_batch(writer, &single);
    }
}

static void refused(struct writer *writer, struct batch *batch, const struct err *err)
{
    if (err->code != ERR_TRANSIENT && batch->count > 1)
        write_singly(writer, batch);
    else
        finish_batch(writer, batch, err->code, err->message);
}

/* The connection broke with @batch under way. 0: not written; 1: written; -1: it can't be found
 * out. */
static int find_out(struct writer *writer, struct batch *batch, struct err *err)
{
    int backend = writer->backend;
    char started[sizeof(writer->backend_started)];

    memcpy(started, writer->backend_started, sizeof(started));
    for (;;) {
        enum batch_outcome outcome;

        disconnect(writer);
        if (connect_until(writer, batch->deadline, batch->deadline, err) < 0)
            return -1;
        outcome = batch_resolve(&writer->out, batch, backend, started, err);
        if (outcome != BATCH_UNKNOWN)
            return outcome == BATCH_DONE ? 1 : 0;
        if (!pause_until_retry(writer, batch->deadline))
            return -1;
    }
}

/* False when @batch is still to be written. */
static bool try_batch(struct writer *writer, struct batch *batch, struct err *err)
{
    enum batch_outcome outcome = batch_write(&writer->out, batch, err);
    int written = outcome == BATCH_DONE ? 1 : 0;

    if (outcome == BATCH_REFUSED) {
        refused(writer, batch, err);
        return true;
    }
    if (outcome == BATCH_UNKNOWN) {
        writer->in_doubt = true;
        written = find_out(writer, batch, err);
        writer->in_doubt = false;
    }
    if (outcome == BATCH_UNSENT)
        disconnect(writer);
    if (written == 0)
        return false;
    backoff_reset(&writer->backoff);
    finish_batch(writer, batch, written > 0 ? ERR_NONE : ERR_TIMEOUT,
                 written > 0 ? NULL : err->message);
    return true;
}

static void write_batch(struct writer *writer, struct batch *batch)
{
    struct err err = {.code = ERR_NONE};
    int64_t last_try = batch->first->queued_at + OUTAGE_WAIT_MS;

    do {
        if (connect_until(writer, last_try, batch->deadline, &err) < 0)
            break;
        if (try_batch(writer, batch, &err))
            return;
    } while (pause_until_retry(writer, batch->deadline));
    finish_batch(writer, batch, ERR_TRANSIENT, err.message);
}

static void *run(void *argument)
{
    struct writer *writer = argument;
    struct batch batch;

    pthread_mutex_lock(&writer->lock);
    while (!writer->closing || writer->first != NULL) {
        if (writer->first == NULL) {
            batch_writer_shrink(&writer->out);
            pthread_cond_wait(&writer->wake, &writer->lock);
            continue;
        }
        take_batch(writer, &batch);
        pthread_mutex_unlock(&writer->lock);
        histogram_add(&writer->store->metrics.batch_writes, (int64_t)batch.cost);
        write_batch(writer, &batch);
        pthread_mutex_lock(&writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

struct writer *writer_new(struct store *store, size_t queue_max)
{
    struct writer *writer = mem_zalloc(sizeof(*writer));

    writer->store = store;
    writer->max = queue_max;
    writer->backoff = (struct backoff)BACKOFF_INIT(20, 500);
    writer->keys = keyset_new((size_t)2 * BATCH_WRITES);
    batch_writer_init(&writer->out);
    pthread_mutex_init(&writer->lock, NULL);
    pthread_condattr_init(&writer->monotonic);
    pthread_condattr_setclock(&writer->monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->wake, &writer->monotonic);
    if (pthread_create(&writer->thread, NULL, run, writer) != 0)
        abort();
    return writer;
}

void writer_free(struct writer *writer)
{
    if (writer == NULL)
        return;
    pthread_mutex_lock(&writer->lock);
    writer->closing = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    batch_writer_release(&writer->out);
    keyset_free(writer->keys);
    pthread_cond_destroy(&writer->wake);
    pthread_condattr_destroy(&writer->monotonic);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}
