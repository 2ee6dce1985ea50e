/*
 * How many updates of 1.3 KB objects a second, at what cost for PostgreSQL, for 1, 32 and 256
 * callers; beside them COPY of the same rows into a table like the change log, in transactions of
 * 512 rows: the least that PostgreSQL can do to keep the bytes. All in one run on one server, two
 * rounds, because the machine is never the same twice: compare rows of one round. CPU is user and
 * system time of all processes of the server. Then how fast the change log is read, with the bodies
 * and without.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/store/store.h>

#include "lib/postgres.h"

#define OBJECTS   8192
#define BODY      1319
#define COPY_ROWS 20480
#define COPY_STEP 512

struct object {
    char name[32];
    int64_t revision;
};

struct caller {
    pthread_t thread;
    struct store *store;
    struct object *objects;
    size_t count;
    int64_t writes;
    int64_t slowest_us;
};

static atomic_bool stop;
static char body[BODY + 1];

/* A Pod-like body: JSON with its quotes, not one repeated letter. */
static void make_body(void)
{
    size_t len =
        (size_t)snprintf(body, sizeof(body),
                         "{\"apiVersion\":\"mot.dev/v1\",\"kind\":\"Deployment\",\"metadata\":{");

    for (int i = 0; len < BODY; i++)
        len += (size_t)snprintf(body + len, sizeof(body) - len, "\"label-%d\":\"value %d\",", i,
                                i * 7919);
}

static void die(const struct err *err)
{
    (void)fprintf(stderr, "bench: %s\n", err->message);
    exit(1);
}

static struct store_write write_of(enum store_operation operation, const struct object *object)
{
    return (struct store_write){.operation = operation,
                                .key = {"deployments.mot.dev", "default", object->name},
                                .uid = "3c6cbd9b-3b7c-4f5a-9d7a-0a9d1b6f4f0e",
                                .expected = object->revision,
                                .body = body,
                                .body_len = BODY,
                                .selectable = "{\"l\":{\"app\":\"bench\"}}"};
}

static void create_objects(struct store *store, struct object *objects)
{
    static struct store_write writes[COPY_STEP];
    struct err err;

    for (size_t base = 0; base < OBJECTS; base += COPY_STEP) {
        struct store_commit commit = {.writes = writes, .write_count = COPY_STEP};

        for (size_t i = 0; i < COPY_STEP; i++) {
            struct object *object = &objects[base + i];

            (void)snprintf(object->name, sizeof(object->name), "object-%06zu", base + i);
            writes[i] = write_of(STORE_CREATE, object);
        }
        if (store_commit(store, &commit, &err) < 0)
            die(&err);
        for (size_t i = 0; i < COPY_STEP; i++)
            objects[base + i].revision = writes[i].revision;
    }
}

static void *call(void *argument)
{
    struct caller *caller = argument;

    for (size_t i = 0; !atomic_load(&stop); i = (i + 1) % caller->count) {
        struct store_write write = write_of(STORE_UPDATE, &caller->objects[i]);
        int64_t start = clock_us(), took;
        struct err err;

        if (store_write(caller->store, &write, &err) < 0)
            die(&err);
        caller->objects[i].revision = write.revision;
        caller->writes++;
        took = clock_us() - start;
        if (took > caller->slowest_us)
            caller->slowest_us = took;
    }
    return NULL;
}

static int64_t own_cpu_us(void)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

static void report(const char *what, int64_t rows, int64_t wall_us, int64_t server_us,
                   int64_t own_us, int64_t slowest_us)
{
    (void)printf("%-16s %9.0f %14.1f %14.1f %12.1f\n", what, (double)rows * 1e6 / (double)wall_us,
                 (double)server_us / (double)rows, (double)own_us / (double)rows,
                 (double)slowest_us / 1000);
    (void)fflush(stdout);
}

