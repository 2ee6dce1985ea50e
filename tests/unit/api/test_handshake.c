#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "api/watch/handshake.h"

static void test_origin(void **state)
{
    (void)state;
    assert_true(watch_origin_allowed(NULL, "x", NULL));
    assert_true(watch_origin_allowed("http://localhost", "x", NULL));
    assert_true(watch_origin_allowed("https://127.0.0.1:3000", "x", NULL));
    assert_true(watch_origin_allowed("http://[::1]:80", "x", NULL));
    assert_true(watch_origin_allowed("http://mot.example:8080", "mot.example:8080", NULL));
    assert_false(watch_origin_allowed("http://evil.example", "127.0.0.1:8080", NULL));
    assert_false(watch_origin_allowed("http://localhost.evil.example", "127.0.0.1", NULL));
    assert_false(watch_origin_allowed("http://[::1].evil.example", "127.0.0.1", NULL));
    assert_false(watch_origin_allowed("null", "127.0.0.1", NULL));
    assert_false(watch_origin_allowed("", "127.0.0.1", NULL));
}

static void test_loopback_hosts(void **state)
{
    (void)state;
    static const char *const ours[] = {"localhost",    "LOCALHOST:8080",      "127.0.0.1",
                                       "127.0.0.1:80", "127.9.8.7",           "[::1]",
                                       "[::1]:8080",   "[0:0:0:0:0:0:0:1]:80"};
    static const char *const foreign[] = {"",
                                          ":80",
                                          "evil.example:8080",
                                          "127.0.0.1.evil.example",
                                          "localhost.evil.example",
                                          "[::1",
                                          "[::2]",
                                          "[::1].evil.example",
                                          "[::1]80",
                                          "[::]",
                                          "[localhost]",
                                          "::1",
                                          "10.0.0.1",
                                          "127.1",
                                          "0.0.0.0"};
    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
        if (!watch_host_is_loopback(ours[i]))
            fail_msg("%s", ours[i]);
    for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++)
        if (watch_host_is_loopback(foreign[i]))
            fail_msg("%s", foreign[i]);
}

static void test_allowed_origins(void **state)
{
    (void)state;
    static const char *const two[] = {"https://ui.example", "http://other.example:8080", NULL};
    static const char *const all[] = {"*", NULL};
    assert_true(watch_origin_allowed("https://ui.example", "x", two));
    assert_true(watch_origin_allowed("HTTP://Other.example:8080", "x", two));
    assert_false(watch_origin_allowed("http://ui.example", "x", two));
    assert_false(watch_origin_allowed("https://ui.example.evil", "x", two));
    assert_true(watch_origin_allowed("null", "x", all));
}

static void expect_protocol(const char *offered, const char *echoed)
{
    char *protocol = NULL;
    assert_true(watch_protocol(offered, &protocol));
    if (echoed)
        assert_string_equal(protocol, echoed);
    else
        assert_null(protocol);
    free(protocol);
}

static void test_protocol(void **state)
{
    (void)state;
    char *protocol = NULL;
    expect_protocol(NULL, NULL);
    expect_protocol("", NULL);
    expect_protocol("base64.binary.k8s.io", "base64.binary.k8s.io");
    expect_protocol("base64url.bearer.authorization.k8s.io.dG9r, base64.binary.k8s.io ",
                    "base64.binary.k8s.io");
    expect_protocol("base64url.bearer.authorization.k8s.io.dG9r", NULL);
    expect_protocol("a", "a");
    expect_protocol("a, base64.binary.k8s.io, binary.k8s.io", "base64.binary.k8s.io");
    expect_protocol("binary.k8s.io,base64.binary.k8s.io", "binary.k8s.io");
    expect_protocol("base64.binary.k8s.io, base64url.bearer.authorization.k8s.io.dG9r, x",
                    "base64.binary.k8s.io");
    assert_false(watch_protocol("a, b", &protocol));
    assert_null(protocol);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origin),
        cmocka_unit_test(test_loopback_hosts),
        cmocka_unit_test(test_allowed_origins),
        cmocka_unit_test(test_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
