#include "support.h"

#include <mot/model/kind.h>

#define SUBDOMAIN                                                                                  \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "   \
    "'.', and must start "                                                                         \
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "    \
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define LABEL                                                                                      \
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "   \
    "must start and end "                                                                          \
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is " \
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define QUALIFIED                                                                                  \
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "  \
    "with an "                                                                                     \
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "         \
    "validation is "                                                                               \
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define VALUE                                                                                      \
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "    \
    "'.', and must start "                                                                         \
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex "  \
    "used for "                                                                                    \
    "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

static int load(void **state)
{
    struct err err;
    *state = kinds_load(&err);
    return *state ? 0 : -1;
}

static int unload(void **state)
{
    kinds_free(*state);
    return 0;
}

/* The findings for an object of the kind with this metadata. */
static struct field_errors check(struct kinds *kinds, const char *word, const char *metadata)
{
    struct field_errors errors = {0};
    json_t *object = json_object();
    json_object_set_new(object, "metadata", quoted(metadata));
    schema_validate_status(kinds_resolve(kinds, word)->schema, object, &errors);
    json_decref(object);
    return errors;
}

static const struct {
    const char *kind, *metadata, *field, *message; /* the only finding; NULL: none */
} cases[] = {
    {"dep", "{'name':'a.b-c'}", NULL, NULL},
    {"dep", "{}", "metadata.name", "Required value: name or generateName is required"},
    {"dep", "{'name':'Bad_Name'}", "metadata.name", "Invalid value: \"Bad_Name\": " SUBDOMAIN},
    {"ns", "{'name':'a.b'}", "metadata.name", "Invalid value: \"a.b\": " LABEL},
    {"ns", "{'name':'a-b'}", NULL, NULL},
    {"dep", "{'name':'a','generateName':'a-'}", NULL, NULL},
    {"dep", "{'name':'a','generateName':'B_A-'}", "metadata.generateName",
     "Invalid value: \"B_A-\": " SUBDOMAIN},
    {"dep", "{'name':'a','namespace':'a.b'}", "metadata.namespace",
     "Invalid value: \"a.b\": " LABEL},
    {"dep", "{'name':'a','labels':{'x.y/a':'','b':'C_d.e-f'}}", NULL, NULL},
    {"dep", "{'name':'a','labels':{'a b':''}}", "metadata.labels",
     "Invalid value: \"a b\": " QUALIFIED},
    {"dep", "{'name':'a','labels':{'a':'-b'}}", "metadata.labels", "Invalid value: \"-b\": " VALUE},
    {"dep", "{'name':'a','labels':{'/a':''}}", "metadata.labels",
     "Invalid value: \"/a\": prefix part must be non-empty"},
    {"dep", "{'name':'a','labels':{'A_/a':''}}", "metadata.labels",
     "Invalid value: \"A_/a\": prefix part " SUBDOMAIN},
    {"dep", "{'name':'a','annotations':{'A/b':'anything at all'}}", NULL, NULL},
    {"dep", "{'name':'a','annotations':{'a b':''}}", "metadata.annotations",
     "Invalid value: \"a b\": " QUALIFIED},
    {"dep", "{'name':'a','finalizers':['x.y/z','plain']}", NULL, NULL},
    {"dep", "{'name':'a','finalizers':['a b']}", "metadata.finalizers",
     "Invalid value: \"a b\": " QUALIFIED},
    {"dep", "{'name':'a','finalizers':['orphan','foregroundDeletion']}", "metadata.finalizers",
     "Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer orphan and foregroundDeletion "
     "cannot be both set"},
    {"dep", "{'name':'a','ownerReferences':[{'apiVersion':'v1','kind':'K','name':'n','uid':'u'}]}",
     NULL, NULL},
    {"dep", "{'name':'a','ownerReferences':[{'kind':'K','name':'n','uid':'u'}]}",
     "metadata.ownerReferences.apiVersion", "Invalid value: \"\": version must not be empty"},
    {"dep", "{'name':'a','ownerReferences':[{'apiVersion':'v1','kind':'K','name':'n','uid':''}]}",
     "metadata.ownerReferences.uid", "Invalid value: \"\": must not be empty"},
    {"dep",
     "{'name':'a','ownerReferences':[{'apiVersion':'a/b/c','kind':'K','name':'n','uid':'u'}]}",
     "metadata.ownerReferences.apiVersion", "Invalid value: \"a/b/c\": version must not be empty"},
    {"dep", "{'name':'a','ownerReferences':[{'apiVersion':'a/','kind':'K','name':'n','uid':'u'}]}",
     "metadata.ownerReferences.apiVersion", "Invalid value: \"a/\": version must not be empty"},
    {"dep",
     "{'name':'a','ownerReferences':[{'apiVersion':'v1','kind':'Event','name':'n','uid':'u'}]}",
     "metadata.ownerReferences",
     "Invalid value: {\"apiVersion\":\"v1\",\"kind\":\"Event\",\"name\":\"n\",\"uid\":\"u\"}: /v1, "
     "Kind=Event is disallowed from being an owner"},
    {"dep", "{'name':'a','generation':-1}", "metadata.generation",
     "Invalid value: -1: must be greater than or equal to 0"},
    {"dep", "{'name':'a','labels':[]}", "metadata",
     "Invalid value: \"\": json: cannot unmarshal array into Go struct field ObjectMeta.labels of "
     "type map[string]string"},
    {"dep", "{'name':'a','managedFields':[{'manager':'a\\tb','operation':'Apply'}]}",
     "metadata.managedFields[0].manager",
     "Invalid value: \"a\\tb\": invalid character U+0009 (at position 1)"},
    {"dep", "{'name':'a','managedFields':[{'operation':'Patch'}]}",
     "metadata.managedFields[0].operation",
     "Invalid value: \"Patch\": must be `Apply` or `Update`"},
    {"dep", "{'name':'a','managedFields':[{'operation':'Apply','fieldsType':'V2'}]}",
     "metadata.managedFields[0].fieldsType", "Invalid value: \"V2\": must be `FieldsV1`"},
    {"dep", "5", "metadata",
     "Invalid value: \"\": json: cannot unmarshal number into Go value of type v1.ObjectMeta"},
};

