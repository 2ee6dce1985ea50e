/* Health and metrics: what those who run the server ask it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "fixture.h"
#include "watch_client.h"

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

static struct server *begin(void)
{
    static int number;
    AUTO_FREE char *name = mem_printf("operations%d", ++number);
    AUTO_FREE char *url = fixture_database(name);
    struct server *server = server_start(url, NULL);
    server_listen(server, NULL);
    return server;
}

static void expect_text(struct server *server, int code, const char *target, const char *text)
{
    struct answer answer = call(server, "GET", target, NULL, NULL);
    print_message("%s\n", target);
    assert_string_equal(answer.text, text);
    assert_int_equal(answer.code, code);
    answer_release(&answer);
}

static void test_healthy(void **state)
{
    (void)state;
    struct server *server = begin();
    expect_text(server, 200, "/healthz", "ok");
    expect_text(server, 200, "/livez", "ok");
    expect_text(server, 200, "/readyz", "ok");
    expect_text(server, 200, "/livez?verbose", "[+]ping ok\nlivez check passed\n");
    expect_text(server, 200, "/readyz?verbose",
                "[+]ping ok\n[+]postgres ok\n[+]feed ok\n[+]rbac ok\nreadyz check passed\n");
    expect_text(server, 200, "/healthz?verbose=false",
                "[+]ping ok\n[+]postgres ok\n[+]feed ok\n[+]rbac ok\nhealthz check passed\n");
    expect_text(server, 200, "/readyz?verbose&exclude=postgres&exclude=zz&exclude=a%22b",
                "[+]ping ok\n[+]postgres excluded: ok\n[+]feed ok\n[+]rbac ok\n"
                "warn: some health checks cannot be excluded: no matches for \"a\\\"b\",\"zz\"\n"
                "readyz check passed\n");
    expect_text(server, 200, "/readyz/ping", "ok");
    expect_text(server, 200, "/readyz/postgres", "ok");
    expect_text(server, 200, "/healthz/feed", "ok");
    expect_text(server, 200, "/livez/ping", "ok");
    json_decref(expect_call(server, 404, "GET", "/livez/postgres", NULL));
    json_decref(expect_call(server, 404, "GET", "/readyz/nothing", NULL));
    struct answer answer = call(server, "GET", "/readyz", NULL, NULL);
    assert_non_null(strstr(answer.headers, "X-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(answer.headers, "Cache-Control: no-cache, private\r\n"));
    answer_release(&answer);
    server_stop(server);
}

static void test_without_the_database(void **state)
{
    (void)state;
    struct server *server = begin();
    fixture_stop();
    expect_text(server, 200, "/livez", "ok");
    expect_text(server, 500, "/readyz",
                "[+]ping ok\n[-]postgres failed: reason withheld\n[+]feed ok\n[+]rbac ok\n"
                "readyz check failed\n");
    expect_text(server, 500, "/readyz/postgres", "internal server error: reason withheld\n");
    expect_text(server, 200, "/readyz?exclude=postgres", "ok");
    fixture_resume();
    for (int64_t deadline = clock_ms() + 20000;;) {
        struct answer answer = call(server, "GET", "/readyz", NULL, NULL);
        int code = answer.code;
        answer_release(&answer);
        if (code == 200)
            break;
        assert_true(clock_ms() < deadline);
        clock_sleep_ms(50);
    }
    server_stop(server);
}

/* -------------------------------------------------------------------------------- metrics */

/* The value of the sample that begins so; -1 when there is none. */
static double sample(const char *text, const char *name)
{
    AUTO_FREE char *line = mem_printf("\n%s ", name);
    const char *at = strstr(text, line);
    return at ? strtod(at + strlen(line), NULL) : -1;
}

#define OF_THINGS "group=\"mot.dev\",version=\"v1alpha1\",resource=\"things\""

