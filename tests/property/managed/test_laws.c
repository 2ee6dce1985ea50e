/* Laws of apply and update, over histories of requests by several managers on drawn kinds. */
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
#include <mot/model/managed.h>

#include "drawn.h"

#define CASES     1000
#define STEPS_MAX 6
#define ALL       "abcdef"

/* A drawn kind and one object of it. */
struct world {
    struct tape *tape;
    json_t *kind;
    struct field_types *types;
    json_t *live;
    int64_t second;
    struct buf log; /* what happened, for a failure */
};

static void world_start(struct world *world, struct tape *tape)
{
    struct err err = {0};
    *world = (struct world){.tape = tape, .kind = draw_kind(tape)};
    world->types = field_types_compile(world->kind, &err);
    buf_init(&world->log, BUF_MAX_DEFAULT);
}

static void world_end(struct world *world)
{
    json_decref(world->kind);
    json_decref(world->live);
    field_types_free(world->types);
    buf_release(&world->log);
}

static void note(struct world *world, const char *what, const char *manager, const json_t *value)
{
    AUTO_FREE char *text = value ? json_text(value) : mem_strdup("nothing");
    buf_addf(&world->log, "  %s %s ", what, manager);
    buf_adds(&world->log, text);
    buf_addc(&world->log, '\n');
}

/* Always -1. */
static int broken(struct world *world, const char *law)
{
    AUTO_FREE char *kind = json_text(world->kind);
    fprintf(stderr, "%s is broken; kind %s\n%s", law, kind, world->log.data ? world->log.data : "");
    return -1;
}

static struct managed_writer writer_of(const struct world *world, const char *manager)
{
    return (struct managed_writer){.types = world->types,
                                   .api_version = "t.dev/v1",
                                   .kind = "T",
                                   .manager = manager,
                                   .subresource = "",
                                   .now_s = world->second};
}

static bool has_null(const json_t *value)
{
    const char *key;
    json_t *child;
    size_t index;
    bool found = json_is_null(value);
    json_object_foreach((json_t *)(uintptr_t)value, key, child) found = found || has_null(child);
    json_array_foreach(value, index, child) found = found || has_null(child);
    return found;
}

/* ---- requests ---- */

enum outcome { DONE, CONFLICT, REFUSED };

/* What a server would store: an object with null in it does not pass its validation. *ret_object
 * is NULL unless it is DONE. */
static enum outcome apply(struct world *world, const char *manager, const json_t *config,
                          bool force, json_t **ret_object, bool *ret_changed)
{
    struct managed_writer writer = writer_of(world, manager);
    struct managed_conflicts conflicts;
    struct err err = {0};
    json_t *before = json_deep_copy(world->live);
    note(world, force ? "force" : "apply", manager, config);
    int result = managed_apply(&writer, world->live, config, force, ret_object, ret_changed,
                               &conflicts, &err);
    if (!json_same(before, world->live))
        buf_adds(&world->log, "  and live was written to\n");
    json_decref(before);
    managed_conflicts_release(&conflicts);
    if (result != 0) {
        buf_addf(&world->log, "    %s\n", err.message);
        return err.code == ERR_CONFLICT ? CONFLICT : REFUSED;
    }
    note(world, "  is", "", *ret_object);
    if (!has_null(*ret_object))
        return DONE;
    json_decref(*ret_object);
    *ret_object = NULL;
    return REFUSED;
}

static void go_on_with(struct world *world, json_t *object)
{
    json_put(object, "metadata.uid", json_string("u"));
    json_decref(world->live);
    world->live = object;
}

/* The next state, if the request is accepted. */
static enum outcome apply_here(struct world *world, const char *manager, const json_t *config,
                               bool force)
{
    json_t *object;
    bool changed;
    world->second++;
    enum outcome outcome = apply(world, manager, config, force, &object, &changed);
    if (outcome == DONE)
        go_on_with(world, object);
    return outcome;
}

static void update_here(struct world *world, const char *manager, json_t *object)
{
    struct managed_writer writer = writer_of(world, manager);
    world->second++;
    if (world->live)
        json_put(object, "metadata.managedFields",
                 json_incref(json_at(world->live, "metadata.managedFields")));
    note(world, "update", manager, object);
    if (world->live)
        json_put(object, "metadata.uid", json_string("u"));
    managed_update(&writer, world->live, object);
    note(world, "  is", "", object);
    go_on_with(world, object);
}

static const char *draw_manager(struct tape *tape)
{
    static const char *const managers[] = {"a", "b", "c"};
    return tape_pick(tape, managers, MOT_ARRAY_SIZE(managers));
}

enum history {
    APPLIES = 0,
    UPDATES = 1,   /* also requests that are no applies */
    NON_EMPTY = 2, /* no empty maps and lists in them */
};

static void some_history(struct world *world, const char *names, unsigned flags)
{
    for (size_t n = tape_below(world->tape, STEPS_MAX); n > 0; n--) {
        const char *manager = draw_manager(world->tape);
        json_t *object = draw_object_of(world->tape, world->kind, names);
        if (flags & NON_EMPTY)
            drop_empty(object);
        if (flags & UPDATES && tape_below(world->tape, 3) == 1) {
            update_here(world, manager, object);
        } else {
            apply_here(world, manager, object, tape_bool(world->tape));
            json_decref(object);
        }
    }
}

