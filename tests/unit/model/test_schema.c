#include "support.h"

#include <time.h>

#include <mot/model/schema.h>
#include <mot/model/yaml.h>

/* One property for each thing that a schema may say. */
static const char schema_text[] =
    "type: object\n"
    "properties:\n"
    "  metadata: {type: object}\n"
    "  spec:\n"
    "    type: object\n"
    "    required: [r, q]\n"
    "    properties:\n"
    "      r: {type: string}\n"
    "      q: {type: integer, default: 5}\n"
    "      s: {type: string, minLength: 2, maxLength: 4, pattern: '^[a-z]', nullable: true}\n"
    "      one: {type: string, maxLength: 1}\n"
    "      e: {type: string, enum: [A, B], default: A}\n"
    "      en: {type: integer, enum: [1, 2]}\n"
    "      i: {type: integer, minimum: 0, maximum: 10}\n"
    "      x: {type: integer, minimum: 0, maximum: 10, exclusiveMinimum: true, exclusiveMaximum: "
    "true}\n"
    "      'n': {type: number, maximum: 2.5}\n"
    "      m: {type: integer, multipleOf: 5}\n"
    "      half: {type: number, multipleOf: 0.5}\n"
    "      b: {type: boolean}\n"
    "      a: {type: array, minItems: 1, maxItems: 2, items: {type: integer}}\n"
    "      o: {type: object, minProperties: 1, maxProperties: 2, additionalProperties: {type: "
    "integer, minimum: 0}}\n"
    "      set: {type: array, x-kubernetes-list-type: set, items: {type: string}}\n"
    "      map:\n"
    "        type: array\n"
    "        x-kubernetes-list-type: map\n"
    "        x-kubernetes-list-map-keys: [port, protocol]\n"
    "        items:\n"
    "          type: object\n"
    "          required: [port]\n"
    "          properties: {port: {type: integer}, protocol: {type: string, default: TCP}, w: "
    "{type: integer, default: 7}}\n"
    "      ios: {x-kubernetes-int-or-string: true}\n"
    "      t: {type: string, format: date-time}\n"
    "      any: {x-kubernetes-preserve-unknown-fields: true, properties: {k: {type: object, "
    "properties: {}}}}\n"
    "      closed: {type: object, additionalProperties: false}\n"
    "      open: {type: object, additionalProperties: true}\n"
    "      dep: {type: object, default: {x: 3}, properties: {x: {type: integer}, 'y': {type: "
    "integer, default: 4}}}\n"
    "      nd: {type: string, nullable: true, default: nd}\n"
    "      deep: {type: object, additionalProperties: {type: array, x-kubernetes-list-type: set, "
    "items: {type: integer}}}\n"
    "      alt:\n"
    "        type: object\n"
    "        properties: {p: {type: integer}, z: {type: integer}}\n"
    "        anyOf: [{required: [p]}, {required: [z], properties: {z: {minimum: 5}}}]\n"
    "      ones: {type: integer, oneOf: [{minimum: 5}, {maximum: 8}]}\n"
    "      alls: {type: integer, allOf: [{minimum: 5}, {maximum: 8}]}\n"
    "      not: {type: string, not: {enum: [x]}}\n"
    "  status: {type: object, properties: {'n': {type: integer, maximum: 5}}}\n";

static int compile_schema(void **state)
{
    struct yaml_documents documents;
    struct err err;
    assert_int_equal(yaml_parse("schema", schema_text, strlen(schema_text), &documents, &err), 0);
    struct schema *schema = schema_compile(documents.items[0].value, &err);
    yaml_documents_release(&documents);
    assert_non_null(schema);
    *state = schema;
    return 0;
}

static int free_schema(void **state)
{
    schema_free(*state);
    return 0;
}

/* "field|Reason|message" of all findings, one a line. */
static char *findings(struct field_errors *errors)
{
    struct buf buf;
    buf_init(&buf, 1 << 20);
    for (size_t i = 0; i < errors->count; i++)
        buf_addf(&buf, "%s%s|%s|%s", i ? "\n" : "", errors->items[i].field,
                 errors->items[i].reason + strlen("FieldValue"), errors->items[i].message);
    field_errors_release(errors);
    return buf_take(&buf);
}

/* @spec goes below a spec that is complete otherwise. */
static json_t *object_with(const char *spec)
{
    json_t *object = quoted("{'metadata':{'name':'x'},'spec':{'r':'r','q':1}}");
    json_t *more = quoted(spec);
    json_object_update(json_object_get(object, "spec"), more);
    json_decref(more);
    return object;
}

