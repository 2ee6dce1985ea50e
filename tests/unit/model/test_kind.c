#include "support.h"

#include <mot/model/kind.h>
#include <mot/model/table.h>

static const char crd[] =
    "kind: CustomResourceDefinition\n"
    "spec:\n"
    "  group: t.dev\n"
    "  scope: Namespaced\n"
    "  names: {kind: Thing, listKind: ThingList, plural: things, singular: thing, shortNames: "
    "[th], categories: [all]}\n"
    "  versions:\n"
    "  - name: v1\n"
    "    served: true\n"
    "    subresources: {status: {}}\n"
    "    selectableFields: [{jsonPath: .spec.a}]\n"
    "    additionalPrinterColumns:\n"
    "    - {name: S, type: string, jsonPath: .spec.s, description: A text.}\n"
    "    - {name: I, type: integer, priority: 1, jsonPath: '.spec.list[0].i'}\n"
    "    - {name: N, type: number, jsonPath: '.spec.n'}\n"
    "    - {name: B, type: boolean, jsonPath: \".spec['b']\"}\n"
    "    - {name: D, type: date, jsonPath: .spec.d}\n"
    "    - {name: C, type: string, jsonPath: '.status.conditions[?(@.type==\"Ready\")].status'}\n"
    "    - {name: E, type: string, jsonPath: '.metadata.labels.a\\.b/c'}\n"
    "    - {name: L, type: string, jsonPath: '.spec.list[-1].i'}\n"
    "    - {name: A, type: string, jsonPath: '.spec.list[*].x'}\n"
    "    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: "
    "{a: "
    "{type: string}}}}}}\n"
    "  - {name: v2, served: true, schema: {openAPIV3Schema: {type: object}}}\n"
    "  - {name: v0, served: false, schema: {openAPIV3Schema: {type: object}}}\n";

static struct kinds *parse(const char *text)
{
    struct err err = {0};
    struct kinds *kinds = kinds_parse(&text, 1, &err);
    if (!kinds)
        fail_msg("%s", err.message);
    return kinds;
}

static void loads_the_embedded_ones(void **state)
{
    (void)state;
    struct err err = {0};
    struct kinds *kinds = kinds_load(&err);
    if (!kinds)
        fail_msg("%s", err.message);
    assert_true(kinds_count(kinds) >= 5);
    assert_string_equal(kinds_at(kinds, 0)->group, "");
    assert_null(kinds_at(kinds, kinds_count(kinds)));
    for (size_t i = 0; i < kinds_count(kinds); i++) {
        const struct kind *kind = kinds_at(kinds, i);
        struct table *table = table_new(kind, &err);
        assert_non_null(table);
        table_free(table);
        assert_ptr_equal(kinds_find(kinds, kind->group, kind->version, kind->plural), kind);
        assert_ptr_equal(kinds_find_kind(kinds, kind->api_version, kind->kind), kind);
        /* One of its versions. */
        assert_string_equal(kinds_resolve(kinds, kind->resource)->resource, kind->resource);
    }
    kinds_free(kinds);
}

static void reads_definitions(void **state)
{
    (void)state;
    struct kinds *kinds = parse(crd);
    assert_int_equal(kinds_count(kinds), 2);
    const struct kind *kind = kinds_at(kinds, 0);
    assert_string_equal(kind->resource, "things.t.dev");
    assert_string_equal(kind->api_version, "t.dev/v1");
    assert_string_equal(kind->selectable_fields[0], "spec.a");
    assert_null(kind->selectable_fields[1]);
    assert_true(kind->namespaced && kind->has_status);
    assert_false(kinds_at(kinds, 1)->has_status);
    assert_int_equal(kind->column_count, 9);
    assert_null(kinds_find(kinds, "t.dev", "v0", "things"));
    kinds_free(kinds);
}

static void resolves_words(void **state)
{
    (void)state;
    static const struct {
        const char *word, *version;
    } table[] = {{"things", "v1"},         {"Thing", "v1"}, {"TH", "v1"},
                 {"things.t.dev", "v1"},   {"th.v2", "v2"}, {"things.v2.t.dev", "v2"},
                 {"things.x", NULL},       {"nope", NULL},  {"", NULL},
                 {"things.v3.t.dev", NULL}};
    struct kinds *kinds = parse(crd);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(table); i++) {
        const struct kind *kind = kinds_resolve(kinds, table[i].word);
        if (table[i].version)
            expect_text(kind ? kind->version : NULL, table[i].version, table[i].word);
        else
            assert_null(kind);
    }
    kinds_free(kinds);
}

