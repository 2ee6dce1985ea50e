/* What each function promises, one caller at a time. */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>

static void test_new_database(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    AUTO_FREE char *list = list_text(store, 0, 0);
    int64_t revision = 0;

    (void)state;
    must(store_ping(store, ERR));
    must(store_revision(store, &revision, ERR));
    assert_int_equal(revision, 1);
    assert_string_equal(list, "");
    store_close(store);
}

static void test_write_and_get(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    struct store_key key = {RESOURCE, "default", "web"};
    struct err err = {.code = ERR_NONE};
    struct store_object *object;
    int64_t first, second;

    (void)state;
    assert_null(store_get(store, &key, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    first = put(store, create_of("default", "web", "{\"a\":\"ä\\\"{},\"}"));
    assert_int_equal(first, 2);
    assert_int_equal(try_put(store, create_of("default", "web", "{}")), ERR_EXISTS);
    assert_int_equal(try_put(store, update_of("default", "web", 1, "{}")), ERR_CONFLICT);
    assert_int_equal(try_put(store, update_of("default", "nope", 1, "{}")), ERR_NOT_FOUND);
    object = store_get(store, &key, &err);
    assert_non_null(object);
    assert_string_equal(object->body, "{\"a\":\"ä\\\"{},\"}");
    assert_int_equal(object->body_len, strlen(object->body));
    assert_string_equal(object->uid, "web");
    assert_string_equal(object->key.ns, "default");
    assert_int_equal(object->revision, first);
    free(object);
    second = put(store, update_of("default", "web", first, "{\"a\":2}"));
    assert_int_equal(second, first + 1);
    assert_int_equal(try_put(store, delete_of("default", "web", first, "{}")), ERR_CONFLICT);
    assert_int_equal(put(store, delete_of("default", "web", second, "{\"a\":2}")), second + 1);
    assert_int_equal(try_put(store, delete_of("default", "web", second, "{}")), ERR_NOT_FOUND);
    assert_null(store_get(store, &key, NULL));
    store_close(store);
}

static void test_batch_of_writes(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    int64_t old = put(store, create_of("default", "old", "{}"));
    struct store_write writes[] = {create_of("default", "a", "1"), create_of("default", "old", "2"),
                                   update_of("default", "old", old, "3"),
                                   create_of("other", "a", "4"),
                                   delete_of("default", "none", 1, "5")};
    struct store_commit commit = {.writes = writes, .write_count = MOT_ARRAY_SIZE(writes)};
    struct err err = {.code = ERR_NONE};
    AUTO_FREE char *changes = NULL;

    (void)state;
    assert_int_equal(store_commit(store, &commit, &err), -1);
    assert_int_equal(err.code, ERR_INVALID); /* "old" twice */
    writes[1].key.name = "b";
    writes[1].uid = "b";
    writes[4].operation = STORE_UPDATE;
    must(store_commit(store, &commit, ERR));
    assert_int_equal(writes[0].revision, old + 1);
    assert_int_equal(writes[1].revision, old + 2);
    assert_int_equal(writes[2].revision, old + 3);
    assert_int_equal(writes[3].revision, old + 4);
    assert_int_equal(writes[4].result, ERR_NOT_FOUND);
    /* The one that was refused leaves no gap. */
    assert_int_equal(put(store, create_of("default", "c", "6")), old + 5);
    changes = changes_text(store, old);
    assert_string_equal(changes, "+a +b =old +a +c ");
    store_close(store);
}

static void test_bad_data_fails_alone(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);

    (void)state;
    assert_int_equal(try_put(store, create_of("default", "bad", "\xff\xfe")), ERR_INVALID);
    assert_int_equal(put(store, create_of("default", "good", "{}")), 2);
    store_close(store);
}

static int take_one(void *context, const struct store_object *object, struct err *err)
{
    (void)object;
    (void)err;
    return ++*(int *)context == 3;
}

static void test_list(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    static const char *const names[] = {"b", "a", "B", "a-1", "a.1"};
    struct store_list_query query = {.resource = RESOURCE, .batch = 2};
    int64_t revision, count;
    int taken = 0;
    AUTO_FREE char *all = NULL;

    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(names); i++)
        (void)put(store, create_of("default", names[i], "{}"));
    (void)put(store, create_of("zebra", "A", "{}"));
    all = list_text(store, 0, 2);
    assert_string_equal(all, "B:{} a:{} a-1:{} a.1:{} b:{} A:{} ");
    must(store_list(store, &query, &revision, take_one, &taken, ERR));
    assert_int_equal(taken, 3);
    assert_int_equal(revision, 7);
    query.ns = "default";
    must(store_count(store, &query, &count, ERR));
    assert_int_equal(count, 5);
    query.after_ns = "default";
    query.after_name = "a";
    must(store_count(store, &query, &count, ERR));
    assert_int_equal(count, 3);
    query = (struct store_list_query){.resource = RESOURCE, .name = "A"};
    must(store_count(store, &query, &count, ERR));
    assert_int_equal(count, 1);
    query = (struct store_list_query){.ns = "default"};
    must(store_count(store, &query, &count, ERR));
    assert_int_equal(count, 5);
    store_close(store);
}