static void bench_callers(struct postgres *postgres, struct store *store, struct object *objects,
                          size_t count, int64_t duration_ms)
{
    struct caller *callers = mem_array(count, sizeof(*callers));
    AUTO_FREE char *what = mem_printf("%zu callers", count);
    int64_t server = postgres_cpu_us(postgres), own = own_cpu_us(), start = clock_us(), rows = 0;
    int64_t slowest = 0;

    atomic_store(&stop, false);
    for (size_t i = 0; i < count; i++) {
        callers[i].store = store;
        callers[i].count = OBJECTS / count;
        callers[i].objects = &objects[i * callers[i].count];
        if (pthread_create(&callers[i].thread, NULL, call, &callers[i]) != 0)
            exit(1);
    }
    clock_sleep_ms(duration_ms);
    atomic_store(&stop, true);
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(callers[i].thread, NULL);
        rows += callers[i].writes;
        if (callers[i].slowest_us > slowest)
            slowest = callers[i].slowest_us;
    }
    report(what, rows, clock_us() - start, postgres_cpu_us(postgres) - server, own_cpu_us() - own,
           slowest);
    free(callers);
}

static void bench_copy(struct postgres *postgres)
{
    int64_t revision = 0, server, start;
    struct buf sql;

    buf_init(&sql, BUF_MAX_DEFAULT);
    buf_adds(&sql, "SET client_min_messages = warning;"
                   "DROP TABLE IF EXISTS copied; CREATE TABLE copied (revision bigint PRIMARY KEY, "
                   "batch bigint,"
                   " written_ms bigint, operation smallint, resource text, ns text, name text,"
                   " uid text, selectable text, previous text, body text);\n");
    for (int64_t row = 0; row < COPY_ROWS; row++) {
        if (row % COPY_STEP == 0)
            buf_adds(&sql,
                     row > 0 ? "\\.\nCOPY copied FROM STDIN;\n" : "COPY copied FROM STDIN;\n");
        buf_addf(&sql,
                 "%lld\t4711471147114711\t1700000000000\t1\tdeployments.mot.dev\tdefault\t"
                 "object-%06lld\t3c6cbd9b-3b7c-4f5a-9d7a-0a9d1b6f4f0e\t{\"l\":{\"app\":\"bench\"}}"
                 "\t\\N\t%s\n",
                 (long long)++revision, (long long)row, body);
    }
    buf_adds(&sql, "\\.\n");
    server = postgres_cpu_us(postgres);
    start = clock_us();
    postgres_sql(postgres, sql.data);
    report("COPY", COPY_ROWS, clock_us() - start, postgres_cpu_us(postgres) - server, 0, 0);
    buf_release(&sql);
}

static int ignore_change(void *context, const struct store_change *change, struct err *err)
{
    (void)context;
    (void)change;
    (void)err;
    return 0;
}

/* The changes since the beginning; nothing was compacted. */
static void bench_feed(struct postgres *postgres, struct store *store, bool brief)
{
    struct store_feed *feed =
        brief ? store_feed_open_brief(store, NULL, 1) : store_feed_open(store, NULL, 1);
    int64_t server = postgres_cpu_us(postgres), own = own_cpu_us(), start = clock_us(), newest;
    struct err err;

    if (store_revision(store, &newest, &err) < 0)
        die(&err);
    while (store_feed_position(feed) < newest)
        if (store_feed_next(feed, 10000, ignore_change, NULL, &err) < 0)
            die(&err);
    report(brief ? "brief feed" : "feed", store_feed_position(feed), clock_us() - start,
           postgres_cpu_us(postgres) - server, own_cpu_us() - own, 0);
    store_feed_close(feed);
}

int main(int argc, char **argv)
{
    int64_t duration_ms = argc > 1 ? atoll(argv[1]) * 1000 : 4000;
    struct postgres *postgres = postgres_start();
    AUTO_FREE char *url = postgres_url(postgres, "bench");
    struct store_options options = {.url = url, .name = "mot-bench"};
    struct object *objects = mem_array(OBJECTS, sizeof(*objects));
    struct err err;
    struct store *store = store_open(&options, &err);

    if (store == NULL)
        die(&err);
    make_body();
    create_objects(store, objects);
    (void)printf("%-16s %9s %14s %14s %12s\n", "", "rows/s", "PG CPU us/r", "our CPU us/r",
                 "slowest ms");
    for (int round = 0; round < 2; round++) {
        bench_copy(postgres);
        bench_callers(postgres, store, objects, 1, duration_ms);
        bench_callers(postgres, store, objects, 32, duration_ms);
        bench_callers(postgres, store, objects, 256, duration_ms);
        bench_feed(postgres, store, false);
        bench_feed(postgres, store, true);
    }
    store_close(store);
    free(objects);
    postgres_free(postgres);
    return 0;
}
