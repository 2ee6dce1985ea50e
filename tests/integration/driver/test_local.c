/* The suite over the local driver, and what only a driver on this machine can show: that it may be
 * killed at any moment. */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>

#include "drivers/drivers.h"
#include "suite.h"

/* Runs @work with a driver in a process of its own, which then writes a byte and waits to be
 * killed. */
static pid_t in_child(struct rig *rig, void (*work)(struct rig *rig), int *ret_fd)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        rig_open(rig);
        work(rig);
        if (write(ends[1], "x", 1) == 1) {
            for (;;)
                pause();
        }
        _exit(1);
    }
    close(ends[1]);
    *ret_fd = ends[0];
    return pid;
}

static void await_byte(int fd)
{
    char byte = 0;
    assert_int_equal(read(fd, &byte, 1), 1);
    close(fd);
}

static void kill_hard(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static struct spec slow = {.args = "\"--ready-after\",\"150\""};

static void start_three(struct rig *rig)
{
    rig_apply(rig, &slow, 3);
    rig_wait(rig, "web", "three are ready", all_ready, 3, NULL, NULL);
}

static int restarts_of(const struct observed_app *app)
{
    int restarts = 0;
    for (size_t i = 0; app && i < app->instance_count; i++)
        restarts += app->instances[i].restarts;
    return restarts;
}

static bool ready_after_restart(const struct observed_app *app, int64_t replicas)
{
    return all_ready(app, replicas) && restarts_of(app) == 1;
}

static void finds_everything_again(struct rig *rig)
{
    int fd;
    rig_close(rig, false);
    pid_t pid = in_child(rig, start_three, &fd);
    await_byte(fd);
    kill_hard(pid);
    assert_int_equal(rig_processes(rig), 3);
    rig_open(rig);
    assert_true(all_ready(rig_look(rig, "web"), 3));
    assert_int_equal(restarts_of(rig_look(rig, "web")), 0);
    /* Its ends are still noticed. */
    int status;
    rig_get(rig, rig_look(rig, "web")->instances[0].ports[0].port, "/exit?1", &status);
    rig_wait(rig, "web", "it is back", ready_after_restart, 3, NULL, NULL);
    assert_int_equal(rig_noted(rig, "start"), 4);
    assert_int_equal(rig_noted(rig, "term"), 0);
}

static void start_rolling(struct rig *rig)
{
    struct spec next = slow;
    start_three(rig);
    next.revision = 2;
    next.version = "2";
    rig_apply(rig, &next, 3);
}

static void survives_in_a_rollout(struct rig *rig)
{
    int fd;
    struct spec next = slow;
    next.revision = 2;
    next.version = "2";
    rig_close(rig, false);
    pid_t pid = in_child(rig, start_rolling, &fd);
    await_byte(fd);
    for (int i = 0; i < 6; i++) {
        /* Somewhere in it; where exactly is what chance is for. */
        clock_sleep_ms((int64_t)random_below(120));
        kill_hard(pid);
        pid = fork();
        if (pid == 0) {
            rig_open(rig);
            for (;;)
                pause();
        }
    }
    kill_hard(pid);
    rig_open(rig);
    rig_apply(rig, &next, 3);
    rig_wait(rig, "web", "three are new", all_updated, 3, NULL, NULL);
    assert_int_equal(rig_processes(rig), 3);
    assert_int_equal(rig_noted(rig, "start"), 6);
}

static void start_many(struct rig *rig)
{
    char names[30][16];
    for (int i = 0; i < 30; i++) {
        snprintf(names[i], sizeof(names[i]), "app-%d", i);
        rig_apply(rig, &(struct spec){.name = names[i], .probe = ""}, 1);
    }
}

static void survives_while_starting(struct rig *rig)
{
    int fd;
    rig_close(rig, false);
    for (int i = 0; i < 4; i++) {
        pid_t pid = in_child(rig, start_many, &fd);
        clock_sleep_ms((int64_t)random_below(60));
        kill_hard(pid);
        close(fd);
    }
    rig_open(rig);
    start_many(rig);
    for (int i = 0; i < 30; i++) {
        char name[16];
        snprintf(name, sizeof(name), "app-%d", i);
        rig_wait(rig, name, "it is ready", all_ready, 1, NULL, NULL);
    }
    assert_int_equal(rig_processes(rig), 30);
    assert_int_equal(rig_noted(rig, "start"), 30);
}

static void kills_strays(struct rig *rig)
{
    struct err err;
    rig_apply(rig, &slow, 2);
    const struct observed_app *app =
        rig_wait(rig, "web", "two are ready", all_ready, 2, NULL, NULL);
    char *suffix = mem_strdup(strrchr(app->instances[0].id, '-') + 1);
    rig_close(rig, false);
    char *dir = mem_printf("%s/apps/shop/web/i-%s", rig->data, suffix);
    assert_int_equal(file_remove_tree(dir, &err), 0);
    rig_open(rig);
    rig_wait(rig, "web", "two are ready", all_ready, 2, NULL, NULL);
    assert_int_equal(rig_processes(rig), 2);
    free(dir);
    free(suffix);
}

static void allows_one_driver_per_folder(struct rig *rig)
{
    struct err err = {0};
    struct driver_options options = {.region = "r", .zone = "z", .data = rig->data};
    assert_null(rig->ops->open(&options, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
}

static void expands_commands(struct rig *rig)
{
    int status;
    char *container = mem_printf(
        "\"command\":[\"/bin/sh\",\"-c\",\"exec \\\"$0\\\" --port $1\",\"%s\",\"$(PORT_WEB_UI)\"],"
        "\"ports\":[{\"name\":\"web-ui\",\"containerPort\":80}],"
        "\"readinessProbe\":{\"httpGet\":{\"port\":\"web-ui\"}}",
        MOT_TESTAPP);
    rig_apply(rig, &(struct spec){.container = container}, 1);
    const struct observed_app *app = rig_wait(rig, "web", "one is ready", all_ready, 1, NULL, NULL);
    rig_get(rig, app->instances[0].ports[0].port, "/", &status);
    assert_int_equal(status, 200);
    free(container);
}

static const struct driver_case local_cases[] = {
    {"finds everything again", finds_everything_again},
    {"survives kill -9 in a rollout", survives_in_a_rollout},
    {"survives kill -9 while starting", survives_while_starting},
    {"kills strays", kills_strays},
    {"allows one driver per folder", allows_one_driver_per_folder},
    {"expands commands", expands_commands},
};

struct run {
    const struct driver_case *what;
    struct rig rig;
};

static int set_up(void **state)
{
    struct run *run = *state;
    rig_init(&run->rig, &local_driver);
    return 0;
}

static void run_case(void **state)
{
    struct run *run = *state;
    run->what->run(&run->rig);
}

static int tear_down(void **state)
{
    struct run *run = *state;
    rig_release(&run->rig);
    return 0;
}

int main(void)
{
    size_t count = driver_case_count + MOT_ARRAY_SIZE(local_cases);
    struct CMUnitTest *tests = mem_array(count, sizeof(*tests));
    struct run *runs = mem_array(count, sizeof(*runs));
    log_init("test", NULL);
    if (!getenv("MOT_LOG_LEVEL"))
        log_set_level("error");
    for (size_t i = 0; i < count; i++) {
        runs[i].what =
            i < driver_case_count ? &driver_cases[i] : &local_cases[i - driver_case_count];
        tests[i] = (struct CMUnitTest){.name = runs[i].what->name,
                                       .test_func = run_case,
                                       .setup_func = set_up,
                                       .teardown_func = tear_down,
                                       .initial_state = &runs[i]};
    }
    cmocka_set_test_filter(getenv("MOT_TEST_FILTER"));
    int failed = _cmocka_run_group_tests("driver.local", tests, count, NULL, NULL);
    free(runs);
    free(tests);
    return failed;
}
