#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdbool.h>
#include <unistd.h>

#include <mot/base/file.h>
#include <mot/base/mem.h>
#include <mot/base/options.h>

struct settings {
    int port;
    bool verbose;
    const char *name;
    const char *output;
    struct option_list labels;
};

static struct settings settings;

static const struct option_spec options[] = {
    {"port", "N", OPTION_INT, &settings.port, "the port (default 8080)"},
    {"verbose|v", NULL, OPTION_FLAG, &settings.verbose, "say more"},
    {"full-name|n", "NAME", OPTION_STRING, &settings.name, "whose"},
    {"o", "FORMAT", OPTION_STRING, &settings.output, "how to print"},
    {"label", "K=V", OPTION_LIST, &settings.labels, "may be repeated"},
    {0},
};

static const struct command_spec command = {
    .name = "mot test",
    .arguments = "NAME…",
    .summary = "Tests things.",
    .details = "In detail.",
    .options = options,
};

#define ARGS_MAX 8

/* Parses copies of pointers: options_parse moves them about. */
static int parse(const char *const *args, char *argv[ARGS_MAX + 1], int *ret_args, struct err *err)
{
    static char texts[ARGS_MAX][64];
    int argc = 1;
    static char program[] = "mot";
    argv[0] = program;
    for (; args[argc - 1]; argc++) {
        snprintf(texts[argc - 1], sizeof(texts[0]), "%s", args[argc - 1]);
        argv[argc] = texts[argc - 1];
    }
    argv[argc] = NULL;
    settings = (struct settings){.port = 8080};
    return options_parse(&command, argc, argv, ret_args, err);
}

static void parses(void **state)
{
    (void)state;
    static const struct {
        const char *args[ARGS_MAX];
        int port;
        bool verbose;
        const char *name, *output, *label, *left; /* left: joined by spaces */
    } cases[] = {
        {.args = {0}, .port = 8080, .left = ""},
        {.args = {"a", "--port", "80", "b"}, .port = 80, .left = "a b"},
        {.args = {"--port=-5", "-v"}, .port = -5, .verbose = true, .left = ""},
        {.args = {"--port", "-5"}, .port = -5, .left = ""},
        {.args = {"--verbose", "x"}, .port = 8080, .verbose = true, .left = "x"},
        {.args = {"-v", "--verbose=false"}, .port = 8080, .left = ""},
        {.args = {"-n", "ann", "-o", "yaml"},
         .port = 8080,
         .name = "ann",
         .output = "yaml",
         .left = ""},
        {.args = {"-nann", "-"}, .port = 8080, .name = "ann", .left = "-"},
        {.args = {"--full-name="}, .port = 8080, .name = "", .left = ""},
        {.args = {"--full-name", "--", "x"}, .port = 8080, .name = "--", .left = "x"},
        {.args = {"a", "--", "--port", "-v", "--"}, .port = 8080, .left = "a --port -v --"},
        {.args = {"--label", "a=1", "--label=b=2"}, .port = 8080, .label = "b=2", .left = ""},
        {.args = {"--port=1", "--port=2"}, .port = 2, .left = ""},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        char *argv[ARGS_MAX + 1];
        struct err err = {0};
        int args = -1;
        char left[200] = "";
        assert_int_equal(parse(cases[i].args, argv, &args, &err), 0);
        for (int at = 1; at <= args; at++)
            snprintf(left + strlen(left), sizeof(left) - strlen(left), "%s%s", at > 1 ? " " : "",
                     argv[at]);
        assert_string_equal(left, cases[i].left);
        assert_int_equal(settings.port, cases[i].port);
        assert_int_equal(settings.verbose, cases[i].verbose);
        const char *got[] = {
            settings.name, settings.output,
            settings.labels.count ? settings.labels.items[settings.labels.count - 1] : NULL};
        const char *expected[] = {cases[i].name, cases[i].output, cases[i].label};
        for (size_t at = 0; at < MOT_ARRAY_SIZE(got); at++) {
            assert_int_equal(got[at] == NULL, expected[at] == NULL);
            assert_string_equal(got[at] ? got[at] : "", expected[at] ? expected[at] : "");
        }
    }
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *args[ARGS_MAX];
        const char *named;
    } cases[] = {
        {{"--none"}, "--none"},
        {{"--none=3"}, "--none"},
        {{"-x"}, "-x"},
        {{"--o", "yaml"}, "--o"},
        {{"--port"}, "--port needs"},
        {{"-n"}, "--full-name needs"},
        {{"-o"}, "-o needs"},
        {{"--port", "x"}, "--port"},
        {{"--port", "8x"}, "--port"},
        {{"--port="}, "--port"},
        {{"--port", " 8"}, "--port"},
        {{"--port", "2147483648"}, "--port"},
        {{"--verbose=maybe"}, "--verbose"},
        {{"-vn"}, "-vn"},
        {{"--port", "99999999999999999999"}, "--port"},
        {{"--=x"}, "--=x"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        char *argv[ARGS_MAX + 1];
        struct err err = {0};
        int args = -1;
        assert_int_equal(parse(cases[i].args, argv, &args, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.message, cases[i].named));
    }
}

