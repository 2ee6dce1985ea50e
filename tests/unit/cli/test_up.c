/* The parts of `mot up` that need neither PostgreSQL nor Kafka: ports, child processes, regions. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>

#include "cli/up/ports.h"
#include "cli/up/process.h"
#include "cli/up/regions.h"
#include "fixture.h"

static char folder[] = "/tmp/mot-test-up.XXXXXX";

static void test_ports(void **state)
{
    (void)state;
    AUTO_FREE char *path = file_join(folder, "ports");
    struct port_list list;
    struct err err = {0};
    assert_int_equal(ports_load(path, &list, &err), 0);
    assert_int_equal(list.count, 0);
    ports_add(&list, "test-us-east-1", 20001, 20002);
    ports_add(&list, "stage-us-east-1", 20003, 20004);
    assert_int_equal(ports_save(path, &list, &err), 0);
    up_ports_release(&list);
    assert_int_equal(ports_load(path, &list, &err), 0);
    assert_int_equal(list.count, 2);
    assert_int_equal(ports_find(&list, "stage-us-east-1")->controller_port, 20004);
    assert_null(ports_find(&list, "absent"));
    up_ports_release(&list);
    assert_int_equal(file_write(path, "a b\n", 4, 0600, &err), 0);
    assert_int_equal(ports_load(path, &list, &err), -1);
    up_ports_release(&list);
}

static bool await(int pidfd, int timeout_ms)
{
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    return poll(&wait, 1, timeout_ms) == 1;
}

/* What a process says is for its owner alone. */
static void expect_private(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void test_process(void **state)
{
    (void)state;
    AUTO_FREE char *log = file_join(folder, "log");
    const char *argv[] = {
        "sh", "-c",
        "echo first; echo \"x=$MOT_TEST_X pgid=$(ps -o pgid= -p $$ | tr -d ' ') pid=$$\"; exit 3",
        NULL};
    const char *unset[] = {"MOT_TEST_X", NULL};
    struct process_spec spec = {.argv = argv, .log = log, .unset = unset, .end_signal = SIGTERM};
    pid_t pid;
    int pidfd;
    struct err err = {0};
    setenv("MOT_TEST_X", "1", 1);
    /* as an earlier version left it, for all to read */
    assert_int_equal(file_write(log, "", 0, 0644, &err), 0);
    assert_int_equal(part_process_start(&spec, &pid, &pidfd, &err), 0);
    assert_true(await(pidfd, 10000));
    close(pidfd);
    char text[512];
    char expected[128];
    bool ok;
    part_process_reap(pid, text, sizeof(text), &ok);
    assert_string_equal(text, "exit 3");
    assert_false(ok);
    process_last_words(log, text, sizeof(text));
    snprintf(expected, sizeof(expected), "x= pgid=%d pid=%d", (int)pid, (int)pid);
    assert_string_equal(text, expected);
    expect_private(log);
}

static void test_process_that_is_not_there(void **state)
{
    (void)state;
    AUTO_FREE char *log = file_join(folder, "log2");
    const char *argv[] = {"/nowhere/at/all", NULL};
    struct process_spec spec = {.argv = argv, .log = log, .end_signal = SIGTERM};
    pid_t pid;
    int pidfd;
    struct err err = {0};
    char text[512];
    bool ok;
    assert_int_equal(part_process_start(&spec, &pid, &pidfd, &err), 0);
    assert_true(await(pidfd, 10000));
    close(pidfd);
    part_process_reap(pid, text, sizeof(text), &ok);
    assert_false(ok);
    process_last_words(log, text, sizeof(text));
    assert_non_null(strstr(text, "cannot run /nowhere/at/all"));
    expect_private(log);
}

/* A process of an earlier run is waited for, then killed; a pid that is somebody else's now is left
 * alone. */
static void test_earlier_run(void **state)
{
    (void)state;
    AUTO_FREE char *log = file_join(folder, "log3");
    AUTO_FREE char *notes = file_join(folder, "parts");
    const char *argv[] = {"sleep", "60", NULL};
    const char *names[] = {"sleeper"};
    struct process_spec spec = {.argv = argv, .log = log, .end_signal = SIGTERM};
    pid_t pid;
    int pidfd;
    struct err err = {0};
    assert_int_equal(part_process_start(&spec, &pid, &pidfd, &err), 0);
    process_note(notes, &pid, names, 1);
    AUTO_FREE char *text = file_read(notes, 1000, NULL, &err);
    assert_non_null(text);

    AUTO_FREE char *wrong = mem_printf("%d 1 sleeper\n", (int)pid);
    assert_int_equal(file_write(notes, wrong, strlen(wrong), 0600, &err), 0);
    process_await_earlier(notes, 10);
    assert_false(await(pidfd, 0));

    assert_int_equal(file_write(notes, text, strlen(text), 0600, &err), 0);
    process_await_earlier(notes, 10);
    assert_true(await(pidfd, 10000));
    close(pidfd);
    char how[128];
    bool ok;
    part_process_reap(pid, how, sizeof(how), &ok);
    assert_string_equal(how, "signal 9 (Killed)");
}

static void test_region_is_ready(void **state)
{
    (void)state;
    int64_t since;
    struct err err = {0};
    assert_int_equal(clock_parse("2026-11-23T12:00:00.5Z", &since, &err), 0);
    const struct {
        const char *text;
        bool ready;
    } regions[] = {
        {"{'status':{'heartbeatAt':'2026-11-23T12:00:01Z','conditions':[{'type':'Ready','status':'"
         "True'}]}}",
         true},
        {"{'status':{'heartbeatAt':'2026-11-23T12:00:00Z','conditions':[{'type':'Ready','status':'"
         "True'}]}}",
         false},
        {"{'status':{'heartbeatAt':'2026-11-23T12:00:01Z','conditions':[{'type':'Ready','status':'"
         "False'}]}}",
         false},
        {"{'status':{'heartbeatAt':'2026-11-23T12:00:01Z'}}", false},
        {"{'status':{'epoch':9995439851201,'conditions':[{'type':'Ready','status':'True'}]}}",
         true},
        {"{}", false}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(regions); i++) {
        json_t *region = fixture(regions[i].text);
        if (region_is_ready(region, since) != regions[i].ready)
            fail_msg("region %zu", i);
        json_decref(region);
    }
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ports), cmocka_unit_test(test_process),
                                       cmocka_unit_test(test_process_that_is_not_there),
                                       cmocka_unit_test(test_earlier_run),
                                       cmocka_unit_test(test_region_is_ready)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