static const struct {
    const char *spec;
    const char *findings;
} cases[] = {
    {"{}", ""},
    {"{'r':5}", "spec.r|TypeInvalid|Invalid value: \"integer\": spec.r in body must be of type "
                "string: \"integer\""},
    {"{'b':'x'}", "spec.b|TypeInvalid|Invalid value: \"string\": spec.b in body must be of type "
                  "boolean: \"string\""},
    {"{'b':null}", "spec.b|TypeInvalid|Invalid value: \"null\": spec.b in body must be of type "
                   "boolean: \"null\""},
    {"{'i':1.5}", "spec.i|TypeInvalid|Invalid value: \"number\": spec.i in body must be of type "
                  "integer: \"number\""},
    {"{'i':5.0}", ""},
    {"{'i':9223372036854775808}", "spec.i|TypeInvalid|Invalid value: \"number\": spec.i in body "
                                  "must be of type integer: \"number\"\n"
                                  "spec.i|Invalid|Invalid value: 9.223372036854776e+18: spec.i in "
                                  "body should be less than or equal to 10"},
    {"{'s':null}", ""},
    {"{'s':'a'}",
     "spec.s|Invalid|Invalid value: \"a\": spec.s in body should be at least 2 chars long"},
    {"{'s':'abcde'}", "spec.s|TooLong|Too long: may not be more than 4 bytes"},
    {"{'one':'ab'}", "spec.one|TooLong|Too long: may not be more than 1 byte"},
    {"{'s':'a\xc3\xa9\xc3\xa9\xc3\xa9'}", ""},
    {"{'s':'Zx'}", "spec.s|Invalid|Invalid value: \"Zx\": spec.s in body should match '^[a-z]'"},
    {"{'e':'C'}", "spec.e|NotSupported|Unsupported value: \"C\": supported values: \"A\", \"B\""},
    {"{'en':3}", "spec.en|NotSupported|Unsupported value: 3: supported values: \"1\", \"2\""},
    {"{'i':11}",
     "spec.i|Invalid|Invalid value: 11: spec.i in body should be less than or equal to 10"},
    {"{'i':-1}",
     "spec.i|Invalid|Invalid value: -1: spec.i in body should be greater than or equal to 0"},
    {"{'x':0}", "spec.x|Invalid|Invalid value: 0: spec.x in body should be greater than 0"},
    {"{'x':10}", "spec.x|Invalid|Invalid value: 10: spec.x in body should be less than 10"},
    {"{'n':3}",
     "spec.n|Invalid|Invalid value: 3: spec.n in body should be less than or equal to 2"},
    {"{'n':2.6}",
     "spec.n|Invalid|Invalid value: 2.6: spec.n in body should be less than or equal to 2.5"},
    {"{'n':1e300}",
     "spec.n|Invalid|Invalid value: 1e+300: spec.n in body should be less than or equal to 2.5"},
    {"{'m':7}", "spec.m|Invalid|Invalid value: 7: spec.m in body should be a multiple of 5"},
    {"{'half':1}", "spec.half|Invalid|Invalid value: 0: factor MultipleOf declared for spec.half "
                   "must be positive: 0"},
    {"{'half':1.5}", ""},
    {"{'half':1.2}",
     "spec.half|Invalid|Invalid value: 1.2: spec.half in body should be a multiple of 0.5"},
    {"{'a':[]}", "spec.a|Invalid|Invalid value: 0: spec.a in body should have at least 1 items"},
    {"{'a':[1,2,3]}", "spec.a|TooMany|Too many: 3: must have at most 2 items"},
    {"{'a':['x']}", "spec.a[0]|TypeInvalid|Invalid value: \"string\": spec.a[0] in body must be of "
                    "type integer: \"string\""},
    {"{'o':{}}",
     "spec.o|Invalid|Invalid value: 0: spec.o in body should have at least 1 properties"},
    {"{'o':{'a':1,'b':1,'c':1}}", "spec.o|TooMany|Too many: 3: must have at most 2 items"},
    {"{'o':{'k':-1}}",
     "spec.o.k|Invalid|Invalid value: -1: spec.o.k in body should be greater than or equal to 0"},
    {"{'set':['a','b','a','a']}", "spec.set[2]|Duplicate|Duplicate value: \"a\""},
    {"{'map':[{'port':1,'protocol':'TCP'},{'port':1,'protocol':'TCP'},{'port':1}]}",
     "spec.map[1]|Duplicate|Duplicate value: {\"port\":1,\"protocol\":\"TCP\"}"},
    {"{'map':['x']}",
     "spec.map[0]|TypeInvalid|Invalid value: \"string\": spec.map[0] in body must be of type "
     "object: \"string\"\n"
     "spec.map[0]|Invalid|Invalid value: \"x\": must be an object for an array of list-type map"},
    {"{'map':[{}]}", "spec.map[0].port|Required|Required value"},
    {"{'ios':5}", ""},
    {"{'ios':'50%'}", ""},
    {"{'ios':1.5}", "spec.ios|TypeInvalid|Invalid value: \"number\": spec.ios in body must be of "
                    "type integer,string: \"number\""},
    {"{'t':'2020-01-01t00:00:00z'}", ""},
    {"{'t':'x'}",
     "spec.t|TypeInvalid|Invalid value: \"x\": spec.t in body must be of type date-time: \"x\""},
    {"{'t':5}", "spec.t|TypeInvalid|Invalid value: \"int64\": spec.t in body must be of type "
                "date-time: \"int64\""},
    {"{'closed':{'k':1}}",
     "spec.closed|Invalid|Invalid value: \"k\": spec.closed.k in body is a forbidden property"},
    {"{'deep':{'k':[1,1]}}", "spec.deep[k][1]|Duplicate|Duplicate value: 1"},
    {"{'alt':{'p':1}}", ""},
    {"{'alt':{'z':1}}",
     "<nil>|Invalid|Invalid value: \"\": \"spec.alt\" must validate at least one schema (anyOf)\n"
     "spec.alt.z|Invalid|Invalid value: 1: spec.alt.z in body should be greater than or equal to "
     "5"},
    {"{'ones':6}", "<nil>|Invalid|Invalid value: \"\": \"spec.ones\" must validate one and only "
                   "one schema (oneOf). Found 2 valid "
                   "alternatives"},
    {"{'ones':9}", ""},
    {"{'alls':9}",
     "spec.alls|Invalid|Invalid value: 9: spec.alls in body should be less than or equal to 8\n"
     "<nil>|Invalid|Invalid value: \"\": \"spec.alls\" must validate all the schemas (allOf)"},
    {"{'not':'x'}",
     "<nil>|Invalid|Invalid value: \"\": \"spec.not\" must not validate the schema (not)"},
};

