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
    {"dep", "{'name':'a','generation':-1}", "metadata.generation",
     "Invalid value: -1: must be greater than or equal to 0"},
    {"dep", "{'name':'a','labels':[]}", "metadata",
     "Invalid value: \"\": json: cannot unmarshal array into Go struct field ObjectMeta.labels of "
     "type map[string]string"},
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
        {"{'creationTimestamp':'x'}",
         "parsing time \"x\" as \"2006-01-02T15:04:05Z07:00\": cannot parse it"},
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
        cmocka_unit_test(names_wrong_types),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
