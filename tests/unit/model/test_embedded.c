/* Embedded resources and the numbers of a scale subresource: what is checked besides the schema. */
#include "support.h"

#include <mot/model/schema.h>
#include <mot/model/yaml.h>

#define DNS1035                                                                                    \
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "   \
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or "           \
    "'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"

static const char schema_text[] =
    "type: object\n"
    "properties:\n"
    "  spec:\n"
    "    type: object\n"
    "    x-kubernetes-preserve-unknown-fields: true\n"
    "    properties:\n"
    "      replicas: {type: integer}\n"
    "      emb: {type: object, x-kubernetes-embedded-resource: true, "
    "x-kubernetes-preserve-unknown-fields: true}\n"
    "      closed: {type: object, x-kubernetes-embedded-resource: true, properties: {spec: {type: "
    "object, properties: {a: {type: string}}}}}\n"
    "      list: {type: array, items: {type: object, x-kubernetes-embedded-resource: true, "
    "x-kubernetes-preserve-unknown-fields: true}}\n"
    "      map: {type: object, additionalProperties: {type: object, "
    "x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}}\n"
    "  status:\n"
    "    type: object\n"
    "    x-kubernetes-preserve-unknown-fields: true\n"
    "    properties: {replicas: {type: integer}, selector: {type: string}, n: {type: integer}}\n";

static int compile(void **state)
{
    struct yaml_documents documents;
    struct err err = {0};
    assert_int_equal(yaml_parse("schema", schema_text, strlen(schema_text), &documents, &err), 0);
    struct schema *schema = schema_compile(documents.items[0].value, &err);
    yaml_documents_release(&documents);
    if (!schema)
        fail_msg("%s", err.message);
    *state = schema;
    return schema_set_scale(schema, "spec.replicas", "status.replicas", "status.selector", &err);
}

static int release(void **state)
{
    schema_free(*state);
    return 0;
}

static json_t *object_of(const char *rest)
{
    json_t *object = quoted("{'metadata':{'name':'x'}}");
    json_t *more = quoted(rest);
    json_object_update(object, more);
    json_decref(more);
    return object;
}

static char *listed(struct field_errors *errors)
{
    struct buf buf;
    buf_init(&buf, 1 << 16);
    for (size_t i = 0; i < errors->count; i++)
        buf_addf(&buf, "%s%s|%s|%s", i ? "\n" : "", errors->items[i].field,
                 errors->items[i].reason + strlen("FieldValue"), errors->items[i].message);
    field_errors_release(errors);
    return buf_take(&buf);
}

static const struct {
    const char *object, *findings;
} embedded_cases[] = {
    {"{'spec':{'emb':{'apiVersion':'v1','kind':'Pod','metadata':{'name':'A:b'},'any':1}}}", ""},
    {"{'spec':{'emb':{'apiVersion':'g/v1','kind':'Pod'}}}", ""},
    {"{'spec':{'emb':{}}}", "spec.emb.apiVersion|Required|Required value\n"
                            "spec.emb.kind|Required|Required value"},
    {"{'spec':{'emb':{'apiVersion':'','kind':''}}}",
     "spec.emb.apiVersion|Invalid|Invalid value: \"\": must not be empty\n"
     "spec.emb.kind|Invalid|Invalid value: \"\": must not be empty"},
    {"{'spec':{'emb':{'apiVersion':'a/b/c','kind':'9x'}}}",
     "spec.emb.apiVersion|Invalid|Invalid value: \"a/b/c\": unexpected GroupVersion string: a/b/c\n"
     "spec.emb.kind|Invalid|Invalid value: \"9x\": may have mixed case, but should otherwise "
     "match: " DNS1035},
    {"{'spec':{'emb':{'apiVersion':'v1','kind':'Pod','metadata':{'name':'a/b','labels':{'a b':''}}}"
     "}}",
     "spec.emb.metadata.name|Invalid|Invalid value: \"a/b\": may not contain '/'\n"
     "spec.emb.metadata.labels|Invalid|Invalid value: \"a b\": name part must consist of "
     "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
     "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
     "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"},
    {"{'spec':{'list':[{'apiVersion':'v1','kind':'Pod'},{'kind':'Pod'}]}}",
     "spec.list[1].apiVersion|Required|Required value"},
    {"{'spec':{'map':{'k':{'kind':'Pod'}}}}", "spec.map[k].apiVersion|Required|Required value"},
};

