#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/watch/filter.h"

#define RED  "{\"labels\":{\"color\":\"red\"},\"fields\":{\"metadata.name\":\"a\"}}"
#define BLUE "{\"labels\":{\"color\":\"blue\"},\"fields\":{\"metadata.name\":\"a\"}}"

static const struct {
    const char *labels, *fields;
    enum store_operation operation;
    const char *now, *before;
    enum watch_type type;
} rows[] = {
    {"", "", STORE_CREATE, RED, NULL, WATCH_ADDED},
    {"", "", STORE_UPDATE, RED, NULL, WATCH_MODIFIED},
    {"", "", STORE_UPDATE, RED, BLUE, WATCH_MODIFIED},
    {"", "", STORE_DELETE, RED, NULL, WATCH_DELETED},
    {"color=red", "", STORE_CREATE, RED, NULL, WATCH_ADDED},
    {"color=red", "", STORE_CREATE, BLUE, NULL, WATCH_NOTHING},
    {"color=red", "", STORE_UPDATE, RED, BLUE, WATCH_ADDED},
    {"color=red", "", STORE_UPDATE, BLUE, RED, WATCH_DELETED},
    {"color=red", "", STORE_UPDATE, RED, NULL, WATCH_MODIFIED},
    {"color=red", "", STORE_UPDATE, BLUE, NULL, WATCH_NOTHING},
    {"color=red", "", STORE_DELETE, RED, NULL, WATCH_DELETED},
    {"color=red", "", STORE_DELETE, BLUE, NULL, WATCH_NOTHING},
    {"", "metadata.name=a", STORE_UPDATE, RED, NULL, WATCH_MODIFIED},
    {"", "metadata.name=b", STORE_UPDATE, RED, NULL, WATCH_NOTHING},
};

static void test_transitions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        struct watch_filter filter = {.labels = selector_parse_labels(rows[i].labels, &err),
                                      .fields = selector_parse_fields(rows[i].fields, NULL, &err)};
        json_t *now = json_loads(rows[i].now, 0, NULL);
        json_t *before = rows[i].before ? json_loads(rows[i].before, 0, NULL) : NULL;
        print_message("row %zu\n", i);
        assert_string_equal(
            watch_type_name(watch_filter_judge(&filter, rows[i].operation, now, before)),
            watch_type_name(rows[i].type));
        json_decref(now);
        json_decref(before);
        watch_filter_release(&filter);
    }
}

static void test_may_match(void **state)
{
    (void)state;
    char ns[] = "n";
    char name[] = "a";
    struct watch_filter all = {0};
    struct watch_filter one = {.ns = ns, .name = name};
    assert_true(watch_filter_may_match(&all, "x", "y"));
    assert_true(watch_filter_may_match(&one, "n", "a"));
    assert_false(watch_filter_may_match(&one, "n", "b"));
    assert_false(watch_filter_may_match(&one, "m", "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transitions),
        cmocka_unit_test(test_may_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
