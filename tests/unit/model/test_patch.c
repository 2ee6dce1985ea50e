#include "support.h"

#include <mot/model/patch.h>

/* RFC 7386, appendix A; the last two are evanphx's: nulls go from new objects, also inside arrays.
 */
static void merges(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"{'a':'b'}", "{'a':'c'}", "{'a':'c'}"},
        {"{'a':'b'}", "{'b':'c'}", "{'a':'b','b':'c'}"},
        {"{'a':'b'}", "{'a':null}", "{}"},
        {"{'a':'b','b':'c'}", "{'a':null}", "{'b':'c'}"},
        {"{'a':['b']}", "{'a':'c'}", "{'a':'c'}"},
        {"{'a':'c'}", "{'a':['b']}", "{'a':['b']}"},
        {"{'a':{'b':'c'}}", "{'a':{'b':'d','c':null}}", "{'a':{'b':'d'}}"},
        {"{'a':[{'b':'c'}]}", "{'a':[1]}", "{'a':[1]}"},
        {"['a','b']", "['c','d']", "['c','d']"},
        {"{'a':'b'}", "['c']", "['c']"},
        {"{'a':'foo'}", "null", "null"},
        {"{'a':'foo'}", "'bar'", "'bar'"},
        {"{'e':null}", "{'a':1}", "{'e':null,'a':1}"},
        {"[1,2]", "{'a':'b','c':null}", "{'a':'b'}"},
        {"{}", "{'a':{'bb':{'ccc':null}}}", "{'a':{'bb':{}}}"},
        {"{}", "{'a':[null,{'a':null}]}", "{'a':[null,{}]}"},
        {"{'a':5}", "{'a':{'b':null,'c':1}}", "{'a':{'c':1}}"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        json_t *target = quoted(cases[i][0]);
        json_t *patch = quoted(cases[i][1]);
        expect_json(patch_merge(target, patch), cases[i][2], cases[i][1]);
        expect_json(target, cases[i][0], "the target stays");
        json_decref(patch);
    }
}

static void check_patch(const char *target_text, const char *patch_text, const char *expected)
{
    struct err err = {0};
    json_t *target = quoted(target_text);
    json_t *patch = quoted(patch_text);
    json_t *result = patch_json(target, patch, &err);
    if (expected) {
        if (!result)
            fail_msg("%s: %s", patch_text, err.message);
        expect_json(result, expected, patch_text);
    } else {
        if (result)
            fail_msg("%s must fail", patch_text);
        assert_int_equal(err.code, ERR_CONFLICT);
        assert_string_equal(err.message,
                            "the server rejected our request due to an error in our request");
    }
    expect_json(target, target_text, "the target stays");
    json_decref(patch);
}

/* RFC 6902, appendix A. */
static void patches_as_the_rfc(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"{'foo':'bar'}", "[{'op':'add','path':'/baz','value':'qux'}]",
         "{'baz':'qux','foo':'bar'}"},
        {"{'foo':['bar','baz']}", "[{'op':'add','path':'/foo/1','value':'qux'}]",
         "{'foo':['bar','qux','baz']}"},
        {"{'baz':'qux','foo':'bar'}", "[{'op':'remove','path':'/baz'}]", "{'foo':'bar'}"},
        {"{'foo':['bar','qux','baz']}", "[{'op':'remove','path':'/foo/1'}]",
         "{'foo':['bar','baz']}"},
        {"{'baz':'qux','foo':'bar'}", "[{'op':'replace','path':'/baz','value':'boo'}]",
         "{'baz':'boo','foo':'bar'}"},
        {"{'foo':{'bar':'baz','waldo':'fred'},'qux':{'corge':'grault'}}",
         "[{'op':'move','from':'/foo/waldo','path':'/qux/thud'}]",
         "{'foo':{'bar':'baz'},'qux':{'corge':'grault','thud':'fred'}}"},
        {"{'foo':['all','grass','cows','eat']}", "[{'op':'move','from':'/foo/1','path':'/foo/3'}]",
         "{'foo':['all','cows','eat','grass']}"},
        {"{'baz':'qux','foo':['a',2,'c']}",
         "[{'op':'test','path':'/baz','value':'qux'},{'op':'test','path':'/foo/1','value':2}]",
         "{'baz':'qux','foo':['a',2,'c']}"},
        {"{'baz':'qux'}", "[{'op':'test','path':'/baz','value':'bar'}]", NULL},
        {"{'foo':'bar'}", "[{'op':'add','path':'/child','value':{'grandchild':{}}}]",
         "{'foo':'bar','child':{'grandchild':{}}}"},
        {"{'foo':'bar'}", "[{'op':'add','path':'/baz','value':'qux','xyz':123}]",
         "{'foo':'bar','baz':'qux'}"},
        {"{'foo':'bar'}", "[{'op':'add','path':'/baz/bat','value':'qux'}]", NULL},
        {"{'/':9,'~1':10}", "[{'op':'test','path':'/~01','value':10}]", "{'/':9,'~1':10}"},
        {"{'/':9,'~1':10}", "[{'op':'test','path':'/~01','value':'10'}]", NULL},
        {"{'foo':['bar']}", "[{'op':'add','path':'/foo/-','value':['abc','def']}]",
         "{'foo':['bar',['abc','def']]}"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++)
        check_patch(cases[i][0], cases[i][1], cases[i][2]);
}

