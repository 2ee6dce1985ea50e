/* The lines of the audit log, and the file that they go to. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>

#include "api/auth/audit.h"

/* -------------------------------------------------------------------------------- lines */

static void expect_line(const struct audit_event *event, const char *line)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    audit_event_write(&buf, event);
    assert_string_equal(buf.data, line);
    buf_release(&buf);
}

static void test_lines(void **state)
{
    (void)state;
    struct caller caller = {.user = identity_new("ann", "7"),
                            .verb = (char[]){"create"},
                            .decision = "allow",
                            .object_name = (char[]){"web"}};
    identity_add_group(&caller.user, "team \"a\"");
    caller.user.extra = json_pack("{s:[s]}", "k", "v");
    caller.attributes = attributes_of(&caller.user, "create", "mot.dev", "things", "n", "");
    caller.attributes.version = "v1";
    struct audit_event event = {.id = "i",
                                .uri = "/apis/mot.dev/v1/namespaces/n/things?x=y",
                                .caller = &caller,
                                .peer = "127.0.0.1:40312",
                                .user_agent = "kubectl",
                                .code = 201,
                                .received_us = INT64_C(1700000000000123),
                                .stage_us = INT64_C(1700000001000000)};
#define HEAD                                                                                       \
    "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\"auditID\":"   \
    "\"i\",\"stage\":"
#define TIMES                                                                                      \
    "\"requestReceivedTimestamp\":\"2023-11-14T22:13:20.000123Z\","                                \
    "\"stageTimestamp\":\"2023-11-14T22:13:21.000000Z\""
#define ANN                                                                                        \
    "{\"username\":\"ann\",\"uid\":\"7\",\"groups\":[\"team \\\"a\\\"\"],\"extra\":{\"k\":["       \
    "\"v\"]}}"
    expect_line(&event,
                HEAD "\"ResponseComplete\",\"requestURI\":\"/apis/mot.dev/v1/namespaces/n/"
                     "things?x=y\",\"verb\":\"create\",\"user\":" ANN
                     ",\"sourceIPs\":[\"127.0.0.1\"],\"userAgent\":\"kubectl\",\"objectRef\":{"
                     "\"resource\":\"things\",\"namespace\":\"n\",\"name\":\"web\",\"apiGroup\":"
                     "\"mot.dev\",\"apiVersion\":\"v1\"},\"responseStatus\":{\"metadata\":{},"
                     "\"code\":201}," TIMES
                     ",\"annotations\":{\"authorization.k8s.io/decision\":\"allow\","
                     "\"authorization.k8s.io/reason\":\"\"}}\n");
    caller.impersonator = identity_new("root", "");
    caller.reason = (char[]){"RBAC: x"};
    caller.decision = "forbid";
    event.started = true;
    event.peer = "[::1]:5";
    event.user_agent = NULL;
    event.code = 403;
    event.reason = "Forbidden";
    event.message = "no";
    caller.attributes = attributes_of(&caller.user, "get", "", "", "", "");
    expect_line(&event, HEAD
                "\"ResponseStarted\",\"requestURI\":\"/apis/mot.dev/v1/namespaces/n/things?x=y\","
                "\"verb\":\"create\",\"user\":{\"username\":\"root\"},\"impersonatedUser\":" ANN
                ",\"sourceIPs\":[\"::1\"],\"responseStatus\":{\"metadata\":{},\"status\":"
                "\"Failure\",\"message\":\"no\",\"reason\":\"Forbidden\",\"code\":403}," TIMES
                ",\"annotations\":{\"authorization.k8s.io/decision\":\"forbid\","
                "\"authorization.k8s.io/reason\":\"RBAC: x\"}}\n");
    identity_release(&caller.user);
    identity_release(&caller.impersonator);
}

/* Credentials were wrong: nothing is known of the user. */
static void test_nobody(void **state)
{
    (void)state;
    struct caller caller = {.verb = (char[]){"get"}};
    caller.attributes = attributes_of(&caller.user, "get", "", "", "", "");
    const struct audit_event event = {.id = "i",
                                      .uri = "/",
                                      .caller = &caller,
                                      .code = 401,
                                      .reason = "Unauthorized",
                                      .message = "Unauthorized",
                                      .received_us = INT64_C(1700000000000123),
                                      .stage_us = INT64_C(1700000001000000)};
    expect_line(&event,
                HEAD "\"ResponseComplete\",\"requestURI\":\"/\",\"verb\":\"get\",\"user\":{},"
                     "\"responseStatus\":{\"metadata\":{},\"status\":\"Failure\",\"message\":"
                     "\"Unauthorized\",\"reason\":\"Unauthorized\",\"code\":401}," TIMES "}\n");
}

/* What the front refuses before it understands it; the line tells of others before it. */
static void test_held_back(void **state)
{
    (void)state;
    const struct caller nobody = {0};
    const struct audit_event event = {.id = "i",
                                      .caller = &nobody,
                                      .peer = "10.0.0.1:5",
                                      .code = 400,
                                      .reason = "BadRequest",
                                      .message = "no",
                                      .received_us = INT64_C(1700000000000123),
                                      .stage_us = INT64_C(1700000001000000),
                                      .held_back = 12};
    expect_line(&event,
                HEAD "\"ResponseComplete\",\"user\":{},\"sourceIPs\":[\"10.0.0.1\"],"
                     "\"responseStatus\":{\"metadata\":{},\"status\":\"Failure\",\"message\":"
                     "\"no\",\"reason\":\"BadRequest\",\"code\":400}," TIMES
                     ",\"annotations\":{\"audit.mot.dev/held-back\":\"12\"}}\n");
}