static void test_metrics(void **state)
{
    (void)state;
    struct server *server = begin();
    create_thing(server, "a", "red");
    create_thing(server, "b", "red");
    patch_thing(server, "a", "{\"spec\":{\"color\":\"blue\"}}");
    json_decref(expect_call(server, 200, "GET", THINGS, NULL));
    json_decref(expect_call(server, 404, "GET", THINGS "/none", NULL));
    json_decref(expect_call(server, 200, "GET", "/version", NULL));
    json_decref(expect_call(server, 404, "GET", "/apis/evil.example/v1/things", NULL));
    json_decref(expect_call(server, 404, "GET", "/whatever/it/is", NULL));
    struct watch_client *stream = watch_open(server->port, THINGS "?watch=1", NULL, false);
    watch_expect(stream, "ADDED", "a");
    watch_expect(stream, "ADDED", "b");
    struct answer answer = call(server, "GET", "/metrics", NULL, NULL);
    assert_int_equal(answer.code, 200);
    static const struct {
        const char *name;
        double value;
    } samples[] = {
        {"apiserver_request_total{verb=\"POST\"," OF_THINGS ",subresource=\"\",code=\"201\"}", 2},
        {"apiserver_request_total{verb=\"PATCH\"," OF_THINGS ",subresource=\"\",code=\"200\"}", 1},
        {"apiserver_request_total{verb=\"LIST\"," OF_THINGS ",subresource=\"\",code=\"200\"}", 1},
        {"apiserver_request_total{verb=\"GET\"," OF_THINGS ",subresource=\"\",code=\"404\"}", 1},
        {"apiserver_request_total{verb=\"WATCH\"," OF_THINGS ",subresource=\"\",code=\"200\"}", 1},
        {"apiserver_request_total{verb=\"GET\",group=\"\",version=\"\",resource=\"\",subresource="
         "\"/version\",code=\"200\"}",
         1},
        {"apiserver_request_total{verb=\"LIST\",group=\"\",version=\"\",resource=\"\",subresource="
         "\"/api\",code=\"404\"}",
         1},
        {"apiserver_request_total{verb=\"GET\",group=\"\",version=\"\",resource=\"\",subresource="
         "\"other\",code=\"404\"}",
         1},
        {"apiserver_request_duration_seconds_count{verb=\"POST\"," OF_THINGS ",subresource=\"\"}",
         2},
        {"apiserver_request_duration_seconds_bucket{verb=\"POST\"," OF_THINGS
         ",subresource=\"\",le=\"+Inf\"}",
         2},
        {"apiserver_request_duration_seconds_count{verb=\"WATCH\"," OF_THINGS ",subresource=\"\"}",
         0},
        {"apiserver_current_inflight_requests{request_kind=\"readOnly\"}", 1}, /* this one */
        {"apiserver_current_inflight_requests{request_kind=\"mutating\"}", 0},
        {"apiserver_longrunning_requests{verb=\"WATCH\"," OF_THINGS ",subresource=\"\"}", 1},
        {"apiserver_watch_events_total{" OF_THINGS "}", 2},
        {"mot_store_commit_duration_seconds_count", 4}, /* and the namespace "default" */
        {"mot_store_batch_writes_sum", 4},
        {"mot_store_commit_failures_total", 0},
        {"mot_store_queue_writes", 0},
        {"mot_http_connections", 1},
        {"mot_http_streams", 1},
        {"mot_answers_held_bytes", 0},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(samples); i++) {
        double value = sample(answer.text, samples[i].name);
        if (value < samples[i].value || value > samples[i].value)
            fail_msg("%s is %g, not %g", samples[i].name, value, samples[i].value);
    }
    assert_true(sample(answer.text, "process_resident_memory_bytes") > 0);
    assert_true(sample(answer.text, "mot_watch_revision") >= 4);
    answer_release(&answer);
    watch_close(stream);
    server_stop(server);
}

