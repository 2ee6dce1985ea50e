/*
 * One database, seen through four kinds of connections: a pool of lazy readers (readers.c), the one
 * writer (writer.c: the queue; batch.c: the transaction), and one each for feeds and leases.
 *
 * Why revisions are in order and without gaps: a batch takes an advisory lock in a statement of its
 * own, so that the next statement's snapshot contains all that was committed before; it numbers its
 * changes from the newest revision on; and PostgreSQL releases the lock only after the commit is
 * visible. So a reader whose snapshot has revision R has everything below R, and a feed needs no
 * gap logic.
 */
#include "store_private.h"

#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "migration.h"

#define READERS_DEFAULT   4
#define QUEUE_DEFAULT     4096
#define DEADLINE_DEFAULT  10000
#define MIGRATION_TIME_MS 60000

struct pg *store_connect(const struct store *store, int64_t deadline, struct err *err)
{
    /* The server gives up first: its answer is more precise than a broken connection. */
    struct pg_options options = {.url = store->url,
                                 .name = store->name,
                                 .statement_ms = store->deadline_ms - store->deadline_ms / 5};

    return pg_connect(&options, deadline, err);
}

static int prepare_database(struct store *store, struct err *err)
{
    struct pg *pg = store_connect(store, clock_ms() + store->deadline_ms, err);
    int result;

    if (pg == NULL)
        return -1;
    result = migrate(pg, clock_ms() + MIGRATION_TIME_MS, err);
    pg_close(pg);
    return result;
}

static const int64_t commit_bounds_us[] = {
    500,   1000,  2000,   3000,   5000,   7500,    10000,   15000,   20000,   30000,
    50000, 75000, 100000, 200000, 500000, 1000000, 2000000, 5000000, 10000000};
static const int64_t batch_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};

const struct store_metrics *store_metrics(const struct store *store)
{
    return &store->metrics;
}

size_t store_queued(struct store *store)
{
    return writer_queued(store->writer);
}

struct store *store_open(const struct store_options *options, struct err *err)
{
    struct store *store = mem_zalloc(sizeof(*store));

    store->url = mem_strdup(options->url);
    store->name = mem_strdup(options->name != NULL ? options->name : "mot");
    store->deadline_ms = options->deadline_ms > 0 ? options->deadline_ms : DEADLINE_DEFAULT;
    histogram_init(&store->metrics.commit_us, commit_bounds_us, MOT_ARRAY_SIZE(commit_bounds_us));
    histogram_init(&store->metrics.batch_writes, batch_bounds, MOT_ARRAY_SIZE(batch_bounds));
    if (prepare_database(store, err) < 0) {
        store_close(store);
        return NULL;
    }
    store->readers = readers_new(store, options->readers > 0 ? options->readers : READERS_DEFAULT);
    store->writer = writer_new(store, options->queue_max > 0 ? options->queue_max : QUEUE_DEFAULT);
    return store;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    writer_free(store->writer);
    readers_free(store->readers);
    free(store->url);
    free(store->name);
    free(store);
}

static int ping(struct pg *pg, void *context, int64_t deadline, struct err *err)
{
    (void)context;
    return pg_do(pg, "SELECT 1", deadline, err);
}

int store_ping(struct store *store, struct err *err)
{
    return readers_run(store, ping, NULL, NULL, err);
}

static int revision(struct pg *pg, void *context, int64_t deadline, struct err *err)
{
    static const struct pg_statement statement = {
        STATEMENT_REVISION, "SELECT coalesce(max(revision), 1) FROM change_log"};
    AUTO_ROWS struct pg_rows *rows = pg_run(pg, &statement, NULL, deadline, err);

    if (rows == NULL)
        return -1;
    *(int64_t *)context = pg_get_number(rows, 0, 0);
    return 0;
}

int store_revision(struct store *store, int64_t *ret_revision, struct err *err)
{
    return readers_run(store, revision, ret_revision, NULL, err);
}

/* ------------------------------------------------------------------------------- copies */

static char *put(char **at, const char *text, size_t len)
{
    char *start = *at;

    if (len > 0)
        memcpy(start, text, len);
    start[len] = '\0';
    *at += len + 1;
    return start;
}

static size_t length(const char *text)
{
    return text != NULL ? strlen(text) : 0;
}

struct store_object *store_object_copy(const struct store_object *object)
{
    const struct store_key *key = &object->key;
    size_t resource = length(key->resource), ns = length(key->ns), name = length(key->name);
    size_t uid = length(object->uid), selectable = length(object->selectable);
    size_t size = resource + ns + name + uid + selectable + object->body_len + 6;
    struct store_object *copy = mem_alloc(sizeof(*copy) + size);
    char *at = (char *)(copy + 1);

    *copy = *object;
    copy->key.resource = put(&at, key->resource, resource);
    copy->key.ns = put(&at, key->ns, ns);
    copy->key.name = put(&at, key->name, name);
    copy->uid = put(&at, object->uid, uid);
    copy->selectable = put(&at, object->selectable, selectable);
    copy->body = put(&at, object->body, object->body_len);
    return copy;
}