static int check_brief(void *context, const struct store_object *object, struct err *err)
{
    (void)err;
    assert_int_equal(object->body_len, 0);
    assert_string_equal(object->body, "");
    assert_string_equal(object->uid, "uid");
    ++*(int *)context;
    return 0;
}

static void test_brief_list(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    struct store_list_query query = {.resource = RESOURCE, .brief = true};
    struct store_write write = create_of("default", "a", "{\"long\":1}");
    int64_t revision;
    int taken = 0;

    (void)state;
    write.uid = "uid";
    (void)put(store, write);
    must(store_list(store, &query, &revision, check_brief, &taken, ERR));
    assert_int_equal(taken, 1);
    store_close(store);
}

static int64_t put_namespace(struct store *store, enum store_operation operation, int64_t expected,
                             const char *selectable)
{
    struct store_write write = {.operation = operation,
                                .key = {"namespaces", "", "shop"},
                                .uid = "uid",
                                .expected = expected,
                                .body = "{}",
                                .body_len = 2,
                                .selectable = selectable};

    return put(store, write);
}

/* Both ways: alone, and as a part of a whole. */
static void expect_creation(struct store *store, const char *name, enum err_code expected)
{
    struct store_write writes[] = {create_of("shop", name, "1"), create_of("other", name, "1")};
    struct store_commit commit = {.writes = writes, .write_count = 2, .all_or_nothing = true};
    struct store_write alone = create_of("shop", name, "1");
    struct err err = {.code = ERR_NONE};

    writes[0].in_namespace = alone.in_namespace = true;
    assert_int_equal(store_commit(store, &commit, &err), expected == ERR_NONE ? 0 : -1);
    assert_int_equal(writes[0].result, expected);
    assert_int_equal(try_put(store, alone), expected == ERR_NONE ? ERR_EXISTS : expected);
}

static void test_creation_in_a_namespace(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    static const char *const living = "{\"labels\":{\"deleting\":\"true\"}}";
    int64_t revision;

    (void)state;
    expect_creation(store, "a", ERR_FORBIDDEN);
    revision = put_namespace(store, STORE_CREATE, 0, living);
    expect_creation(store, "a", ERR_NONE);
    revision = put_namespace(store, STORE_UPDATE, revision, "{\"deleting\":true}");
    expect_creation(store, "b", ERR_FORBIDDEN);
    (void)put_namespace(store, STORE_DELETE, revision, "{\"deleting\":true}");
    expect_creation(store, "b", ERR_FORBIDDEN);
    store_close(store);
}