static void refuses_definitions(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"a: 1\n", "kind: not a CustomResourceDefinition with versions"},
        {"a: [\n", "kind:2:1: did not find expected node content"},
        {"kind: CustomResourceDefinition\nspec: {group: x, names: {plural: a}, versions: [{name: "
         "v1}]}\n",
         "kind: kind a.x: a name is missing"},
        {"kind: CustomResourceDefinition\nspec: {group: x, names: {plural: a, kind: A, singular: "
         "a, listKind: B}, versions: "
         "[{name: v1, schema: {openAPIV3Schema: {type: b}}}]}\n",
         "kind: kind a.x: type: must be array, boolean, integer, number, object or string"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(table); i++) {
        struct err err = {0};
        assert_null(kinds_parse(&table[i][0], 1, &err));
        expect_text(err.message, table[i][1], table[i][0]);
    }
}

#define VERSION(rest)                                                                              \
    "kind: CustomResourceDefinition\nspec: {group: x, names: {plural: a, kind: A, singular: a, "   \
    "listKind: B}, versions: [{name: v1, " rest                                                    \
    ", schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: "    \
    "{num: {type: integer}, o: {type: object}, s: {type: string}}}, status: {type: object, "       \
    "properties: {num: {type: integer}}}}}}}]}\n"

static void checks_paths(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {VERSION("selectableFields: [{jsonPath: .spec.num}, {jsonPath: .spec.s}]"), NULL},
        {VERSION("selectableFields: [{jsonPath: .spec.x}]"),
         "kind: kind a.x: selectableFields: .spec.x is not declared"},
        {VERSION("selectableFields: [{jsonPath: .spec.o}]"),
         "kind: kind a.x: selectableFields: .spec.o is no string, integer or boolean"},
        {VERSION("subresources: {scale: {specReplicasPath: .spec.num, statusReplicasPath: "
                 ".status.num}}"),
         NULL},
        {VERSION("subresources: {scale: {specReplicasPath: .spec.s, statusReplicasPath: "
                 ".status.num}}"),
         "kind: kind a.x: scale.specReplicasPath: .spec.s is no integer of the schema"},
        {VERSION("subresources: {scale: {statusReplicasPath: .status.num}}"),
         "kind: kind a.x: scale.specReplicasPath: must be a path below .spec"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(table); i++) {
        struct err err = {0};
        struct kinds *kinds = kinds_parse(&table[i][0], 1, &err);
        if (!kinds != (table[i][1] != NULL))
            fail_msg("%s: %s", table[i][0], err.message);
        if (!kinds)
            expect_text(err.message, table[i][1], table[i][0]);
        else
            assert_int_equal(kinds_at(kinds, 0)->has_scale, i == 3);
        kinds_free(kinds);
    }
}

static void reads_annotations(void **state)
{
    (void)state;
    const char *text =
        "kind: CustomResourceDefinition\n"
        "metadata: {annotations: {mot.dev/generation: 'false', mot.dev/unconditional-update: "
        "'true', mot.dev/review: 'true', mot.dev/view-of: a, mot.dev/view-fields: 'b=c', "
        "mot.dev/finalize: 'true'}}\n"
        "spec: {group: x, names: {plural: a, kind: A, singular: a, listKind: B}, versions: [{name: "
        "v1, schema: {openAPIV3Schema: {type: object}}}]}\n"
        "---\n"
        "kind: CustomResourceDefinition\n"
        "spec: {group: '', names: {plural: a, kind: A, singular: a, listKind: B}, versions: "
        "[{name: v1, schema: {openAPIV3Schema: {type: object}}}]}\n";
    struct kinds *kinds = parse(text);
    const struct kind *kind = kinds_at(kinds, 1);
    assert_ptr_equal(kind_stored(kind), kinds_at(kinds, 0));
    assert_ptr_equal(kind_stored(kinds_at(kinds, 0)), kinds_at(kinds, 0));
    assert_false(kind->has_generation);
    assert_true(kind->unconditional_update && kind->is_review && kind->has_finalize);
    assert_string_equal(kind->view_of, "a");
    assert_string_equal(kind->view_fields, "b=c");
    kinds_free(kinds);
    kinds = parse(crd);
    kind = kinds_at(kinds, 0);
    assert_true(kind->has_generation);
    assert_false(kind->unconditional_update || kind->is_review || kind->has_finalize);
    assert_string_equal(kind->view_of, "");
    kinds_free(kinds);
}

