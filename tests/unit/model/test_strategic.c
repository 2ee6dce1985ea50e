/* Strategic merge patches: what they make of an object. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/patch.h>

static const struct {
    const char *target, *patch;
    const char *result; /* NULL: refused */
} rows[] = {
    /* as a merge patch */
    {"{'a':1,'b':{'c':1,'d':2}}", "{'a':2,'b':{'c':null,'e':3}}", "{'a':2,'b':{'d':2,'e':3}}"},
    {"{}", "{'a':{'b':null,'c':{'d':null}}}", "{'a':{'c':{}}}"},
    {"{'rules':[{'verbs':['get']}]}", "{'rules':[{'verbs':['list']}]}",
     "{'rules':[{'verbs':['list']}]}"},
    {"{'a':[1]}", "{'a':{'b':1}}", "{'a':{'b':1}}"},
    {"{'a':{'b':1}}", "{'a':[1,null]}", "{'a':[1,null]}"},
    /* lists of texts */
    {"{'metadata':{'finalizers':['a','b']}}", "{'metadata':{'finalizers':['b','c']}}",
     "{'metadata':{'finalizers':['a','b','c']}}"},
    {"{'metadata':{'finalizers':['a','b']}}",
     "{'metadata':{'$deleteFromPrimitiveList/finalizers':['a','x']}}",
     "{'metadata':{'finalizers':['b']}}"},
    {"{'metadata':{'finalizers':['a','b','c']}}",
     "{'metadata':{'finalizers':['d'],'$setElementOrder/finalizers':['d','b']}}",
     "{'metadata':{'finalizers':['a','d','b','c']}}"},
    {"{'metadata':{}}", "{'metadata':{'finalizers':['a'],'$setElementOrder/finalizers':['a']}}",
     "{'metadata':{'finalizers':['a']}}"},
    {"{'metadata':{'finalizers':['a']}}", "{'metadata':{'finalizers':null}}", "{'metadata':{}}"},
    /* lists with a key */
    {"{'metadata':{'ownerReferences':[{'uid':'1','name':'a'},{'uid':'2','name':'b'}]}}",
     "{'metadata':{'ownerReferences':[{'uid':'2','name':'c'},{'uid':'3'}]}}",
     "{'metadata':{'ownerReferences':[{'uid':'1','name':'a'},{'uid':'2','name':'c'},{'uid':'3'}]}"
     "}"},
    {"{'metadata':{'ownerReferences':[{'uid':'1'},{'uid':'2'}]}}",
     "{'metadata':{'ownerReferences':[{'$patch':'delete','uid':'1'},{'$patch':'delete','uid':'9'}]}"
     "}",
     "{'metadata':{'ownerReferences':[{'uid':'2'}]}}"},
    {"{'metadata':{'ownerReferences':[{'uid':'1'}]}}",
     "{'metadata':{'ownerReferences':[{'uid':'2'},{'$patch':'replace'}]}}",
     "{'metadata':{'ownerReferences':[{'uid':'2'}]}}"},
    {"{'metadata':{'ownerReferences':[{'uid':'1'}]}}",
     "{'metadata':{'ownerReferences':[{'name':'a'}]}}", NULL},
    {"{'status':{'conditions':[{'type':'A','status':'True'}]}}",
     "{'status':{'conditions':[{'type':'B','status':'True'},{'type':'A','status':'False'}],"
     "'$setElementOrder/conditions':[{'type':'B'},{'type':'A'}]}}",
     "{'status':{'conditions':[{'type':'B','status':'True'},{'type':'A','status':'False'}]}}"},
    /* directives of objects */
    {"{'a':{'b':1,'c':2}}", "{'a':{'$patch':'replace','d':3}}", "{'a':{'d':3}}"},
    {"{'a':{'b':1,'c':2}}", "{'a':{'$patch':'delete'}}", "{'a':{}}"},
    {"{'a':{'b':1,'c':2}}", "{'a':{'$patch':'merge','d':3}}", "{'a':{'b':1,'c':2,'d':3}}"},
    {"{'a':{'b':1}}", "{'a':{'$patch':'turn'}}", NULL},
    {"{'a':{'b':1,'c':2}}", "{'a':{'$retainKeys':['c','d'],'d':3}}", "{'a':{'c':2,'d':3}}"},
    {"{}", "{'a':{'$patch':'replace','b':1}}", "{'a':{'b':1}}"},
    {"{}", "[]", NULL},
    {"{}", "1", NULL},
};

static json_t *value(const char *text)
{
    AUTO_FREE char *json = mem_strdup(text);
    for (char *at = json; *at; at++)
        if (*at == '\'')
            *at = '"';
    json_t *result = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(result);
    return result;
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(rows); i++) {
        struct err err = {0};
        json_t *target = value(rows[i].target);
        json_t *patch = value(rows[i].patch);
        json_t *before = json_deep_copy(target);
        print_message("%zu: %s\n", i, rows[i].patch);
        json_t *result = patch_strategic(target, patch, &err);
        assert_int_equal(result != NULL, rows[i].result != NULL);
        if (result) {
            json_t *expected = value(rows[i].result);
            AUTO_FREE char *text = json_text(result);
            AUTO_FREE char *wanted = json_text(expected);
            if (!json_equal(result, expected))
                assert_string_equal(text, wanted);
            json_decref(expected);
        } else {
            assert_int_equal(err.code, ERR_INVALID);
        }
        assert_true(json_equal(target, before));
        json_decref(before);
        json_decref(result);
        json_decref(target);
        json_decref(patch);
    }
}

/* Comparing long lists item by item would take for ever. */
static void test_long_lists(void **state)
{
    (void)state;
    struct err err = {0};
    json_t *list = json_array();
    for (int i = 0; i < 5000; i++) {
        AUTO_FREE char *text = mem_printf("f%d", i);
        json_array_append_new(list, json_string(text));
    }
    json_t *target = json_pack("{s:{s:O}}", "metadata", "finalizers", list);
    json_t *patch = json_pack("{s:{s:o}}", "metadata", "$deleteFromPrimitiveList/finalizers", list);
    assert_null(patch_strategic(target, target, &err));
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_null(patch_strategic(target, patch, &err));
    assert_int_equal(err.code, ERR_TOO_LARGE);
    json_decref(target);
    json_decref(patch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_long_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
