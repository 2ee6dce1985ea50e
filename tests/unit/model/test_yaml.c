#include "support.h"

#include <mot/model/yaml.h>

static void reads_scalars_as_kubectl(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"yes", "true"},
        {"Off", "false"},
        {"y", "true"},
        {"N", "false"},
        {"\"yes\"", "'yes'"},
        {"'no'", "'no'"},
        {"~", "null"},
        {"Null", "null"},
        {"012", "10"},
        {"0o12", "10"},
        {"08", "8"},
        {"0x1F", "31"},
        {"0b11", "3"},
        {"1_000", "1000"},
        {"-0x10", "-16"},
        {"+5", "5"},
        {"1e3", "1000"},
        {"1.0", "1"},
        {".5", "0.5"},
        {"5.", "5"},
        {"1e400", "'1e400'"},
        {"12:30:45", "'12:30:45'"},
        {"2020-01-01", "'2020-01-01'"},
        {"1.2.3", "'1.2.3'"},
        {"-", "null"},
        {"9223372036854775807", "9223372036854775807"},
        {"18446744073709551615", "18446744073709551616.0"},
        {"!!str 5", "'5'"},
        {"!!int \"5\"", "5"},
        {"!!binary aGk=", "'hi'"},
        {"0x", "'0x'"},
        {"1__", "1"},
        {"_", "'_'"},
        {"=", "'='"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct yaml_documents documents;
        struct err err = {0};
        AUTO_FREE char *text =
            mem_printf("v: %s\n", strcmp(cases[i][0], "-") == 0 ? "" : cases[i][0]);
        if (yaml_parse("f", text, strlen(text), &documents, &err) != 0)
            fail_msg("%s: %s", cases[i][0], err.message);
        assert_int_equal(documents.count, 1);
        expect_json(json_incref(json_object_get(documents.items[0].value, "v")), cases[i][1],
                    cases[i][0]);
        yaml_documents_release(&documents);
    }
}

static void reads_structures(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a: &x {q: 1}\nb: *x\n", "{'a':{'q':1},'b':{'q':1}}"},
        {"a: &x {q: 1, r: 2}\nb: {r: 3, <<: *x, z: 1}\n",
         "{'a':{'q':1,'r':2},'b':{'q':1,'r':3,'z':1}}"},
        {"a: {<<: [{x: 1}, {x: 2, z: 2}]}\n", "{'a':{'x':1,'z':2}}"},
        {"\"<<\": {a: 1}\n", "{'<<':{'a':1}}"},
        {"1: a\ntrue: b\n1.5: c\n", "{'1':'a','true':'b','1.5':'c'}"},
        {"- |\n  a\n  b\n- >\n  a\n  b\n", "['a\nb\n','a b\n']"},
        {"{\"a\": [1, null]}", "{'a':[1,null]}"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct yaml_documents documents;
        struct err err = {0};
        if (yaml_parse("f", cases[i][0], strlen(cases[i][0]), &documents, &err) != 0)
            fail_msg("%s: %s", cases[i][0], err.message);
        AUTO_FREE char *expected = mem_strdup(cases[i][1]);
        json_t *value = json_incref(documents.items[0].value);
        yaml_documents_release(&documents);
        if (!strchr(expected, '\n')) {
            expect_json(value, expected, cases[i][0]);
            continue;
        }
        assert_string_equal(json_string_value(json_array_get(value, 0)), "a\nb\n");
        assert_string_equal(json_string_value(json_array_get(value, 1)), "a b\n");
        json_decref(value);
    }
}

