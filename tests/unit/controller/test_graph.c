/* The graph of owners: who is to be decided after what was seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <controller/garbage/graph.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

struct touched {
    struct graph graph;
    struct map *uids;
};

static void on_touch(void *context, const struct node *node)
{
    struct touched *touched = context;
    map_put(touched->uids, node->uid, touched);
}

static void open_graph(struct touched *touched)
{
    touched->uids = map_new(NULL);
    graph_init(&touched->graph, on_touch, touched);
}

static void close_graph(struct touched *touched)
{
    graph_release(&touched->graph);
    map_free(touched->uids);
}

/* "a b": exactly these were touched since the last time. */
static void expect(struct touched *touched, const char *expected)
{
    const char **uids = map_sorted_keys(touched->uids);
    struct buf text;
    buf_init(&text, 1 << 10);
    buf_adds(&text, "");
    for (size_t i = 0; i < map_count(touched->uids); i++)
        buf_addf(&text, "%s%s", i ? " " : "", uids[i]);
    assert_string_equal(text.data ? text.data : "", expected);
    buf_release(&text);
    free(uids);
    map_clear(touched->uids);
}

/* @owners: JSON with ' for ", NULL for none. */
static void see(struct touched *touched, const char *uid, int64_t revision, const char *owners,
                bool foreground, bool orphan)
{
    json_t *decoded = owners ? json_loads(owners, 0, NULL) : NULL;
    assert_true(!owners || decoded);
    struct observation observation = {.key = {"things", "ns", uid},
                                      .uid = uid,
                                      .revision = revision,
                                      .owners = decoded,
                                      .foreground = foreground,
                                      .orphan = orphan};
    graph_observe(&touched->graph, &observation);
    json_decref(decoded);
}

static void follows_owners(void **state)
{
    (void)state;
    struct touched touched;
    open_graph(&touched);
    see(&touched, "alone", 1, NULL, false, false);
    expect(&touched, "");
    assert_null(graph_find(&touched.graph, "alone"));
    see(&touched, "b", 2, "{\"a\":true}", false, false);
    see(&touched, "c", 3, "{\"a\":false}", false, false);
    expect(&touched, "b c");
    see(&touched, "b", 4, "{\"a\":true}", false, false);
    see(&touched, "b", 2, "{\"x\":true}", false, false);
    expect(&touched, "");
    assert_int_equal(graph_find(&touched.graph, "a")->blocking, 1);
    assert_int_equal(map_count(graph_find(&touched.graph, "a")->dependents), 2);
    graph_forget(&touched.graph, "a", 5);
    expect(&touched, "b c");
    graph_forget(&touched.graph, "b", 6);
    graph_forget(&touched.graph, "c", 7);
    assert_int_equal(map_count(touched.graph.nodes), 0);
    close_graph(&touched);
}

/* One that waits is touched when the last one that it waits for goes. */
static void wakes_who_waits(void **state)
{
    (void)state;
    struct touched touched;
    open_graph(&touched);
    see(&touched, "b", 2, "{\"a\":true,\"o\":true}", false, false);
    see(&touched, "c", 3, "{\"a\":true,\"o\":false}", false, false);
    see(&touched, "d", 3, "{\"a\":false}", false, false);
    map_clear(touched.uids);
    see(&touched, "a", 4, NULL, true, false);
    expect(&touched, "a b c d");
    see(&touched, "o", 4, NULL, false, true);
    expect(&touched, "b c o");
    graph_forget(&touched.graph, "b", 5);
    expect(&touched, "");
    see(&touched, "c", 6, "{\"a\":false,\"o\":false}", false, false);
    expect(&touched, "a c");
    see(&touched, "c", 7, NULL, false, false);
    expect(&touched, "a c o");
    close_graph(&touched);
}

/* An owner that is only known as one has no revision that could hide what it says of itself. */
static void believes_the_newest(void **state)
{
    (void)state;
    struct touched touched;
    open_graph(&touched);
    see(&touched, "b", 2, "{\"a\":true}", false, false);
    see(&touched, "a", 8, NULL, false, false);
    map_clear(touched.uids);
    see(&touched, "a", 8, NULL, true, false);
    expect(&touched, "");
    see(&touched, "a", 9, NULL, true, false);
    expect(&touched, "a b");
    graph_forget(&touched.graph, "a", 10);
    expect(&touched, "b");
    see(&touched, "a", 9, NULL, true, false);
    expect(&touched, "");
    close_graph(&touched);
}

static void finds_circles(void **state)
{
    (void)state;
    struct touched touched;
    open_graph(&touched);
    see(&touched, "a", 1, "{\"c\":true,\"a\":true}", false, false);
    see(&touched, "b", 2, "{\"a\":true}", false, false);
    see(&touched, "c", 3, "{\"b\":true}", false, false);
    see(&touched, "d", 4, "{\"c\":true}", false, false);
    assert_true(graph_in_circle(graph_find(&touched.graph, "a")));
    assert_true(graph_in_circle(graph_find(&touched.graph, "c")));
    assert_false(graph_in_circle(graph_find(&touched.graph, "d")));
    see(&touched, "b", 5, "{\"a\":false}", false, false);
    assert_false(graph_in_circle(graph_find(&touched.graph, "a")));
    see(&touched, "a", 6, "{\"a\":true}", false, false);
    assert_false(graph_in_circle(graph_find(&touched.graph, "a")));
    close_graph(&touched);
}

static void touches_what_has_lost_its_owner(void **state)
{
    (void)state;
    struct touched touched;
    open_graph(&touched);
    touched.graph.quiet = true;
    see(&touched, "b", 2, "{\"a\":true}", false, false);
    see(&touched, "c", 3, "{\"b\":true,\"x\":true}", false, false);
    touched.graph.quiet = false;
    expect(&touched, "");
    graph_begin_seeing(&touched.graph);
    graph_see(&touched.graph, "b", "ns");
    graph_see(&touched.graph, "c", "ns");
    graph_see(&touched.graph, "x", "");
    graph_see(&touched.graph, "nobody", "ns");
    graph_touch_unseen(&touched.graph);
    expect(&touched, "b");
    graph_see(&touched.graph, "x", "another");
    expect(&touched, "c");
    graph_clear(&touched.graph);
    assert_null(graph_find(&touched.graph, "b"));
    close_graph(&touched);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_owners),
        cmocka_unit_test(wakes_who_waits),
        cmocka_unit_test(believes_the_newest),
        cmocka_unit_test(finds_circles),
        cmocka_unit_test(touches_what_has_lost_its_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
