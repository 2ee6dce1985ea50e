/*
 * Several processes at work, and faults. The observer is a feed: it must see every revision once,
 * in order, without a gap, and per object the counters 1, 2, 3 …: nothing lost, nothing doubled.
 * What a worker noted as acknowledged must be there.
 */
#include "support.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>

#include "worker.h"

#define PATIENCE_MS 90000
#define WORKERS     3

struct change_seen {
    char name[32];
    int64_t counter;
};

struct load {
    char *url;
    struct store *store;
    struct worker workers[WORKERS];
    struct store_feed *feed;
    struct change_seen *seen; /* by revision - 2 */
    size_t seen_count, seen_capacity;
    struct map *counters; /* by name: the newest counter, as a pointer */
    int64_t deadline;
    int outages;
};

static void load_start(struct load *load, int64_t writes)
{
    static const int threads[WORKERS] = {3, 3, 2};

    memset(load, 0, sizeof(*load));
    load->url = new_database();
    load->deadline = clock_ms() + PATIENCE_MS;
    load->counters = map_new(NULL);
    for (int i = 0; i < WORKERS; i++) {
        char name[] = {(char)('a' + i), 0};

        worker_start(&load->workers[i], load->url, name, threads[i], writes);
    }
    load->store = open_store_with(load->url, 5000);
    load->feed = store_feed_open(load->store, NULL, 1);
}

static void load_finish(struct load *load)
{
    for (int i = 0; i < WORKERS; i++)
        worker_release(&load->workers[i]);
    store_feed_close(load->feed);
    store_close(load->store);
    map_free(load->counters);
    free(load->seen);
    free(load->url);
}

static int observe(void *context, const struct store_change *change, struct err *err)
{
    struct load *load = context;
    const char *name = change->object.key.name;
    int64_t counter = atoll(change->object.body);
    struct change_seen *seen;

    (void)err;
    assert_int_equal(change->object.revision, (int64_t)load->seen_count + 2);
    assert_int_equal(counter, (int64_t)(intptr_t)map_get(load->counters, name) + 1);
    map_put(load->counters, name, (void *)(intptr_t)counter);
    mem_grow((void **)&load->seen, &load->seen_capacity, load->seen_count, sizeof(*load->seen));
    seen = &load->seen[load->seen_count++];
    (void)strncpy(seen->name, name, sizeof(seen->name) - 1);
    seen->name[sizeof(seen->name) - 1] = '\0';
    seen->counter = counter;
    return 0;
}

/* Observes until at least @count changes were seen. */
static void load_observe(struct load *load, size_t count)
{
    while (load->seen_count < count) {
        struct err err = {.code = ERR_NONE};

        if (store_feed_next(load->feed, 500, observe, load, &err) < 0) {
            assert_int_equal(err.code, ERR_TRANSIENT);
            load->outages++;
        }
        assert_true(clock_ms() < load->deadline);
    }
}

static void observe_rest(struct load *load)
{
    int64_t newest = 0;

    must(store_revision(load->store, &newest, ERR));
    load_observe(load, (size_t)newest - 1);
    assert_int_equal(load->seen_count, newest - 1);
}

static void check_notes(const struct load *load)
{
    for (int i = 0; i < WORKERS; i++) {
        size_t count = 0;
        struct note *notes = worker_notes(&load->workers[i], &count);

        assert_true(count > 0);
        for (size_t n = 0; n < count; n++) {
            const struct change_seen *seen = &load->seen[notes[n].revision - 2];

            assert_in_range(notes[n].revision, 2, load->seen_count + 1);
            assert_string_equal(seen->name, notes[n].name);
            assert_int_equal(seen->counter, notes[n].counter);
        }
        free(notes);
    }
}

/* All workers end well, and each of the 8 threads' writes is there exactly once. */
static void load_check(struct load *load, int64_t writes)
{
    load_observe(load, (size_t)(8 * writes));
    for (int i = 0; i < WORKERS; i++)
        worker_wait(&load->workers[i]);
    observe_rest(load);
    assert_int_equal(load->seen_count, 8 * writes);
    check_notes(load);
}