static void validates(void **state)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct field_errors errors = {0};
        json_t *object = object_with(cases[i].spec);
        schema_validate(*state, object, &errors);
        AUTO_FREE char *found = findings(&errors);
        expect_text(found, cases[i].findings, cases[i].spec);
        json_decref(object);
    }
}

static void requires(void **state)
{
    struct field_errors errors = {0};
    json_t *object = quoted("{'metadata':{'name':'x'},'spec':{}}");
    schema_validate(*state, object, &errors);
    AUTO_FREE char *found = findings(&errors);
    assert_string_equal(found, "spec.r|Required|Required value\nspec.q|Required|Required value");
    json_decref(object);
}

static void validates_status_apart(void **state)
{
    struct field_errors errors = {0};
    json_t *object = quoted("{'metadata':{'name':'x'},'spec':5,'status':{'n':8}}");
    schema_validate_status(*state, object, &errors);
    AUTO_FREE char *found = findings(&errors);
    assert_string_equal(
        found, "status.n|Invalid|Invalid value: 8: n in body should be less than or equal to 5");
    json_decref(object);
}

static const struct {
    const char *before, *after; /* spec */
    const char *findings;
} update_cases[] = {
    /* What has not changed is forgiven, */
    {"{'e':'C','s':'abcde'}", "{'e':'C','s':'abcde','i':5}", ""},
    {"{'e':'C'}", "{'e':'D'}",
     "spec.e|NotSupported|Unsupported value: \"D\": supported values: \"A\", \"B\""},
    {"{'i':5}", "{'i':11}",
     "spec.i|Invalid|Invalid value: 11: spec.i in body should be less than or equal to 10"},
    {"{}", "{'i':11}",
     "spec.i|Invalid|Invalid value: 11: spec.i in body should be less than or equal to 10"},
    {"{'b':null}", "{'b':null,'i':1}", ""},
    /* by the keys of additionalProperties, */
    {"{'o':{'k':-1}}", "{'o':{'k':-1,'l':1}}", ""},
    {"{'o':{'k':-1}}", "{'o':{'l':-1}}",
     "spec.o.l|Invalid|Invalid value: -1: spec.o.l in body should be greater than or equal to 0"},
    {"{'o':{}}", "{'o':{},'i':1}", ""},
    /* but an object with something missing may not change otherwise, */
    {"{'alt':{'z':1}}", "{'alt':{'z':1},'i':1}", ""},
    {"{'alt':{'z':1}}", "{'alt':{'z':2}}",
     "<nil>|Invalid|Invalid value: \"\": \"spec.alt\" must validate at least one schema (anyOf)\n"
     "spec.alt.z|Invalid|Invalid value: 2: spec.alt.z in body should be greater than or equal to "
     "5"},
    {"{'map':[{'w':1}]}", "{'map':[{'w':1}],'i':1}",
     "spec.map[0].port|Required|Required value"}, /* without its key it is nobody */
    /* items of map lists by key, in any order, */
    {"{'map':[{'port':1,'protocol':'A','w':'x'},{'port':2,'protocol':'A'}]}",
     "{'map':[{'port':2,'protocol':'A','w':1},{'port':1,'protocol':'A','w':'x'}]}", ""},
    {"{'map':[{'port':1,'protocol':'A'}]}",
     "{'map':[{'port':1,'protocol':'A'},{'port':2,'protocol':'A','w':'x'}]}",
     "spec.map[1].w|TypeInvalid|Invalid value: \"string\": spec.map[1].w in body must be of type "
     "integer: \"string\""},
    /* other lists only as a whole. */
    {"{'a':['x']}", "{'a':['x'],'i':1}", ""},
    {"{'a':['x']}", "{'a':['x',1]}",
     "spec.a[0]|TypeInvalid|Invalid value: \"string\": spec.a[0] in body must be of type integer: "
     "\"string\""},
    {"{'set':[5]}", "{'set':[5,'a']}",
     "spec.set[0]|TypeInvalid|Invalid value: \"integer\": spec.set[0] in body must be of type "
     "string: \"integer\""},
    {"{'a':[1,2,3]}", "{'a':[1,2,3],'i':1}", ""},
    {"{'a':[1,2,3]}", "{'a':[3,2,1]}", "spec.a|TooMany|Too many: 3: must have at most 2 items"},
    /* Duplicates are checked unless there were any, wherever. */
    {"{'set':['a']}", "{'set':['a','a']}", "spec.set[1]|Duplicate|Duplicate value: \"a\""},
    {"{'deep':{'k':[1,1]}}", "{'deep':{'k':[1,1]},'set':['a','a']}", ""},
    /* What the schema doesn't declare always counts as changed. */
    {"{'any':{'k':5,'u':1}}", "{'any':{'k':5,'u':1},'i':1}", ""},
    {"{'alt':{'u':1}}", "{'alt':{'u':1},'i':1}",
     "<nil>|Invalid|Invalid value: \"\": \"spec.alt\" must validate at least one schema (anyOf)\n"
     "spec.alt.p|Required|Required value"},
};

