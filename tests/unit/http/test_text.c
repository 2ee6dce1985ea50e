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

static void copies(void **state)
{
    (void)state;
    char method[] = "GET", target[] = "/a?b=c", path[] = "/a", value[] = "test/1", group[] = "dev";
    const struct http_header headers[] = {{"user-agent", value}, {"x", ""}};
    const char *const groups[] = {group, "ops"};
    const struct http_certificate certificate = {.common_name = "ann",
                                                 .organizations = groups,
                                                 .organization_count = 2,
                                                 .until_wall_ms = 7,
                                                 .fingerprint = "f"};
    struct http_request request = {.method = method,
                                   .target = target,
                                   .path = path,
                                   .query = target + 3,
                                   .headers = headers,
                                   .header_count = 2,
                                   .body = "body",
                                   .body_len = 4,
                                   .peer = "p",
                                   .certificate = &certificate,
                                   .websocket = true};
    AUTO_FREE struct http_request *copy = http_request_copy(&request);
    request.certificate = NULL;
    request.header_count = 0;
    AUTO_FREE struct http_request *bare = http_request_copy(&request);
    method[0] = target[1] = path[1] = value[0] = group[0] = '-';
    assert_string_equal(copy->method, "GET");
    assert_string_equal(copy->target, "/a?b=c");
    assert_string_equal(copy->path, "/a");
    assert_string_equal(copy->query, "b=c");
    assert_string_equal(copy->peer, "p");
    assert_string_equal(http_header(copy, "user-agent"), "test/1");
    assert_string_equal(http_header(copy, "x"), "");
    assert_string_equal(copy->body, "");
    assert_int_equal(copy->body_len, 0);
    assert_true(copy->websocket);
    assert_string_equal(copy->certificate->common_name, "ann");
    assert_string_equal(copy->certificate->organizations[0], "dev");
    assert_string_equal(copy->certificate->organizations[1], "ops");
    assert_int_equal(copy->certificate->until_wall_ms, 7);
    assert_string_equal(copy->certificate->fingerprint, "f");
    assert_null(copy->certificate->refused);
    assert_string_equal(bare->path, "/a");
    assert_null(bare->certificate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes), cmocka_unit_test(finds_parameters), cmocka_unit_test(copies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
