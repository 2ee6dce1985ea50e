#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mot/model/json.h>
#include <mot/model/patch.h>

#include "cli/client/merge3.h"
#include "fixture.h"

static const struct {
    const char *name;
    const char *original; /* NULL: never applied */
    const char *modified;
    const char *current;
    const char *patch;
} cases[] = {
    {"nothing to do", "{'a':1}", "{'a':1}", "{'a':1,'status':{}}", "{}"},
    {"changed", "{'a':1}", "{'a':2}", "{'a':1}", "{'a':2}"},
    {"others' members stay", "{'a':1}", "{'a':1}", "{'a':1,'b':2}", "{}"},
    {"taken out is deleted", "{'a':1,'b':2}", "{'a':1}", "{'a':1,'b':2}", "{'b':null}"},
    {"taken out and already gone", "{'a':1,'b':2}", "{'a':1}", "{'a':1}", "{}"},
    {"somebody else's change is undone", "{'a':1}", "{'a':1}", "{'a':5}", "{'a':1}"},
    {"never applied: nothing is deleted", NULL, "{'a':1}", "{'a':2,'b':2}", "{'a':1}"},
    {"below", "{'s':{'a':1,'b':1}}", "{'s':{'a':2}}", "{'s':{'a':1,'b':1,'c':1}}",
     "{'s':{'a':2,'b':null}}"},
    {"below, nothing", "{'s':{'a':1}}", "{'s':{'a':1}}", "{'s':{'a':1,'c':1}}", "{}"},
    {"a list is one value", "{'l':[1,2]}", "{'l':[1]}", "{'l':[1,2]}", "{'l':[1]}"},
    {"an object for a text", "{'a':'x'}", "{'a':{'b':1}}", "{'a':'x'}", "{'a':{'b':1}}"},
    {"a null for what is not there", NULL, "{'a':null}", "{}", "{}"},
    {"a null for what is there", NULL, "{'a':null}", "{'a':1}", "{'a':null}"},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        json_t *original = cases[i].original ? fixture(cases[i].original) : NULL;
        json_t *modified = fixture(cases[i].modified);
        json_t *current = fixture(cases[i].current);
        json_t *expected = fixture(cases[i].patch);
        json_t *patch = apply_merge3(original, modified, current);
        AUTO_FREE char *text = json_text(patch);
        if (!json_equal(patch, expected))
            fail_msg("%s: the patch is %s", cases[i].name, text);
        /* Applied, nothing is left to do. */
        json_t *next = patch_merge(current, patch);
        json_t *again = apply_merge3(original, modified, next);
        if (json_object_size(again) != 0)
            fail_msg("%s: a second patch is not empty", cases[i].name);
        json_t *values[] = {original, modified, current, expected, patch, next, again};
        for (size_t j = 0; j < MOT_ARRAY_SIZE(values); j++)
            json_decref(values[j]);
    }
}

static void test_annotation(void **state)
{
    (void)state;
    json_t *manifest = fixture("{'metadata':{'name':'a','annotations':{'x':'y','" LAST_APPLIED
                               "':'old'}},'spec':{'n':1}}");
    json_t *wanted = apply_with_annotation(manifest);
    json_t *last = apply_last_applied(wanted);
    json_t *expected = fixture("{'metadata':{'name':'a','annotations':{'x':'y'}},'spec':{'n':1}}");
    assert_true(json_equal(last, expected));
    assert_string_equal(
        json_string_value(json_object_get(json_at(manifest, "metadata.annotations"), LAST_APPLIED)),
        "old");
    json_decref(manifest);
    json_decref(wanted);
    json_decref(last);
    json_decref(expected);
}

static void test_no_annotation(void **state)
{
    (void)state;
    json_t *current = fixture("{'metadata':{'annotations':{'" LAST_APPLIED "':'no json'}}}");
    json_t *bare = fixture("{'metadata':{}}");
    assert_null(apply_last_applied(current));
    assert_null(apply_last_applied(bare));
    json_decref(current);
    json_decref(bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases),
                                       cmocka_unit_test(test_annotation),
                                       cmocka_unit_test(test_no_annotation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