static void forgives_what_has_not_changed(void **state)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(update_cases); i++) {
        struct field_errors errors = {0};
        json_t *before = object_with(update_cases[i].before);
        json_t *after = object_with(update_cases[i].after);
        schema_validate_update(*state, after, before, &errors);
        AUTO_FREE char *found = findings(&errors);
        expect_text(found, update_cases[i].findings, update_cases[i].after);
        json_decref(before);
        json_decref(after);
    }
}

static void forgives_status_apart(void **state)
{
    static const struct {
        const char *before, *after, *findings;
    } table[] = {
        {"{'status':{'n':8}}", "{'status':{'n':8}}", ""},
        {"{'status':{'n':5}}", "{'status':{'n':8}}",
         "status.n|Invalid|Invalid value: 8: n in body should be less than or equal to 5"},
        {"{'spec':5}", "{'spec':5,'status':{'n':8}}",
         "status.n|Invalid|Invalid value: 8: n in body should be less than or equal to 5"},
        {"{'status':5}", "{'status':5}", ""},
        {"{'status':{}}", "{'status':5}",
         "status|TypeInvalid|Invalid value: \"integer\":  in body must be of type object: "
         "\"integer\""},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(table); i++) {
        struct field_errors errors = {0};
        json_t *before = quoted(table[i].before);
        json_t *after = quoted(table[i].after);
        json_object_set_new(before, "metadata", quoted("{'name':'x'}"));
        json_object_set_new(after, "metadata", quoted("{'name':'x'}"));
        schema_validate_status_update(*state, after, before, &errors);
        AUTO_FREE char *found = findings(&errors);
        expect_text(found, table[i].findings, table[i].after);
        json_decref(before);
        json_decref(after);
    }
}

static void stops_at_the_maximum(void **state)
{
    struct field_errors errors = {.max = 2};
    json_t *object = object_with("{'a':['x','y','z']}");
    schema_validate(*state, object, &errors);
    assert_int_equal(errors.count, 2);
    field_errors_release(&errors);
    json_decref(object);
}

static const struct {
    const char *spec;
    const char *pruned;
    const char *unknown; /* by ", " */
} prune_cases[] = {
    {"{'bogus':1,'a':[1]}", "{'a':[1]}", "spec.bogus"},
    {"{'map':[{'port':1,'x':2}],'aaa':{}}", "{'map':[{'port':1}]}", "spec.aaa, spec.map[0].x"},
    {"{'o':{'k':1}}", "{'o':{'k':1}}", ""},
    {"{'any':{'u':{'v':1},'k':{'z':1}}}", "{'any':{'u':{'v':1},'k':{}}}", "spec.any.k.z"},
    {"{'any':[{'u':1}]}", "{'any':[{'u':1}]}", ""},
    {"{'open':{'k':1,'o':{'a':1},'l':[{'a':1}]}}", "{'open':{'k':1,'o':{},'l':[{}]}}",
     "spec.open.l[0].a, spec.open.o.a"},
    {"{'closed':{'k':1}}", "{'closed':{'k':1}}", ""},
    {"{'b':null,'s':null,'e':null,'o':{'k':null}}", "{'s':null,'e':null,'o':{}}", ""},
    {"{'a':[null]}", "{'a':[null]}", ""},
};

