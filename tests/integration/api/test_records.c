/* What is written of those whom nobody knows, and how often; and that nobody is let in unasked. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mot/base/file.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

/* cmocka.h must come after these */
#include <cmocka.h>

#include "access.h"
#include "api/auth/audit.h"
#include "api/auth/authenticate.h"

#define STRANGERS 700 /* more than the audit log takes at once */

struct world {
    char folder[32];
    char *audit_path;
    struct authenticator *authenticator;
    struct audit *audit;
    struct server *server;
};

static void begin(struct world *world, const char *name)
{
    struct err err = {0};
    *world = (struct world){.folder = "/tmp/mot-records-XXXXXX"};
    assert_non_null(mkdtemp(world->folder));
    world->audit_path = file_join(world->folder, "audit.log");
    AUTO_FREE char *tokens = file_join(world->folder, "tokens.csv");
    static const char text[] = "root,root,1,system:masters\n";
    assert_int_equal(file_write(tokens, text, strlen(text), 0600, &err), 0);
    const struct authenticator_options known = {.token_file = tokens};
    const struct audit_options audit = {.path = world->audit_path};
    world->authenticator = authenticator_new(&known, &err);
    world->audit = audit_open(&audit, &err);
    const struct api_options options = {.authenticator = world->authenticator,
                                        .audit = world->audit};
    world->server = access_start(name, &options);
}

/* The lines of the audit log, a new reference. */
static json_t *end(struct world *world)
{
    struct err err = {0};
    server_stop(world->server);
    audit_close(world->audit);
    authenticator_free(world->authenticator);
    json_t *lines = json_array();
    AUTO_FREE char *text = file_read(world->audit_path, 16 << 20, NULL, &err);
    assert_non_null(text);
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        json_t *value = json_loads(line, 0, NULL);
        assert_non_null(value);
        json_array_append_new(lines, value);
    }
    assert_int_equal(file_remove_tree(world->folder, &err), 0);
    free(world->audit_path);
    return lines;
}

static int code_of(const json_t *line)
{
    return (int)json_at_int(line, "responseStatus.code", 0);
}

static const char *annotation(const json_t *line, const char *name)
{
    const char *text =
        json_string_value(json_object_get(json_object_get(line, "annotations"), name));
    return text ? text : "0";
}

/* -------------------------------------------------------------------------------- the front */

/* Sends the bytes and waits for the end of the connection. */
static void send_to(int port, const char *bytes)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    const struct timeval limit = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL), strlen(bytes));
    char answer[4096];
    ssize_t got = 0;
    while ((got = recv(fd, answer, sizeof(answer), 0)) > 0)
        continue;
    assert_int_equal(got, 0);
    close(fd);
}

static void test_refusals(void **state)
{
    (void)state;
    struct world world;
    begin(&world, "records_refusals");
    server_listen(world.server, NULL);
    send_to(world.server->port, "POST " TEAM "/deployments?dryRun=All HTTP/1.1\r\nHost: x\r\n"
                                "User-Agent: tester\r\nContent-Length: 99999999\r\n\r\n");
    send_to(world.server->port, "GET /x HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n");
    send_to(world.server->port, "\x01rubbish\r\n\r\n");
    json_t *lines = end(&world);
    assert_int_equal(json_array_size(lines), 3);
    const json_t *line = json_array_get(lines, 0);
    assert_int_equal(code_of(line), 413);
    assert_string_equal(text_at(line, "stage"), "ResponseComplete");
    assert_string_equal(text_at(line, "responseStatus.reason"), "RequestEntityTooLarge");
    assert_string_equal(text_at(line, "verb"), "create");
    assert_string_equal(text_at(line, "requestURI"), TEAM "/deployments?dryRun=All");
    assert_string_equal(text_at(line, "objectRef.resource"), "deployments");
    assert_string_equal(text_at(line, "objectRef.namespace"), "team");
    assert_string_equal(text_at(line, "userAgent"), "tester");
    assert_int_equal(json_object_size(json_object_get(line, "user")), 0);
    assert_string_equal(json_string_value(json_array_get(json_object_get(line, "sourceIPs"), 0)),
                        "127.0.0.1");
    line = json_array_get(lines, 1);
    assert_int_equal(code_of(line), 400);
    assert_string_equal(text_at(line, "verb"), "get");
    assert_string_equal(text_at(line, "requestURI"), "/x");
    assert_string_equal(text_at(line, "responseStatus.message"), "more than one Host header");
    line = json_array_get(lines, 2);
    assert_int_equal(code_of(line), 400);
    assert_null(json_object_get(line, "requestURI"));
    json_decref(lines);
}

/* -------------------------------------------------------------------------------- floods */