/* However many things are asked for that aren't there, the answer does not grow. */
static void test_metrics_are_bounded(void **state)
{
    (void)state;
    struct server *server = begin();
    size_t lines[2] = {0};
    for (int round = 0; round < 2; round++) {
        for (int n = 0; n < 50; n++) {
            AUTO_FREE char *resource = mem_printf("/apis/g%d-%d.example/v1/x%d", round, n, n);
            AUTO_FREE char *sub = mem_printf(THINGS "/a/sub%d-%d", round, n);
            AUTO_FREE char *path = mem_printf("/p%d/%d", round, n);
            json_decref(expect_call(server, 404, "GET", resource, NULL));
            json_decref(expect_call(server, 404, "GET", sub, NULL));
            json_decref(expect_call(server, 404, "GET", path, NULL));
        }
        struct answer answer = call(server, "GET", "/metrics", NULL, NULL);
        answer_release(&answer);
        answer = call(server, "GET", "/metrics", NULL, NULL);
        for (const char *at = answer.text; (at = strchr(at, '\n')); at++)
            lines[round]++;
        answer_release(&answer);
    }
    assert_int_equal(lines[0], lines[1]);
    server_stop(server);
}

/* -------------------------------------------------------------------------------- limits */

/* Sends it, and reads the answer until the server closes the connection. */
static json_t *exchange(int port, const char *request, int code)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_sec = 10};
    struct buf answer;
    char bytes[4096];
    ssize_t got;
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    buf_init(&answer, BUF_MAX_DEFAULT);
    while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        buf_add(&answer, bytes, (size_t)got);
    close(fd);
    assert_non_null(answer.data);
    assert_int_equal(atoi(answer.data + strlen("HTTP/1.1 ")), code);
    json_t *body = json_loads(strstr(answer.data, "\r\n\r\n"), 0, NULL);
    assert_non_null(body);
    assert_string_equal(text_at(body, "kind"), "Status");
    assert_int_equal(json_at_int(body, "code", 0), code);
    buf_release(&answer);
    return body;
}

#define CLOSING " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

static void test_body_size(void **state)
{
    (void)state;
    struct server *server = begin();
    static const char *const requests[] = {
        "POST " THINGS CLOSING "Content-Length: 3145729\r\n\r\n",
        "POST " THINGS CLOSING "Transfer-Encoding: chunked\r\n\r\n300001\r\n",
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(requests); i++) {
        json_t *body = exchange(server->port, requests[i], 413);
        assert_string_equal(text_at(body, "message"), "Request entity too large: limit is 3145728");
        assert_string_equal(text_at(body, "reason"), "RequestEntityTooLarge");
        json_decref(body);
    }
    server_stop(server);
}

static void test_nesting(void **state)
{
    (void)state;
    struct server *server = begin();
    struct buf body;
    buf_init(&body, BUF_MAX_DEFAULT);
    buf_adds(&body, "{\"apiVersion\":\"mot.dev/v1alpha1\",\"kind\":\"Globe\",\"metadata\":"
                    "{\"name\":\"a\"},\"spec\":");
    for (int i = 0; i < 20000; i++)
        buf_adds(&body, "[");
    json_decref(expect_call(server, 400, "POST", "/apis/mot.dev/v1alpha1/globes", body.data));
    buf_release(&body);
    server_stop(server);
}

/* Watches are many and long: they don't count as requests in flight. */
static void test_watches_are_not_in_flight(void **state)
{
    (void)state;
    enum { WATCHES = 20 };
    AUTO_FREE char *url = fixture_database("in_flight");
    const struct http_server_options options = {.requests_max = 2};
    struct server *server = server_start(url, NULL);
    struct watch_client *streams[WATCHES];
    server_listen(server, &options);
    for (size_t i = 0; i < WATCHES; i++)
        streams[i] = watch_open(server->port, THINGS "?watch=1", NULL, false);
    create_thing(server, "a", "red");
    for (size_t i = 0; i < WATCHES; i++)
        watch_expect(streams[i], "ADDED", "a");
    json_decref(exchange(server->port, "GET /api/nothing" CLOSING "\r\n", 404));
    assert_int_equal(http_server_counts(server->http).streams, WATCHES);
    assert_int_equal(http_server_counts(server->http).refused, 0);
    for (size_t i = 0; i < WATCHES; i++)
        watch_close(streams[i]);
    server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_without_the_database),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_metrics_are_bounded),
        cmocka_unit_test(test_body_size),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_watches_are_not_in_flight),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