static void prunes(void **state)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(prune_cases); i++) {
        struct texts unknown = {0};
        struct buf list;
        json_t *object = object_with(prune_cases[i].spec);
        json_t *wanted = object_with(prune_cases[i].pruned);
        schema_prune(*state, object, &unknown);
        AUTO_FREE char *text = json_text(object);
        if (!json_same(object, wanted))
            fail_msg("%s: %s", prune_cases[i].spec, text);
        buf_init(&list, 4096);
        for (size_t j = 0; j < unknown.count; j++)
            buf_addf(&list, "%s%.*s", j ? ", " : "", (int)strlen(unknown.items[j]) - 16,
                     unknown.items[j] + 15);
        expect_text(list.data ? list.data : "", prune_cases[i].unknown, prune_cases[i].spec);
        buf_release(&list);
        texts_release(&unknown);
        json_decref(object);
        json_decref(wanted);
    }
}

static void prunes_metadata(void **state)
{
    struct texts unknown = {0};
    json_t *object = quoted("{'bogus':1,'metadata':{'name':'x','labels':{},'annotations':{'a':null}"
                            ",'creationTimestamp':null,"
                            "'bogus':1,'generateName':'','finalizers':[],'ownerReferences':[{'zz':"
                            "1,'name':'a'}],'uid':5}}");
    schema_prune(*state, object, &unknown);
    assert_int_equal(unknown.count, 3);
    assert_string_equal(unknown.items[0], "unknown field \"metadata.bogus\"");
    assert_string_equal(unknown.items[1], "unknown field \"metadata.ownerReferences[0].zz\"");
    assert_string_equal(unknown.items[2], "unknown field \"bogus\"");
    texts_release(&unknown);
    expect_json(object,
                "{'metadata':{'name':'x','annotations':{'a':''},'ownerReferences':[{'name':'a'}]}}",
                "metadata");
}

static void fills_in_defaults(void **state)
{
    static const char *const table[][2] = {
        {"{}", "{'e':'A','nd':'nd','dep':{'x':3,'y':4}}"},
        {"{'e':null,'nd':null,'dep':{}}", "{'e':'A','nd':null,'dep':{'y':4}}"},
        {"{'e':'B','dep':{'y':null,'x':1},'map':[{'port':1}]}",
         "{'e':'B','nd':'nd','dep':{'y':4,'x':1},'map':[{'port':1,'protocol':'TCP','w':7}]}"},
        {"{'e':'B','dep':5,'map':{}}", "{'e':'B','nd':'nd','dep':5,'map':{}}"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(table); i++) {
        json_t *object = object_with(table[i][0]);
        json_t *wanted = object_with(table[i][1]);
        schema_default(*state, object);
        AUTO_FREE char *text = json_text(object);
        if (!json_same(object, wanted))
            fail_msg("%s: %s", table[i][0], text);
        json_decref(object);
        json_decref(wanted);
    }
}

static void refuses_schemas(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"5", "a schema must be an object"},
        {"{}", "type: must not be empty at the root"},
        {"{'type':'string'}", "type: must be object at the root"},
        {"{'type':'object','nullable':true}", "nullable: must be false at the root"},
        {"{'type':'object','additionalProperties':{'type':'string'}}",
         "additionalProperties: must not be used at the root"},
        {"{'type':'object','x-kubernetes-validations':[{'rule':'self == oldSelf'}]}",
         "x-kubernetes-validations: rules in CEL are not supported"},
        {"{'type':'object','properties':{'metadata':{'type':'object','required':['name']}}}",
         "properties[metadata]: must not specify anything other than name and generateName"},
        {"{'type':'object','properties':{'metadata':{'type':'object','properties':{'labels':{'type'"
         ":'object'}}}}}",
         "properties[metadata]: must not specify anything other than name and generateName"},
        {"{'type':'object','anyOf':[{'required':['a']},{'properties':{'zz':{'minimum':1}}}]}",
         "anyOf[1].properties[zz]: must also be declared outside of allOf, anyOf, oneOf, not"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(table); i++) {
        struct err err = {0};
        json_t *json = quoted(table[i][0]);
        assert_null(schema_compile(json, &err));
        expect_text(err.message, table[i][1], table[i][0]);
        json_decref(json);
    }
}