static void validates_embedded(void **state)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(embedded_cases); i++) {
        struct field_errors errors = {0};
        json_t *object = object_of(embedded_cases[i].object);
        schema_validate(*state, object, &errors);
        AUTO_FREE char *found = listed(&errors);
        expect_text(found, embedded_cases[i].findings, embedded_cases[i].object);
        /* On an update it is just the same, changed or not. */
        schema_validate_update(*state, object, object, &errors);
        AUTO_FREE char *again = listed(&errors);
        expect_text(again, embedded_cases[i].findings, embedded_cases[i].object);
        json_decref(object);
    }
}

static void refuses_types(void **state)
{
    static const char *const table[][2] = {
        {"{'spec':{'emb':{'apiVersion':5}}}",
         "spec.emb.apiVersion: Invalid value: 5: must be a string"},
        {"{'spec':{'map':{'k':{'kind':{'a':'<'}}}}}",
         "spec.map[k].kind: Invalid value: {\"a\":\"\\u003c\"}: must be a string"},
        {"{'spec':{'list':[{'metadata':{'labels':5}}]}}",
         "spec.list[0].metadata: Invalid value: {\"labels\":5}: json: cannot unmarshal number into "
         "Go struct field ObjectMeta.labels of type map[string]string"},
        {"{'metadata':{'name':5}}",
         "json: cannot unmarshal number into Go struct field ObjectMeta.name of type string"},
        {"{'spec':{'emb':5}}", NULL},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(table); i++) {
        struct err err = {0};
        json_t *object = object_of(table[i][0]);
        assert_int_equal(schema_check_types(*state, object, &err), table[i][1] ? -1 : 0);
        if (table[i][1])
            expect_text(err.message, table[i][1], table[i][0]);
        json_decref(object);
    }
}

static void prunes_embedded(void **state)
{
    struct texts unknown = {0};
    json_t *object = quoted(
        "{'metadata':{'name':'x','zz':1},'bogus':1,'spec':{'map':{'k':{'metadata':{'q':1}}},'emb':{"
        "'apiVersion':'v1','kind':'Pod','metadata':{'name':'a','labels':{},'creationTimestamp':null"
        ",'bogus':1},'any':{'x':1}},'closed':{'apiVersion':'v1','kind':'Pod','spec':{'b':1}}}}");
    static const char *const wanted[] = {
        "unknown field \"metadata.zz\"",
        "unknown field \"bogus\"",
        "unknown field \"spec.closed.spec.b\"",
        "unknown field \"spec.emb.metadata.bogus\"",
        "unknown field \"spec.map[k].metadata.q\"",
    };
    schema_prune(*state, object, &unknown);
    assert_int_equal(unknown.count, MOT_ARRAY_SIZE(wanted));
    for (size_t i = 0; i < unknown.count; i++)
        assert_string_equal(unknown.items[i], wanted[i]);
    texts_release(&unknown);
    expect_json(object,
                "{'metadata':{'name':'x'},'spec':{'map':{'k':{'metadata':{}}},'emb':{'apiVersion':'"
                "v1','kind':'Pod','metadata':{'name':'a'},'any':{'x':1}},'closed':{'apiVersion':'"
                "v1','kind':'Pod','spec':{}}}}",
                "pruned");
}