/* ---- laws ---- */

/* Applying a configuration once more changes neither the object nor its managers. */
static int applying_twice_is_once(struct tape *tape)
{
    struct world world;
    world_start(&world, tape);
    some_history(&world, ALL, UPDATES);
    json_t *config = draw_object_of(tape, world.kind, ALL);
    drop_empty(config);
    int result = 0;
    if (apply_here(&world, "m", config, true) == DONE) {
        json_t *again = NULL;
        bool changed = true;
        world.second++;
        if (apply(&world, "m", config, false, &again, &changed) != DONE || changed ||
            !json_same(again, world.live))
            result = broken(&world, "applying twice is once");
        json_decref(again);
    }
    json_decref(config);
    world_end(&world);
    return result;
}

/* merge(live, config) has all of the config. */
static int what_is_applied_is_there(struct tape *tape)
{
    struct world world;
    struct arena *arena = arena_new(MANAGED_BYTES);
    world_start(&world, tape);
    some_history(&world, ALL, UPDATES);
    json_t *config = draw_object_of(tape, world.kind, ALL);
    int result = 0;
    if (apply_here(&world, "m", config, true) == DONE) {
        struct comparison comparison =
            compare_values_typed(arena, field_types_root(world.types), config, world.live);
        if (comparison.removed || comparison.modified)
            result = broken(&world, "what is applied is there");
    }
    json_decref(config);
    world_end(&world);
    arena_free(arena);
    return result;
}

/* A refused apply is in conflict; with force it is not, and nobody else has what differed. */
static int force_takes_over(struct tape *tape)
{
    struct world world;
    world_start(&world, tape);
    some_history(&world, ALL, UPDATES);
    json_t *config = draw_object_of(tape, world.kind, ALL);
    int result = 0;
    json_t *object = NULL;
    bool changed;
    if (apply(&world, "m", config, false, &object, &changed) == CONFLICT) {
        enum outcome forced = apply_here(&world, "m", config, true);
        if (forced == CONFLICT)
            result = broken(&world, "force takes over");
        if (forced == DONE && apply_here(&world, "m", config, false) != DONE)
            result = broken(&world, "what was taken over is no conflict any more");
    }
    json_decref(object);
    json_decref(config);
    world_end(&world);
    return result;
}

/* The fields of a manager's entry, as text; "" when there is none. */
static char *fields_of(const json_t *object, const char *manager)
{
    size_t index;
    json_t *entry;
    json_array_foreach(json_at(object, "metadata.managedFields"), index, entry)
    {
        if (strcmp(json_at_text(entry, "manager"), manager) == 0)
            return json_text(json_object_get(entry, "fieldsV1"));
    }
    return mem_strdup("");
}

static bool same_fields(const json_t *one, const json_t *other, const char *manager)
{
    AUTO_FREE char *left = fields_of(one, manager);
    AUTO_FREE char *right = fields_of(other, manager);
    return strcmp(left, right) == 0;
}

static bool same_but_managers(const json_t *one, const json_t *other)
{
    json_t *left = json_deep_copy(one);
    json_t *right = json_deep_copy(other);
    json_object_del(json_object_get(left, "metadata"), "managedFields");
    json_object_del(json_object_get(right, "metadata"), "managedFields");
    bool same = json_same(left, right);
    json_decref(left);
    json_decref(right);
    return same;
}

/* Whoever has nothing to do with each other may come in any order. */
static int strangers_commute(struct tape *tape)
{
    struct world world;
    world_start(&world, tape);
    json_t *first = draw_object_of(tape, world.kind, "abc");
    json_t *second = draw_object_of(tape, world.kind, "def");
    int result = 0;
    apply_here(&world, "m", first, false);
    if (apply_here(&world, "n", second, false) != DONE)
        result = broken(&world, "strangers are never in conflict");
    json_t *one = json_incref(world.live);
    json_decref(world.live);
    world.live = NULL;
    apply_here(&world, "n", second, false);
    apply_here(&world, "m", first, false);
    if (!same_but_managers(one, world.live) || !same_fields(one, world.live, "m") ||
        !same_fields(one, world.live, "n"))
        result = broken(&world, "strangers commute");
    json_decref(one);
    json_decref(first);
    json_decref(second);
    world_end(&world);
    return result;
}

/* What only one manager applied goes with him, and all else stays. */
static int applying_nothing_undoes(struct tape *tape)
{
    struct world world;
    world_start(&world, tape);
    some_history(&world, "abc", NON_EMPTY);
    json_t *others = json_pack("{s:s, s:s, s:{s:s}, s:{s:s}}", "apiVersion", "t.dev/v1", "kind",
                               "T", "metadata", "name", "n", "spec", "keep", "it");
    json_t *nothing = json_deep_copy(others);
    json_object_del(nothing, "spec");
    apply_here(&world, "other", others, false); /* keeps the spec itself */
    json_t *before = json_incref(world.live);
    json_t *config = draw_object_of(tape, world.kind, "def");
    drop_empty(config);
    int result = 0;
    if (apply_here(&world, "m", config, false) != DONE ||
        apply_here(&world, "m", nothing, false) != DONE)
        result = broken(&world, "strangers are accepted");
    else if (!json_same(before, world.live))
        result = broken(&world, "applying nothing undoes");
    json_decref(before);
    json_decref(config);
    json_decref(others);
    json_decref(nothing);
    world_end(&world);
    return result;
}

