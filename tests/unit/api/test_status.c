#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mot/base/mem.h>

#include "api/status.h"

static void expect(struct status *status, bool success, const char *json)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    status_write(&buf, status, success);
    assert_string_equal(buf.data, json);
    buf_release(&buf);
    status_release(status);
}

static void test_plain(void **state)
{
    (void)state;
    struct status status = {
        .code = 400, .reason = "BadRequest", .message = mem_strdup("say \"x\"")};
    expect(&status, false,
           "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
           "\"message\":\"say \\\"x\\\"\",\"reason\":\"BadRequest\",\"code\":400}");
}

static void test_details(void **state)
{
    (void)state;
    struct status status = {.code = 422,
                            .reason = "Invalid",
                            .message = mem_strdup("m"),
                            .name = mem_strdup("web"),
                            .group = "mot.dev",
                            .kind = "Thing",
                            .retry_after = 1};
    field_errors_add(&status.causes, "spec.x", "FieldValueRequired", "Required value");
    expect(&status, false,
           "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
           "\"message\":\"m\",\"reason\":\"Invalid\",\"details\":{\"name\":\"web\",\"group\":"
           "\"mot.dev\",\"kind\":\"Thing\",\"causes\":[{\"reason\":\"FieldValueRequired\","
           "\"message\":\"Required value\",\"field\":\"spec.x\"}],\"retryAfterSeconds\":1},"
           "\"code\":422}");
}

static void test_success(void **state)
{
    (void)state;
    struct status status = {
        .name = mem_strdup("web"), .group = "", .kind = "things", .uid = mem_strdup("u")};
    expect(&status, true,
           "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\","
           "\"details\":{\"name\":\"web\",\"kind\":\"things\",\"uid\":\"u\"}}");
}

static void test_expired(void **state)
{
    (void)state;
    struct status status = {.code = 410,
                            .reason = "Expired",
                            .message = mem_strdup("old"),
                            .continue_token = mem_strdup("abc")};
    expect(&status, false,
           "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{\"continue\":\"abc\"},"
           "\"status\":\"Failure\",\"message\":\"old\",\"reason\":\"Expired\",\"code\":410}");
}

static void test_classes(void **state)
{
    (void)state;
    for (int code = ERR_NONE; code <= ERR_INTERNAL; code++) {
        const struct status_class *class = status_class_of((enum err_code)code);
        assert_true(class->code >= 400 && class->code < 600);
        assert_non_null(class->reason);
    }
    assert_int_equal(status_class_of(ERR_TRANSIENT)->retry_after, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),   cmocka_unit_test(test_details),
        cmocka_unit_test(test_success), cmocka_unit_test(test_expired),
        cmocka_unit_test(test_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