/* Files beside the embedded ones. */
static void loads_more(void **state)
{
    (void)state;
    struct err err = {0};
    char text[sizeof(crd)];
    memcpy(text, crd, sizeof(crd));
    const struct kind_file files[] = {{"thing.yaml", text, strlen(text)}};
    struct kinds *few = kinds_load(&err);
    struct kinds *more = kinds_load_with(files, 1, &err);
    assert_non_null(few);
    assert_non_null(more);
    assert_int_equal(kinds_count(more), kinds_count(few) + 2);
    assert_non_null(kinds_find(more, "t.dev", "v1", "things"));
    assert_non_null(kinds_find(more, "mot.dev", "v1alpha1", "deployments"));
    kinds_free(few);
    kinds_free(more);
    text[0] = 'X';
    assert_null(kinds_load_with(files, 1, &err));
    assert_string_equal(err.message, "thing.yaml: not a CustomResourceDefinition with versions");
}

static void refuses_the_same_twice(void **state)
{
    (void)state;
    const char *const texts[] = {crd, crd};
    struct err err = {0};
    assert_null(kinds_parse(texts, 2, &err));
    assert_string_equal(err.message, "kind things.t.dev is defined twice");
}

/* ---- tables ---- */

static const struct {
    const char *object, *cells;
} cell_cases[] = {
    {"{}", "['',null,null,null,null,null,null,null,null,null]"},
    {"{'metadata':{'name':'x','labels':{'a.b/"
     "c':'v'}},'spec':{'s':'t','n':1,'b':true,'d':'2023-11-14T22:12:20Z','list':[{'i':5},{'i':"
     "'e','x':'first'}]},'status':{'conditions':[{'type':'A','status':'no'},{'type':'Ready','"
     "status':'yes'}]}}",
     "['x','t',5,1,true,'60s','yes','v','e','first']"},
    {"{'spec':{'s':5,'n':1.5,'b':'true','d':'bad','list':[{'i':2.9}]}}",
     "['','5',2,1.5,null,'<invalid>',null,null,'2.9',null]"},
    {"{'spec':{'s':{'b':[1],'a':null},'n':'x','d':'','list':[]}}",
     "['','{\\'a\\':null,\\'b\\':[1]}',null,null,null,'<unknown>',null,null,null,null]"},
    {"{'spec':[],'status':5,'metadata':'x'}", "['',null,null,null,null,null,null,null,null,null]"},
};

static void writes_cells(void **state)
{
    (void)state;
    struct err err;
    struct kinds *kinds = parse(crd);
    struct table *table = table_new(kinds_at(kinds, 0), &err);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cell_cases); i++) {
        struct buf buf;
        json_t *object = quoted(cell_cases[i].object);
        buf_init(&buf, 1 << 16);
        table_write_cells(&buf, table, object, INT64_C(1700000000000));
        for (char *c = buf.data; *c; c++)
            *c = *c == '"' ? '\'' : *c;
        expect_text(buf.data, cell_cases[i].cells, cell_cases[i].object);
        buf_release(&buf);
        json_decref(object);
    }
    table_free(table);
    kinds_free(kinds);
}

static void writes_columns(void **state)
{
    (void)state;
    struct err err;
    struct buf buf;
    struct kinds *kinds = parse(crd);
    struct table *table = table_new(kinds_at(kinds, 0), &err);
    assert_int_equal(table_column_count(table), 10);
    buf_init(&buf, 1 << 16);
    table_write_columns(&buf, table);
    json_t *columns = json_parse(buf.data, buf.len, true, &err);
    expect_json(json_incref(json_array_get(columns, 1)),
                "{'name':'S','type':'string','format':'','description':'A text.','priority':0}",
                "S");
    expect_json(json_incref(json_array_get(columns, 2)),
                "{'name':'I','type':'integer','format':'','description':'Custom resource "
                "definition column (in JSONPath "
                "format): .spec.list[0].i','priority':1}",
                "I");
    assert_string_equal(json_at_text(json_array_get(columns, 0), "format"), "name");
    json_decref(columns);
    table_free(table);
    table = table_new(kinds_at(kinds, 1), &err);
    buf_clear(&buf);
    table_write_empty_cells(&buf, table);
    assert_string_equal(buf.data, "[\"\",null]");
    buf_clear(&buf);
    table_write_columns(&buf, table);
    assert_non_null(strstr(buf.data, "{\"name\":\"Age\",\"type\":\"date\",\"format\":\"\","
                                     "\"description\":\"CreationTimestamp is"));
    buf_release(&buf);
    table_free(table);
    kinds_free(kinds);
}

