#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <unistd.h>

#include <mot/base/file.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>

/* Standard error goes into a file between capture_start and capture_end. */

static FILE *captured;
static int saved_stderr = -1;

static void capture_start(void)
{
    captured = tmpfile();
    saved_stderr = dup(STDERR_FILENO);
    dup2(fileno(captured), STDERR_FILENO);
}

static char *capture_end(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    lseek(fileno(captured), 0, SEEK_SET);
    char *text = file_read_fd(fileno(captured), 16 << 20, NULL, NULL);
    fclose(captured);
    assert_non_null(text);
    return text;
}

/* What follows the time, which is checked for its shape. */
static const char *after_time(const char *line)
{
    assert_memory_equal(line, "ts=20", 5);
    assert_memory_equal(line + 3 + 23, "Z level=", 8);
    return line + 3 + 25;
}

static void writes_fields(void **state)
{
    (void)state;
    static const struct {
        struct log_field field;
        const char *expected;
    } cases[] = {
        {{.key = "k", .text = "plain"}, "k=plain"},
        {{.key = "k", .text = "a/b-c.d:1,2"}, "k=a/b-c.d:1,2"},
        {{.key = "k", .text = "two words"}, "k=\"two words\""},
        {{.key = "k", .text = "a=b"}, "k=\"a=b\""},
        {{.key = "k", .text = "say \"x\" \\"}, "k=\"say \\\"x\\\" \\\\\""},
        {{.key = "k", .text = "a\nb\tc\rd\x01"}, "k=\"a\\nb\\tc\\rd\\u0001\""},
        {{.key = "k", .text = "\x1b[31m"}, "k=\"\\u001b[31m\""},
        {{.key = "k", .text = "gr\xC3\xBC\xC3\x9F"}, "k=gr\xC3\xBC\xC3\x9F"},
        {{.key = "k", .text = "a\xFFz"}, "k=a\xEF\xBF\xBDz"},
        {{.key = "k", .number = 0}, "k=0"},
        {{.key = "k", .number = INT64_MIN}, "k=-9223372036854775808"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        capture_start();
        log_info("done", cases[i].field);
        AUTO_FREE char *text = capture_end();
        AUTO_FREE char *expected = mem_printf("level=info msg=done %s\n", cases[i].expected);
        assert_string_equal(after_time(text), expected);
    }
}

static void leaves_out_what_is_missing(void **state)
{
    (void)state;
    const char *nothing = NULL;
    char array[] = "x";
    errno = ENOENT;
    capture_start();
    log_warn("two words", LOG_S("a", nothing), LOG_S("b", array), LOG_I("c", -1), LOG_S("d", ""));
    log_error("", LOG_NONE);
    log_write(LOG_LEVEL_INFO, "bare", NULL);
    AUTO_FREE char *text = capture_end();
    char *second = strchr(text, '\n') + 1;
    char *third = strchr(second, '\n') + 1;
    second[-1] = '\0';
    third[-1] = '\0';
    assert_string_equal(after_time(text), "level=warn msg=\"two words\" b=x c=-1");
    assert_string_equal(after_time(second), "level=error msg=\"\"");
    assert_string_equal(after_time(third), "level=info msg=bare\n");
    assert_int_equal(errno, ENOENT);
}

static void knows_levels(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *expected; /* the messages seen */
    } cases[] = {{"debug", "diwe"}, {"info", "iwe"}, {"warn", "we"}, {"error", "e"}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        assert_int_equal(log_set_level(cases[i].name), 0);
        capture_start();
        log_debug("d", LOG_NONE);
        log_info("i", LOG_NONE);
        log_warn("w", LOG_NONE);
        log_error("e", LOG_NONE);
        AUTO_FREE char *text = capture_end();
        char seen[8] = "";
        for (const char *at = text; (at = strstr(at, "msg=")) != NULL; at += 4)
            strncat(seen, at + 4, 1);
        assert_string_equal(seen, cases[i].expected);
    }
    assert_int_equal(log_set_level("loud"), -1);
    assert_int_equal(log_set_level(NULL), -1);
    assert_int_equal(log_set_level("info"), 0);
}

static void names_the_process(void **state)
{
    (void)state;
    setenv("MOT_LOG_LEVEL", "warn", 1);
    capture_start();
    log_init("api", "eu west");
    log_info("silent", LOG_NONE);
    log_warn("heard", LOG_NONE);
    AUTO_FREE char *text = capture_end();
    assert_string_equal(after_time(text),
                        "level=warn component=api region=\"eu west\" msg=heard\n");
    setenv("MOT_LOG_LEVEL", "loud", 1);
    log_set_level("info");
    capture_start();
    log_init(NULL, NULL);
    AUTO_FREE char *complaint = capture_end();
    assert_non_null(strstr(complaint, "level=warn msg=\"MOT_LOG_LEVEL is"));
    assert_non_null(strstr(complaint, " value=loud\n"));
    unsetenv("MOT_LOG_LEVEL");
}

static void bounds_a_line(void **state)
{
    (void)state;
    char lengthy[5000], euros[5000];
    memset(lengthy, 'x', sizeof(lengthy));
    lengthy[sizeof(lengthy) - 1] = '\0';
    for (size_t i = 0; i + 3 < sizeof(euros); i += 3)
        memcpy(euros + i, "\xE2\x82\xAC", 4);
    capture_start();
    log_info(lengthy, LOG_S("a", lengthy), LOG_S("e", euros), LOG_S("b", lengthy), LOG_I("n", 5));
    AUTO_FREE char *text = capture_end();
    size_t len = strlen(text);
    assert_true(len <= PIPE_BUF);
    assert_ptr_equal(strchr(text, '\n'), text + len - 1);
    assert_non_null(strstr(text, "\xE2\x82\xAC\xE2\x80\xA6 ")); /* whole characters, then … */
    assert_null(strstr(text, " b="));
    assert_non_null(strstr(text, " n=5 cut=true\n"));
}

static void *log_a_lot(void *data)
{
    for (int i = 0; i < 500; i++)
        log_info("a message of some length", LOG_S("thread", data), LOG_I("i", i));
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    static char names[4][4] = {"t-0", "t-1", "t-2", "t-3"};
    pthread_t threads[4];
    capture_start();
    for (size_t i = 0; i < MOT_ARRAY_SIZE(threads); i++)
        pthread_create(&threads[i], NULL, log_a_lot, names[i]);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(threads); i++)
        pthread_join(threads[i], NULL);
    AUTO_FREE char *text = capture_end();
    size_t lines = 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && line[0]; lines++) {
        static const char expected[] = "level=info msg=\"a message of some length\" thread=t-";
        assert_memory_equal(after_time(line), expected, sizeof(expected) - 1);
    }
    assert_int_equal(lines, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_fields), cmocka_unit_test(leaves_out_what_is_missing),
        cmocka_unit_test(knows_levels),  cmocka_unit_test(names_the_process),
        cmocka_unit_test(bounds_a_line), cmocka_unit_test(lines_of_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