static const struct field_set *all_owned(struct arena *arena, const json_t *object)
{
    const struct field_set *all = NULL;
    size_t index;
    json_t *entry;
    json_array_foreach(json_at(object, "metadata.managedFields"), index, entry)
    {
        const struct field_set *fields = NULL;
        if (fields_v1_parse(arena, json_object_get(entry, "fieldsV1"), &fields) == 0)
            all = field_set_union(arena, all, fields);
    }
    return all;
}

/* The spec of an object, as an object. */
static json_t *spec_alone(const json_t *object)
{
    return json_pack("{s:O*}", "spec", json_object_get(object, "spec"));
}

/* Nobody owns what is not there. */
static int what_is_owned_is_there(struct tape *tape)
{
    struct world world;
    struct arena *arena = arena_new(MANAGED_BYTES);
    world_start(&world, tape);
    some_history(&world, ALL, UPDATES | NON_EMPTY);
    json_t *nothing = json_object();
    json_t *spec = spec_alone(world.live);
    int result = 0;
    struct comparison all =
        compare_values_typed(arena, field_types_root(world.types), nothing, spec);
    if (field_set_subtract(arena, all_owned(arena, world.live), all.added))
        result = broken(&world, "what is owned is there");
    json_decref(nothing);
    json_decref(spec);
    world_end(&world);
    arena_free(arena);
    return result;
}

/* With applies alone, all that is there belongs to somebody, and fits the schema. */
static int what_is_there_is_owned(struct tape *tape)
{
    struct world world;
    struct arena *arena = arena_new(MANAGED_BYTES);
    world_start(&world, tape);
    some_history(&world, ALL, APPLIES);
    const struct field_type *root = field_types_root(world.types);
    json_t *spec = spec_alone(world.live);
    int result = 0;
    const struct field_set *there = field_set_of(arena, root, spec);
    if (world.live && typed_check(root, world.live, false, NULL) != 0)
        result = broken(&world, "what is there fits the schema");
    if (world.live && json_object_size(json_object_get(spec, "spec")) > 0 &&
        field_set_subtract(arena, there, all_owned(arena, world.live)))
        result = broken(&world, "what is there is owned");
    json_decref(spec);
    world_end(&world);
    arena_free(arena);
    return result;
}

/* After an update, what changed belongs to who wrote it, and to nobody else. */
static int updates_take_what_they_change(struct tape *tape)
{
    struct world world;
    struct arena *arena = arena_new(MANAGED_BYTES);
    world_start(&world, tape);
    some_history(&world, ALL, UPDATES);
    bool tracked = !world.live || json_at(world.live, "metadata.managedFields");
    json_t *old = spec_alone(world.live);
    update_here(&world, "m", draw_object_of(tape, world.kind, ALL));
    json_t *new = spec_alone(world.live);
    struct comparison comparison =
        compare_values_typed(arena, field_types_root(world.types), old, new);
    const struct field_set *changed = field_set_union(arena, comparison.modified, comparison.added);
    const struct field_set *owned = NULL;
    size_t index;
    json_t *entry;
    int result = 0;
    json_array_foreach(json_at(world.live, "metadata.managedFields"), index, entry)
    {
        const struct field_set *fields = NULL;
        fields_v1_parse(arena, json_object_get(entry, "fieldsV1"), &fields);
        if (strcmp(json_at_text(entry, "manager"), "m") == 0)
            owned = fields;
        else if (field_set_intersect(arena, fields, changed))
            result = broken(&world, "what an update changed is nobody else's");
    }
    if (tracked && field_set_subtract(arena, changed, owned))
        result = broken(&world, "what an update changed is the writer's");
    json_decref(old);
    json_decref(new);
    world_end(&world);
    arena_free(arena);
    return result;
}

#define LAW(name)                                                                                  \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        assert_int_equal(tape_run(#name, name, CASES), 0);                                         \
    }
LAW(applying_twice_is_once)
LAW(what_is_applied_is_there)
LAW(force_takes_over)
LAW(strangers_commute)
LAW(applying_nothing_undoes)
LAW(what_is_owned_is_there)
LAW(what_is_there_is_owned)
LAW(updates_take_what_they_change)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_applying_twice_is_once),
        cmocka_unit_test(test_what_is_applied_is_there),
        cmocka_unit_test(test_force_takes_over),
        cmocka_unit_test(test_strangers_commute),
        cmocka_unit_test(test_applying_nothing_undoes),
        cmocka_unit_test(test_what_is_owned_is_there),
        cmocka_unit_test(test_what_is_there_is_owned),
        cmocka_unit_test(test_updates_take_what_they_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
