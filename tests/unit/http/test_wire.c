#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <api/http/wire.h>

static void writes_heads(void **state)
{
    (void)state;
    struct http_response response = {.status = 200, .content_type = "application/json"};
    struct buf out;
    buf_init(&out, BUF_MAX_DEFAULT);
    buf_init(&response.body, BUF_MAX_DEFAULT);
    buf_adds(&response.body, "{}");
    http_response_header(&response, "Audit-Id", "x");
    http_response_header(&response, "Evil", "a\r\nSet-Cookie: b");
    http_response_header(&response, "E vil", "a");
    wire_head(&out, &response, WIRE_LENGTH, false);
    assert_string_equal(out.data,
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nAudit-Id: x\r\n"
                        "Content-Length: 2\r\n\r\n");
    buf_clear(&out);
    wire_head(&out, &response, WIRE_CHUNKED, true);
    assert_string_equal(out.data,
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nAudit-Id: x\r\n"
                        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    wire_response_release(&response);
    response = (struct http_response){.status = 204};
    buf_clear(&out);
    wire_head(&out, &response, WIRE_LENGTH, false);
    assert_string_equal(out.data, "HTTP/1.1 204 No Content\r\n\r\n");
    buf_release(&out);
}

static void writes_faults(void **state)
{
    (void)state;
    struct fault fault = {429, "say \"when\""};
    struct buf out;
    buf_init(&out, BUF_MAX_DEFAULT);
    wire_fault(&out, &fault, false);
    assert_non_null(strstr(out.data, "HTTP/1.1 429 Too Many Requests\r\n"));
    assert_non_null(strstr(out.data, "\r\nRetry-After: 1\r\n"));
    assert_non_null(strstr(out.data, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(
        out.data,
        "\r\n\r\n{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
        "\"message\":\"say \\\"when\\\"\",\"reason\":\"TooManyRequests\","
        "\"details\":{\"retryAfterSeconds\":1},\"code\":429}\n"));
    buf_clear(&out);
    wire_fault(&out, &fault, true);
    assert_non_null(strstr(out.data, "\r\nContent-Length: "));
    assert_string_equal(out.data + out.len - 4, "\r\n\r\n");
    buf_release(&out);
}

static void every_fault_has_a_reason(void **state)
{
    (void)state;
    static const int codes[] = {400, 405, 408, 413, 414, 417, 426, 429, 431, 500, 501, 503, 505};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct fault fault = {codes[i], "x"};
        struct http_response response = {0};
        wire_status(&response, &fault);
        assert_null(strstr(response.body.data, "\"reason\":\"\""));
        assert_string_not_equal(wire_reason(codes[i]), "Status");
        wire_response_release(&response);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(writes_heads),
                                       cmocka_unit_test(writes_faults),
                                       cmocka_unit_test(every_fault_has_a_reason)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
