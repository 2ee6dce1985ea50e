/*
 * An agent over a simulated log: whatever was repeated, compacted away or cut off by a death, and
 * however often it starts again, its sink ends up saying what the step makes of the inputs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <groups.h>
#include <lib/tape.h>
#include <mot/base/mem.h>

#define LOG_MAX 512
#define KEYS    6

struct entry {
    int key;
    char value[3]; /* "": a tombstone */
    int64_t revision;
};

struct simulation {
    struct entry log[LOG_MAX];
    size_t len;
    struct map *sink;  /* key → text, what a reader of the sink's log sees */
    size_t published;  /* in this life */
    size_t dies_after; /* so many records; 0: not */
    struct groups groups;
    struct arena *arena;
};

/* By the key alone, so that a tombstone whose record was compacted away still finds its group. */
static const char *group_of(struct arena *arena, const char *topic, const char *key,
                            const char *value, size_t len)
{
    (void)topic;
    (void)value;
    (void)len;
    return arena_printf(arena, "%c", 'a' + (key[1] - '0') % 3);
}

/* "<group>/<key>/<value>", "<group>/count" */
static const char *group_of_output(struct arena *arena, const char *key, const char *value,
                                   size_t len)
{
    (void)value;
    (void)len;
    return arena_strndup(arena, key, 1);
}

/* One output per input, and one that counts them. */
static int step(const struct agent_group *group, struct arena *arena, struct agent_emit *emit,
                struct err *err)
{
    (void)err;
    for (size_t i = 0; i < group->input_count; i++)
        agent_emit(emit,
                   arena_printf(arena, "%s/%s/%s", group->name, group->inputs[i].key,
                                group->inputs[i].value),
                   group->inputs[i].value, group->inputs[i].value_len, group->inputs[i].revision);
    if (group->input_count > 0) {
        const char *count = arena_printf(arena, "%zu", group->input_count);
        agent_emit(emit, arena_printf(arena, "%s/count", group->name), count, strlen(count), 0);
    }
    return 0;
}

static const struct agent agent = {
    .name = "simulated", .group_of = group_of, .group_of_output = group_of_output, .step = step};

static bool publish(void *context, const struct change *change)
{
    struct simulation *simulation = context;
    if (simulation->dies_after && simulation->published >= simulation->dies_after)
        return false;
    simulation->published++;
    if (change->value)
        map_put(simulation->sink, change->key, mem_strndup(change->value, change->len));
    else
        map_remove(simulation->sink, change->key);
    return true;
}

static struct bus_record record_of(const char *key, const char *value, int64_t revision)
{
    return (struct bus_record){.key = key,
                               .value = value,
                               .value_len = value ? strlen(value) : 0,
                               .headers.revision = revision};
}

static void read_entry(struct simulation *simulation, const struct entry *entry)
{
    char key[8];
    snprintf(key, sizeof(key), "k%d", entry->key);
    struct bus_record record =
        record_of(key, entry->value[0] ? entry->value : NULL, entry->revision);
    groups_input(&simulation->groups, "t", &record);
}

static void decide_all(struct simulation *simulation)
{
    struct err err = {0};
    for (struct group *group; (group = groups_next(&simulation->groups));) {
        if (group_decide(&simulation->groups, group, simulation->arena, publish, simulation, &err))
            abort();
        groups_drop_empty(&simulation->groups, group);
    }
}

/* A life: the sink is restored, the log read to where it ended at start (@first) and decided, then
 * what came later bit by bit, some of it twice. */
static void live(struct simulation *simulation, struct tape *tape, size_t first, size_t upto)
{
    groups_init(&simulation->groups, &agent);
    simulation->published = 0;
    for (struct map_iter it = {0}; map_next(simulation->sink, &it);) {
        struct bus_record record = record_of(it.key, it.value, 0);
        groups_output(&simulation->groups, &record);
    }
    for (size_t i = 0; i < first; i++)
        read_entry(simulation, &simulation->log[i]);
    decide_all(simulation);
    for (size_t i = first; i < upto; i++) {
        read_entry(simulation, &simulation->log[i]);
        if (tape_bool(tape))
            read_entry(simulation, &simulation->log[i]);
        if (tape_bool(tape))
            decide_all(simulation);
    }
    decide_all(simulation);
    groups_release(&simulation->groups);
}

