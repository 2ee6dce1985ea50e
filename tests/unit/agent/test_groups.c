/* What an agent remembers of its inputs and outputs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <groups.h>
#include <mot/base/mem.h>

#include "records.h"

/* The value up to '|' names the group; a key "x/…" tells that its group is "x". */
static const char *by_value(struct arena *arena, const char *topic, const char *key,
                            const char *value, size_t len)
{
    (void)topic;
    if (!value)
        return strncmp(key, "x/", 2) == 0 ? "x" : NULL;
    return len && value[0] != '-' ? arena_strndup(arena, value, strcspn(value, "|")) : NULL;
}

static const char *output_by_value(struct arena *arena, const char *key, const char *value,
                                   size_t len)
{
    return by_value(arena, "", key, value, len);
}

static const struct agent plain = {.name = "plain"};
static const struct agent grouped = {
    .name = "grouped", .group_of = by_value, .group_of_output = output_by_value};
static const char *const sources[] = {"t", NULL};
static const struct agent ordered = {.name = "ordered", .sources = sources, .ordered = true};

static void act(void *context, const struct agent_group *group)
{
    (void)context;
    (void)group;
}
static const struct agent acting = {.name = "acting", .sources = sources, .changed = act};

static void input(struct groups *groups, const char *topic, const char *key, const char *value,
                  int64_t revision)
{
    struct bus_record record = record_of(key, value, revision);
    groups_input(groups, topic, &record);
}

static void output(struct groups *groups, const char *key, const char *value, int64_t revision)
{
    struct bus_record record = record_of(key, value, revision);
    groups_output(groups, &record);
}

/* The next dirty group has this name, and as many inputs. */
static struct group *expect_dirty(struct groups *groups, const char *name, size_t inputs)
{
    struct group *group = groups_next(groups);
    assert_non_null(group);
    assert_string_equal(group->name, name);
    assert_int_equal(group->input_count, inputs);
    return group;
}

static void test_inputs_by_key(void **state)
{
    (void)state;
    struct groups groups;
    groups_init(&groups, &plain);
    input(&groups, "b", "k", "one", 3);
    input(&groups, "a", "k", "two", 2);
    input(&groups, "b", "k", "three", 4);
    input(&groups, "b", "other", "x", 1);
    struct group *group = expect_dirty(&groups, "k", 2);
    assert_string_equal(group->inputs[0].topic, "a");
    assert_string_equal(group->inputs[0].value, "two");
    assert_string_equal(group->inputs[1].value, "three");
    assert_int_equal(group->inputs[1].revision, 4);
    assert_int_equal(group->revision, 4);
    expect_dirty(&groups, "other", 1);
    assert_null(groups_next(&groups));
    input(&groups, "b", "k", NULL, 9);
    group = expect_dirty(&groups, "k", 1);
    assert_int_equal(group->revision, 9);
    groups_release(&groups);
}

static void test_inputs_move_between_groups(void **state)
{
    (void)state;
    struct groups groups;
    groups_init(&groups, &grouped);
    input(&groups, "t", "k", "a|1", 1);
    expect_dirty(&groups, "a", 1);
    input(&groups, "t", "k", "b|1", 2);
    struct group *left = expect_dirty(&groups, "a", 0);
    groups_drop_empty(&groups, left);
    assert_int_equal(map_count(groups.by_name), 1);
    expect_dirty(&groups, "b", 1);
    input(&groups, "t", "k", "-", 3); /* belongs nowhere any more */
    groups_drop_empty(&groups, expect_dirty(&groups, "b", 0));
    input(&groups, "t", "k", "-", 3);
    assert_null(groups_next(&groups));
    assert_int_equal(map_count(groups.by_name), 0);
    assert_int_equal(map_count(groups.group_of_input), 0);
    assert_int_equal(groups.memory, 0);
    groups_release(&groups);
}

/* The tombstone of a key that was not read since start still decides what the sink holds. */
static void test_unknown_tombstones(void **state)
{
    (void)state;
    struct groups groups;
    groups_init(&groups, &plain);
    output(&groups, "k", "v", 5);
    input(&groups, "t", "k", NULL, 6);
    input(&groups, "t", "nobody", NULL, 6);
    struct group *group = expect_dirty(&groups, "k", 0);
    assert_int_equal(group->output_count, 1);
    assert_int_equal(group->revision, 6);
    assert_null(groups_next(&groups));
    groups_release(&groups);

    groups_init(&groups, &grouped);
    output(&groups, "k", "x|v", 5);
    input(&groups, "t", "x/1", NULL, 6);
    input(&groups, "t", "y/1", NULL, 6);
    expect_dirty(&groups, "x", 0);
    assert_null(groups_next(&groups));
    groups_release(&groups);
}

static void test_outputs_are_restored(void **state)
{
    (void)state;
    struct groups groups;
    groups_init(&groups, &grouped);
    output(&groups, "2", "a|two", 1);
    output(&groups, "1", "a|one", 1);
    output(&groups, "1", "b|one", 2); /* moved */
    output(&groups, "3", "a|three", 3);
    output(&groups, "3", NULL, 4);
    output(&groups, "never", NULL, 4);
    assert_null(groups_next(&groups));
    struct group *a = map_get(groups.by_name, "a"), *b = map_get(groups.by_name, "b");
    assert_int_equal(a->output_count, 1);
    assert_string_equal(a->outputs[0].value, "a|two");
    assert_int_equal(b->output_count, 1);
    assert_int_equal(b->outputs[0].revision, 2);
    assert_string_equal(groups_find_output(&groups, "1")->value, "b|one");
    assert_null(groups_find_output(&groups, "3"));
    groups_release(&groups);
}

