#include "support.h"

#include <time.h>

#include <mot/base/buf.h>
#include <mot/model/selector.h>

#define QUALIFIED                                                                                  \
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "  \
    "with an "                                                                                     \
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "         \
    "validation is "                                                                               \
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

static bool matches(struct selector *selector, const char *values)
{
    json_t *object = quoted(values);
    bool result = selector_matches(selector, object);
    json_decref(object);
    return result;
}

static void matches_labels(void **state)
{
    (void)state;
    static const struct {
        const char *selector, *labels;
        bool matches;
    } cases[] = {
        {"", "{}", true},
        {" ", "{}", true},
        {"a=b", "{'a':'b'}", true},
        {"a==b", "{'a':'c'}", false},
        {"a = b , c = d", "{'a':'b','c':'d'}", true},
        {"a=b,c=d", "{'a':'b'}", false},
        {"a!=b", "{}", true},
        {"a!=b", "{'a':'b'}", false},
        {"a in (b,c)", "{'a':'c'}", true},
        {"a in (b,c)", "{}", false},
        {"a notin (b,c)", "{'a':'d'}", true},
        {"a notin (b,c)", "{}", true},
        {"a", "{'a':''}", true},
        {"a", "{}", false},
        {"!a", "{}", true},
        {"!a", "{'a':'x'}", false},
        {"a=", "{'a':''}", true},
        {"a=,b", "{'a':'','b':'1'}", true},
        {"a in (,x)", "{'a':''}", true},
        {"a in ()", "{'a':''}", true},
        {"a in ()", "{'a':'b'}", false},
        {"a notin ()", "{'a':'b'}", true},
        {"a in (x,)", "{'a':''}", true},
        {"in in (in,notin)", "{'in':'notin'}", true},
        {"a>5", "{'a':'6'}", true},
        {"a>5", "{'a':'x'}", false},
        {"a<5", "{'a':'-1'}", true},
        {"x.y/z=1", "{'x.y/z':'1'}", true},
        {"a=b", "[]", false},
        {"a=5", "{'a':5}", false},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        struct selector *selector = selector_parse_labels(cases[i].selector, &err);
        if (!selector || matches(selector, cases[i].labels) != cases[i].matches)
            fail_msg("%s on %s: %s", cases[i].selector, cases[i].labels, err.message);
        selector_free(selector);
    }
}

static void refuses_labels(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a in", "unable to parse requirement: found '' expected: '('"},
        {"a=b,", "found '', expected: identifier after ','"},
        {"a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
        {",a", "found ',', expected: !, identifier, or 'end of string'"},
        {"a=b c", "found 'c', expected: ',' or 'end of string'"},
        {"!a=b", "found '=', expected: ',' or 'end of string'"},
        {"!", "unable to parse requirement: found '', expected: identifier"},
        {"a in (b", "unable to parse requirement: found '', expected: ',' or ')'"},
        {"a in =", "unable to parse requirement: found '=' expected: '('"},
        {"a=(", "unable to parse requirement: found '(', expected: identifier"},
        {"a>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' "
                "operators, the value must "
                "be an integer"},
        {"-x=1", "unable to parse requirement: <nil>: Invalid value: \"-x\": " QUALIFIED},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        assert_null(selector_parse_labels(cases[i][0], &err));
        expect_text(err.message, cases[i][1], cases[i][0]);
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void matches_fields(void **state)
{
    (void)state;
    static const char *const allowed[] = {"spec.region", NULL};
    static const struct {
        const char *selector, *fields;
        bool matches;
    } cases[] = {
        {"", "{}", true},
        {"metadata.name=x", "{'metadata.name':'x'}", true},
        {"metadata.name==x,metadata.namespace!=y", "{'metadata.name':'x','metadata.namespace':'z'}",
         true},
        {"spec.region=", "{}", true},
        {"spec.region!=a", "{}", true},
        {"spec.region!=", "{}", false},
        {"metadata.name=a\\,b\\=c\\\\", "{'metadata.name':'a,b=c\\\\'}", true},
        {",,", "{}", true},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        struct selector *selector = selector_parse_fields(cases[i].selector, allowed, &err);
        if (!selector || matches(selector, cases[i].fields) != cases[i].matches)
            fail_msg("%s on %s: %s", cases[i].selector, cases[i].fields, err.message);
        selector_free(selector);
    }
}

static void refuses_fields(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"spec.image=x", "field label not supported: spec.image"},
        {"metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"},
        {"metadata.name=a\\x", "invalid field selector: invalid escape sequence: \\x"},
        {"metadata.name=a=b", "invalid field selector: unescaped character in value: ="},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        assert_null(selector_parse_fields(cases[i][0], NULL, &err));
        expect_text(err.message, cases[i][1], cases[i][0]);
    }
}

