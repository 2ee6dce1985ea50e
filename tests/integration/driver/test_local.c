/* The suite over the local driver, and what only a driver on this machine can show: that it may be
 * killed at any moment. */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <lib/signals.h>
#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>
#include <mot/model/json.h>

#include "drivers/drivers.h"
#include "drivers/local/process.h"
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
    signal_process(pid, SIGKILL);
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

/* ------------------------------------------------------------------ what is on the disk is damaged
 */

/* What the driver keeps of "web": the folder itself for NULL, of its first instance for "i-". */
static char *state_path(const struct rig *rig, const char *file)
{
    char *dir = mem_printf("%s/apps/shop/web", rig->data);
    if (!file || strncmp(file, "i-", 2) != 0) {
        char *path = file ? file_join(dir, file) : mem_strdup(dir);
        free(dir);
        return path;
    }
    DIR *folder = opendir(dir);
    char *path = NULL;
    for (const struct dirent *entry; folder && !path && (entry = readdir(folder));) {
        if (strncmp(entry->d_name, "i-", 2) == 0)
            path = mem_printf("%s/%s/%s", dir, entry->d_name, file + 2);
    }
    closedir(folder);
    free(dir);
    assert_non_null(path);
    return path;
}

static void refuses_to_open(struct rig *rig)
{
    struct err err = {0};
    struct driver_options options = {
        .region = "test-us-east-1", .zone = "us-east-1a", .data = rig->data};
    assert_null(rig->ops->open(&options, &err));
    assert_non_null(strstr(err.message, "shop"));
}

/* Nothing was stopped or started, and everything is found again. */
static void expect_untouched(struct rig *rig)
{
    rig_open(rig);
    assert_true(all_ready(rig_look(rig, "web"), 2));
    assert_int_equal(restarts_of(rig_look(rig, "web")), 0);
    assert_int_equal(rig_processes(rig), 2);
    assert_int_equal(rig_noted(rig, "start"), 2);
}

static void start_two_and_close(struct rig *rig)
{
    rig_apply(rig, &slow, 2);
    rig_wait(rig, "web", "two are ready", all_ready, 2, NULL, NULL);
    rig_close(rig, false);
}

/* A folder that can't be read must not count as empty: all that runs would be nobody's. */
static void keeps_what_runs_when_its_folder_cannot_be_read(struct rig *rig)
{
    start_two_and_close(rig);
    char *shop = mem_printf("%s/apps/shop", rig->data);
    char *away = mem_printf("%s/away", rig->dir);
    assert_int_equal(rename(shop, away), 0);
    assert_int_equal(symlink(shop, shop), 0); /* a loop */
    refuses_to_open(rig);
    assert_int_equal(unlink(shop), 0);
    assert_int_equal(rename(away, shop), 0);
    expect_untouched(rig);
    free(shop);
    free(away);
}

static void keeps_what_runs_without_its_app(struct rig *rig)
{
    struct err err = {0};
    start_two_and_close(rig);
    char *path = state_path(rig, "app.json");
    char *away = mem_printf("%s/away", rig->dir);
    assert_int_equal(rename(path, away), 0);
    refuses_to_open(rig);
    assert_int_equal(file_write(path, "{}", 2, 0600, &err), 0);
    refuses_to_open(rig);
    assert_int_equal(rename(away, path), 0);
    expect_untouched(rig);
    free(path);
    free(away);
}

static void at_least_two_run(const struct observed_app *app, void *rig)
{
    (void)app;
    assert_true(rig_processes(rig) >= 2);
}

static void replaces_a_damaged_instance(struct rig *rig)
{
    struct err err = {0};
    start_two_and_close(rig);
    char *path = state_path(rig, "i-instance.json");
    assert_int_equal(file_write(path, "{\"templ", 7, 0600, &err), 0);
    rig_open(rig);
    assert_int_equal(rig_processes(rig), 2);
    rig_wait(rig, "web", "two are new", all_updated, 2, at_least_two_run, rig);
    assert_int_equal(rig_noted(rig, "start"), 3);
    assert_int_equal(rig_noted(rig, "term"), 1); /* asked to stop, not killed as a stray */
    free(path);
}

