#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <mot/base/file.h>
#include <mot/base/mem.h>

#include "cli/client/kubeconfig.h"

static char folder[] = "/tmp/mot-test-kubeconfig.XXXXXX";

static char *put(const char *name, const char *text)
{
    struct err err = {0};
    char *path = file_join(folder, name);
    if (file_write(path, text, strlen(text), 0600, &err) != 0)
        fail_msg("%s", err.message);
    return path;
}

static const char two_contexts[] = "apiVersion: v1\n"
                                   "kind: Config\n"
                                   "current-context: plain\n"
                                   "contexts:\n"
                                   "- name: plain\n"
                                   "  context: {cluster: a, user: nobody, namespace: payments}\n"
                                   "- name: secure\n"
                                   "  context: {cluster: b, user: somebody}\n"
                                   "clusters:\n"
                                   "- name: a\n"
                                   "  cluster: {server: \"http://a.example:1\"}\n"
                                   "- name: b\n"
                                   "  cluster:\n"
                                   "    server: https://b.example:2\n"
                                   "    tls-server-name: c.example\n"
                                   "    certificate-authority-data: aGVsbG8gd29ybGQ=\n"
                                   "    insecure-skip-tls-verify: true\n"
                                   "users:\n"
                                   "- name: somebody\n"
                                   "  user:\n"
                                   "    client-certificate: certs/me.pem\n"
                                   "    client-key-data: a2V5\n"
                                   "    tokenFile: token\n";

static void test_current_context(void **state)
{
    (void)state;
    AUTO_FREE char *path = put("config", two_contexts);
    struct kubeconfig config;
    struct kubeconfig_query query = {.file = path};
    struct err err = {0};
    assert_int_equal(kubeconfig_load(&config, &query, &err), 0);
    assert_string_equal(config.server, "http://a.example:1");
    assert_string_equal(config.namespace_name, "payments");
    assert_null(config.token);
    assert_false(config.insecure);
    kubeconfig_release(&config);
}

static void test_credentials(void **state)
{
    (void)state;
    AUTO_FREE char *path = put("config", two_contexts);
    AUTO_FREE char *token = put("token", "secret\n");
    assert_non_null(token);
    AUTO_FREE char *cert = file_join(folder, "certs/me.pem");
    struct kubeconfig config;
    struct kubeconfig_query query = {.file = path, .context = "secure"};
    struct err err = {0};
    assert_int_equal(kubeconfig_load(&config, &query, &err), 0);
    assert_string_equal(config.server, "https://b.example:2");
    assert_string_equal(config.server_name, "c.example");
    assert_string_equal(config.ca_data, "hello world");
    assert_string_equal(config.cert_file, cert);
    assert_string_equal(config.key_data, "key");
    assert_string_equal(config.token, "secret");
    assert_true(config.insecure);
    assert_null(config.namespace_name);
    kubeconfig_release(&config);
}

/* The first file that names something wins, as in kubectl; files that are not there are passed
 * over. */
static void test_several_files(void **state)
{
    (void)state;
    AUTO_FREE char *first =
        put("first", "contexts:\n- name: x\n  context: {cluster: c, namespace: one}\n");
    AUTO_FREE char *second =
        put("second", "current-context: x\n"
                      "contexts:\n- name: x\n  context: {cluster: c, namespace: two}\n"
                      "clusters:\n- name: c\n  cluster: {server: \"http://c:3\"}\n");
    AUTO_FREE char *list = mem_printf("/nowhere/at/all:%s:%s", first, second);
    struct kubeconfig config;
    struct kubeconfig_query query = {.list = list};
    struct err err = {0};
    assert_int_equal(kubeconfig_load(&config, &query, &err), 0);
    assert_string_equal(config.namespace_name, "one");
    assert_string_equal(config.server, "http://c:3");
    kubeconfig_release(&config);
}

static void test_defaults(void **state)
{
    (void)state;
    struct kubeconfig config;
    struct kubeconfig_query nothing = {.home = "/nowhere"};
    struct kubeconfig_query server = {.home = "/nowhere", .server = "localhost:9"};
    struct err err = {0};
    assert_int_equal(kubeconfig_load(&config, &nothing, &err), 0);
    assert_string_equal(config.server, "http://127.0.0.1:8080");
    kubeconfig_release(&config);
    assert_int_equal(kubeconfig_load(&config, &server, &err), 0);
    assert_string_equal(config.server, "http://localhost:9");
    kubeconfig_release(&config);
}

static void test_errors(void **state)
{
    (void)state;
    AUTO_FREE char *good = put("config", two_contexts);
    AUTO_FREE char *bad = put("bad", "contexts: [\n");
    AUTO_FREE char *program = put(
        "program", "current-context: x\ncontexts:\n- name: x\n  context: {cluster: c, user: u}\n"
                   "clusters:\n- name: c\n  cluster: {server: \"http://c\"}\n"
                   "users:\n- name: u\n  user: {exec: {command: aws}}\n");
    const struct {
        struct kubeconfig_query query;
        const char *text;
    } cases[] = {{{.file = "/nowhere/at/all"}, "/nowhere/at/all"},
                 {{.file = good, .context = "absent"}, "no context \"absent\""},
                 {{.file = bad}, "bad:"},
                 {{.file = program}, "from a program"}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct kubeconfig config;
        struct err err = {0};
        assert_int_equal(kubeconfig_load(&config, &cases[i].query, &err), -1);
        if (!strstr(err.message, cases[i].text))
            fail_msg("\"%s\" does not contain \"%s\"", err.message, cases[i].text);
        kubeconfig_release(&config);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_current_context), cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_several_files), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
