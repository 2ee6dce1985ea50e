/* A broker's folder and command line; starting one is what the integration tests do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cli/broker/broker.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/mot-broker-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    struct err err = {0};
    return file_remove_tree(dir, &err);
}

static char *read_file(const char *name)
{
    struct err err = {0};
    AUTO_FREE char *path = file_join(dir, name);
    char *text = file_read(path, 65536, NULL, &err);
    if (!text)
        fail_msg("%s", err.message);
    return text;
}

/* The ports may change from one start to the next, the identity may not. */
static void test_prepared_twice(void **state)
{
    (void)state;
    struct err err = {0};
    struct broker_config config = {
        .dir = dir, .libs = "/nowhere/libs", .port = 19092, .controller_port = 19093};
    assert_int_equal(broker_prepare(&config, &err), 0);
    AUTO_FREE char *identity = read_file("data/meta.properties");
    AUTO_FREE char *properties = read_file("server.properties");
    assert_non_null(strstr(identity, "cluster.id="));
    assert_non_null(
        strstr(properties, "listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093\n"));
    assert_non_null(strstr(properties, "auto.create.topics.enable=false\n"));
    config.port = 29092;
    assert_int_equal(broker_prepare(&config, &err), 0);
    AUTO_FREE char *same = read_file("data/meta.properties");
    AUTO_FREE char *other = read_file("server.properties");
    assert_string_equal(same, identity);
    assert_non_null(strstr(other, "advertised.listeners=PLAINTEXT://127.0.0.1:29092\n"));
}

static bool has(char **argv, const char *word)
{
    for (; *argv; argv++) {
        if (strcmp(*argv, word) == 0)
            return true;
    }
    return false;
}

static void test_command_line(void **state)
{
    (void)state;
    const struct broker_config config = {
        .dir = "/d", .libs = "/nowhere/libs", .port = 1, .heap_mb = 192};
    char **argv = broker_argv(&config, false);
    assert_string_equal(argv[0], "java");
    assert_true(has(argv, "-Xmx192m"));
    assert_true(has(argv, "/nowhere/libs/*"));
    assert_true(has(argv, "kafka.Kafka"));
    assert_true(has(argv, "/d/server.properties"));
    broker_argv_free(argv);
    argv = broker_argv(&config, true);
    assert_true(has(argv, "-XX:ArchiveClassesAtExit=/nowhere/libs/../kafka.jsa.1"));
    broker_argv_free(argv);
}

static void test_nobody_answers(void **state)
{
    (void)state;
    struct err err = {0};
    int port;
    int controller_port;
    assert_int_equal(broker_pick_ports(&port, &controller_port, &err), 0);
    assert_int_not_equal(port, controller_port);
    assert_int_equal(broker_probe(port, 1000, &err), -1);
    assert_int_equal(err.code, ERR_TRANSIENT);
    assert_null(broker_find_libs("/nowhere", &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "/nowhere"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_prepared_twice, make_dir, remove_dir),
        cmocka_unit_test(test_command_line),
        cmocka_unit_test(test_nobody_answers),
    };
    return cmocka_run_group_tests_name("broker", tests, NULL, NULL);
}