/* A message may repeat a body of megabytes for each of its errors. */
static void test_long_message(void **state)
{
    (void)state;
    size_t len = (size_t)1 << 20;
    AUTO_FREE char *message = mem_alloc(len + 1);
    memset(message, 'm', len);
    message[len] = '\0';
    struct caller caller = {.verb = (char[]){"create"}};
    caller.attributes = attributes_of(&caller.user, "create", "", "", "", "");
    const struct audit_event event = {
        .id = "i", .uri = "/", .caller = &caller, .code = 422, .message = message};
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    audit_event_write(&buf, &event);
    assert_in_range(buf.len, 16 * 1024, 17 * 1024);
    json_t *line = json_loadb(buf.data, buf.len, 0, NULL);
    assert_non_null(line);
    json_decref(line);
    buf_release(&buf);
}

/* -------------------------------------------------------------------------------- the file */

struct folder {
    char path[64];
    char *file;
};

static struct folder folder_make(void)
{
    struct folder folder = {.path = "/tmp/mot-audit-XXXXXX"};
    assert_non_null(mkdtemp(folder.path));
    folder.file = file_join(folder.path, "audit.log");
    return folder;
}

static void folder_remove(struct folder *folder)
{
    struct err err = {0};
    assert_int_equal(file_remove_tree(folder->path, &err), 0);
    free(folder->file);
}

/* "" when it isn't there. */
static char *content(const char *path, const char *suffix)
{
    struct err err = {0};
    AUTO_FREE char *name = mem_printf("%s%s", path, suffix);
    char *text = file_read(name, 1 << 20, NULL, &err);
    return text ? text : mem_strdup("");
}

static void expect_content(const char *path, const char *suffix, const char *text)
{
    AUTO_FREE char *found = content(path, suffix);
    assert_string_equal(found, text);
}

static struct audit *open_audit(struct audit_options options)
{
    struct err err = {0};
    struct audit *audit = audit_open(&options, &err);
    if (!audit)
        fail_msg("%s", err.message);
    return audit;
}

static void test_file(void **state)
{
    (void)state;
    struct folder folder = folder_make();
    struct audit *audit = open_audit((struct audit_options){.path = folder.file});
    audit_write(audit, mem_strdup("one\n"));
    audit_write(audit, mem_strdup("two\n"));
    audit_close(audit);
    expect_content(folder.file, "", "one\ntwo\n");
    audit = open_audit((struct audit_options){.path = folder.file});
    audit_write(audit, mem_strdup("three\n"));
    audit_close(audit);
    expect_content(folder.file, "", "one\ntwo\nthree\n");
    folder_remove(&folder);
}

static void test_rotation(void **state)
{
    (void)state;
    struct folder folder = folder_make();
    /* one line at a time, so that each is looked at by itself */
    for (int i = 0; i < 5; i++) {
        struct audit *audit =
            open_audit((struct audit_options){.path = folder.file, .max_bytes = 10, .backups = 2});
        audit_write(audit, mem_printf("line %d\n", i));
        audit_close(audit);
    }
    expect_content(folder.file, "", "line 4\n");
    expect_content(folder.file, ".1", "line 3\n");
    expect_content(folder.file, ".2", "line 2\n");
    expect_content(folder.file, ".3", "");
    folder_remove(&folder);
}

static bool appears(const char *path, const char *text)
{
    for (int64_t until = clock_ms() + 10000; clock_ms() < until; usleep(10000)) {
        AUTO_FREE char *found = content(path, "");
        if (strcmp(found, text) == 0)
            return true;
    }
    return false;
}

static void test_moved_away(void **state)
{
    (void)state;
    struct folder folder = folder_make();
    struct audit *audit = open_audit((struct audit_options){.path = folder.file});
    AUTO_FREE char *moved = mem_printf("%s.moved", folder.file);
    audit_write(audit, mem_strdup("one\n"));
    assert_true(appears(folder.file, "one\n"));
    assert_int_equal(rename(folder.file, moved), 0);
    assert_true(appears(folder.file, "") && access(moved, F_OK) == 0);
    for (int64_t until = clock_ms() + 10000; access(folder.file, F_OK) != 0; usleep(10000))
        assert_true(clock_ms() < until);
    audit_write(audit, mem_strdup("two\n"));
    audit_close(audit);
    expect_content(folder.file, "", "two\n");
    expect_content(moved, "", "one\n");
    folder_remove(&folder);
}

/* A disk that is full for a while, in the middle of a line. */
static void test_torn_line(void **state)
{
    (void)state;
    struct folder folder = folder_make();
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit small = {.rlim_cur = 6, .rlim_max = before.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    struct audit *audit = open_audit((struct audit_options){.path = folder.file});
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    audit_write(audit, mem_strdup("one\n"));
    audit_write(audit, mem_strdup("two\n"));
    audit_close(audit);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    expect_content(folder.file, "", "one\ntw");
    audit = open_audit((struct audit_options){.path = folder.file});
    audit_write(audit, mem_strdup("three\n"));
    audit_close(audit);
    expect_content(folder.file, "", "one\ntw\nthree\n");
    folder_remove(&folder);
}

static void test_no_file(void **state)
{
    (void)state;
    struct err err = {0};
    const struct audit_options options = {.path = "/nowhere/audit.log"};
    assert_null(audit_open(&options, &err));
    assert_int_equal(err.code, ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_held_back),    cmocka_unit_test(test_file),
        cmocka_unit_test(test_rotation),     cmocka_unit_test(test_moved_away),
        cmocka_unit_test(test_no_file),      cmocka_unit_test(test_torn_line),
        cmocka_unit_test(test_long_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
