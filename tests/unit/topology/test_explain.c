/* `mot topology explain` and `lint` over manifests/topology/demo.yaml, against a golden file. With
 * MOT_UPDATE_GOLDEN set the file is written instead. */
#include "tests.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cli/commands.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>

static char *source_path(const char *path)
{
    const char *source = getenv("MOT_SOURCE_DIR");
    return mem_printf("%s/%s", source ? source : ".", path);
}

/* What the command prints to stdout; free() it. */
static char *output_of(const char *verb, const char *file, int *ret_status)
{
    char command[] = "topology";
    char verb_copy[16];
    struct err err = {0};
    AUTO_FREE char *path = mem_strdup(file);
    char *argv[] = {command, verb_copy, path, NULL};
    snprintf(verb_copy, sizeof(verb_copy), "%s", verb);
    FILE *file_out = tmpfile();
    assert_non_null(file_out);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(fileno(file_out), STDOUT_FILENO);
    *ret_status = topology_main(3, argv);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    lseek(fileno(file_out), 0, SEEK_SET);
    char *text = file_read_fd(fileno(file_out), (size_t)1 << 20, NULL, &err);
    fclose(file_out);
    assert_non_null(text);
    return text;
}

static void test_explain_the_demo(void **state)
{
    (void)state;
    int status;
    struct err err = {0};
    AUTO_FREE char *demo = source_path("manifests/topology/demo.yaml");
    AUTO_FREE char *golden = source_path("tests/unit/topology/explain-demo.txt");
    AUTO_FREE char *got = output_of("explain", demo, &status);
    assert_int_equal(status, 0);
    if (getenv("MOT_UPDATE_GOLDEN"))
        assert_int_equal(file_write(golden, got, strlen(got), 0644, &err), 0);
    AUTO_FREE char *expected = file_read(golden, (size_t)1 << 20, NULL, &err);
    assert_non_null(expected);
    assert_string_equal(got, expected);
}

static void test_lint_the_demo(void **state)
{
    (void)state;
    int status;
    AUTO_FREE char *demo = source_path("manifests/topology/demo.yaml");
    AUTO_FREE char *got = output_of("lint", demo, &status);
    assert_int_equal(status, 0);
    assert_string_equal(got, "");
}

static void test_lint_prints_findings(void **state)
{
    (void)state;
    int status;
    struct err err = {0};
    char path[] = "/tmp/mot-topology-XXXXXX";
    AUTO_FREE char *text = topology_text("production-z - production-a", NULL);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(file_write(path, text, strlen(text), 0644, &err), 0);
    AUTO_FREE char *got = output_of("lint", path, &status);
    AUTO_FREE char *expected =
        mem_printf("%s:3: unknown-central: central: there is no region production-z\n", path);
    close(fd);
    unlink(path);
    assert_int_equal(status, 1);
    assert_string_equal(got, expected);
}

int run_explain_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_explain_the_demo),
        cmocka_unit_test(test_lint_the_demo),
        cmocka_unit_test(test_lint_prints_findings),
    };
    return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