static void test_list_of_the_past(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    int64_t a, b, then;
    struct store_list_query query = {.resource = RESOURCE, .at = 1000};
    struct err err = {.code = ERR_NONE};
    AUTO_FREE char *past = NULL, *single = NULL, *gone = NULL;

    (void)state;
    a = put(store, create_of("default", "a", "1"));
    b = put(store, create_of("default", "b", "1"));
    (void)put(store, create_of("default", "c", "1"));
    then = put(store, create_of("default", "deleted-later", "1"));
    (void)put(store, update_of("default", "a", a, "2"));
    (void)put(store, delete_of("default", "b", b, "1"));
    (void)put(store, delete_of("default", "deleted-later", then, "1"));
    (void)put(store, create_of("default", "deleted-later", "2"));
    (void)put(store, create_of("default", "aa", "new"));
    past = list_text(store, then, 0);
    assert_string_equal(past, "a:1 b:1 c:1 deleted-later:1 ");
    single = list_text(store, then, 1);
    assert_string_equal(single, past);
    gone = list_text(store, then + 3, 2);
    assert_string_equal(gone, "a:2 c:1 ");
    assert_int_equal(store_list(store, &query, &a, take_one, &b, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    store_close(store);
}

static int64_t compacted(struct store *store, int64_t before_ms, const char *keep_prefix)
{
    struct store_compaction compaction = {.before_ms = before_ms, .keep_prefix = keep_prefix};

    must(store_compact(store, &compaction, ERR));
    return compaction.floor;
}

static void test_compaction(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    struct store_position position = {.name = "launch/x"};
    struct store_commit commit = {.positions = &position, .position_count = 1};
    struct err err = {.code = ERR_NONE};
    int64_t a, b, floor, last;
    AUTO_FREE char *value = NULL, *all = NULL, *after = NULL, *rest = NULL, *at_floor = NULL;

    (void)state;
    a = put(store, create_of("default", "a", "1"));
    b = put(store, create_of("default", "b", "1"));
    for (int i = 0; i < 1200; i++)
        a = put(store, update_of("default", "a", a, "2"));
    value = mem_printf("%lld", (long long)a);
    position.value = value;
    must(store_commit(store, &commit, ERR));
    (void)put(store, delete_of("default", "b", b, "1"));
    last = put(store, update_of("default", "a", a, "3"));
    floor = compacted(store, 0, NULL);
    assert_int_equal(floor, 0);
    floor = compacted(store, clock_wall_ms() + 3600000, "launch/");
    assert_int_equal(floor, a);
    after = changes_text(store, floor);
    assert_string_equal(after, "-b =a ");
    at_floor = list_text(store, floor, 0);
    assert_string_equal(at_floor, "a:2 b:1 ");
    assert_int_equal(store_changes(store, NULL, floor - 1, 0, 10, &b, NULL, NULL, &err), -1);
    assert_int_equal(err.code, ERR_GONE);
    assert_int_equal(err.floor, floor);
    floor = compacted(store, clock_wall_ms() + 3600000, NULL);
    assert_int_equal(floor, last - 1);
    rest = changes_text(store, floor);
    assert_string_equal(rest, "=a ");
    all = list_text(store, 0, 0);
    assert_string_equal(all, "a:3 ");
    assert_int_equal(put(store, create_of("default", "c", "1")), last + 1);
    store_close(store);
}

static int64_t write_many(struct store *store, int64_t revision, int count)
{
    for (int i = 0; i < count; i++)
        revision = put(store, update_of("default", "a", revision, "\"0123456789\""));
    return revision;
}

/* By size: in steps of some hundred changes, and never what a consumer has still to read. */
static void test_compaction_by_size(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    struct store_compaction compaction = {.max_bytes = 1 << 20, .keep_prefix = "launch/"};
    struct store_position position = {.name = "launch/x", .value = "700"};
    struct store_commit commit = {.positions = &position, .position_count = 1};
    int64_t all, left, last;

    (void)state;
    last = write_many(store, put(store, create_of("default", "a", "1")), 1500);
    must(store_commit(store, &commit, ERR));
    must(store_compact(store, &compaction, ERR));
    assert_int_equal(compaction.floor, 0);
    assert_int_equal(compaction.measured, last);
    all = compaction.bytes;
    assert_in_range(all, 1500 * 170, 1500 * 400);
    compaction.max_bytes = all;
    must(store_compact(store, &compaction, ERR));
    assert_int_equal(compaction.floor, 0);
    compaction.max_bytes = all / 4;
    must(store_compact(store, &compaction, ERR));
    assert_int_equal(compaction.floor, 700);
    compaction.keep_prefix = NULL;
    must(store_compact(store, &compaction, ERR));
    assert_in_range(compaction.floor, last * 3 / 4, last * 3 / 4 + 500);
    left = compaction.bytes;
    assert_in_range(left, 1, all / 4);
    /* Another process that looks for the first time finds the same. */
    struct store_compaction other = {.max_bytes = all};
    must(store_compact(store, &other, ERR));
    assert_int_equal(other.bytes, left);
    assert_int_equal(other.floor, compaction.floor);
    /* What that one drops, the first one notices. */
    last = write_many(store, last, 600);
    other.max_bytes = 1000;
    must(store_compact(store, &other, ERR));
    assert_int_equal(other.floor, last - 1);
    must(store_compact(store, &compaction, ERR));
    assert_int_equal(compaction.bytes, other.bytes);
    assert_int_equal(compaction.floor, last - 1);
    store_close(store);
}

static void test_fencing(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    struct store_write write = create_of("default", "a", "1");
    struct store_position positions[] = {{"p", "1", ""}, {"q", "9", NULL}};
    struct store_commit commit = {
        .writes = &write, .write_count = 1, .positions = positions, .position_count = 2};
    struct err err = {.code = ERR_NONE};
    AUTO_FREE char *none = NULL, *p = NULL, *q = NULL, *list = NULL;

    (void)state;
    none = store_position_get(store, "p", &err);
    assert_string_equal(none, "");
    must(store_commit(store, &commit, ERR));
    write = create_of("default", "b", "1");
    positions[1].value = "10";
    assert_int_equal(store_commit(store, &commit, &err), -1); /* "" is not there any more */
    assert_int_equal(err.code, ERR_CONFLICT);
    p = store_position_get(store, "p", &err);
    q = store_position_get(store, "q", &err);
    list = list_text(store, 0, 0);
    assert_string_equal(p, "1");
    assert_string_equal(q, "9");
    assert_string_equal(list, "a:1 ");
    positions[0].expected = "1";
    positions[0].value = "2";
    must(store_commit(store, &commit, ERR));
    assert_int_equal(write.revision, 3);
    store_close(store);
}

static void test_all_or_nothing(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    struct store_write writes[] = {create_of("default", "a", "1"), create_of("default", "b", "1")};
    struct store_position position = {"p", "1", ""};
    struct store_mark mark = {"s", "k", 1, 1, false};
    struct store_commit commit = {.writes = writes,
                                  .write_count = 2,
                                  .positions = &position,
                                  .position_count = 1,
                                  .marks = &mark,
                                  .mark_count = 1,
                                  .all_or_nothing = true};
    struct err err = {.code = ERR_NONE};
    AUTO_FREE char *p = NULL, *list = NULL, *later = NULL;

    (void)state;
    put(store, create_of("default", "b", "0"));
    assert_int_equal(store_commit(store, &commit, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(writes[0].result, ERR_NONE);
    assert_int_equal(writes[1].result, ERR_EXISTS);
    p = store_position_get(store, "p", &err);
    list = list_text(store, 0, 0);
    assert_string_equal(p, "");
    assert_string_equal(list, "b:0 ");
    /* Fenced off: that is no write's fault. */
    position.expected = "7";
    assert_int_equal(store_commit(store, &commit, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(writes[1].result, ERR_NONE);
    position.expected = "";
    writes[1] = update_of("default", "b", 2, "2");
    must(store_commit(store, &commit, ERR));
    later = list_text(store, 0, 0);
    assert_string_equal(later, "a:1 b:2 ");
    store_close(store);
}

static void add_mark(void *context, const struct store_mark *mark)
{
    buf_addf(context, "%s:%lld.%lld%s ", mark->key, (long long)mark->epoch,
             (long long)mark->sequence, mark->gone ? "!" : "");
}

static void test_marks(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    struct store_mark marks[] = {{"s", "a", 1, 5, false},
                                 {"s", "b", 1, 6, true},
                                 {"s", "a", 1, 7, false},
                                 {"other", "a", 9, 9, false}};
    struct store_mark older[] = {{"s", "a", 1, 6, true}, {"s", "b", 2, 0, false}};
    struct store_commit commit = {.marks = marks, .mark_count = 4};
    struct buf text;

    (void)state;
    buf_init(&text, 1000);
    must(store_commit(store, &commit, ERR));
    must(store_marks(store, "s", add_mark, &text, ERR));
    commit = (struct store_commit){.marks = older, .mark_count = 2};
    must(store_commit(store, &commit, ERR));
    must(store_marks(store, "s", add_mark, &text, ERR));
    assert_string_equal(text.data, "a:1.7 b:1.6! a:1.7 b:2.0 ");
    buf_release(&text);
    store_close(store);
}

struct seen {
    struct buf text;
    int stop_after;
};

static int see(void *context, const struct store_change *change, struct err *err)
{
    struct seen *seen = context;

    if (seen->stop_after == 0)
        return err_set(err, ERR_INTERNAL, "no more");
    buf_addf(&seen->text, "%s%s ", change->object.key.name, change->previous ? "*" : "");
    assert_true(change->written_ms > clock_wall_ms() - 600000);
    return --seen->stop_after == 0;
}

/* Calls until something is visited. */
static void next(struct store_feed *feed, struct seen *seen)
{
    int64_t deadline = clock_ms() + 20000;
    int result = 0;

    while (result == 0 && clock_ms() < deadline) {
        struct err err = {.code = ERR_NONE};

        result = store_feed_next(feed, 1000, see, seen, &err);
        must_be_good(result, &err, __FILE__, __LINE__);
    }
    assert_int_equal(result, 1);
}

static void test_feed(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    struct store_write update;
    struct seen seen = {.stop_after = 2};
    struct store_feed *feed;
    struct err err = {.code = ERR_NONE};
    int64_t a = put(store, create_of("default", "a", "1"));

    (void)state;
    buf_init(&seen.text, 1000);
    (void)put(store, create_of("default", "b", "1"));
    (void)put(store, create_of("default", "c", "1"));
    feed = store_feed_open(store, RESOURCE, 1);
    next(feed, &seen);
    assert_int_equal(store_feed_position(feed), 3);
    assert_int_equal(store_feed_next(feed, 1000, see, &seen, &err), -1);
    assert_int_equal(store_feed_position(feed), 3);
    seen.stop_after = 100;
    next(feed, &seen);
    assert_int_equal(store_feed_position(feed), 4);
    assert_int_equal(store_feed_next(feed, 0, see, &seen, &err), 0);
    update = update_of("default", "a", a, "2");
    update.previous = "{\"old\":1}";
    (void)put(store, update);
    next(feed, &seen);
    assert_string_equal(seen.text.data, "a b c a* ");
    store_feed_wake(feed);
    assert_int_equal(store_feed_next(feed, 60000, see, &seen, &err), 0);
    store_feed_close(feed);
    feed = store_feed_open(store, "other", 0);
    next(feed, &seen);
    assert_int_equal(store_feed_position(feed), 5);
    assert_string_equal(seen.text.data, "a b c a* ");
    store_feed_close(feed);
    buf_release(&seen.text);
    store_close(store);
}

static int see_body(void *context, const struct store_change *change, struct err *err)
{
    const struct store_object *object = &change->object;

    (void)err;
    assert_int_equal(object->body_len, strlen(object->body));
    buf_addf(context, "%d %s %s\n", (int)change->operation, object->selectable, object->body);
    return 0;
}

/* A label that looks like the mark is none. */
static void test_brief_feed(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    struct store_write write;
    struct store_feed *feed = store_feed_open_brief(store, RESOURCE, 1);
    struct err err = {.code = ERR_NONE};
    struct buf seen;
    int64_t a;

    (void)state;
    buf_init(&seen, 10000);
    write = create_of("default", "a", "1");
    write.selectable = "{\"labels\":{\"a\":\"\\\"deleting\\\":true\"}}";
    a = put(store, write);
    write = update_of("default", "a", a, "2");
    write.selectable = "{\"deleting\":true}";
    a = put(store, write);
    (void)put(store, delete_of("default", "a", a, "3"));
    while (store_feed_position(feed) < a + 1)
        assert_true(store_feed_next(feed, 10000, see_body, &seen, &err) >= 0);
    assert_string_equal(seen.data, "0 {\"labels\":{\"a\":\"\\\"deleting\\\":true\"}} \n"
                                   "1 {\"deleting\":true} 2\n"
                                   "2 {} \n");
    store_feed_close(feed);
    buf_release(&seen);
    store_close(store);
}

static void test_lease(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    struct err err = {.code = ERR_NONE};
    struct store_lease *first = store_lease_acquire(store, "leader", 0, &err), *second;

    (void)state;
    assert_non_null(first);
    assert_true(store_lease_held(first));
    assert_null(store_lease_acquire(store, "leader", 0, &err));
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_null(store_lease_acquire(store, "leader", 100, &err));
    assert_int_equal(err.code, ERR_TIMEOUT);
    second = store_lease_acquire(store, "another", 0, &err);
    assert_non_null(second);
    store_lease_release(first);
    first = store_lease_acquire(store, "leader", 10000, &err);
    assert_non_null(first);
    store_lease_release(first);
    store_lease_release(second);
    store_close(store);
}

struct reading {
    struct store *store;
    enum err_code code;
};

static void *read_one(void *argument)
{
    struct reading *reading = argument;
    struct store_key key = {RESOURCE, "default", "none"};
    struct err err = {.code = ERR_NONE};

    free(store_get(reading->store, &key, &err));
    reading->code = err.code;
    return NULL;
}

static int read_meanwhile(void *context, const struct store_object *object, struct err *err)
{
    pthread_t thread;

    (void)object;
    assert_int_equal(pthread_create(&thread, NULL, read_one, context), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return err_set(err, ERR_FORBIDDEN, "enough");
}

static void test_limits(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store_options options = {.url = url, .readers = 1, .queue_max = 1, .deadline_ms = 1000};
    struct err err = {.code = ERR_NONE};
    struct store *store = store_open(&options, &err);
    struct reading reading = {.store = store};
    struct store_write writes[513];
    struct store_commit commit = {.writes = writes, .write_count = 513};
    struct store_list_query query = {.resource = RESOURCE};
    char names[513][16];
    int64_t revision;

    (void)state;
    assert_non_null(store);
    for (int i = 0; i < 513; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "n%d", i);
        writes[i] = create_of("default", names[i], "{}");
    }
    assert_int_equal(store_commit(store, &commit, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    commit.write_count = 512;
    must(store_commit(store, &commit, ERR));
    assert_int_equal(writes[511].revision, 513);
    /* The only connection is busy: the second reader waits, and not for ever. */
    assert_int_equal(store_list(store, &query, &revision, read_meanwhile, &reading, &err), -1);
    assert_int_equal(err.code, ERR_FORBIDDEN);
    assert_int_equal(reading.code, ERR_TRANSIENT);
    must(store_ping(store, ERR));
    store_close(store);
}

static void test_copy(void **state)
{
    struct store_object object = {{"r", "ns", "name"}, "uid", 7, "{}", 2, "{\"s\":1}"};
    struct store_object *copy = store_object_copy(&object);

    (void)state;
    assert_string_equal(copy->key.resource, "r");
    assert_string_equal(copy->key.ns, "ns");
    assert_string_equal(copy->key.name, "name");
    assert_string_equal(copy->uid, "uid");
    assert_string_equal(copy->body, "{}");
    assert_string_equal(copy->selectable, "{\"s\":1}");
    assert_int_equal(copy->revision, 7);
    free(copy);
}

static void test_bad_urls(void **state)
{
    static const char *const urls[] = {"postgres://user:secret@[::1/", "host=/nowhere secret",
                                       "host=/nowhere password=secret"};

    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(urls); i++) {
        struct store_options options = {.url = urls[i]};
        struct err err = {.code = ERR_NONE};

        assert_null(store_open(&options, &err));
        assert_int_equal(err.code, i < 2 ? ERR_INVALID : ERR_TRANSIENT);
        assert_null(strstr(err.message, "secret"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_database),
        cmocka_unit_test(test_write_and_get),
        cmocka_unit_test(test_batch_of_writes),
        cmocka_unit_test(test_bad_data_fails_alone),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_brief_list),
        cmocka_unit_test(test_creation_in_a_namespace),
        cmocka_unit_test(test_list_of_the_past),
        cmocka_unit_test(test_compaction),
        cmocka_unit_test(test_compaction_by_size),
        cmocka_unit_test(test_fencing),
        cmocka_unit_test(test_all_or_nothing),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_feed),
        cmocka_unit_test(test_brief_feed),
        cmocka_unit_test(test_lease),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_bad_urls),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
