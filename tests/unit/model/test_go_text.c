#include "support.h"

#include <mot/model/go_text.h>

static void writes_json_as_go(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"b\":1,\"a\":[1.0,1e-7,null,true]}", "{\"a\":[1,1e-7,null,true],\"b\":1}"},
        {"[\"<a>&\"]", "[\"\\u003ca\\u003e\\u0026\"]"},
        {"[\"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\"]", "[\"\\u2028\\u2029\xe2\x80\xaa\"]"},
        {"[\"\xc3\xa9\",\"q\\\"\"]", "[\"\xc3\xa9\",\"q\\\"\"]"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        json_t *value = json_loads(cases[i][0], 0, NULL);
        AUTO_FREE char *text = go_json(value);
        expect_text(text, cases[i][1], cases[i][0]);
        json_decref(value);
    }
}

static void quotes_as_go(void **state)
{
    (void)state;
    AUTO_FREE char *text = go_quoted("a\t\"b\"\\\xc3\xa9");
    assert_string_equal(text, "\"a\\t\\\"b\\\"\\\\\xc3\xa9\"");
}

static void finds_unprintable(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int position; /* -1: none */
        uint32_t code;
    } cases[] = {
        {"kubectl", -1, 0},
        {"a b", -1, 0},
        {"a\tb", 1, 9},
        {"\xc2\xa0", 0, 0xa0},
        {"x\xe2\x80\x8b", 1, 0x200b},
        {"\xc3\xa9\x7f", 2, 0x7f},
        {"\xff", -1, 0},
        {"\xef\xbb\xbf", 0, 0xfeff},
        {"", -1, 0},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        uint32_t code = 0;
        const char *found = go_next_unprintable(cases[i].text, &code);
        assert_int_equal(found ? found - cases[i].text : -1, cases[i].position);
        if (found)
            assert_int_equal(code, cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_json_as_go),
        cmocka_unit_test(quotes_as_go),
        cmocka_unit_test(finds_unprintable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