static void set_times(const char *path, int64_t wall_ms)
{
    struct err err = {0};
    size_t len = 0;
    char *text = file_read(path, 65536, &len, &err);
    json_t *record = text ? json_parse(text, len, false, &err) : NULL;
    assert_non_null(record);
    json_t *task = json_array_get(json_object_get(record, "tasks"), 0);
    json_object_set_new(task, "startedAt", json_integer(wall_ms));
    free(text);
    text = json_text(record);
    assert_int_equal(file_write(path, text, strlen(text), 0600, &err), 0);
    json_decref(record);
    free(text);
}

static void start_one_without_probe(struct rig *rig)
{
    rig_apply(rig, &(struct spec){.probe = ""}, 1);
    rig_wait(rig, "web", "it is ready", all_ready, 1, NULL, NULL);
}

/* Or else it would not be ready before the clock has caught up. */
static void bears_a_clock_that_was_set_back(struct rig *rig)
{
    start_one_without_probe(rig);
    rig_close(rig, false);
    char *path = state_path(rig, "i-instance.json");
    set_times(path, clock_wall_ms() + 86400000);
    rig_open(rig);
    rig_wait(rig, "web", "it is ready", all_ready, 1, NULL, NULL);
    assert_int_equal(rig_noted(rig, "start"), 1);
    free(path);
}

/* Without descriptors nobody can tell what runs: starting it again would double it. */
static void does_not_take_ignorance_for_an_end(struct rig *rig)
{
    struct err err = {0};
    struct rlimit before, none;
    struct process_id id;
    int pidfd = -1;
    char boot[BOOT_ID_SIZE];
    start_one_without_probe(rig);
    char *record = state_path(rig, "i-main.pid");
    process_boot_id(boot);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int ret = process_adopt(record, boot, &id, &pidfd, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(ret, -1);
    assert_int_equal(err.code, ERR_TRANSIENT);
    assert_int_equal(process_adopt(record, boot, &id, &pidfd, &err), 0);
    assert_true(pidfd >= 0);
    close(pidfd);
    /* After a reboot the same pid is somebody else's. */
    assert_int_equal(process_adopt(record, "another", &id, &pidfd, &err), 0);
    assert_int_equal(pidfd, -1);
    free(record);
}

static bool could_not_start(const struct observed_app *app, int64_t unused)
{
    (void)unused;
    return app && app->instance_count == 1 &&
           strstr(app->instances[0].message, "record can't be written");
}

/* One that could not be found again is not started. */
static void starts_nothing_it_cannot_note(struct rig *rig)
{
    rig_apply(rig, &(struct spec){.probe = ""}, 1);
    const struct observed_app *app = rig_wait(rig, "web", "it is ready", all_ready, 1, NULL, NULL);
    int port = app->instances[0].ports[0].port;
    char *path = state_path(rig, "i-instance.json");
    char *beside = mem_printf("%s.tmp", path);
    assert_int_equal(mkdir(beside, 0755), 0); /* in the way */
    int status;
    rig_get(rig, port, "/exit?1", &status);
    rig_wait(rig, "web", "it says why", could_not_start, 0, NULL, NULL);
    assert_int_equal(rig_noted(rig, "start"), 1);
    assert_int_equal(rmdir(beside), 0);
    rig_wait(rig, "web", "it is ready again", all_ready, 1, NULL, NULL);
    free(path);
    free(beside);
}

static const struct driver_case local_cases[] = {
    {"finds everything again", finds_everything_again},
    {"survives kill -9 in a rollout", survives_in_a_rollout},
    {"survives kill -9 while starting", survives_while_starting},
    {"kills strays", kills_strays},
    {"allows one driver per folder", allows_one_driver_per_folder},
    {"expands commands", expands_commands},
    {"keeps what runs when its folder cannot be read",
     keeps_what_runs_when_its_folder_cannot_be_read},
    {"keeps what runs without its app", keeps_what_runs_without_its_app},
    {"replaces a damaged instance", replaces_a_damaged_instance},
    {"bears a clock that was set back", bears_a_clock_that_was_set_back},
    {"does not take ignorance for an end", does_not_take_ignorance_for_an_end},
    {"starts nothing it cannot note", starts_nothing_it_cannot_note},
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