/* A schema for the field "a", and what is wrong with it; "" for nothing. */
static const char *const field_schemas[][2] = {
    {"{'type':'string'}", ""},
    {"{'type':'strang'}", ".type: must be array, boolean, integer, number, object or string"},
    {"{'type':'null'}", ".type: must be array, boolean, integer, number, object or string"},
    {"{'type':['string']}", ".type: must be a string"},
    {"{'description':'x'}", ".type: must not be empty for specified object fields"},
    {"{'type':'string','const':1}", ".const: unknown keyword"},
    {"{'type':'string','readOnly':true}", ".readOnly: unknown keyword"},
    {"{'$ref':'#/x'}", ".$ref: references are not supported"},
    {"{'type':'object','definitions':{}}", ".definitions: must not be set"},
    {"{'type':'object','dependencies':{}}", ".dependencies: must not be set"},
    {"{'type':'object','patternProperties':{}}", ".patternProperties: must not be set"},
    {"{'type':'array','additionalItems':{},'items':{'type':'string'}}",
     ".additionalItems: must not be set"},
    {"{'type':'string','id':'x'}", ".id: must not be set"},
    {"{'type':'array','uniqueItems':true,'items':{'type':'string'}}",
     ".uniqueItems: use x-kubernetes-list-type: set"},
    {"{'type':'array','uniqueItems':false,'items':{'type':'string'}}", ""},
    {"{'type':'string','title':'t','description':'d','example':5,'externalDocs':{'url':'x'}}", ""},
    {"{'type':'string','nullable':'yes'}", ".nullable: must be true or false"},
    {"{'type':'integer','minimum':'1'}", ".minimum: must be a number"},
    {"{'type':'integer','minimum':1,'exclusiveMinimum':5}",
     ".exclusiveMinimum: must be true or false"},
    {"{'type':'string','minLength':-1}", ".minLength: must be an integer, not less than 0"},
    {"{'type':'string','maxLength':1.5}", ".maxLength: must be an integer, not less than 0"},
    {"{'type':'string','enum':'x'}", ".enum: must be a list"},
    {"{'type':'object','required':[1]}", ".required: must be a list of strings"},
    {"{'type':'object','properties':{'b':5}}", ".properties: must be an object of schema objects"},
    {"{'type':'object','properties':{'b':{}}}",
     ".properties[b].type: must not be empty for specified object fields"},
    {"{'type':'object','additionalProperties':5}",
     ".additionalProperties: must be a schema object, true or false"},
    {"{'type':'object','additionalProperties':{'type':'string'},'properties':{'b':{'type':'string'}"
     "}}",
     ".additionalProperties: must not stand with properties"},
    {"{'type':'object','additionalProperties':true}", ""},
    {"{'type':'array'}", ".items: must be specified"},
    {"{'type':'array','items':[{'type':'string'}]}", ".items: must be a schema object"},
    {"{'type':'array','items':{'description':'x'}}",
     ".items.type: must not be empty for specified array items"},
    {"{'type':'string','anyOf':{}}", ".anyOf: must be a list of schema objects"},
    {"{'type':'string','anyOf':[{'minLength':1},{'pattern':'^x'}]}", ""},
    {"{'type':'string','oneOf':[{'type':'string'}]}",
     ".oneOf[0].type: must not be set inside of allOf, anyOf, oneOf and not"},
    {"{'type':'string','allOf':[{'default':'x'}]}",
     ".allOf[0].default: must not be set inside of allOf, anyOf, oneOf and not"},
    {"{'type':'string','not':{'nullable':true}}",
     ".not.nullable: must not be set inside of allOf, anyOf, oneOf and not"},
    {"{'type':'object','anyOf':[{'properties':{'b':{'description':'x'}}}]}",
     ".anyOf[0].properties[b].description: must not be set inside of allOf, anyOf, oneOf and not"},
    {"{'type':'object','anyOf':[{'properties':{'b':{'minimum':1}}}]}", ""},
    {"{'type':'object','not':{'additionalProperties':{}}}",
     ".not.additionalProperties: must not be set inside of allOf, anyOf, oneOf and not"},
    {"{'x-kubernetes-int-or-string':true}", ""},
    {"{'x-kubernetes-int-or-string':true,'anyOf':[{'type':'integer'},{'type':'string'}]}", ""},
    {"{'x-kubernetes-int-or-string':true,'allOf':[{'anyOf':[{'type':'integer'},{'type':'string'}]},"
     "{'pattern':'x'}]}",
     ""},
    {"{'x-kubernetes-int-or-string':true,'type':'string'}",
     ".type: must be empty if x-kubernetes-int-or-string is true"},
    {"{'x-kubernetes-int-or-string':true,'x-kubernetes-preserve-unknown-fields':true}",
     ".x-kubernetes-int-or-string: must not stand with x-kubernetes-preserve-unknown-fields or "
     "x-kubernetes-embedded-resource"},
    {"{'x-kubernetes-preserve-unknown-fields':true}", ""},
    {"{'type':'object','x-kubernetes-preserve-unknown-fields':false}",
     ".x-kubernetes-preserve-unknown-fields: must be true or undefined"},
    {"{'type':'object','x-kubernetes-embedded-resource':true,'x-kubernetes-preserve-unknown-fields'"
     ":true}",
     ""},
    {"{'type':'object','x-kubernetes-embedded-resource':true}",
     ".properties: must not be empty if x-kubernetes-embedded-resource is true without "
     "x-kubernetes-preserve-unknown-fields"},
    {"{'x-kubernetes-embedded-resource':true,'x-kubernetes-preserve-unknown-fields':true}",
     ".type: must be object if x-kubernetes-embedded-resource is true"},
    {"{'type':'array','items':{'type':'string'},'x-kubernetes-list-type':'bag'}",
     ".x-kubernetes-list-type: must be atomic, set or map"},
    {"{'type':'object','x-kubernetes-list-type':'set'}",
     ".type: must be array if x-kubernetes-list-type is set"},
    {"{'type':'array','items':{'type':'object'},'x-kubernetes-list-type':'set'}",
     ".items: must be scalar or atomic if x-kubernetes-list-type is set"},
    {"{'type':'array','items':{'type':'object','x-kubernetes-map-type':'atomic'},'x-kubernetes-list"
     "-type':'set'}",
     ""},
    {"{'type':'array','items':{'type':'array','items':{'type':'string'}},'x-kubernetes-list-type':'"
     "set'}",
     ""},
    {"{'type':'array','items':{'type':'object'},'x-kubernetes-list-type':'map'}",
     ".x-kubernetes-list-map-keys: must not be empty if x-kubernetes-list-type is map"},
    {"{'type':'array','items':{'type':'string'},'x-kubernetes-list-map-keys':['k']}",
     ".x-kubernetes-list-map-keys: must be empty if x-kubernetes-list-type is not map"},
    {"{'type':'array','items':{'type':'string'},'x-kubernetes-list-type':'map','x-kubernetes-list-"
     "map-keys':['k']}",
     ".items.type: must be object if x-kubernetes-list-type is map"},
    {"{'type':'array','items':{'type':'object'},'x-kubernetes-list-type':'map','x-kubernetes-list-"
     "map-keys':['k']}",
     ".items.properties[k]: must be declared, it is in x-kubernetes-list-map-keys"},
    {"{'type':'array','items':{'type':'object','properties':{'k':{'type':'string'}}},'x-kubernetes-"
     "list-type':'map','x-kubernetes-list-map-keys':['k']}",
     ".items.properties[k]: must have a default or be required, it is in "
     "x-kubernetes-list-map-keys"},
    {"{'type':'array','items':{'type':'object','required':['k'],'properties':{'k':{'type':'object'}"
     "}},'x-kubernetes-list-type':'map','x-kubernetes-list-map-keys':['k']}",
     ".items.properties[k]: must be scalar, it is in x-kubernetes-list-map-keys"},
    {"{'type':'object','x-kubernetes-map-type':'set'}",
     ".x-kubernetes-map-type: must be granular or atomic"},
    {"{'type':'string','x-kubernetes-map-type':'atomic'}",
     ".type: must be object if x-kubernetes-map-type is set"},
    {"{'type':'object','x-kubernetes-map-type':'granular'}", ""},
    {"{'type':'string','format':'zzz'}", ""},
};

