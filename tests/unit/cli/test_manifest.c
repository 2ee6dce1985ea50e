#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mot/base/buf.h>
#include <mot/model/object.h>

#include "cli/client/manifest.h"
#include "fixture.h"

static const char text[] = "# a comment\n"                  /* 1 */
                           "apiVersion: v1\n"               /* 2 */
                           "kind: Namespace\n"              /* 3 */
                           "metadata: {name: payments}\n"   /* 4 */
                           "---\n"                          /* 5 */
                           "apiVersion: mot.dev/v1alpha1\n" /* 6 */
                           "kind: DeploymentList\n"         /* 7 */
                           "items:\n"                       /* 8 */
                           "- metadata:\n"                  /* 9 */
                           "    name: a\n"                  /* 10 */
                           "  spec:\n"                      /* 11 */
                           "    placement:\n"               /* 12 */
                           "    - name: test\n"             /* 13 */
                           "      replicas: many\n"         /* 14 */
                           "- metadata: {name: b}\n";       /* 15 */

static struct manifests load(void)
{
    struct manifests manifests = {0};
    struct err err = {0};
    if (manifests_add_text(&manifests, "x.yaml", text, sizeof(text) - 1, &err) != 0)
        fail_msg("%s", err.message);
    return manifests;
}

static void test_documents_and_lists(void **state)
{
    (void)state;
    struct manifests manifests = load();
    static const char *const names[] = {"payments", "a", "b"};
    assert_int_equal(manifests.count, 3);
    for (size_t i = 0; i < manifests.count; i++)
        assert_string_equal(object_name(manifests.items[i].object), names[i]);
    manifests_release(&manifests);
}

static void test_lines(void **state)
{
    (void)state;
    struct manifests manifests = load();
    const struct {
        size_t manifest;
        const char *field;
        int line;
    } lines[] = {{0, "metadata.name", 4},
                 {1, "spec.placement[0].replicas", 14},
                 {1, "spec.placement[0].name", 13},
                 {1, "spec.placement[0].absent", 13}, /* of what it is in */
                 {1, "spec.placement[7].replicas", 12},
                 {2, "metadata.name", 15}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(lines); i++) {
        int line = manifest_line(&manifests.items[lines[i].manifest], lines[i].field);
        if (line < lines[i].line - 1 || line > lines[i].line + 1 ||
            (lines[i].field[0] == 'm' && line != lines[i].line))
            fail_msg("%s: line %d, not %d", lines[i].field, line, lines[i].line);
    }
    assert_int_equal(manifest_line(&manifests.items[1], "spec.placement[0].replicas"), 14);
    manifests_release(&manifests);
}

static void expect_text(const char *status_text, const char *expected)
{
    struct manifests manifests = load();
    json_t *status = status_text ? fixture(status_text) : NULL;
    struct err err = {.code = ERR_INVALID, .message = "it is wrong"};
    struct buf out;
    buf_init(&out, 10000);
    manifest_describe(&manifests.items[1], status, &err, &out);
    assert_string_equal(out.data, expected);
    buf_release(&out);
    json_decref(status);
    manifests_release(&manifests);
}

static void test_causes(void **state)
{
    (void)state;
    expect_text("{'details':{'causes':[{'field':'spec.placement[0].replicas','message':'Invalid "
                "value: many'},"
                "{'field':'metadata.name','message':'too short'}]}}",
                "x.yaml:14: spec.placement[0].replicas: Invalid value: many\n"
                "x.yaml:10: metadata.name: too short\n");
}

static void test_unknown_fields(void **state)
{
    (void)state;
    expect_text(
        "{'message':'strict decoding error: unknown field \\'spec.placement[0].replicas\\''}",
        "x.yaml:14: spec.placement[0].replicas: unknown field\n");
}

static void test_without_fields(void **state)
{
    (void)state;
    expect_text("{'message':'no'}", "x.yaml:9: it is wrong\n");
    expect_text(NULL, "x.yaml:9: it is wrong\n");
}

static void test_errors(void **state)
{
    (void)state;
    const struct {
        const char *text;
        const char *message;
    } errors[] = {{"a: [\n", "x.yaml:"},
                  {"- 1\n", "x.yaml:1: not an object"},
                  {"kind: List\nitems: [1]\n", "x.yaml:1: items[0] is not an object"}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(errors); i++) {
        struct manifests manifests = {0};
        struct err err = {0};
        int rc =
            manifests_add_text(&manifests, "x.yaml", errors[i].text, strlen(errors[i].text), &err);
        assert_int_equal(rc, -1);
        if (strncmp(err.message, errors[i].message, strlen(errors[i].message)) != 0)
            fail_msg("\"%s\" does not begin with \"%s\"", err.message, errors[i].message);
        manifests_release(&manifests);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_documents_and_lists),
                                       cmocka_unit_test(test_lines),
                                       cmocka_unit_test(test_causes),
                                       cmocka_unit_test(test_unknown_fields),
                                       cmocka_unit_test(test_without_fields),
                                       cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