/* What evanphx/json-patch v4.13 does otherwise. */
static void patches_as_the_server(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"{}", "[]", "{}"},
        {"{}", "null", "{}"},
        {"{}", "[null]", NULL},
        {"{}", "[{'op':'nope','path':'/a'}]", NULL},
        {"{}", "[{'op':'add'}]", NULL},
        {"{}", "[{'op':'test','path':'/a','value':null}]", "{}"},
        {"{}", "[{'op':'test','path':'/a'}]", "{}"},
        {"{}", "[{'op':'test','path':'/a','value':1}]", NULL},
        {"{}", "[{'op':'test','path':'/a/b'}]", NULL},
        {"{'a':1}", "[{'op':'test','path':'/a','value':1.0}]", NULL},
        {"{'a':{}}", "[{'op':'test','path':'/a','value':[]}]", NULL},
        {"{}", "[{'op':'remove','path':'/a'}]", NULL},
        {"{'a':[1]}", "[{'op':'remove','path':'/a/1'}]", NULL},
        {"{}", "[{'op':'replace','path':'/a','value':1}]", "{'a':1}"},
        {"{'a':[]}", "[{'op':'replace','path':'/a/0','value':1}]", NULL},
        {"{}", "[{'op':'add','path':'/a'}]", "{'a':null}"},
        {"{}", "[{'op':'copy','from':'/b','path':'/a'}]", "{'a':null}"},
        {"{}", "[{'op':'move','from':'/b','path':'/a'}]", NULL},
        {"{'a':[1,2,3]}", "[{'op':'remove','path':'/a/-1'}]", "{'a':[1,2]}"},
        {"{'a':[1,2]}", "[{'op':'replace','path':'/a/-2','value':9}]", "{'a':[9,2]}"},
        {"{'a':[1,2]}", "[{'op':'add','path':'/a/-1','value':9}]", "{'a':[1,2,9]}"},
        {"{'a':[1,2]}", "[{'op':'add','path':'/a/-3','value':9}]", "{'a':[9,1,2]}"},
        {"{'a':[1,2]}", "[{'op':'add','path':'/a/-4','value':9}]", NULL},
        {"{'a':[1,2]}",
         "[{'op':'replace','path':'/a/+1','value':9},{'op':'test','path':'/a/01','value':9}]",
         "{'a':[1,9]}"},
        {"{'a':[1]}", "[{'op':'remove','path':'/a/-'}]", NULL},
        {"{'a':{'b':1}}", "[{'op':'replace','path':'a/b','value':2}]", "{'a':{'b':1},'b':2}"},
        {"{'a':1}", "[{'op':'replace','path':'a','value':2}]", NULL},
        {"{'a':1}", "[{'op':'replace','path':'','value':{'b':1}}]", "{'b':1}"},
        {"{'a':1}", "[{'op':'add','path':'','value':{'b':1}}]", NULL},
        {"{'a':1}", "[{'op':'replace','path':''}]", NULL},
        {"{'a':{'b':1}}", "[{'op':'move','from':'/a','path':'/a/b'}]", NULL},
        {"{'a':{'b':1}}", "[{'op':'copy','from':'/a','path':'/a/c'}]", "{'a':{'b':1,'c':{'b':1}}}"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++)
        check_patch(cases[i][0], cases[i][1], cases[i][2]);
}

static void refuses_other_documents(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{}", "error decoding patch: json: cannot unmarshal object into Go value of type "
               "[]handlers.jsonPatchOp"},
        {"5", "error decoding patch: json: cannot unmarshal number into Go value of type "
              "[]handlers.jsonPatchOp"},
        {"['a']", "error decoding patch: json: cannot unmarshal string into Go value of type "
                  "handlers.jsonPatchOp"},
        {"[{'op':'add','path':5}]", "error decoding patch: json: cannot unmarshal number into Go "
                                    "struct field jsonPatchOp.path of type string"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        json_t *target = json_object();
        json_t *patch = quoted(cases[i][0]);
        assert_null(patch_json(target, patch, &err));
        assert_int_equal(err.code, ERR_INVALID);
        expect_text(err.message, cases[i][1], cases[i][0]);
        json_decref(target);
        json_decref(patch);
    }
}