static void checks_the_structure(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(field_schemas); i++) {
        struct err err = {0};
        json_t *json = json_pack("{s:s, s:{s:o}}", "type", "object", "properties", "a",
                                 quoted(field_schemas[i][0]));
        struct schema *schema = schema_compile(json, &err);
        AUTO_FREE char *wanted = mem_printf("properties[a]%s", field_schemas[i][1]);
        if (!schema != (*field_schemas[i][1] != '\0'))
            fail_msg("%s: %s", field_schemas[i][0], err.message);
        if (!schema)
            expect_text(err.message, wanted, field_schemas[i][0]);
        schema_free(schema);
        json_decref(json);
    }
}

static void refuses_patterns_and_defaults(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"{'type':'array','items':{'type':'string','pattern':'('}}",
         "a: items: pattern (: Unmatched ( or \\("},
        {"{'type':'string','pattern':'\\\\bx'}",
         "a: pattern \\bx: this escape is not supported in a pattern"},
        {"{'type':'string','default':5}",
         "a: default: <nil>: Invalid value: \"integer\":  in body must be of type string: "
         "\"integer\""},
        {"{'type':'object','default':{},'required':['b'],'properties':{'b':{'type':'string'}}}",
         "a: default: b: Required value"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(table); i++) {
        struct err err = {0};
        json_t *json =
            json_pack("{s:s, s:{s:o}}", "type", "object", "properties", "a", quoted(table[i][0]));
        assert_null(schema_compile(json, &err));
        expect_text(err.message, table[i][1], table[i][0]);
        json_decref(json);
    }
}

