#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/base/stop.h>

/* A stop is for good: each case runs in a process of its own and says what it found by its exit
 * code. */

static bool readable(void)
{
    struct pollfd pollfd = {.fd = stop_fd(), .events = POLLIN};
    return poll(&pollfd, 1, 0) == 1 && (pollfd.revents & POLLIN);
}

static int waits_in_vain(void)
{
    int64_t start = clock_ms();
    stop_install();
    return !stop_requested() && !readable() && !stop_wait(0) && !stop_wait(30) &&
           clock_ms() - start >= 30;
}

static int is_requested(void)
{
    stop_request(); /* needs no stop_install */
    stop_request();
    return stop_requested() && readable() && readable() && stop_wait(-1) && stop_wait(0);
}

static int hears_sigterm(void)
{
    stop_install();
    raise(SIGTERM);
    return stop_requested() && readable() && stop_wait(-1);
}

static int a_request_leaves_the_first_signal_free(void)
{
    stop_install();
    stop_request();
    raise(SIGINT);
    return stop_requested();
}

static int survives_sigpipe(void)
{
    int ends[2];
    stop_install();
    if (pipe(ends) < 0)
        return 0;
    close(ends[0]);
    return write(ends[1], "x", 1) < 0 && !stop_requested();
}

static void *request_later(void *data)
{
    (void)data;
    clock_sleep_ms(30);
    stop_request();
    return NULL;
}

static int wakes_up(void)
{
    pthread_t thread;
    stop_install();
    pthread_create(&thread, NULL, request_later, NULL);
    bool heard = stop_wait(10000);
    pthread_join(thread, NULL);
    return heard;
}

static int second_signal_ends(void)
{
    stop_install();
    raise(SIGINT);
    raise(SIGTERM);
    return 0;
}

static int exit_code_of(int (*run)(void))
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        _exit(run());
    }
    int status = 0;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void stops(void **state)
{
    (void)state;
    static const struct {
        int (*run)(void);
        int expected;
    } cases[] = {
        {waits_in_vain, 1},
        {is_requested, 1},
        {hears_sigterm, 1},
        {survives_sigpipe, 1},
        {wakes_up, 1},
        {a_request_leaves_the_first_signal_free, 1},
        {second_signal_ends, 128 + SIGTERM},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++)
        assert_int_equal(exit_code_of(cases[i].run), cases[i].expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
