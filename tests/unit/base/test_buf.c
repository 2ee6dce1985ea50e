#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/buf.h>
#include <mot/base/mem.h>

static void adds(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    assert_null(buf.data);
    buf_adds(&buf, "ab");
    buf_add(&buf, "c\0d", 3);
    buf_addc(&buf, '|');
    buf_addf(&buf, "%s-%03d", "x", 7);
    buf_addc(&buf, '|');
    buf_add_i64(&buf, INT64_MIN);
    static const char expected[] = "abc\0d|x-007|-9223372036854775808";
    assert_int_equal(buf.len, sizeof(expected) - 1);
    assert_memory_equal(buf.data, expected, sizeof(expected));
    assert_false(buf_failed(&buf));
    buf_release(&buf);
    assert_null(buf.data);
}

static void grows_far(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    for (int i = 0; i < 100000; i++)
        buf_addf(&buf, "%05d", i);
    assert_int_equal(buf.len, 500000);
    assert_memory_equal(buf.data + 5 * 99999, "99999", 6);
    buf_release(&buf);
}

static void remembers_its_maximum(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 5);
    buf_adds(&buf, "12345");
    assert_false(buf_failed(&buf));
    buf_addc(&buf, '6');
    assert_true(buf_failed(&buf));
    buf_consume(&buf, 3);
    buf_addc(&buf, '7'); /* no holes: nothing more is added */
    assert_string_equal(buf.data, "45");
    buf_clear(&buf);
    assert_false(buf_failed(&buf));
    assert_string_equal(buf.data, "");
    buf_addf(&buf, "%d", 123456);
    assert_true(buf_failed(&buf));
    assert_int_equal(buf.len, 0);
    buf_release(&buf);
    buf_init(&buf, 0);
    buf_add(&buf, NULL, 0);
    assert_false(buf_failed(&buf));
    assert_string_equal(buf.data, "");
    assert_null(buf_reserve(&buf, SIZE_MAX));
    assert_true(buf_failed(&buf));
    buf_release(&buf);
}

static void writes_json(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {NULL, "\"\""},
        {"", "\"\""},
        {"plain text", "\"plain text\""},
        {"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
        {"\b\f\n\r\t\x01\x1f\x7f", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\""},
        {"gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80",
         "\"gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80\""},
        {"a\xFFz", "\"a\xEF\xBF\xBDz\""},
        {"cut \xE2\x82", "\"cut \xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},                 /* overlong */
        {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* a surrogate */
        {"\xED\x9F\xBF\xEE\x80\x80", "\"\xED\x9F\xBF\xEE\x80\x80\""},
        {"\xF4\x90\x80\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\xF4\x8F\xBF\xBF", "\"\xF4\x8F\xBF\xBF\""},
        {"\xE0\x9F\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\xF0\x8F\x80\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct buf buf;
        buf_init(&buf, 1000);
        buf_add_json(&buf, cases[i].text);
        assert_string_equal(buf.data, cases[i].expected);
        buf_release(&buf);
    }
    struct buf buf;
    buf_init(&buf, 1000);
    buf_add_json_n(&buf, "a\0b", 3);
    assert_string_equal(buf.data, "\"a\\u0000b\"");
    buf_release(&buf);
}

static void consumes_from_the_front(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        const char *left;
    } cases[] = {{0, "abcdef"}, {1, "bcdef"}, {2, "def"}, {3, ""}, {9, ""}};
    struct buf buf;
    buf_init(&buf, 100);
    buf_consume(&buf, 3);
    buf_adds(&buf, "abcdef");
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        buf_consume(&buf, cases[i].n);
        assert_string_equal(buf.data, cases[i].left);
        assert_int_equal(buf.len, strlen(cases[i].left));
    }
    buf_release(&buf);
}

static void adopts(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_adds(&buf, "old");
    buf_adopt(&buf, mem_strdup("other"), 5);
    assert_int_equal(buf.len, 5);
    buf_adds(&buf, "s, and more than had room");
    assert_string_equal(buf.data, "others, and more than had room");
    buf_release(&buf);
}

static void reserves_and_hands_over(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    char *empty = buf_take(&buf);
    assert_string_equal(empty, "");
    free(empty);
    buf_adds(&buf, "size ");
    char *place = buf_reserve(&buf, 50);
    memcpy(place, "42", 2);
    buf.len += 2;
    char *text = buf_take(&buf);
    assert_string_equal(text, "size 42");
    free(text);
    assert_int_equal(buf.len, 0);
    buf_adds(&buf, "new");
    assert_string_equal(buf.data, "new");
    buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds),
        cmocka_unit_test(grows_far),
        cmocka_unit_test(remembers_its_maximum),
        cmocka_unit_test(writes_json),
        cmocka_unit_test(consumes_from_the_front),
        cmocka_unit_test(reserves_and_hands_over),
        cmocka_unit_test(adopts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
