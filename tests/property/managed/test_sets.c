/* Laws of sets of field paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "drawn.h"

#define CASES 5000

struct sets {
    struct arena *arena;
    const struct field_set *a;
    const struct field_set *b;
    const struct field_set *c;
};

static struct sets draw_sets(struct tape *tape)
{
    struct sets sets = {.arena = arena_new(MANAGED_BYTES)};
    sets.a = draw_set(tape, sets.arena);
    sets.b = draw_set(tape, sets.arena);
    sets.c = draw_set(tape, sets.arena);
    return sets;
}

static void print_set(const char *name, const struct field_set *set)
{
    json_t *json = fields_v1_print(set);
    AUTO_FREE char *text = json_text(json);
    fprintf(stderr, "  %s = %s\n", name, text);
    json_decref(json);
}

/* 0 when both are the same. */
static int same(const struct sets *sets, const struct field_set *left,
                const struct field_set *right, const char *law)
{
    if (field_set_equal(left, right))
        return 0;
    fprintf(stderr, "%s does not hold for\n", law);
    print_set("a", sets->a);
    print_set("b", sets->b);
    print_set("c", sets->c);
    print_set("left", left);
    print_set("right", right);
    return -1;
}

static int unions(struct tape *tape)
{
    struct sets s = draw_sets(tape);
    const struct field_set *ab = field_set_union(s.arena, s.a, s.b);
    const struct field_set *bc = field_set_union(s.arena, s.b, s.c);
    int result = same(&s, ab, field_set_union(s.arena, s.b, s.a), "a ∪ b = b ∪ a");
    result |= same(&s, field_set_union(s.arena, ab, s.c), field_set_union(s.arena, s.a, bc),
                   "(a ∪ b) ∪ c = a ∪ (b ∪ c)");
    result |= same(&s, field_set_union(s.arena, s.a, s.a), s.a, "a ∪ a = a");
    result |= same(&s, field_set_union(s.arena, s.a, NULL), s.a, "a ∪ ∅ = a");
    arena_free(s.arena);
    return result;
}

static int intersections(struct tape *tape)
{
    struct sets s = draw_sets(tape);
    const struct field_set *ab = field_set_intersect(s.arena, s.a, s.b);
    const struct field_set *ac = field_set_intersect(s.arena, s.a, s.c);
    const struct field_set *bc = field_set_union(s.arena, s.b, s.c);
    int result = same(&s, ab, field_set_intersect(s.arena, s.b, s.a), "a ∩ b = b ∩ a");
    result |= same(&s, field_set_intersect(s.arena, s.a, bc), field_set_union(s.arena, ab, ac),
                   "a ∩ (b ∪ c) = (a ∩ b) ∪ (a ∩ c)");
    result |= same(&s, field_set_intersect(s.arena, s.a, field_set_union(s.arena, s.a, s.b)), s.a,
                   "a ∩ (a ∪ b) = a");
    result |= same(&s, field_set_intersect(s.arena, s.a, NULL), NULL, "a ∩ ∅ = ∅");
    arena_free(s.arena);
    return result;
}

static int differences(struct tape *tape)
{
    struct sets s = draw_sets(tape);
    const struct field_set *rest = field_set_subtract(s.arena, s.a, s.b);
    const struct field_set *both = field_set_intersect(s.arena, s.a, s.b);
    int result = same(&s, field_set_union(s.arena, rest, both), s.a, "(a − b) ∪ (a ∩ b) = a");
    result |= same(&s, field_set_intersect(s.arena, rest, s.b), NULL, "(a − b) ∩ b = ∅");
    result |= same(&s, field_set_subtract(s.arena, s.a, s.a), NULL, "a − a = ∅");
    result |= same(&s, field_set_subtract(s.arena, rest, s.c),
                   field_set_subtract(s.arena, s.a, field_set_union(s.arena, s.b, s.c)),
                   "(a − b) − c = a − (b ∪ c)");
    const struct field_set *without = field_set_without(s.arena, s.a, "a");
    result |= same(&s, field_set_subtract(s.arena, without, s.a), NULL, "(a without f:a) − a = ∅");
    struct path_element element = {"a", 'f', false};
    if (field_set_find(without, &element))
        result = -1;
    arena_free(s.arena);
    return result;
}

static int survive_the_wire(struct tape *tape)
{
    struct sets s = draw_sets(tape);
    struct err err = {0};
    const struct field_set *read = NULL;
    json_t *json = fields_v1_print(s.a);
    AUTO_FREE char *text = json_text(json);
    json_t *parsed = json_parse(text, strlen(text), true, &err);
    int result = fields_v1_parse(s.arena, parsed, &read);
    if (result != 0)
        fprintf(stderr, "%s: can't be read\n", text);
    else
        result = same(&s, read, s.a, "parse(print(a)) = a");
    json_decref(json);
    json_decref(parsed);
    arena_free(s.arena);
    return result;
}

static int naming_adds_once(struct tape *tape)
{
    struct sets s = draw_sets(tape);
    json_t *kind = draw_kind(tape);
    struct err err = {0};
    struct field_types *types = field_types_compile(kind, &err);
    const struct field_type *root = field_types_root(types);
    const struct field_set *named = field_set_named(s.arena, s.a, root);
    const struct field_set *now = field_set_reconcile(s.arena, s.a, root);
    int result = same(&s, field_set_subtract(s.arena, s.a, named), NULL, "a ⊆ named(a)");
    result |= same(&s, field_set_named(s.arena, named, root), named, "named(named(a)) = named(a)");
    result |= same(&s, field_set_reconcile(s.arena, now, root), now,
                   "reconcile(reconcile(a)) = reconcile(a)");
    field_types_free(types);
    json_decref(kind);
    arena_free(s.arena);
    return result;
}

/* All members are shown, none twice. */
static void count_path(const char *path, void *context)
{
    size_t *count = context;
    *count += *path != '\0';
}

static size_t count_members(const struct field_set *set)
{
    size_t count = set && set->member;
    for (size_t i = 0; set && i < set->count; i++)
        count += count_members(set->entries[i].set);
    return count;
}

static int all_is_shown(struct tape *tape)
{
    struct sets s = draw_sets(tape);
    size_t count = 0;
    field_set_show(s.a, count_path, &count);
    int result = count == count_members(s.a) ? 0 : -1;
    if (result != 0)
        print_set("not shown whole", s.a);
    arena_free(s.arena);
    return result;
}

#define LAW(name)                                                                                  \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        assert_int_equal(tape_run(#name, name, CASES), 0);                                         \
    }
LAW(unions)
LAW(intersections)
LAW(differences)
LAW(survive_the_wire)
LAW(naming_adds_once)
LAW(all_is_shown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unions),           cmocka_unit_test(test_intersections),
        cmocka_unit_test(test_differences),      cmocka_unit_test(test_survive_the_wire),
        cmocka_unit_test(test_naming_adds_once), cmocka_unit_test(test_all_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