static void bounds_work(void **state)
{
    (void)state;
    struct err err = {0};
    json_t *target = quoted("{'a':{'x':[1,2,3,4,5,6,7,8]}}");
    json_t *many = json_array();
    json_t *doubling = json_array();
    for (int i = 0; i < 10001; i++)
        json_array_append_new(many, quoted("{'op':'test','path':'/z'}"));
    for (int i = 0; i < 40; i++)
        json_array_append_new(doubling, json_pack("{s:s, s:s, s:o}", "op", "copy", "from", "/a",
                                                  "path", json_sprintf("/a/k%d", i)));
    assert_null(patch_json(target, many, &err));
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_string_equal(
        err.message, "Request entity too large: The allowed maximum operations in a JSON patch is "
                     "10000, got 10001");
    assert_null(patch_json(target, doubling, &err));
    assert_int_equal(err.code, ERR_TOO_LARGE);
    json_decref(target);
    json_decref(many);
    json_decref(doubling);
}

/* What is copied counts by its bytes: a long text is one value only. */
static void bounds_copied_bytes(void **state)
{
    (void)state;
    struct err err = {0};
    AUTO_FREE char *text = mem_alloc(((size_t)1 << 20) + 1);
    memset(text, 'x', (size_t)1 << 20);
    text[(size_t)1 << 20] = '\0';
    json_t *target = json_pack("{s:s, s:{}}", "text", text, "copies");
    json_t *patch = json_array();
    for (int i = 0; i < 2; i++)
        json_array_append_new(patch, json_pack("{s:s, s:s, s:o}", "op", "copy", "from", "/text",
                                               "path", json_sprintf("/copies/k%d", i)));
    json_t *patched = patch_json(target, patch, &err);
    assert_non_null(patched);
    json_decref(patched);
    for (int i = 2; i < 500; i++)
        json_array_append_new(patch, json_pack("{s:s, s:s, s:o}", "op", "copy", "from", "/text",
                                               "path", json_sprintf("/copies/k%d", i)));
    assert_null(patch_json(target, patch, &err));
    assert_int_equal(err.code, ERR_TOO_LARGE);
    json_decref(target);
    json_decref(patch);
}

/* Strings and numbers are compared by their text, against what the server itself writes. */
static void tests_by_text(void **state)
{
    (void)state;
    static const struct {
        const char *target, *patch, *expected;
    } cases[] = {
        {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1}]", "{'a':1}"},
        {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1.0}]", NULL},
        {"{\"a\":1.5}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1.50}]", NULL},
        {"{\"a\":1.5}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1.5}]", "{'a':1.5}"},
        {"{\"a\":\"<\"}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":\"<\"}]", NULL},
        {"{\"a\":\"<\"}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":\"\\u003c\"}]", "{'a':'<'}"},
        {"{\"a\":\"\xc3\xa9\"}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":\"\xc3\xa9\"}]",
         "{'a':'\xc3\xa9'}"},
        {"{\"a\":\"\xc3\xa9\"}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":\"\\u00e9\"}]", NULL},
        {"{\"a\":\"1\"}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1}]", NULL},
        {"{\"a\":{\"x\":1,\"y\":[\"b\",null,true]}}",
         "[{\"op\":\"test\",\"path\":\"/a\",\"value\":{\"y\": [\"b\", null,true],\"x\":1}}]",
         "{'a':{'x':1,'y':['b',null,true]}}"},
        {"{\"a\":{}}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":[]}]", NULL},
        {"{\"a\":true}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":true}]", "{'a':true}"},
        {"{}",
         "[{\"op\":\"add\",\"path\":\"/a\",\"value\":1.0},"
         "{\"op\":\"test\",\"path\":\"/a\",\"value\":1.0}]",
         "{'a':1.0}"},
        {"{\"a\":[5]}",
         "[{\"op\":\"test\",\"path\":\"/a/-1\",\"value\":5},"
         "{\"op\":\"replace\",\"path\":\"/a/0\",\"value\":{\"s\":\"\\u003ct\\n\"}}]",
         "{'a':[{'s':'<t\\n'}]}"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        json_t *target = json_loads(cases[i].target, 0, NULL);
        json_t *patch = json_loads(cases[i].patch, 0, NULL);
        json_t *result =
            patch_json_text(target, patch, cases[i].patch, strlen(cases[i].patch), &err);
        if (cases[i].expected) {
            if (!result)
                fail_msg("%s: %s", cases[i].patch, err.message);
            expect_json(result, cases[i].expected, cases[i].patch);
        } else {
            assert_null(result);
            assert_int_equal(err.code, ERR_CONFLICT);
        }
        json_decref(target);
        json_decref(patch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges),
        cmocka_unit_test(patches_as_the_rfc),
        cmocka_unit_test(patches_as_the_server),
        cmocka_unit_test(refuses_other_documents),
        cmocka_unit_test(bounds_work),
        cmocka_unit_test(bounds_copied_bytes),
        cmocka_unit_test(tests_by_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