/* Whether @text matches a schema that is a string with one keyword. */
static bool accepts(const char *keyword, const char *value, const char *text)
{
    struct err err = {0};
    struct field_errors errors = {0};
    json_t *json = json_pack("{s:s, s:{s:{s:s, s:s}}}", "type", "object", "properties", "s", "type",
                             "string", keyword, value);
    struct schema *schema = schema_compile(json, &err);
    if (!schema)
        fail_msg("%s: %s", value, err.message);
    json_t *object = json_pack("{s:{s:s}, s:s}", "metadata", "name", "x", "s", text);
    schema_validate(schema, object, &errors);
    bool ok = errors.count == 0;
    field_errors_release(&errors);
    json_decref(object);
    json_decref(json);
    schema_free(schema);
    return ok;
}

static void understands_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } table[] = {
        {"^\\d+$", "123", true},
        {"^\\d+$", "12a", false},
        {"^[\\w.-]+$", "a-b.c_1", true},
        {"^[\\w.-]+$", "a b", false},
        {"^\\S+\\s\\D$", "ab c", true},
        {"^(?:a|b){2}$", "ab", true},
        {"^a+?b*?$", "aab", true},
        {"(?i)^abc$", "ABC", true},
        {"\\Aab\\z", "ab", true},
        {"^a.c$", "a\nc", false},
        {"^a.c$", "abc", true},
        {"^[^\\]]$", "]", false},
        {"^[\\]]$", "]", true},
        {"^[]a]$", "]", true},
        {"^[a\\-z]$", "-", true},
        {"^[a\\-z]$", "m", false},
        {"^[a-c-]$", "-", true},
        {"^[\\^]$", "^", true},
        {"^[\\^a]$", "^", true},
        {"^[[:alpha:]]$", "q", true},
        {"^\\.\\/\\-$", "./-", true},
        {"b", "abc", true},
        {"^$", "", true},
        {"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "a-1", true},
        {"^\\t$", "\t", true},
        {"^[^\\d]$", "5", false},
        {"^a\\{2\\}$", "a{2}", true},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(table); i++) {
        if (accepts("pattern", table[i].pattern, table[i].text) != table[i].matches)
            fail_msg("%s on \"%s\"", table[i].pattern, table[i].text);
    }
}

static void survives_any_type(void **state)
{
    static const char *const values[] = {"null", "5",  "1.5",    "true",  "'x'",
                                         "[]",   "{}", "[null]", "[[{}]]"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(values); i++) {
        for (int place = 0; place < 3; place++) {
            struct field_errors errors = {0};
            json_t *object = place == 0 ? quoted(values[i]) : json_object();
            if (place > 0)
                json_object_set_new(object, place == 1 ? "metadata" : "spec", quoted(values[i]));
            schema_prune(*state, object, NULL);
            schema_default(*state, object);
            schema_validate(*state, object, &errors);
            schema_validate_status(*state, object, &errors);
            assert_int_not_equal(errors.count, 0);
            field_errors_release(&errors);
            json_decref(object);
        }
    }
}

/* What is over the maximum is not even put into words: a body has room for a million mistakes. */
static void passes_over_a_million_mistakes(void **state)
{
    struct field_errors errors = {0};
    json_t *object = quoted("{'spec':{'r':'','q':1,'a':[]}}");
    json_t *items = json_at(object, "spec.a");
    for (int i = 0; i < 300000; i++)
        json_array_append_new(items, json_string("x"));
    clock_t began = clock();
    schema_validate(*state, object, &errors);
    assert_true(clock() - began < 5 * CLOCKS_PER_SEC);
    assert_int_equal(errors.count, 1000);
    field_errors_release(&errors);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(validates),
        cmocka_unit_test(requires),
        cmocka_unit_test(validates_status_apart),
        cmocka_unit_test(forgives_what_has_not_changed),
        cmocka_unit_test(forgives_status_apart),
        cmocka_unit_test(prunes),
        cmocka_unit_test(prunes_metadata),
        cmocka_unit_test(stops_at_the_maximum),
        cmocka_unit_test(passes_over_a_million_mistakes),
        cmocka_unit_test(fills_in_defaults),
        cmocka_unit_test(refuses_schemas),
        cmocka_unit_test(checks_the_structure),
        cmocka_unit_test(refuses_patterns_and_defaults),
        cmocka_unit_test(understands_patterns),
        cmocka_unit_test(survives_any_type),
    };
    return cmocka_run_group_tests(tests, compile_schema, free_schema);
}