static void finds(void **state)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct field_errors errors = check(*state, cases[i].kind, cases[i].metadata);
        if (errors.count != (cases[i].field ? 1 : 0))
            fail_msg("%s: %zu findings, %s", cases[i].metadata, errors.count,
                     errors.count ? errors.items[0].message : "");
        if (cases[i].field) {
            expect_text(errors.items[0].field, cases[i].field, cases[i].metadata);
            expect_text(errors.items[0].message, cases[i].message, cases[i].metadata);
        }
        field_errors_release(&errors);
    }
}

static void finds_two_slashes_and_lengths(void **state)
{
    struct field_errors errors = check(*state, "dep", "{'name':'a','labels':{'a/b/c':''}}");
    assert_int_equal(errors.count, 1);
    assert_non_null(
        strstr(errors.items[0].message,
               "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"));
    field_errors_release(&errors);
    char name[300];
    char metadata[700];
    memset(name, 'a', sizeof(name));
    name[254] = '\0';
    snprintf(metadata, sizeof(metadata), "{'name':'%s'}", name);
    errors = check(*state, "dep", metadata);
    assert_int_equal(errors.count, 1);
    assert_non_null(strstr(errors.items[0].message, "must be no more than 253 characters"));
    field_errors_release(&errors);
    snprintf(metadata, sizeof(metadata), "{'name':'a','labels':{'%s/x':''}}", name);
    errors = check(*state, "dep", metadata);
    assert_int_equal(errors.count, 1);
    assert_non_null(strstr(errors.items[0].message, "prefix part must be no more than 253 bytes"));
    field_errors_release(&errors);
    name[64] = '\0';
    snprintf(metadata, sizeof(metadata), "{'name':'a','labels':{'%s':'%s'}}", name, name);
    errors = check(*state, "dep", metadata);
    assert_int_equal(errors.count, 2);
    assert_non_null(strstr(errors.items[0].message, "name part must be no more than 63 bytes"));
    assert_non_null(strstr(errors.items[1].message, ": must be no more than 63 bytes"));
    field_errors_release(&errors);
}