static double metric(struct server *server, const char *name)
{
    struct answer answer = call(server, "GET", "/metrics", "authorization: Bearer root", NULL);
    assert_int_equal(answer.code, 200);
    AUTO_FREE char *start = mem_printf("\n%s ", name);
    const char *at = strstr(answer.text, start);
    if (!at)
        fail_msg("no %s", name);
    double value = strtod(at + strlen(start), NULL);
    answer_release(&answer);
    return value;
}

/* From now on standard error goes to @path; returns what it was. */
static int divert(const char *path)
{
    (void)fflush(stderr);
    int old = dup(STDERR_FILENO);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(old >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    close(fd);
    return old;
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
        count++;
    return count;
}

/* Every stranger is counted; the logs hold some of them, and say how many are missing. */
static void test_floods(void **state)
{
    (void)state;
    struct world world;
    struct err err = {0};
    begin(&world, "records_floods");
    AUTO_FREE char *log = file_join(world.folder, "log");
    int old = divert(log);
    for (int i = 0; i < STRANGERS; i++) {
        struct answer answer =
            call(world.server, "GET", "/api/v1/namespaces", "authorization: Bearer wrong", NULL);
        assert_int_equal(answer.code, 401);
        answer_release(&answer);
    }
    dup2(old, STDERR_FILENO);
    close(old);
    assert_int_equal((int)metric(world.server, "mot_credentials_refused_total"), STRANGERS);
    double held_back = metric(world.server, "mot_audit_held_back_total");
    assert_true(held_back > 0);
    AUTO_FREE char *text = file_read(log, 1 << 20, NULL, &err);
    size_t complaints = count_of(text, "credentials were refused");
    print_message("%zu lines, %.0f held back\n", complaints, held_back);
    assert_in_range(complaints, 20, 60);
    /* those who are known are not held back, and the next stranger tells of those who were */
    struct answer known =
        call(world.server, "GET", TEAM "/deployments", "authorization: Bearer root", NULL);
    assert_int_equal(known.code, 200);
    answer_release(&known);
    usleep(100 * 1000);
    struct answer last = call(world.server, "GET", "/api/v1/namespaces", NULL, NULL);
    assert_int_equal(last.code, 401);
    answer_release(&last);
    json_t *lines = end(&world);
    size_t index, strangers = 0, others = 0;
    long told = 0;
    json_t *line;
    json_array_foreach(lines, index, line)
    {
        strangers += code_of(line) == 401;
        others += code_of(line) == 200;
        told += strtol(annotation(line, "audit.mot.dev/held-back"), NULL, 10);
    }
    assert_int_equal(others, 1);
    assert_int_equal(strangers + (size_t)told, STRANGERS + 1);
    assert_int_equal(told, (long)held_back);
    json_decref(lines);
}

/* Who shows nothing and impersonates somebody is refused with 403, and no less a stranger. */
static void test_floods_of_impersonators(void **state)
{
    (void)state;
    struct world world;
    begin(&world, "records_impersonators");
    for (int i = 0; i < STRANGERS; i++) {
        struct answer answer =
            call(world.server, "GET", "/api/v1/namespaces", "impersonate-user: somebody", NULL);
        assert_int_equal(answer.code, 403);
        answer_release(&answer);
    }
    double held_back = metric(world.server, "mot_audit_held_back_total");
    json_t *lines = end(&world);
    assert_true(held_back > 0);
    assert_int_equal(json_array_size(lines), STRANGERS - (size_t)held_back);
    json_decref(lines);
}

/* -------------------------------------------------------------------------------- open to all */

static void test_must_be_said(void **state)
{
    (void)state;
    struct err err = {0};
    AUTO_FREE char *url = fixture_database("records_open");
    const struct store_options store_options = {.url = url, .name = "mot-api-test"};
    struct store *store = store_open(&store_options, &err);
    struct kinds *kinds = kinds_load(&err);
    const struct authenticator_options none = {0};
    struct authenticator *authenticator = authenticator_new(&none, &err);
    assert_true(store && kinds && authenticator);
    const struct api_options neither = {.store = store, .kinds = kinds};
    const struct api_options both = {
        .store = store, .kinds = kinds, .authenticator = authenticator, .open_to_all = true};
    assert_null(api_new(&neither, &err));
    assert_string_equal(err.message,
                        "an API needs an authenticator, or to be told that it is open to all");
    assert_null(api_new(&both, &err));
    assert_string_equal(err.message, "an API with an authenticator can't be open to all as well");
    authenticator_free(authenticator);
    kinds_free(kinds);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_floods),
        cmocka_unit_test(test_floods_of_impersonators),
        cmocka_unit_test(test_must_be_said),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