static void reads_selector_objects(void **state)
{
    (void)state;
    static const struct {
        const char *selector, *labels;
        int outcome; /* 1: matches, 0: does not, -1: refused */
    } cases[] = {
        {"{}", "{}", 1},
        {"null", "{}", 0},
        {"{'matchLabels':{'a':'b'}}", "{'a':'b'}", 1},
        {"{'matchExpressions':[{'key':'a','operator':'In','values':['x','y']}]}", "{'a':'y'}", 1},
        {"{'matchExpressions':[{'key':'a','operator':'NotIn','values':['x']}]}", "{'a':'x'}", 0},
        {"{'matchExpressions':[{'key':'a','operator':'Exists'}]}", "{'a':''}", 1},
        {"{'matchExpressions':[{'key':'a','operator':'DoesNotExist'}]}", "{}", 1},
        {"{'matchExpressions':[{'key':'a','operator':'Exists','values':['x']}]}", "{}", -1},
        {"{'matchExpressions':[{'key':'a','operator':'In'}]}", "{}", -1},
        {"{'matchExpressions':[{'key':'a','operator':'Is'}]}", "{}", -1},
        {"{'matchExpressions':[{'operator':'Exists'}]}", "{}", -1},
        {"{'matchExpressions':[5]}", "{}", -1},
        {"{'matchLabels':{'a':5}}", "{}", -1},
        {"{'matchLabels':{'a b':'c'}}", "{}", -1},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        json_t *object = quoted(cases[i].selector);
        struct selector *selector = selector_from_object(object, &err);
        int outcome = selector ? matches(selector, cases[i].labels) : -1;
        if (outcome != cases[i].outcome)
            fail_msg("%s: %d %s", cases[i].selector, outcome, err.message);
        selector_free(selector);
        json_decref(object);
    }
}

static void knows_exact_values(void **state)
{
    (void)state;
    struct err err;
    struct selector *selector =
        selector_parse_fields("metadata.name=x,metadata.namespace!=y", NULL, &err);
    assert_string_equal(selector_exact(selector, "metadata.name"), "x");
    assert_null(selector_exact(selector, "metadata.namespace"));
    assert_false(selector_is_everything(selector));
    selector_free(selector);
    selector = selector_parse_labels("", &err);
    assert_true(selector_is_everything(selector));
    selector_free(selector);
    assert_true(selector_is_everything(NULL));
}

/* The longest URL has room for many values: neither reading nor matching may be quadratic. */
static void takes_many_values(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf text;
    buf_init(&text, BUF_MAX_DEFAULT);
    buf_adds(&text, "k notin (");
    for (int i = 0; i < 50000; i++)
        buf_addf(&text, "%sv%d", i > 0 ? "," : "", i % 49000);
    buf_adds(&text, ")");
    clock_t began = clock();
    struct selector *selector = selector_parse_labels(text.data, &err);
    assert_non_null(selector);
    json_t *in = quoted("{'k':'v48999'}");
    json_t *out = quoted("{'k':'w'}");
    for (int i = 0; i < 20000; i++) {
        assert_false(selector_matches(selector, in));
        assert_true(selector_matches(selector, out));
    }
    assert_true(clock() - began < 5 * CLOCKS_PER_SEC);
    json_decref(in);
    json_decref(out);
    selector_free(selector);
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_labels),         cmocka_unit_test(refuses_labels),
        cmocka_unit_test(matches_fields),         cmocka_unit_test(refuses_fields),
        cmocka_unit_test(reads_selector_objects), cmocka_unit_test(knows_exact_values),
        cmocka_unit_test(takes_many_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