static void limits_annotations(void **state)
{
    struct field_errors errors = {0};
    AUTO_FREE char *big = mem_alloc(262145);
    memset(big, 'x', 262144);
    big[262144] = '\0';
    json_t *object =
        json_pack("{s:{s:s, s:{s:s}}}", "metadata", "name", "a", "annotations", "k", big);
    schema_validate_status(kinds_resolve(*state, "dep")->schema, object, &errors);
    assert_int_equal(errors.count, 1);
    assert_string_equal(errors.items[0].reason, "FieldValueTooLong");
    assert_string_equal(errors.items[0].message, "Too long: may not be more than 262144 bytes");
    field_errors_release(&errors);
    json_decref(object);
}

static void refuses_two_controllers(void **state)
{
    struct field_errors errors =
        check(*state, "dep",
              "{'name':'a','ownerReferences':[{'apiVersion':'v1','kind':'K','name':'n','uid':'1','"
              "controller':true},"
              "{'apiVersion':'v1','kind':'L','name':'m','uid':'2','controller':true}]}");
    assert_int_equal(errors.count, 1);
    assert_non_null(strstr(errors.items[0].message,
                           "Only one reference can have Controller set to true. Found \"true\" in "
                           "references for K/n and L/m"));
    field_errors_release(&errors);
}

static void lists_owners_as_go_does(void **state)
{
    struct field_errors errors =
        check(*state, "dep",
              "{'name':'a','ownerReferences':[{'uid':'<1>','controller':true,'name':'n','kind':'K',"
              "'apiVersion':'v1'},{'controller':true,'kind':'L','name':'m','uid':'2','apiVersion':'"
              "v1'},{'controller':true,'kind':'M','name':'o','uid':'3','apiVersion':'v1'}]}");
    assert_int_equal(errors.count, 2);
    assert_non_null(strstr(errors.items[0].message,
                           "Invalid value: [{\"apiVersion\":\"v1\",\"kind\":\"K\",\"name\":\"n\","
                           "\"uid\":\"\\u003c1\\u003e\",\"controller\":true},{"));
    assert_non_null(strstr(errors.items[1].message, "in references for K/n and M/o"));
    field_errors_release(&errors);
}

/* A kind whose names only have to fit into a URL, as those of roles. */
static void takes_path_segments(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"{'name':'system:a/b%'}", "Invalid value: \"system:a/b%\": may not contain '/'\n"
                                   "Invalid value: \"system:a/b%\": may not contain '%'"},
        {"{'name':'system:Node_x'}", ""},
        {"{'name':'.'}", "Invalid value: \".\": may not be '.'"},
        {"{'name':'..'}", "Invalid value: \"..\": may not be '..'"},
        {"{'name':'...'}", ""},
        {"{'name':'x','generateName':'.'}", ""},
        {"{'name':'x','generateName':'a/'}", "Invalid value: \"a/\": may not contain '/'"},
    };
    struct err err = {0};
    json_t *json = quoted("{'type':'object','properties':{'metadata':{'type':'object','properties':"
                          "{'name':{'type':'string','format':'path-segment'}}}}}");
    struct schema *schema = schema_compile(json, &err);
    json_decref(json);
    if (!schema)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(table); i++) {
        struct field_errors errors = {0};
        struct buf found;
        json_t *object = json_pack("{s:o}", "metadata", quoted(table[i][0]));
        buf_init(&found, 1 << 16);
        buf_adds(&found, "");
        schema_validate(schema, object, &errors);
        for (size_t j = 0; j < errors.count; j++)
            buf_addf(&found, "%s%s", j ? "\n" : "", errors.items[j].message);
        expect_text(found.data ? found.data : "", table[i][1], table[i][0]);
        buf_release(&found);
        field_errors_release(&errors);
        json_decref(object);
    }
    schema_free(schema);
}