/* A key that another group has by now is not lost when its former group lets it go. */
static void test_a_key_changes_hands(void **state)
{
    (void)state;
    struct groups groups;
    groups_init(&groups, &grouped);
    output(&groups, "k", "a|v", 1);
    struct group *a = map_get(groups.by_name, "a");
    input(&groups, "t", "i", "b|", 1);
    struct group *b = groups_next(&groups);
    group_set_output(&groups, b, "k", "b|v", 3, 2);
    group_set_output(&groups, a, "k", NULL, 0, 0);
    assert_string_equal(groups_find_output(&groups, "k")->value, "b|v");
    assert_int_equal(a->output_count, 0);
    /* Its own key and value may be given. */
    const struct agent_output *held = groups_find_output(&groups, "k");
    group_set_output(&groups, b, held->key, held->value, held->value_len, 3);
    assert_int_equal(groups_find_output(&groups, "k")->revision, 3);
    group_set_output(&groups, b, groups_find_output(&groups, "k")->key, NULL, 0, 0);
    assert_null(groups_find_output(&groups, "k"));
    groups_release(&groups);
}

static void test_repetitions_of_an_ordered_topic(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int64_t revision;
        const char *then; /* what the input is afterwards; NULL: none */
        bool dirty;
    } steps[] = {
        {"v5", 5, "v5", true},  {"v5", 5, "v5", true}, {"v4", 4, "v5", false},
        {NULL, 3, "v5", false}, {NULL, 7, NULL, true}, {"v5", 5, NULL, false},
        {"v8", 8, "v8", true},
    };
    struct groups groups;
    groups_init(&groups, &ordered);
    output(&groups, "k", "v5", 5);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(steps); i++) {
        input(&groups, "t", "k", steps[i].value, steps[i].revision);
        struct group *group = groups_next(&groups);
        assert_int_equal(group != NULL, steps[i].dirty);
        group = map_get(groups.by_name, "k");
        assert_int_equal(group->input_count, steps[i].then != NULL);
        if (steps[i].then)
            assert_string_equal(group->inputs[0].value, steps[i].then);
    }
    groups_release(&groups);
}

/* A source that was wiped is filled again: what it says first is older than what came of it. */
static void test_what_the_sink_has_is_not_undone(void **state)
{
    (void)state;
    struct groups groups;
    groups_init(&groups, &ordered);
    output(&groups, "made again", "v7", 7);
    output(&groups, "gone", "v2", 2);
    output(&groups, "gone", NULL, 6);
    input(&groups, "t", "made again", "v2", 2);
    input(&groups, "t", "made again", NULL, 5);
    input(&groups, "t", "gone", "v2", 2);
    assert_null(groups_next(&groups));
    assert_string_equal(groups_find_output(&groups, "made again")->value, "v7");
    input(&groups, "t", "gone", NULL, 6);
    input(&groups, "t", "made again", "v7", 7);
    input(&groups, "t", "made again", NULL, 8);
    expect_dirty(&groups, "gone", 0);
    expect_dirty(&groups, "made again", 0);
    groups_release(&groups);
}

/* The record before it is compacted away, and whoever acts may not have acted on it yet. */
static void test_tombstones_are_told_to_who_acts(void **state)
{
    (void)state;
    struct groups groups;
    groups_init(&groups, &acting);
    input(&groups, "t", "k", NULL, 3);
    struct group *group = expect_dirty(&groups, "k", 0);
    groups_drop_empty(&groups, group);
    assert_null(map_get(groups.by_name, "k"));
    groups_release(&groups);
}

static void test_values_hold_any_byte(void **state)
{
    (void)state;
    struct groups groups;
    groups_init(&groups, &plain);
    struct bus_record record = record_of("k", "", 1);
    record.value = "a\0b";
    record.value_len = 3;
    groups_input(&groups, "t", &record);
    groups_output(&groups, &record);
    struct group *group = groups_next(&groups);
    assert_memory_equal(group->inputs[0].value, "a\0b", 4);
    assert_memory_equal(group->outputs[0].value, "a\0b", 4);
    groups_release(&groups);
}

static void test_marks_keep_their_order(void **state)
{
    (void)state;
    struct groups groups;
    groups_init(&groups, &plain);
    input(&groups, "t", "1", "x", 1);
    input(&groups, "t", "2", "x", 1);
    input(&groups, "t", "1", "y", 1);
    groups_mark_name(&groups, "nobody");
    expect_dirty(&groups, "1", 1);
    groups_mark_name(&groups, "1");
    groups_drop_empty(&groups, map_get(groups.by_name, "1"));
    expect_dirty(&groups, "2", 1);
    expect_dirty(&groups, "1", 1);
    assert_null(groups_next(&groups));
    groups_release(&groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inputs_by_key),
        cmocka_unit_test(test_inputs_move_between_groups),
        cmocka_unit_test(test_unknown_tombstones),
        cmocka_unit_test(test_outputs_are_restored),
        cmocka_unit_test(test_a_key_changes_hands),
        cmocka_unit_test(test_repetitions_of_an_ordered_topic),
        cmocka_unit_test(test_what_the_sink_has_is_not_undone),
        cmocka_unit_test(test_tombstones_are_told_to_who_acts),
        cmocka_unit_test(test_values_hold_any_byte),
        cmocka_unit_test(test_marks_keep_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
