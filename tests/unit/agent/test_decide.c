/* From what a step emits to what is published. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <groups.h>
#include <mot/base/buf.h>
#include <mot/base/mem.h>

#include "records.h"

/* Emits what the inputs' values say: "k=v,k=v" each; "!" is an error. */
static int say(const struct agent_group *group, struct arena *arena, struct agent_emit *emit,
               struct err *err)
{
    for (size_t i = 0; i < group->input_count; i++) {
        const char *at = group->inputs[i].value;
        if (*at == '!')
            return err_set(err, ERR_INVALID, "asked for it");
        while (*at) {
            size_t key = strcspn(at, "="), value = strcspn(at + key + 1, ",");
            agent_emit(emit, arena_strndup(arena, at, key), at + key + 1, value,
                       group->inputs[i].revision);
            at += key + 1 + value;
            at += *at == ',';
        }
    }
    return 0;
}

static const struct agent agent = {.name = "say", .step = say};

static struct {
    struct groups groups;
    struct arena *arena;
    struct buf published;
    int left; /* publish says no after so many */
} world;

static bool publish(void *context, const struct change *change)
{
    (void)context;
    buf_addf(&world.published, "%s%s%s@%d ", change->key, change->value ? "=" : "-",
             change->value ? change->value : "", (int)change->revision);
    return --world.left > 0;
}

static int setup(void **state)
{
    (void)state;
    groups_init(&world.groups, &agent);
    world.arena = arena_new(1 << 20);
    buf_init(&world.published, 1 << 16);
    world.left = 1000;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    groups_release(&world.groups);
    arena_free(world.arena);
    buf_release(&world.published);
    return 0;
}

/* Reads an input, decides, and compares what was published. */
static void expect(const char *value, int64_t revision, const char *published)
{
    struct err err = {0};
    struct bus_record record = record_of("in", value, revision);
    groups_input(&world.groups, "t", &record);
    struct group *group = groups_next(&world.groups);
    buf_clear(&world.published);
    buf_adds(&world.published, "");
    assert_int_equal(group_decide(&world.groups, group, world.arena, publish, NULL, &err), 0);
    assert_string_equal(world.published.data, published);
    groups_drop_empty(&world.groups, group);
}

static void test_creates_updates_deletes(void **state)
{
    (void)state;
    expect("b=2,a=1", 7, "a=1@7 b=2@7 ");
    expect("a=1,b=2", 8, "");
    expect("a=1,b=3,c=", 9, "b=3@9 c=@9 ");
    expect("b=3", 10, "c-@10 a-@10 ");
    expect(NULL, 11, "b-@11 ");
    assert_int_equal(map_count(world.groups.by_name), 0);
    assert_int_equal(world.groups.memory, 0);
}

static void test_previous_outputs_count(void **state)
{
    (void)state;
    static const struct agent_output held[] = {{"a", "1", 1, 3}, {"old", "x", 1, 3}};
    struct bus_record record = record_of("in", "", 1);
    groups_input(&world.groups, "t", &record);
    struct group *group = groups_next(&world.groups);
    for (size_t i = 0; i < 2; i++)
        group_set_output(&world.groups, group, held[i].key, held[i].value, held[i].value_len, 3);
    expect("a=1,b=2", 4, "b=2@4 old-@4 ");
}

static void test_an_error_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *value, *message;
    } cases[] = {{"!", "asked for it"}, {"a=1,a=2", "the step emitted the key a twice"}};
    expect("a=1", 1, "a=1@1 ");
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        struct bus_record record = record_of("in", cases[i].value, 2);
        groups_input(&world.groups, "t", &record);
        struct group *group = groups_next(&world.groups);
        buf_clear(&world.published);
        assert_int_equal(group_decide(&world.groups, group, world.arena, publish, NULL, &err), -1);
        assert_string_equal(err.message, cases[i].message);
        assert_int_equal(world.published.len, 0);
        assert_string_equal(groups_find_output(&world.groups, "a")->value, "1");
    }
}

static void test_stops_publishing(void **state)
{
    (void)state;
    world.left = 1;
    expect("a=1,b=2", 1, "a=1@1 ");
    world.left = 1;
    expect("a=1,b=2", 1, "b=2@1 ");
    world.left = 1;
    expect("", 2, "b-@2 ");
}

static void test_many(void **state)
{
    (void)state;
    struct buf all, published;
    buf_init(&all, 1 << 16);
    buf_init(&published, 1 << 16);
    for (int i = 0; i < 500; i++) {
        buf_addf(&all, "k%03d=v,", i);
        buf_addf(&published, "k%03d=v@1 ", i);
    }
    expect(all.data, 1, published.data);
    buf_release(&all);
    buf_release(&published);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_creates_updates_deletes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_previous_outputs_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_error_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stops_publishing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