static void test_order(void **state)
{
    struct load load;

    (void)state;
    load_start(&load, 200);
    load_check(&load, 200);
    load_finish(&load);
}

static void test_killed_writer(void **state)
{
    struct load load;

    (void)state;
    load_start(&load, -1);
    for (int i = 0; i < WORKERS; i++) {
        load_observe(&load, load.seen_count + 400);
        worker_kill(&load.workers[i]);
    }
    observe_rest(&load);
    check_notes(&load);
    load_finish(&load);
}

static void test_restarts(void **state)
{
    static const char *const modes[] = {"immediate", "fast", "immediate"};
    struct load load;

    (void)state;
    load_start(&load, 300);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(modes); i++) {
        load_observe(&load, load.seen_count + 400);
        postgres_restart(the_server(), modes[i]);
    }
    load_check(&load, 300);
    assert_true(load.outages > 0);
    load_finish(&load);
}

/* Ends the workers' connections again and again: at any moment of a commit. */
static void test_broken_connections(void **state)
{
    struct load load;
    int broken = 0;

    (void)state;
    load_start(&load, 400);
    load_observe(&load, 100);
    while (load.seen_count < 8 * 400 - 200) {
        postgres_sql(the_server(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                   " WHERE application_name = 'mot-worker'");
        broken++;
        load_observe(&load, load.seen_count + 60);
    }
    assert_true(broken > 5);
    load_check(&load, 400);
    load_finish(&load);
}

static void test_frozen_server(void **state)
{
    struct load load;
    int64_t until;

    (void)state;
    load_start(&load, 200);
    load_observe(&load, 300);
    postgres_freeze(the_server(), 1);
    until = clock_ms() + 7000; /* over the workers' deadline of 5 s */
    while (clock_ms() < until)
        if (store_feed_next(load.feed, 500, observe, &load, NULL) < 0)
            load.outages++;
    postgres_freeze(the_server(), 0);
    load_check(&load, 200);
    load_finish(&load);
}

/* ------------------------------------------------------------------------------- one store */

static void test_away(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store_with(url, 5000);
    struct store_key key = {RESOURCE, "default", "a"};
    struct err err = {.code = ERR_NONE};
    int64_t start, deadline;

    (void)state;
    (void)put(store, create_of("default", "a", "1"));
    postgres_stop(the_server(), "fast");
    start = clock_ms();
    assert_int_equal(try_put(store, create_of("default", "b", "1")), ERR_TRANSIENT);
    assert_null(store_get(store, &key, &err));
    assert_int_equal(err.code, ERR_TRANSIENT);
    assert_int_equal(store_ping(store, &err), -1);
    assert_in_range(clock_ms() - start, 0, 4000);
    postgres_resume(the_server());
    deadline = clock_ms() + 20000;
    while (try_put(store, create_of("default", "b", "1")) == ERR_TRANSIENT)
        assert_true(clock_ms() < deadline);
    must(store_ping(store, ERR));
    store_close(store);
}

static void test_silent_server(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store_with(url, 1000);
    struct store_key key = {RESOURCE, "default", "a"};
    struct err err = {.code = ERR_NONE};
    int64_t start, deadline;
    enum err_code code;

    (void)state;
    (void)put(store, create_of("default", "a", "1"));
    postgres_freeze(the_server(), 1);
    start = clock_ms();
    code = try_put(store, create_of("default", "b", "1"));
    assert_null(store_get(store, &key, &err));
    assert_in_range(clock_ms() - start, 0, 8000);
    postgres_freeze(the_server(), 0);
    assert_int_equal(code, ERR_TIMEOUT);
    assert_int_equal(err.code, ERR_TRANSIENT);
    deadline = clock_ms() + 20000;
    do {
        code = try_put(store, create_of("default", "c", "1"));
        assert_true(clock_ms() < deadline);
    } while (code == ERR_TRANSIENT);
    store_close(store);
}

static void test_migrating_together(void **state)
{
    AUTO_FREE char *url = new_database();
    struct worker workers[5];

    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(workers); i++)
        worker_start(&workers[i], url, "w", 0, 0);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(workers); i++) {
        worker_wait(&workers[i]);
        worker_release(&workers[i]);
    }
}

