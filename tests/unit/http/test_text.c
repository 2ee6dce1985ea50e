#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <api/http/server.h>
#include <mot/base/mem.h>

static void decodes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"", ""},         {"abc", "abc"},         {"a%2Fb", "a/b"}, {"%41%62", "Ab"},
        {"a+b", "a+b"},   {"%c3%a4", "\xc3\xa4"}, {"%", NULL},      {"%4", NULL},
        {"%zz", NULL},    {"a%4", NULL},          {"%00", NULL},    {"%25zz", "%zz"},
        {"%2541", "%41"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(rows); i++) {
        AUTO_FREE char *text = http_decode(rows[i].text, strlen(rows[i].text));
        if (rows[i].expected)
            assert_string_equal(text, rows[i].expected);
        else
            assert_null(text);
    }
    assert_null(http_decode("%41", 2)); /* does not read behind its length */
}

static void finds_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *query, *name, *expected;
    } rows[] = {
        {"", "a", NULL},       {"a=1", "a", "1"},
        {"a=1&b=2", "b", "2"}, {"a=1&a=2", "a", "1"},
        {"a", "a", ""},        {"a&b", "b", ""},
        {"a=", "a", ""},       {"ab=1", "a", NULL},
        {"a=b=c", "a", "b=c"}, {"a=1+2%2B", "a", "1 2+"},
        {"%61=x", "a", "x"},   {"a;b=1&b=2", "b", "2"},
        {"&&a=1", "a", "1"},   {"labelSelector=a%3Db%2Cc&limit=500", "labelSelector", "a=b,c"},
        {"a=%zz", "a", "%zz"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(rows); i++) {
        struct http_request request = {.query = rows[i].query};
        AUTO_FREE char *value = http_query(&request, rows[i].name);
        if (rows[i].expected)
            assert_string_equal(value, rows[i].expected);
        else
            assert_null(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(decodes),
                                       cmocka_unit_test(finds_parameters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