/* The findings for an update of metadata, by " | ". */
static const struct {
    const char *before, *after, *findings;
} update_cases[] = {
    {"{'name':'a','uid':'u'}", "{'name':'a','uid':'u','labels':{'a':'b'}}", ""},
    /* Said twice: once by the registry of all kinds, once by that of the kind. */
    {"{'name':'a','uid':'u'}", "{'name':'a','uid':'z<'}",
     "metadata.uid: Invalid value: \"z<\": field is immutable | metadata.uid: Invalid value: "
     "\"z<\": field is immutable"},
    {"{'name':'a'}", "{'name':'b'}",
     "metadata.name: Invalid value: \"b\": field is immutable | metadata.name: Invalid value: "
     "\"b\": field is immutable"},
    {"{'name':'a','namespace':'n'}", "{'name':'a'}",
     "metadata.namespace: Invalid value: \"\": field is immutable | metadata.namespace: Invalid "
     "value: \"\": field is immutable"},
    {"{'name':'a'}", "{'name':'a','deletionTimestamp':'2020-01-01T00:00:00Z'}",
     "metadata.deletionTimestamp: Invalid value: \"2020-01-01T00:00:00Z\": field is immutable | "
     "metadata.deletionTimestamp: Invalid value: \"2020-01-01T00:00:00Z\": field is immutable"},
    {"{'name':'a'}", "{'name':'a','deletionGracePeriodSeconds':5}",
     "metadata.deletionGracePeriodSeconds: Invalid value: 5: field is immutable | "
     "metadata.deletionGracePeriodSeconds: Invalid value: 5: field is immutable"},
    {"{'name':'a','creationTimestamp':'2020-01-01T00:00:00Z'}", "{'name':'a'}",
     "metadata.creationTimestamp: Invalid value: null: field is immutable | "
     "metadata.creationTimestamp: Invalid value: null: field is immutable"},
    {"{'name':'a','generateName':'b-'}", "{'name':'a','generateName':'c-'}", ""},
    /* A name that was taken once stays. */
    {"{'name':'A_b'}", "{'name':'A_b'}", ""},
    /* Owners thrice; nothing of metadata is forgiven. */
    {"{'name':'a','ownerReferences':[{'kind':'K','name':'n','uid':'u'}]}",
     "{'name':'a','ownerReferences':[{'kind':'K','name':'n','uid':'u'}]}",
     "metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty | "
     "metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty | "
     "metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty"},
    {"{'name':'a','deletionTimestamp':'2020-01-01T00:00:00Z','finalizers':['a.io/x']}",
     "{'name':'a','deletionTimestamp':'2020-01-01T00:00:00Z','finalizers':['c.io/x','b.io/f','a.io/"
     "x']}",
     "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being "
     "deleted, found new finalizers []string{\"b.io/f\", \"c.io/x\"} | metadata.finalizers: "
     "Forbidden: no new finalizers can be added if the object is being deleted, found new "
     "finalizers []string{\"b.io/f\", \"c.io/x\"}"},
    {"{'name':'a','deletionTimestamp':'2020-01-01T00:00:00Z','finalizers':['a.io/x','b.io/x']}",
     "{'name':'a','deletionTimestamp':'2020-01-01T00:00:00Z','finalizers':['a.io/x']}", ""},
};

static void checks_updates(void **state)
{
    const struct schema *schema = kinds_resolve(*state, "dep")->schema;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(update_cases); i++) {
        struct field_errors errors = {0};
        struct buf found;
        json_t *before = json_pack("{s:o}", "metadata", quoted(update_cases[i].before));
        json_t *after = json_pack("{s:o}", "metadata", quoted(update_cases[i].after));
        buf_init(&found, 1 << 16);
        schema_validate_status_update(schema, after, before, &errors);
        for (size_t j = 0; j < errors.count; j++)
            buf_addf(&found, "%s%s: %s", j ? " | " : "", errors.items[j].field,
                     errors.items[j].message);
        expect_text(found.data ? found.data : "", update_cases[i].findings, update_cases[i].after);
        buf_release(&found);
        field_errors_release(&errors);
        json_decref(before);
        json_decref(after);
    }
}

static void has_no_nulls_in_owners(void **state)
{
    json_t *object = quoted("{'metadata':{'name':'a','ownerReferences':[{'apiVersion':'v1','kind':"
                            "null,'name':'n','uid':'u','controller':null,'blockOwnerDeletion':"
                            "false}],'managedFields':[{'manager':'m','time':null}]}}");
    schema_prune(kinds_resolve(*state, "dep")->schema, object, NULL);
    expect_json(object,
                "{'metadata':{'name':'a','ownerReferences':[{'apiVersion':'v1','kind':'','name':'n'"
                ",'uid':'u','blockOwnerDeletion':false}],'managedFields':[{'manager':'m'}]}}",
                "owners");
}

