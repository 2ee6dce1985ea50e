/* The containers of lib/base against models that are too simple to be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lib/tape.h>
#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>
#include <mot/base/queue.h>

#define KEYS 64

static int differ(const char *what, size_t key)
{
    fprintf(stderr, "%s (key %zu)\n", what, key);
    return -1;
}

static const char *key_text(size_t key, char text[16])
{
    snprintf(text, 16, "key-%zu", key);
    return text;
}

static int compare_with_model(const struct map *map, const uintptr_t *model)
{
    char text[16];
    size_t count = 0, seen = 0;
    for (size_t key = 0; key < KEYS; key++) {
        uintptr_t value = (uintptr_t)map_get(map, key_text(key, text));
        if (value != model[key] || map_has(map, text) != (model[key] != 0))
            return differ("map_get differs", key);
        count += model[key] != 0;
    }
    for (struct map_iter it = {0}; map_next(map, &it); seen++)
        if (model[strtoul(it.key + 4, NULL, 10)] != (uintptr_t)it.value)
            return differ("map_next differs", seen);
    return seen == count && map_count(map) == count ? 0 : differ("the count differs", count);
}

static void map_step(struct tape *tape, struct map *map, uintptr_t *model)
{
    char text[16];
    size_t key = tape_below(tape, KEYS);
    key_text(key, text);
    switch (tape_below(tape, 8)) {
    case 0:
        map_remove(map, text);
        model[key] = 0;
        break;
    case 1:
        map_steal(map, text);
        model[key] = 0;
        break;
    case 2:
        for (struct map_iter it = {0}; map_next(map, &it);)
            if ((uintptr_t)it.value % 3 == key % 3) {
                model[strtoul(it.key + 4, NULL, 10)] = 0;
                map_remove(map, it.key);
            }
        break;
    default:
        model[key] = (uintptr_t)tape_u8(tape) + 1;
        map_put(map, text, (void *)model[key]);
    }
}

static int map_is_a_table(struct tape *tape)
{
    uintptr_t model[KEYS] = {0};
    struct map *map = map_new(NULL);
    int ret = 0;
    while (ret == 0 && !tape_ended(tape)) {
        map_step(tape, map, model);
        ret = compare_with_model(map, model);
    }
    map_free(map);
    return ret;
}

struct queue_model {
    size_t waiting[KEYS];
    size_t count;
    bool running[KEYS];
    bool again[KEYS];
};

static void model_add(struct queue_model *model, size_t key)
{
    for (size_t i = 0; i < model->count; i++)
        if (model->waiting[i] == key)
            return;
    if (model->running[key])
        model->again[key] = true;
    else
        model->waiting[model->count++] = key;
}

static int take_one(struct keyqueue *queue, struct queue_model *model)
{
    char text[16];
    AUTO_FREE char *got = keyqueue_get(queue, 0);
    if (model->count == 0)
        return got ? differ("a key out of nothing", 0) : 0;
    size_t key = model->waiting[0];
    memmove(model->waiting, model->waiting + 1, --model->count * sizeof(model->waiting[0]));
    model->running[key] = true;
    return got && strcmp(got, key_text(key, text)) == 0 ? 0 : differ("another key", key);
}

static int queue_step(struct tape *tape, struct keyqueue *queue, struct queue_model *model)
{
    char text[16];
    size_t action = tape_below(tape, 3);
    if (action == 0)
        return take_one(queue, model);
    size_t key = tape_below(tape, 6);
    if (action == 1) {
        keyqueue_add(queue, key_text(key, text));
        model_add(model, key);
        return 0;
    }
    keyqueue_done(queue, key_text(key, text));
    bool again = model->running[key] && model->again[key];
    model->running[key] = model->again[key] = false;
    if (again)
        model_add(model, key);
    return 0;
}

static int queue_is_a_list_of_distinct_keys(struct tape *tape)
{
    struct queue_model model = {.count = 0};
    struct keyqueue *queue = keyqueue_new();
    int ret = 0;
    while (ret == 0 && !tape_ended(tape)) {
        ret = queue_step(tape, queue, &model);
        if (ret == 0 && keyqueue_length(queue) != model.count)
            ret = differ("the length differs", model.count);
    }
    keyqueue_free(queue);
    return ret;
}

/* What a strict reader of JSON strings asks for, apart from UTF-8 (the unit
 * test has its cases). */
static int json_strings_are_closed(struct tape *tape)
{
    struct buf buf;
    buf_init(&buf, 1 << 20);
    buf_add_json_n(&buf, (const char *)tape->data, tape->len);
    int ret = buf.data[0] == '"' && buf.data[buf.len - 1] == '"' ? 0 : differ("no quotes", 0);
    for (size_t i = 1; ret == 0 && i + 1 < buf.len; i++) {
        unsigned char c = (unsigned char)buf.data[i];
        if (c < 0x20 || c == '"')
            ret = differ("not escaped", i);
        else if (c == '\\' && !strchr("bfnrtu\"\\", buf.data[++i]))
            ret = differ("an unknown escape", i);
    }
    if (strlen(buf.data) != buf.len)
        ret = differ("a NUL inside", buf.len);
    buf_release(&buf);
    return ret;
}

static int times_survive_their_text(struct tape *tape)
{
    while (!tape_ended(tape)) {
        char text[CLOCK_TEXT_SIZE];
        int64_t ms = (int64_t)tape_below(tape, 0xFFFFFFFF) * 1000 * (tape_bool(tape) ? -1 : 7) +
                     (int64_t)tape_below(tape, 1000);
        int64_t back = 0;
        if (clock_parse(clock_format_ms(ms, text), &back, NULL) < 0 || back != ms) {
            fprintf(stderr, "%s became %lld, not %lld\n", text, (long long)back, (long long)ms);
            return -1;
        }
    }
    return 0;
}

static void properties_hold(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int (*property)(struct tape *);
        unsigned cases;
    } cases[] = {
        {"map is a table", map_is_a_table, 200},
        {"queue is a list of distinct keys", queue_is_a_list_of_distinct_keys, 500},
        {"json strings are closed", json_strings_are_closed, 1000},
        {"times survive their text", times_survive_their_text, 500},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++)
        assert_int_equal(tape_run(cases[i].name, cases[i].property, cases[i].cases), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(properties_hold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