static void counts_documents(void **state)
{
    (void)state;
    static const char text[] = "# c\n---\na: 1\n---\n---\n# nothing\n---\n\nb: 2\n...\n";
    struct yaml_documents documents;
    struct err err;
    assert_int_equal(yaml_parse("f", text, strlen(text), &documents, &err), 0);
    assert_int_equal(documents.count, 2);
    assert_int_equal(documents.items[0].line, 3);
    assert_int_equal(documents.items[1].line, 9);
    yaml_documents_release(&documents);
    assert_int_equal(yaml_parse("f", "", 0, &documents, &err), 0);
    assert_int_equal(documents.count, 0);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a: 1\na: 2\n", "f.yaml:2:1: key \"a\" already set in map"},
        {"a: *x\n", "f.yaml:1:4: unknown anchor 'x' referenced"},
        {"a: .inf\n", "f.yaml:1:4: json: unsupported value: not a finite number"},
        {"~: 1\n", "f.yaml:1:1: a key must be a string"},
        {"[a]: 1\n", "f.yaml:1:1: a key must be a string"},
        {"a: \"\\0\"\n", "f.yaml:1:4: a NUL in a string is not supported"},
        {"a: {<<: 5}\n", "f.yaml:1:5: map merge requires map or sequence of maps as the value"},
        {"a: !!binary '*'\n", "f.yaml:1:4: !!binary value contains invalid base64 data"},
        {"a: [1\nb: 2\n", "f.yaml:2:2: did not find expected ',' or ']'"},
        {"a:\n\t- b\n", "f.yaml:2:1: found character that cannot start any token"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct yaml_documents documents;
        struct err err = {0};
        assert_int_equal(yaml_parse("f.yaml", cases[i][0], strlen(cases[i][0]), &documents, &err),
                         -1);
        expect_text(err.message, cases[i][1], cases[i][0]);
        assert_int_equal(documents.count, 0);
    }
}

static void survives_bombs(void **state)
{
    (void)state;
    struct buf laughs;
    struct yaml_documents documents;
    struct err err = {0};
    buf_init(&laughs, 1 << 20);
    buf_adds(&laughs, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 9; i++)
        buf_addf(&laughs, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1,
                 i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    assert_int_equal(yaml_parse("f", laughs.data, laughs.len, &documents, &err), -1);
    assert_non_null(strstr(err.message, "excessive aliasing"));
    buf_clear(&laughs);
    for (int i = 0; i < 200; i++)
        buf_addc(&laughs, '[');
    assert_int_equal(yaml_parse("f", laughs.data, laughs.len, &documents, &err), -1);
    assert_non_null(strstr(err.message, "exceeded max depth"));
    buf_release(&laughs);
}

static void finds_lines(void **state)
{
    (void)state;
    static const char text[] = "kind: A\nregions:\n- name: a\n- name: b\n  zones: [x,\n    "
                               "y]\n---\nkind: B\nlist: {k: &v\n "
                               " {z: 1}}\n";
    static const struct {
        size_t document;
        const char *path;
        int line;
    } cases[] = {{1, "regions[1].name", 4}, {1, "regions[1].zones[1]", 6},
                 {1, "regions[2]", 0},      {1, "kind", 1},
                 {1, "kind.x", 0},          {8, "kind", 8},
                 {8, "list.k.z", 10},       {8, "nope", 0},
                 {11, "kind", 0},           {0, "", 1},
                 {1, "regions.name", 0}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++)
        assert_int_equal(yaml_line_of(text, strlen(text), cases[i].document, cases[i].path),
                         cases[i].line);
}

static void writes_as_kubectl(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{'b':1,'a':[{'x':'yes','c':[]},'plain'],'e':{}}",
         "a:\n- c: []\n  x: \"yes\"\n- plain\nb: 1\ne: {}\n"},
        {"{'n':null,'t':true,'f':1.5,'i':'5','z':'','h':'# c','k':'a: b'}",
         "f: 1.5\nh: '# c'\ni: \"5\"\nk: 'a: b'\n\"n\": null\nt: true\nz: \"\"\n"},
        {"{'m':'a\\nb\\n'}", "m: |\n  a\n  b\n"},
        {"{'t':'12:30','d':'2020-01-01'}", "d: \"2020-01-01\"\nt: \"12:30\"\n"},
        {"{'t':'2020-01-01T10:00:00Z','u':'2020-1-1 1:2:3.5'}",
         "t: \"2020-01-01T10:00:00Z\"\nu: \"2020-1-1 1:2:3.5\"\n"},
        {"{'a':'2020-13-01','b':'2020-01-01x','c':'20200-01-01','d':'2020-01'}",
         "a: 2020-13-01\nb: 2020-01-01x\nc: 20200-01-01\nd: 2020-01\n"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        json_t *value = quoted(cases[i][0]);
        AUTO_FREE char *text = yaml_write(value);
        expect_text(text, cases[i][1], cases[i][0]);
        json_decref(value);
    }
}

