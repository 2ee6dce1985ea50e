/* What the files of this library share. */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include <mot/store/store.h>

#include "pg.h"

struct readers;
struct writer;

struct store {
    char *url;
    char *name;
    int64_t deadline_ms;
    struct readers *readers;
    struct writer *writer;
    struct store_metrics metrics;
};

/* The statements that are prepared; the numbers only have to differ. */
enum statement_id {
    STATEMENT_UNPREPARED,
    STATEMENT_GET,
    STATEMENT_GET_AT,
    STATEMENT_REVISION,
    STATEMENT_CHANGES,
    STATEMENT_POSITION,
    STATEMENT_MARKS,
    STATEMENT_LOCK,
    STATEMENT_WRITE,
    STATEMENT_SET_MARKS,
    STATEMENT_SET_POSITIONS,
    STATEMENT_FENCE,
    STATEMENT_GUARD,
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
};

/* The advisory lock that orders the batches of all processes. */
#define WRITE_LOCK "7237954630966000002"
#define CHANNEL    "mot_change"

struct pg *store_connect(const struct store *store, int64_t deadline, struct err *err);

/* ---------------------------------------------------------------------------- readers */

struct readers *readers_new(struct store *store, int max);
void readers_free(struct readers *readers);

/*
 * Runs @use with a connection of the pool, and again with a new one when the connection turns out
 * to be broken, unless *@started (may be NULL) is true: something was handed out already. A
 * deadline that passes is ERR_TRANSIENT: reading has no effect.
 */
typedef int reader_use(struct pg *pg, void *context, int64_t deadline, struct err *err);
int readers_run(struct store *store, reader_use *use, void *context, const bool *started,
                struct err *err) MOT_NODISCARD;

/* ---------------------------------------------------------------------------- changes */

struct changes_query {
    const char *resource;
    int64_t after;
    int64_t until;
    size_t max;
    bool brief; /* bodies only of what is being deleted */
    store_change_visit *visit;
    void *context;

    int64_t position; /* everything up to it has been visited */
    int64_t head;
    size_t visited;
    bool started;
    bool more; /* there may be more to read right now */
};

int changes_read(struct pg *pg, struct changes_query *query, int64_t deadline,
                 struct err *err) MOT_NODISCARD;

/* ---------------------------------------------------------------------------- writer */

#define BATCH_WRITES 512

/* One call of store_commit on its way; lives on the caller's stack. */
struct request {
    struct store_commit *commit;
    size_t cost; /* its share of the queue and of a batch */
    size_t bytes;
    int64_t queued_at;
    int64_t deadline;
    bool written; /* not fenced off, in the transaction under way */
    enum err_code code;
    struct err *err;
    struct request *next;
    enum { REQUEST_QUEUED, REQUEST_TAKEN, REQUEST_DONE } state;
    void *waiter;
};

struct batch {
    struct request *first, *last;
    size_t count;
    size_t cost;
    size_t bytes;
    int64_t deadline;
};

struct writer *writer_new(struct store *store, size_t queue_max);
/* Waits until what is queued is done. */
void writer_free(struct writer *writer);
size_t writer_queued(struct writer *writer);
/* Sets request->code, and @request->err if that isn't ERR_NONE. */
void writer_commit(struct writer *writer, struct request *request);

/* The writer's connection and what it knows about the database. */
struct batch_writer {
    struct pg *pg;
    int64_t revision; /* visible when the batch under way was begun */
    int64_t id;       /* of the batch under way */
    struct buf arrays[10];
    struct store_write *writes[BATCH_WRITES]; /* in the order of the arrays */
};

void batch_writer_init(struct batch_writer *writer);
/* Gives the memory of large batches back. */
void batch_writer_shrink(struct batch_writer *writer);
void batch_writer_release(struct batch_writer *writer);

enum batch_outcome {
    BATCH_DONE,    /* every request has its code */
    BATCH_REFUSED, /* nothing was written: @err */
    BATCH_UNSENT,  /* the connection broke before anything could be written: @err */
    BATCH_UNKNOWN, /* the connection broke: @err */
};
enum batch_outcome batch_write(struct batch_writer *writer, struct batch *batch, struct err *err);
/* After BATCH_UNKNOWN and reconnecting: BATCH_DONE, BATCH_REFUSED (it was not written), or still
 * unknown.
 * @old_backend is the process that had the broken connection. */
enum batch_outcome batch_resolve(struct batch_writer *writer, struct batch *batch, int old_backend,
                                 const char *old_started, struct err *err);

#endif
