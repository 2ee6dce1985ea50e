#include "support.h"

#include <math.h>

static void parses_and_writes(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"null", "null"},
        {" [ 1 , 2.50 , -3e2 ] ", "[1,2.5,-300.0]"},
        {"1.0", "1.0"},
        {"-0.0", "-0.0"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"9223372036854775808", "9223372036854776000.0"},
        {"1e21", "1e+21"},
        {"1e-7", "1e-7"},
        {"0.000001", "0.000001"},
        {"0.1", "0.1"},
        {"123456.789", "123456.789"},
        {"{\"b\":1,\"a\":{\"c\":[]}}", "{\"b\":1,\"a\":{\"c\":[]}}"},
        {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
        {"\"\\u00e9\\n\\u20ac\\ud83d\\ude00\\/\"", "\"\xc3\xa9\\n\xe2\x82\xac\xf0\x9f\x98\x80/\""},
        {"\"\\ud800x\"", "\"\xef\xbf\xbdx\""},
        {"\"a\xff\xc3(b\"", "\"a\xef\xbf\xbd\xef\xbf\xbd(b\""},
        {"{\"\\u0061\":true}", "{\"a\":true}"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        json_t *value = json_parse(cases[i][0], strlen(cases[i][0]), false, &err);
        assert_non_null(value);
        AUTO_FREE char *text = json_text(value);
        expect_text(text, cases[i][1], cases[i][0]);
        json_decref(value);
    }
}

static void refuses(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "unexpected end of JSON input (line 1, column 1)"},
        {"[1,", "unexpected end of JSON input (line 1, column 4)"},
        {"\"a", "unexpected end of JSON input (line 1, column 3)"},
        {"tru", "unexpected end of JSON input (line 1, column 4)"},
        {"{\n  x",
         "invalid character 'x' looking for beginning of object key string (line 2, column 3)"},
        {"[1}", "invalid character '}' after array element (line 1, column 3)"},
        {"{\"a\" 1}", "invalid character '1' after object key (line 1, column 6)"},
        {"{\"a\":1 2}", "invalid character '2' after object key:value pair (line 1, column 8)"},
        {"1 2", "invalid character '2' after top-level value (line 1, column 3)"},
        {"01", "invalid character '1' after top-level value (line 1, column 2)"},
        {"-x", "invalid character 'x' in numeric literal (line 1, column 2)"},
        {"1.x", "invalid character 'x' after decimal point in numeric literal (line 1, column 3)"},
        {"1ex", "invalid character 'x' in exponent of numeric literal (line 1, column 3)"},
        {"nulL", "invalid character 'L' in literal null (expecting 'l') (line 1, column 4)"},
        {"\"\\x\"", "invalid character 'x' in string escape code (line 1, column 3)"},
        {"\"\\u12g4\"",
         "invalid character 'g' in \\u hexadecimal character escape (line 1, column 6)"},
        {"\"a\nb\"", "invalid character '\\n' in string literal (line 1, column 3)"},
        {"\"\\u0000\"", "a NUL in a string is not supported (line 1, column 8)"},
        {"1e400",
         "json: cannot unmarshal number 1e400 into Go value of type float64 (line 1, column 6)"},
        {"'", "invalid character '\\'' looking for beginning of value (line 1, column 1)"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        assert_null(json_parse(cases[i][0], strlen(cases[i][0]), false, &err));
        expect_text(err.message, cases[i][1], cases[i][0]);
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void limits_depth(void **state)
{
    (void)state;
    char text[202];
    struct err err;
    memset(text, '[', 101);
    memset(text + 101, ']', 101);
    assert_null(json_parse(text, 202, false, &err));
    json_t *value = json_parse(text + 1, 200, false, &err);
    assert_non_null(value);
    json_decref(value);
}

static void strict_refuses_duplicates(void **state)
{
    (void)state;
    static const char text[] = "{\"spec\":{\"list\":[0,{\"x\":1,\"y\":2,\"x\":3}]}}";
    struct err err;
    assert_null(json_parse(text, strlen(text), true, &err));
    assert_memory_equal(err.message, "duplicate field \"spec.list[1].x\"", 32);
}

/* A long key above many duplicates must not be repeated in full for each. */
static void cuts_keys_of_duplicates(void **state)
{
    (void)state;
    struct texts found = {0};
    struct err err = {0};
    AUTO_FREE char *key = mem_alloc(1000);
    memset(key, 'k', 999);
    memcpy(key + 255, "\xc3\xa4", 2); /* a letter of two bytes across the limit */
    key[999] = '\0';
    AUTO_FREE char *text = mem_printf("{\"%s\":{\"a\":1,\"a\":2}}", key);
    json_decref(json_parse_duplicates(text, strlen(text), &found, &err));
    AUTO_FREE char *expected = mem_printf("duplicate field \"%.255s.a\"", key);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.items[0], expected);
    texts_release(&found);
}

static void lists_duplicates(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":1,\"b\":{\"c\":1,\"c\":{\"d\":1,\"d\":2}},\"a\":[{\"e\":1,\"e\":1}]}";
    struct texts found = {0};
    struct err err;
    expect_json(json_parse_duplicates(text, strlen(text), &found, &err),
                "{'a':[{'e':1}],'b':{'c':{'d':2}}}", text);
    assert_int_equal(found.count, 4);
    assert_string_equal(found.items[0], "duplicate field \"b.c\"");
    assert_string_equal(found.items[1], "duplicate field \"b.c.d\"");
    assert_string_equal(found.items[2], "duplicate field \"a\"");
    assert_string_equal(found.items[3], "duplicate field \"a[0].e\"");
    texts_release(&found);
}

static void finds_and_puts(void **state)
{
    (void)state;
    json_t *value = quoted("{'a':{'b':{'n':5,'t':'x','y':true}},'l':[1]}");
    assert_int_equal(json_at_int(value, "a.b.n", -1), 5);
    assert_int_equal(json_at_int(value, "a.b.t", -1), -1);
    assert_string_equal(json_at_text(value, "a.b.t"), "x");
    assert_null(json_at_text(value, "a.b.n"));
    assert_true(json_at_bool(value, "a.b.y", false));
    assert_true(json_at_bool(value, "l.x", true));
    assert_null(json_at(value, "a.z.n"));
    assert_ptr_equal(json_at(value, ""), value);
    assert_null(json_at(NULL, "a"));
    json_put(value, "a.c.d", json_integer(1));
    json_put(value, "l.m", json_integer(2));
    json_put(value, "top", json_null());
    expect_json(value, "{'a':{'b':{'n':5,'t':'x','y':true},'c':{'d':1}},'l':{'m':2},'top':null}",
                "json_put");
    json_t *list = json_array();
    json_put(list, "a.b", json_integer(1));
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
}

static void compares_as_go(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {{"1", "1", true},
                 {"1", "1.0", false},
                 {"{'a':1,'b':2}", "{'b':2,'a':1}", true},
                 {"[1,2]", "[2,1]", false},
                 {"null", "false", false}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        json_t *a = quoted(cases[i].a);
        json_t *b = quoted(cases[i].b);
        assert_int_equal(json_same(a, b), cases[i].same);
        json_decref(a);
        json_decref(b);
    }
    assert_true(json_same(NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_and_writes),
        cmocka_unit_test(refuses),
        cmocka_unit_test(limits_depth),
        cmocka_unit_test(lists_duplicates),
        cmocka_unit_test(cuts_keys_of_duplicates),
        cmocka_unit_test(finds_and_puts),
        cmocka_unit_test(strict_refuses_duplicates),
        cmocka_unit_test(compares_as_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