/* A body as a kube-apiserver reads it. */
static void reads_first_document(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected, *duplicate;
    } cases[] = {
        {"a: 1\n---\nb: [\n", "{'a':1}", NULL},
        {"", "null", NULL},
        {"---\n", "null", NULL},
        {"a: 1\nb: 2\na: 3\n", "{'a':3,'b':2}", "line 3: key \"a\" already set in map"},
        {"{\"a\": 1,\n \"a\": 2}", "{'a':2}", "line 2: key \"a\" already set in map"},
        {"yes: 1\ntrue: 2\n", "{'true':2}", "line 2: key true already set in map"},
        {"x: {yes: 1, 1: 2, 1.5: 3}", "{'x':{'true':1,'1':2,'1.5':3}}", NULL},
        {"[on, OFF, y, n, ~, 012, 0777, 08, 0o12, 0x1F, 0b11, 1_000, 1e3, .5, 5., 1e400]",
         "[true,false,true,false,null,10,511,8,10,31,3,1000,1000,0.5,5,'1e400']", NULL},
        {"[12:30:45, 2020-01-01, !!binary aGk=, 9223372036854775808, Null, '']",
         "['12:30:45','2020-01-01','hi',9223372036854775808.0,null,'']", NULL},
        {"base: &b {a: 1, c: 2}\nx: {<<: *b, a: 5}\n", "{'base':{'a':1,'c':2},'x':{'a':5,'c':2}}",
         NULL},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        struct texts duplicates = {0};
        json_t *value = yaml_parse_first(cases[i].text, strlen(cases[i].text), &duplicates, &err);
        if (!value)
            fail_msg("%s: %s", cases[i].text, err.message);
        expect_json(value, cases[i].expected, cases[i].text);
        assert_int_equal(duplicates.count, cases[i].duplicate ? 1 : 0);
        if (cases[i].duplicate)
            expect_text(duplicates.items[0], cases[i].duplicate, cases[i].text);
        texts_release(&duplicates);
    }
}

static void fails_as_go(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a: .inf", "json: unsupported value: +Inf"},
        {"a: -.Inf", "json: unsupported value: -Inf"},
        {"a: .NaN", "json: unsupported value: NaN"},
        {"a: b: c", "yaml: mapping values are not allowed in this context"},
        {"x: 1\na: b: c\n", "yaml: line 2: mapping values are not allowed in this context"},
        {"a: [1, 2", "yaml: line 1: did not find expected ',' or ']'"},
        {"a: *x", "yaml: line 1: unknown anchor 'x' referenced"},
        {"~: 1", "unsupported map key of type: %!s(<nil>), key: <nil>, value: 1"},
        {"a: {~: b}", "unsupported map key of type: %!s(<nil>), key: <nil>, value: \"b\""},
        {"~: ~", "unsupported map key of type: %!s(<nil>), key: <nil>, value: <nil>"},
        {"~: {a: [x, ~]}",
         "unsupported map key of type: %!s(<nil>), key: <nil>, value: map[interface "
         "{}]interface {}{\"a\":[]interface {}{\"x\", interface {}(nil)}}"},
        {"[a]: 1", "yaml: line 1: a key must be a string"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        struct texts duplicates = {0};
        assert_null(yaml_parse_first(cases[i][0], strlen(cases[i][0]), &duplicates, &err));
        assert_int_equal(err.code, ERR_INVALID);
        expect_text(err.message, cases[i][1], cases[i][0]);
        texts_release(&duplicates);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_scalars_as_kubectl),
        cmocka_unit_test(reads_structures),
        cmocka_unit_test(counts_documents),
        cmocka_unit_test(refuses),
        cmocka_unit_test(survives_bombs),
        cmocka_unit_test(finds_lines),
        cmocka_unit_test(writes_as_kubectl),
        cmocka_unit_test(reads_first_document),
        cmocka_unit_test(fails_as_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