static void append(struct simulation *simulation, struct tape *tape)
{
    static const char *const values[] = {"", "1", "2", "3"};
    struct entry *entry = &simulation->log[simulation->len];
    *entry = (struct entry){.key = (int)tape_below(tape, KEYS),
                            .revision = (int64_t)simulation->len + 1};
    snprintf(entry->value, sizeof(entry->value), "%s",
             tape_pick(tape, values, MOT_ARRAY_SIZE(values)));
    simulation->len++;
}

/* Keeps the newest record of a key, tombstones too, and older ones as it happens. */
static void compact(struct simulation *simulation, struct tape *tape)
{
    size_t kept = 0;
    for (size_t i = 0; i < simulation->len; i++) {
        bool newest = true;
        for (size_t k = i + 1; k < simulation->len; k++)
            newest &= simulation->log[k].key != simulation->log[i].key;
        if (newest || tape_bool(tape))
            simulation->log[kept++] = simulation->log[i];
    }
    simulation->len = kept;
}

/* What the step makes of the newest values. */
static struct map *expected_sink(const struct simulation *simulation)
{
    struct map *sink = map_new(free);
    int counts[3] = {0};
    for (int key = 0; key < KEYS; key++) {
        const char *value = "";
        for (size_t i = 0; i < simulation->len; i++)
            value = simulation->log[i].key == key ? simulation->log[i].value : value;
        if (!value[0])
            continue;
        AUTO_FREE char *name = mem_printf("%c/k%d/%s", 'a' + key % 3, key, value);
        map_put(sink, name, mem_strdup(value));
        counts[key % 3]++;
    }
    for (int group = 0; group < 3; group++) {
        AUTO_FREE char *name = mem_printf("%c/count", 'a' + group);
        if (counts[group])
            map_put(sink, name, mem_printf("%d", counts[group]));
    }
    return sink;
}

static int compare(const struct map *found, const struct map *expected)
{
    int differences = map_count(found) != map_count(expected);
    for (struct map_iter it = {0}; map_next(expected, &it);) {
        const char *value = map_get(found, it.key);
        if (!value || strcmp(value, it.value) != 0) {
            fprintf(stderr, "%s is %s, not %s\n", it.key, value ? value : "missing",
                    (const char *)it.value);
            differences++;
        }
    }
    for (struct map_iter it = {0}; map_next(found, &it);) {
        if (!map_has(expected, it.key))
            fprintf(stderr, "%s should not be there\n", it.key);
    }
    return differences ? -1 : 0;
}

static void simulate(struct simulation *simulation, struct tape *tape)
{
    for (int lives = 0; lives < 8 && !tape_ended(tape); lives++) {
        for (size_t more = tape_below(tape, 20); more > 0 && simulation->len < LOG_MAX; more--)
            append(simulation, tape);
        if (tape_bool(tape))
            compact(simulation, tape);
        simulation->dies_after = tape_below(tape, 10);
        size_t upto = tape_below(tape, simulation->len + 1);
        live(simulation, tape, tape_below(tape, upto + 1), upto);
    }
    simulation->dies_after = 0;
    live(simulation, tape, tape_below(tape, simulation->len + 1), simulation->len);
}

static int sink_follows_inputs(struct tape *tape)
{
    struct simulation simulation = {.sink = map_new(free), .arena = arena_new(1 << 20)};
    simulate(&simulation, tape);
    struct map *expected = expected_sink(&simulation);
    int rc = compare(simulation.sink, expected);
    live(&simulation, tape, simulation.len, simulation.len);
    bool quiet = simulation.published == 0;
    if (rc == 0 && !quiet)
        fprintf(stderr, "a restart published %zu records\n", simulation.published);
    map_free(expected);
    map_free(simulation.sink);
    arena_free(simulation.arena);
    return rc || !quiet ? -1 : 0;
}

static void properties_hold(void **state)
{
    (void)state;
    assert_int_equal(tape_run("the sink follows the inputs", sink_follows_inputs, 500), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(properties_hold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