static const struct {
    const char *object, *findings, *status_findings;
} scale_cases[] = {
    {"{'spec':{'replicas':3},'status':{'replicas':0,'selector':'a=b'}}", "", ""},
    {"{}", "", ""},
    {"{'spec':{'replicas':-1},'status':{'replicas':-2}}",
     ".spec.replicas|Invalid|Invalid value: -1: should be a non-negative integer\n"
     ".status.replicas|Invalid|Invalid value: -2: should be a non-negative integer",
     ".status.replicas|Invalid|Invalid value: -2: should be a non-negative integer"},
    {"{'spec':{'replicas':2147483648}}",
     ".spec.replicas|Invalid|Invalid value: 2147483648: should be less than or equal to 2147483647",
     ""},
    {"{'spec':{'replicas':2.5}}",
     "spec.replicas|TypeInvalid|Invalid value: \"number\": spec.replicas in body must be of type "
     "integer: \"number\"\n"
     ".spec.replicas|Invalid|Invalid value: 0: .spec.replicas accessor error: 2.5 is of the type "
     "float64, expected int64",
     ""},
    {"{'spec':{'replicas':{'b':[1,true],'a':null}}}",
     "spec.replicas|TypeInvalid|Invalid value: \"object\": spec.replicas in body must be of type "
     "integer: \"object\"\n"
     ".spec.replicas|Invalid|Invalid value: 0: .spec.replicas accessor error: map[a:<nil> b:[1 "
     "true]] is of the type map[string]interface {}, expected int64",
     ""},
    {"{'spec':'x'}",
     "spec|TypeInvalid|Invalid value: \"string\": spec in body must be of type object: \"string\"\n"
     ".spec.replicas|Invalid|Invalid value: 0: .spec.replicas accessor error: x is of the type "
     "string, expected map[string]interface{}",
     ""},
    {"{'status':{'selector':5}}",
     "status.selector|TypeInvalid|Invalid value: \"integer\": status.selector in body must be of "
     "type string: \"integer\"\n"
     ".status.selector|Invalid|Invalid value: \"\": .status.selector accessor error: 5 is of the "
     "type int64, expected string",
     "status.selector|TypeInvalid|Invalid value: \"integer\": selector in body must be of type "
     "string: \"integer\"\n"
     ".status.selector|Invalid|Invalid value: \"\": .status.selector accessor error: 5 is of the "
     "type int64, expected string"},
};

static void validates_scale(void **state)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(scale_cases); i++) {
        struct field_errors errors = {0};
        json_t *object = object_of(scale_cases[i].object);
        schema_validate(*state, object, &errors);
        AUTO_FREE char *found = listed(&errors);
        expect_text(found, scale_cases[i].findings, scale_cases[i].object);
        schema_validate_status(*state, object, &errors);
        AUTO_FREE char *of_status = listed(&errors);
        expect_text(of_status, scale_cases[i].status_findings, scale_cases[i].object);
        json_decref(object);
    }
}

static void refuses_scale_paths(void **state)
{
    static const char *const table[][4] = {
        {"spec.nope", "status.replicas", "",
         "scale.specReplicasPath: .spec.nope is no integer of the schema"},
        {"status.n", "status.replicas", "", "scale.specReplicasPath: must be a path below .spec"},
        {"spec.replicas", "", "", "scale.statusReplicasPath: must be a path below .status"},
        {"spec.replicas", "status.selector", "",
         "scale.statusReplicasPath: .status.selector is no integer of the schema"},
        {"spec.replicas", "status.replicas", "status.n",
         "scale.labelSelectorPath: .status.n is no string of the schema"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(table); i++) {
        struct err err = {0};
        assert_int_equal(schema_set_scale(*state, table[i][0], table[i][1], table[i][2], &err), -1);
        expect_text(err.message, table[i][3], table[i][0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(validates_embedded),  cmocka_unit_test(refuses_types),
        cmocka_unit_test(prunes_embedded),     cmocka_unit_test(validates_scale),
        cmocka_unit_test(refuses_scale_paths),
    };
    return cmocka_run_group_tests(tests, compile, release);
}