static const char core_crd[] =
    "kind: CustomResourceDefinition\n"
    "spec:\n"
    "  group: ''\n"
    "  names: {plural: news, singular: news, kind: News, listKind: NewsList}\n"
    "  versions:\n"
    "  - name: v1\n"
    "    additionalPrinterColumns:\n"
    "    - {name: Seen, type: date, jsonPath: '.last | .first'}\n"
    "    - {name: Object, type: string, jsonPath: '{.of.kind}/{.of.name}', format: lower}\n"
    "    - {name: Source, type: string, jsonPath: '{.by}, {.at}! | .by'}\n"
    "    - {name: Name, type: string, format: name, jsonPath: .metadata.name, priority: 1}\n"
    "    schema: {openAPIV3Schema: {type: object}}\n";

static void computes_columns_of_core_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *object, *cells;
    } table[] = {
        {"{'metadata':{'name':'n'},'last':null,'first':'2023-11-14T22:13:15Z','of':{'kind':'Dep',"
         "'name':'Web'},'by':'x','at':'y'}",
         "['5s','dep/web','x, y!','n']"},
        {"{'metadata':{'name':'n'},'last':'2023-11-14T22:13:10Z','first':'2023-11-14T22:13:15Z',"
         "'of':{'kind':'Dep'},'by':'x','at':''}",
         "['10s',null,'x','n']"},
        {"{}", "[null,null,null,null]"},
    };
    struct err err;
    struct kinds *kinds = parse(core_crd);
    struct table *columns = table_new(kinds_at(kinds, 0), &err);
    struct buf buf;
    buf_init(&buf, 1 << 16);
    assert_int_equal(table_column_count(columns), 4);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(table); i++) {
        json_t *object = quoted(table[i].object);
        buf_clear(&buf);
        table_write_cells(&buf, columns, object, INT64_C(1700000000000));
        for (char *c = buf.data; *c; c++)
            *c = *c == '"' ? '\'' : *c;
        expect_text(buf.data, table[i].cells, table[i].object);
        json_decref(object);
    }
    buf_clear(&buf);
    table_write_empty_cells(&buf, columns);
    assert_string_equal(buf.data, "[null,null,null,null]");
    buf_clear(&buf);
    table_write_columns(&buf, columns);
    assert_int_equal(strncmp(buf.data, "[{\"name\":\"Seen\"", 15), 0);
    assert_null(strstr(buf.data, "lower"));
    buf_release(&buf);
    table_free(columns);
    kinds_free(kinds);
}

static void refuses_columns_of_core_kinds(void **state)
{
    (void)state;
    static const char *const paths[] = {"{.a", "{a}", ".a | b", ".a | {.b}{"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(paths); i++) {
        struct err err = {0};
        struct printer_column column = {
            .name = "X", .type = "string", .format = "", .json_path = paths[i]};
        struct kind kind = {.resource = "r", .group = "", .columns = &column, .column_count = 1};
        if (table_new(&kind, &err))
            fail_msg("%s must be refused", paths[i]);
        assert_non_null(strstr(err.message, "column X of r: "));
    }
}

static void refuses_paths(void **state)
{
    (void)state;
    static const char *const paths[] = {"spec", ".a[",       ".a['x", ".a[?(x)]", ".a[?(@.b==)]",
                                        "..a",  ".a[?(@.b)", ".a[x]", "{.a}"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(paths); i++) {
        struct err err = {0};
        struct printer_column column = {.name = "X", .type = "string", .json_path = paths[i]};
        struct kind kind = {.resource = "r", .columns = &column, .column_count = 1};
        if (table_new(&kind, &err))
            fail_msg("%s must be refused", paths[i]);
        assert_non_null(strstr(err.message, "column X of r: unrecognized JSON path at"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_the_embedded_ones),
        cmocka_unit_test(reads_definitions),
        cmocka_unit_test(resolves_words),
        cmocka_unit_test(refuses_definitions),
        cmocka_unit_test(refuses_the_same_twice),
        cmocka_unit_test(checks_paths),
        cmocka_unit_test(reads_annotations),
        cmocka_unit_test(loads_more),
        cmocka_unit_test(writes_cells),
        cmocka_unit_test(writes_columns),
        cmocka_unit_test(refuses_paths),
        cmocka_unit_test(computes_columns_of_core_kinds),
        cmocka_unit_test(refuses_columns_of_core_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