static void normalizes_times(void **state)
{
    json_t *object = quoted("{'metadata':{'name':'a','managedFields':[{'manager':'m','operation':'"
                            "Update','time':'2020-01-01T02:00:00.999+02:00'}]}}");
    schema_prune(kinds_resolve(*state, "dep")->schema, object, NULL);
    expect_json(
        object,
        "{'metadata':{'name':'a','managedFields':[{'manager':'m','operation':'Update','time'"
        ":'2020-01-01T00:00:00Z'}]}}",
        "times");
}

static void names_wrong_types(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"{'labels':{'a':5}}",
         "json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string"},
        {"{'name':{}}",
         "json: cannot unmarshal object into Go struct field ObjectMeta.name of type string"},
        {"{'finalizers':[true]}",
         "json: cannot unmarshal bool into Go struct field ObjectMeta.finalizers of type string"},
        {"{'generation':'x'}",
         "json: cannot unmarshal string into Go struct field ObjectMeta.generation of type int64"},
        {"{'ownerReferences':[5]}", "json: cannot unmarshal number into Go struct field "
                                    "ObjectMeta.ownerReferences of type v1.OwnerReference"},
        {"{'ownerReferences':[{'controller':1}]}",
         "json: cannot unmarshal number into Go struct field ObjectMeta.ownerReferences.controller "
         "of type bool"},
#define TIME_PARSE(text) "parsing time \"" text "\" as \"2006-01-02T15:04:05Z07:00\": cannot parse "
        {"{'creationTimestamp':'x'}", TIME_PARSE("x") "\"x\" as \"2006\""},
        {"{'creationTimestamp':''}", TIME_PARSE("") "\"\" as \"2006\""},
        {"{'managedFields':[{'time':'2020'}]}", TIME_PARSE("2020") "\"\" as \"-\""},
        {"{'creationTimestamp':'2020-1-01T00:00:00Z'}",
         TIME_PARSE("2020-1-01T00:00:00Z") "\"1-01T00:00:00Z\" as \"01\""},
        {"{'creationTimestamp':'2020-01-01 00:00:00Z'}",
         TIME_PARSE("2020-01-01 00:00:00Z") "\" 00:00:00Z\" as \"T\""},
        {"{'creationTimestamp':'2020-01-01T00:00:00'}",
         TIME_PARSE("2020-01-01T00:00:00") "\"\" as \"Z07:00\""},
        {"{'creationTimestamp':'2020-01-01T00:00:00\xc3\xa9'}",
         TIME_PARSE("2020-01-01T00:00:00\\xc3\\xa9") "\"\\xc3\\xa9\" as \"Z07:00\""},
        {"{'creationTimestamp':'2020-13-01T00:00:00Z'}",
         "parsing time \"2020-13-01T00:00:00Z\": month out of range"},
        {"{'creationTimestamp':'2020-02-30T00:00:00Z'}",
         "parsing time \"2020-02-30T00:00:00Z\": day out of range"},
        {"{'creationTimestamp':'2020-01-01T24:00:00Z'}",
         "parsing time \"2020-01-01T24:00:00Z\": hour out of range"},
        {"{'creationTimestamp':'2020-01-01T00:00:00+25:00'}",
         "parsing time \"2020-01-01T00:00:00+25:00\": time zone offset hour out of range"},
        {"{'creationTimestamp':'2020-01-01T00:00:00Zx'}",
         "parsing time \"2020-01-01T00:00:00Zx\": extra text: \"x\""},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(table); i++) {
        struct err err = {0};
        json_t *object = json_object();
        json_object_set_new(object, "metadata", quoted(table[i][0]));
        assert_int_equal(schema_check_metadata(object, &err), -1);
        expect_text(err.message, table[i][1], table[i][0]);
        json_decref(object);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds),
        cmocka_unit_test(finds_two_slashes_and_lengths),
        cmocka_unit_test(limits_annotations),
        cmocka_unit_test(refuses_two_controllers),
        cmocka_unit_test(lists_owners_as_go_does),
        cmocka_unit_test(takes_path_segments),
        cmocka_unit_test(checks_updates),
        cmocka_unit_test(normalizes_times),
        cmocka_unit_test(has_no_nulls_in_owners),
        cmocka_unit_test(names_wrong_types),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