static int add_text(void *context, const struct store_object *object, struct err *err)
{
    (void)err;
    buf_addf(context, "%s:%s:%lld ", object->key.name, object->body, (long long)object->revision);
    return 0;
}

static void list_into(struct store *store, struct buf *text, int64_t at, size_t batch,
                      int64_t *ret_revision)
{
    struct store_list_query query = {.resource = RESOURCE, .at = at, .batch = batch};

    buf_clear(text);
    must(store_list(store, &query, ret_revision, add_text, text, ERR));
}

/* Compacts what is older than half a second, but not what the feed has still to see. */
static void compact(struct load *load, int64_t *ret_floor)
{
    AUTO_FREE char *value = mem_printf("%lld", (long long)store_feed_position(load->feed));
    struct store_position position = {.name = "test/feed", .value = value};
    struct store_commit commit = {.positions = &position, .position_count = 1};
    struct store_compaction compaction = {.before_ms = clock_wall_ms() - 500,
                                          .keep_prefix = "test/"};

    must(store_commit(load->store, &commit, ERR));
    must(store_compact(load->store, &compaction, ERR));
    *ret_floor = compaction.floor;
}

static void test_past_under_load(void **state)
{
    struct store_list_query query = {.resource = RESOURCE};
    struct err err = {.code = ERR_NONE};
    struct buf now, past;
    struct load load;
    int64_t revision = 0, floor = 0;
    struct store_compaction compaction = {0};

    (void)state;
    buf_init(&now, BUF_MAX_DEFAULT);
    buf_init(&past, BUF_MAX_DEFAULT);
    load_start(&load, -1);
    load_observe(&load, 100);
    for (int i = 0; i < 20; i++) {
        list_into(load.store, &now, 0, 3, &revision);
        load_observe(&load, load.seen_count + 20);
        if (i % 5 == 4)
            compact(&load, &floor);
        if (floor > revision)
            continue;
        list_into(load.store, &past, revision, 1 + (size_t)i % 4, &revision);
        assert_string_equal(past.data, now.data);
    }
    for (int i = 0; i < WORKERS; i++)
        worker_kill(&load.workers[i]);
    observe_rest(&load);
    compaction.before_ms = clock_wall_ms() + 60000;
    must(store_compact(load.store, &compaction, ERR));
    assert_true(compaction.floor > revision);
    query.at = revision;
    assert_int_equal(store_list(load.store, &query, &revision, add_text, &past, &err), -1);
    assert_int_equal(err.code, ERR_GONE);
    buf_release(&now);
    buf_release(&past);
    load_finish(&load);
}

static void test_lease_takeover(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    struct err err = {.code = ERR_NONE};
    struct worker holder;
    struct store_lease *lease;
    int64_t deadline;

    (void)state;
    worker_start_holder(&holder, url);
    assert_null(store_lease_acquire(store, "leader", 0, &err));
    assert_int_equal(err.code, ERR_TIMEOUT);
    worker_kill(&holder);
    lease = store_lease_acquire(store, "leader", 10000, &err);
    assert_non_null(lease);
    assert_true(store_lease_held(lease));
    postgres_restart(the_server(), "fast");
    deadline = clock_ms() + 5000;
    while (store_lease_held(lease))
        assert_true(clock_ms() < deadline);
    store_lease_release(lease);
    worker_release(&holder);
    store_close(store);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),           cmocka_unit_test(test_killed_writer),
        cmocka_unit_test(test_restarts),        cmocka_unit_test(test_broken_connections),
        cmocka_unit_test(test_frozen_server),   cmocka_unit_test(test_away),
        cmocka_unit_test(test_silent_server),   cmocka_unit_test(test_migrating_together),
        cmocka_unit_test(test_past_under_load), cmocka_unit_test(test_lease_takeover),
    };

    worker_main(argc, argv);
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