static void bounds_lists(void **state)
{
    (void)state;
    static char text[] = "--label=x";
    static char program[] = "mot";
    char *argv[67] = {program};
    struct err err = {0};
    int args = 0;
    for (int i = 1; i < 66; i++)
        argv[i] = text;
    settings = (struct settings){0};
    assert_int_equal(options_parse(&command, 65, argv, &args, &err), 0);
    assert_int_equal(settings.labels.count, 64);
    settings = (struct settings){0};
    assert_int_equal(options_parse(&command, 66, argv, &args, &err), -1);
    assert_non_null(strstr(err.message, "--label"));
}

static void reads_the_environment(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    static const char *const given[] = {"--full-name", "line", "--label", "l", NULL};
    char *argv[ARGS_MAX + 1];
    struct err err = {0};
    int args = 0;
    setenv("MOT_PORT", "99", 1);
    setenv("MOT_VERBOSE", "yes", 1);
    setenv("MOT_FULL_NAME", "env", 1);
    setenv("MOT_LABEL", "e", 1);
    setenv("MOT_O", "not for letters", 1);
    assert_int_equal(parse(none, argv, &args, &err), 0);
    assert_int_equal(settings.port, 99);
    assert_true(settings.verbose);
    assert_string_equal(settings.name, "env");
    assert_int_equal(settings.labels.count, 1);
    assert_null(settings.output);
    assert_int_equal(parse(given, argv, &args, &err), 0);
    assert_string_equal(settings.name, "line");
    assert_int_equal(settings.labels.count, 1);
    assert_string_equal(settings.labels.items[0], "l");
    setenv("MOT_FULL_NAME", "", 1);
    assert_int_equal(parse(none, argv, &args, &err), 0);
    assert_null(settings.name);
    setenv("MOT_PORT", "http", 1);
    assert_int_equal(parse(none, argv, &args, &err), -1);
    assert_non_null(strstr(err.message, "MOT_PORT"));
    unsetenv("MOT_PORT");
    unsetenv("MOT_VERBOSE");
    unsetenv("MOT_FULL_NAME");
    unsetenv("MOT_LABEL");
    unsetenv("MOT_O");
}

static char *help_of(const char *const *args)
{
    char *argv[ARGS_MAX + 1];
    int count = 0;
    FILE *captured = tmpfile();
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(fileno(captured), STDOUT_FILENO);
    int ret = parse(args, argv, &count, NULL);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    lseek(fileno(captured), 0, SEEK_SET);
    char *text = file_read_fd(fileno(captured), 100000, NULL, NULL);
    fclose(captured);
    assert_int_equal(ret, 1);
    assert_non_null(text);
    return text;
}

static void prints_help(void **state)
{
    (void)state;
    static const char *const ask[][3] = {{"--help"}, {"-h"}, {"x", "--help"}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(ask); i++) {
        AUTO_FREE char *text = help_of(ask[i]);
        assert_string_equal(
            text, "Usage: mot test [options] NAME…\n"
                  "\n"
                  "Tests things.\n"
                  "\n"
                  "In detail.\n"
                  "\n"
                  "Options:\n"
                  "      --port N          the port (default 8080)\n"
                  "  -v, --verbose         say more\n"
                  "  -n, --full-name NAME  whose\n"
                  "  -o FORMAT             how to print\n"
                  "      --label K=V       may be repeated\n"
                  "\n"
                  "An option can also come from the environment: MOT_SOME_NAME stands for "
                  "--some-name.\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses),       cmocka_unit_test(refuses),
        cmocka_unit_test(bounds_lists), cmocka_unit_test(reads_the_environment),
        cmocka_unit_test(prints_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
