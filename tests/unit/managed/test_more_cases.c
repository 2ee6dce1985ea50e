/* The cases from 41 on, and those with a request of their own. */
#include "things.h"

#include <mot/base/buf.h>

#define SPEC_DEFAULTS "'f:nulDef':{},'f:objDef':{'.':{},'f:x':{}},'f:replicas':{},'f:strDef':{}"
#define ITEM(name)    "'k:{\\'name\\':\\'" name "\\'}':{'.':{},'f:name':{}}"
#define NOTE          "'kubectl.kubernetes.io/last-applied-configuration'"
#define ONE_MANAGER(fields)                                                                        \
    "'metadata':{'managedFields':[{'apiVersion':'t.dev/v1','fieldsType':'FieldsV1','manager':'m'," \
    "'operation':'Apply','time':'1970-01-01T00:00:00Z','fieldsV1':" fields "}]}"

static const struct step steps[] = {
    {"41: the order of shared items", APPLY, "a",
     "{'spec':{'items':[{'name':'a'},{'name':'b'},{'name':'c'}]}}", "created", NULL, NULL, NULL},
    {NULL, APPLY, "b", "{'spec':{'items':[{'name':'c'},{'name':'x'},{'name':'a'}]}}", "changed",
     "{'items':[{'name':'b'},{'name':'c'},{'name':'x'},{'name':'a'}]}", NULL, NULL},
    {NULL, APPLY, "c", "{'spec':{'items':[{'name':'z'},{'name':'b'}]}}", "changed",
     "{'items':[{'name':'z'},{'name':'b'},{'name':'c'},{'name':'x'},{'name':'a'}]}", NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{'items':[{'name':'c'},{'name':'b'},{'name':'a'}]}}", "changed",
     "{'items':[{'name':'z'},{'name':'c'},{'name':'x'},{'name':'b'},{'name':'a'}]}",
     "b Apply 2 {'f:spec':{'f:items':{" ITEM("a") "," ITEM("c") "," ITEM(
         "x") "}}}\n"
              "c Apply 3 {'f:spec':{'f:items':{" ITEM("b") "," ITEM(
                  "z") "}}}\n"
                       "a Apply 4 {'f:spec':{'f:items':{" ITEM("a") "," ITEM("b") "," ITEM(
                           "c") "}}}",
     NULL},
    {"42: null and nothing change nothing", APPLY, "a", "{'spec':{'nested':{'a':'1'}}}", "created",
     NULL, NULL, NULL},
    {NULL, APPLY, "b", "{'spec':{'nested':null}}", "written", "{'nested':{'a':'1'}}",
     "b Apply - {'f:spec':{'f:nested':{}}}\na Apply 1 {'f:spec':{'f:nested':{'f:a':{}}}}", NULL},
    {NULL, APPLY, "b", "{'spec':{'nested':{}}}", "same", NULL, NULL, NULL},
    {"43: another order is no conflict", APPLY, "a",
     "{'spec':{'items':[{'name':'1'},{'name':'2'}]}}", "created", NULL, NULL, NULL},
    {NULL, APPLY, "b", "{'spec':{'items':[{'name':'2'},{'name':'1'}]}}", "changed",
     "{'items':[{'name':'2'},{'name':'1'}]}",
     "a Apply 1 {'f:spec':{'f:items':{" ITEM("1") "," ITEM(
         "2") "}}}\n"
              "b Apply 2 {'f:spec':{'f:items':{" ITEM("1") "," ITEM("2") "}}}",
     NULL},
    {"44: duplicates of a set that an older schema let in", STORED, NULL,
     "{'spec':{'setS':['a','a','b']}," ONE_MANAGER("{'f:spec':{'f:image':{}}}") "}", NULL, NULL,
     NULL, NULL},
    {NULL, APPLY, "q", "{'spec':{'setS':['a']}}", "changed", "{'setS':['a','b']}", NULL, NULL},
    {"45: duplicates of a map list", STORED, NULL,
     "{'spec':{'items':[{'name':'1','v':1},{'name':'dn','v':1},{'name':'1','v':2},{'name':'dn','v':"
     "2}]}," ONE_MANAGER("{'f:spec':{'f:image':{}}}") "}",
     NULL, NULL, NULL, NULL},
    {NULL, APPLY, "q", "{'spec':{'items':[{'name':'1','v':9}]}}", "changed",
     "{'items':[{'name':'1','v':9},{'name':'dn','v':1},{'name':'dn','v':2}]}", NULL, NULL},
    {"46: null labels", APPLY, "a", "{'metadata':{'labels':{'a':null}}}", "created", NULL,
     "a Apply 1 {'f:metadata':{'f:labels':{'f:a':{}}}}", NULL},
    {NULL, APPLY, "a", "{'metadata':{'labels':null}}", "written", NULL,
     "a Apply 2 {'f:metadata':{'f:labels':{}}}", NULL},
    {"47: owner references are atomic", APPLY, "a",
     "{'metadata':{'ownerReferences':[{'apiVersion':'v1','kind':'C','name':'o','uid':'u1',"
     "'controller':true}]}}",
     "created", NULL,
     "a Apply 1 {'f:metadata':{'f:ownerReferences':{'k:{\\'uid\\':\\'u1\\'}':{}}}}", NULL},
    {NULL, APPLY, "b",
     "{'metadata':{'ownerReferences':[{'apiVersion':'v1','kind':'C','name':'o','uid':'u1',"
     "'controller':false}]}}",
     "conflict: Apply failed with 1 conflict: conflict with \"a\": "
     ".metadata.ownerReferences[uid=\"u1\"]",
     NULL, NULL, NULL},
    {"48: finalizers are a set", APPLY, "a", "{'metadata':{'finalizers':['x/b','x/a']}}", "created",
     NULL, NULL, NULL},
    {NULL, APPLY, "b", "{'metadata':{'finalizers':['x/c']}}", "written", NULL,
     "a Apply 1 {'f:metadata':{'f:finalizers':{'v:\\'x/a\\'':{},'v:\\'x/b\\'':{}}}}\n"
     "b Apply 2 {'f:metadata':{'f:finalizers':{'v:\\'x/c\\'':{}}}}",
     NULL},
    {NULL, APPLY, "a", "{'metadata':{'finalizers':['x/a']}}", "written", NULL, NULL, NULL},
    {NULL, APPLY, "a", "{}", "written", NULL,
     "b Apply 2 {'f:metadata':{'f:finalizers':{'v:\\'x/c\\'':{}}}}", NULL},

    {"49, 50: kubectl takes over what kubectl applied on the client", POST,
     "kubectl-client-side-apply",
     "{'metadata':{'annotations':{" NOTE ":'{\\'apiVersion\\':\\'t.dev/"
     "v1\\',\\'kind\\':\\'Thing\\',\\'metadata\\':{\\'name\\':\\'x\\'},\\'spec\\':{\\'image\\':"
     "\\'aa\\'}}'}},'spec':{'image':'aa'}}",
     "created", NULL, NULL, NULL},
    {NULL, APPLY, "kubectl", "{'spec':{'image':'bb'}}", "changed", "{'image':'bb'}",
     "kubectl Apply 2 {'f:spec':{'f:image':{}}}\n"
     "kubectl-client-side-apply Update 1 {'f:metadata':{'f:annotations':{'.':{},'f:"
     "kubectl.kubernetes.io/last-applied-configuration':{}}},'f:spec':{'.':{}," SPEC_DEFAULTS "}}",
     NULL},
    {NULL, MERGE, "u", "{'spec':{'count':9}}", "changed", NULL, NULL, NULL},
    {NULL, APPLY, "kubectl", "{'spec':{'image':'cc','replicas':1,'count':10}}",
     "conflict: Apply failed with 1 conflict: conflict with \"u\" using t.dev/v1: .spec.count",
     NULL, NULL, NULL},
    {NULL, APPLY, "other", "{'spec':{'strDef':'y'}}",
     "conflict: Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using "
     "t.dev/v1: .spec.strDef",
     NULL, NULL, NULL},

    {"52: an empty list of managers changes nothing", POST, "u", "{'spec':{'image':'aa'}}",
     "created", NULL, NULL, NULL},
    {NULL, MERGE, "v", "{'metadata':{'managedFields':[]}}", "same", NULL, NULL, NULL},
    {NULL, MERGE, "v", "{'metadata':{'managedFields':null}}", "same", NULL, NULL, NULL},
    {"53: a reset", APPLY, "a", "{'spec':{'image':'aa'}}", "created", NULL, NULL, NULL},
    {NULL, MERGE, "v", "{'metadata':{'managedFields':[{}]}}", "written", NULL, "", NULL},
    {NULL, APPLY, "k", "{'spec':{'image':'aa'}}", "written", NULL,
     "k Apply - {'f:spec':{'f:image':{}}}\n"
     "before-first-apply Update 3 {'f:spec':{'.':{},'f:image':{}," SPEC_DEFAULTS "}}",
     NULL},
    {"54: an unknown version", APPLY, "a", "{'spec':{'image':'aa'}}", "created", NULL, NULL, NULL},
    {NULL, MERGE, "v",
     "{'metadata':{'managedFields':[{'manager':'x','operation':'Apply','apiVersion':'t.dev/v9',"
     "'fieldsType':'FieldsV1','fieldsV1':{'f:spec':{'f:image':{}}}}]}}",
     "written", NULL, "", NULL},
    {"54: an unknown version among others", APPLY, "a", "{'spec':{'image':'aa'}}", "created", NULL,
     NULL, NULL},
    {NULL, MERGE, "v",
     "{'metadata':{'managedFields':["
     "{'manager':'a','operation':'Apply','apiVersion':'t.dev/v1','fieldsType':'FieldsV1','fieldsV1'"
     ":{'f:spec':{'f:image':{}}}},"
     "{'manager':'x','operation':'Apply','apiVersion':'t.dev/v9','fieldsType':'FieldsV1','fieldsV1'"
     ":{'f:spec':{'f:image':{}}}}]}}",
     "written", NULL, "", NULL},
    {"55: managers that the client sent are the base", APPLY, "a",
     "{'spec':{'image':'aa','replicas':2}}", "created", NULL, NULL, NULL},
    {NULL, MERGE, "w",
     "{'spec':{'image':'cc'},'metadata':{'managedFields':["
     "{'manager':'q','operation':'Apply','apiVersion':'t.dev/v1','fieldsType':'FieldsV1','fieldsV1'"
     ":{'f:spec':{'f:image':{}}}},"
     "{'manager':'r','operation':'Update','apiVersion':'t.dev/v1','time':'1970-01-01T02:00:00.999+"
     "02:00','fieldsType':'FieldsV1','fieldsV1':{'f:spec':{'f:replicas':{}}}}]}}",
     "changed", NULL,
     "r Update 0 {'f:spec':{'f:replicas':{}}}\n"
     "w Update 2 {'f:spec':{'f:image':{}}}",
     NULL},
    {"55: what makes no sense is as if it were not there", APPLY, "a", "{'spec':{'image':'aa'}}",
     "created", NULL, NULL, NULL},
    {NULL, MERGE, "v",
     "{'metadata':{'managedFields':[{'manager':'x','operation':'Edit','apiVersion':'t.dev/v1',"
     "'fieldsType':'FieldsV1','fieldsV1':{}}]}}",
     "same", NULL, "a Apply 1 {'f:spec':{'f:image':{}}}", NULL},
    {NULL, MERGE, "v",
     "{'metadata':{'managedFields':[{'manager':'x','operation':'Apply','apiVersion':'t.dev/v1',"
     "'fieldsType':'FieldsV1','fieldsV1':{'spec':{}}}]}}",
     "same", NULL, NULL, NULL},
    {NULL, MERGE, "v",
     "{'metadata':{'managedFields':[{'manager':'x','operation':'Apply','apiVersion':'t.dev/v1',"
     "'fieldsType':'V2','fieldsV1':{}}]}}",
     "same", NULL, NULL, NULL},
    {"A.6: a time alone is not changed", APPLY, "a", "{'spec':{'image':'aa'}}", "created", NULL,
     NULL, NULL},
    {NULL, MERGE, "v",
     "{'metadata':{'managedFields':[{'manager':'a','operation':'Apply','apiVersion':'t.dev/v1',"
     "'fieldsType':'FieldsV1','fieldsV1':{'f:spec':{'f:image':{}}}}]}}",
     "same", NULL, "a Apply 1 {'f:spec':{'f:image':{}}}", NULL},
    {"A.6: the last of an identity wins", APPLY, "a", "{'spec':{'image':'aa'}}", "created", NULL,
     NULL, NULL},
    {NULL, MERGE, "v",
     "{'metadata':{'managedFields':["
     "{'manager':'q','operation':'Apply','apiVersion':'t.dev/v1','fieldsType':'FieldsV1','fieldsV1'"
     ":{'f:spec':{'f:image':{}}}},"
     "{'manager':'q','operation':'Apply','apiVersion':'t.dev/v1','fieldsType':'FieldsV1','fieldsV1'"
     ":{'f:spec':{'f:count':{}}}}]}}",
     "written", NULL, "q Apply - {'f:spec':{'f:count':{}}}", NULL},

    {"60: another version of the kind", APPLY, "a", "{'spec':{'image':'aa'}}", "created", NULL,
     NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{'image':'aa'}}", "written", NULL,
     "a Apply 1 t.dev/v2 {'f:spec':{'f:image':{}}}", "t.dev/v2"},
    {NULL, MERGE, "u", "{'spec':{'count':1}}", "changed", NULL,
     "a Apply 1 t.dev/v2 {'f:spec':{'f:image':{}}}\n"
     "u Update 3 t.dev/v2 {'f:spec':{'f:count':{}}}",
     "t.dev/v2"},
    {NULL, MERGE, "u", "{'spec':{'count':2}}", "changed", NULL,
     "a Apply 1 t.dev/v2 {'f:spec':{'f:image':{}}}\n"
     "u Update 4 {'f:spec':{'f:count':{}}}",
     NULL},
    {"61: a field that became atomic", STORED, NULL,
     "{'spec':{'labelsA':{'a':'1','b':'2'},'atom':['x']}," ONE_MANAGER(
         "{'f:spec':{'f:atom':{'.':{},'v:\\'x\\'':{}},'f:labelsA':{'f:b':{}},'f:items':{'k:{\\'"
         "name\\':\\'x\\'}':{'f:v':{}}}}}") "}",
     NULL, NULL, NULL, NULL},
    {NULL, MERGE, "u", "{'spec':{'image':'x'}}", "changed", NULL,
     "m Apply 0 "
     "{'f:spec':{'f:atom':{},'f:items':{'k:{\\'name\\':\\'x\\'}':{'f:v':{}}},'f:labelsA':{}}}\n"
     "u Update 2 {'f:spec':{'f:image':{}}}",
     NULL},
    {"62: duplicates are one", STORED, NULL,
     "{'spec':{'setS':['a','a','b']}," ONE_MANAGER("{'f:spec':{'f:image':{}}}") "}", NULL, NULL,
     NULL, NULL},
    {NULL, MERGE, "u", "{'spec':{'setS':['a','a','c']}}", "changed", NULL,
     "m Apply 0 {'f:spec':{'f:image':{}}}\n"
     "u Update 2 {'f:spec':{'f:setS':{'v:\\'c\\'':{}}}}",
     NULL},
    {"63: 1.0 is 1", APPLY, "a", "{'spec':{'num':1}}", "created", NULL, NULL, NULL},
    {NULL, MERGE, "u", "{'spec':{'num':1.0}}", "changed", NULL, "a Apply 1 {'f:spec':{'f:num':{}}}",
     NULL},
    {"65: an unknown field", APPLY, "a", "{'spec':{'bogus':1}}",
     "error: failed to create typed patch object (/x; t.dev/v1, Kind=Thing): .spec.bogus: field "
     "not declared in schema",
     NULL, NULL, NULL},
    {"68: what the server sets", APPLY, "a", "{'spec':{'image':'aa'}}", "created", NULL, NULL,
     NULL},
    {NULL, APPLY, "a",
     "{'metadata':{'creationTimestamp':'bad','generation':77},'spec':{'image':'"
     "aa'}}",
     "same", NULL, NULL, NULL},
    {"69: an item of which another owns parts", APPLY, "a",
     "{'spec':{'items':[{'name':'x','v':1,'sub':[1,2]}]}}", "created", NULL, NULL, NULL},
    {NULL, APPLY, "b", "{'spec':{'items':[{'name':'x','sub':[2]}]}}", "written", NULL, NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{'items':[]}}", "changed", "{'items':[{'name':'x','sub':[2]}]}",
     "b Apply - "
     "{'f:spec':{'f:items':{'k:{\\'name\\':\\'x\\'}':{'.':{},'f:name':{},'f:sub':{'v:2':{}}}}}}",
     NULL},
    {"71: any key, but nothing below", APPLY, "a",
     "{'spec':{'t':{'k':1,'o':{'a':1},'l':[{'a':1}]}}}", "created", "{'t':{'k':1,'l':[{}],'o':{}}}",
     "a Apply 1 {'f:spec':{'f:t':{'f:k':{},'f:l':{},'f:o':{'.':{},'f:a':{}}}}}", NULL},
    {"72: no key at all", APPLY, "a", "{'spec':{'f':{'k':1}}}",
     "error: failed to create typed patch object (/x; t.dev/v1, Kind=Thing): .spec.f.k: field not "
     "declared in schema",
     NULL, NULL, NULL},
    {"74: an object that no longer fits", STORED, NULL,
     "{'spec':{'count':'x'}," ONE_MANAGER("{'f:spec':{'f:count':{}}}") "}", NULL, NULL, NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{'image':'aa'}}",
     "error: failed to create typed live object (/x; t.dev/v1, Kind=Thing): .spec.count: expected "
     "numeric (int or float), got string",
     NULL, NULL, NULL},
    {NULL, MERGE, "u", "{'metadata':{'labels':{'a':'b'}}}", "written", NULL, "", NULL},
    {NULL, APPLY, "a", "{'spec':{'image':'aa'}}",
     "error: failed to create manager for existing fields: failed to convert new object (/x; "
     "t.dev/v1, Kind=Thing) to smd typed: .spec.count: expected numeric (int or float), got string",
     NULL, NULL, NULL},
    {"75: the order of conflicts", APPLY, "a",
     "{'spec':{'ports':[{'port':1000000,'name':'a'},{'port':123456789,'name':'a'},{'port':100000,"
     "'name':'a'}]}}",
     "created", NULL, NULL, NULL},
    {NULL, APPLY, "b",
     "{'spec':{'ports':[{'port':1000000,'name':'b'},{'port':123456789,'name':'b'},{'port':100000,"
     "'name':'b'}]}}",
     "conflict: Apply failed with 3 conflicts: conflicts with \"a\":\n"
     "- .spec.ports[port=100000,protocol=\"TCP\"].name\n"
     "- .spec.ports[port=1e+06,protocol=\"TCP\"].name\n"
     "- .spec.ports[port=1.23456789e+08,protocol=\"TCP\"].name",
     NULL, NULL, NULL},
    {"C.4: members before what is below, managers by name", APPLY, "a",
     "{'spec':{'image':'a','atom':['a'],'labelsA':{'a':'1'},'replicas':2,'items':[{'name':'x','v':"
     "1}],'nested':{'a':'a','c':{'d':'a'}},'ports':[{'port':1,'name':'a'}]}}",
     "created", NULL, NULL, NULL},
    {NULL, MERGE, "B", "{'spec':{'count':1}}", "changed", NULL, NULL, NULL},
    {NULL, APPLY, "b",
     "{'spec':{'count':2,'image':'b','atom':['b'],'labelsA':{'b':'1'},'replicas':3,'items':[{'name'"
     ":'x','v':2}],'nested':{'a':'b','c':{'d':'b'}},'ports':[{'port':1,'name':'b'}]}}",
     "conflict: Apply failed with 9 conflicts: conflicts with \"B\" using t.dev/v1:\n"
     "- .spec.count\n"
     "conflicts with \"a\":\n"
     "- .spec.atom\n"
     "- .spec.image\n"
     "- .spec.labelsA\n"
     "- .spec.replicas\n"
     "- .spec.items[name=\"x\"].v\n"
     "- .spec.nested.a\n"
     "- .spec.nested.c.d\n"
     "- .spec.ports[port=1,protocol=\"TCP\"].name",
     NULL, NULL, NULL},
};

static void cases_from_41(void **state)
{
    things_run(*state, steps, MOT_ARRAY_SIZE(steps));
}

#define EXAMPLE                                                                                    \
    "{'spec':{'image':'img','setS':['b','a'],'setI':[10,2,1],'atom':['x'],'ports':[{'port':80,"    \
    "'name':'w'},{'port':80,'protocol':'UDP'}],'labelsG':{'a.b/c':'1'},'labelsA':{'q':'1'},"       \
    "'structA':{'a':'1'},'nested':{'a':'1','c':{'d':'1'}},'mapOfStruct':{'k1':{'a':'1'}},'ios':5," \
    "'free':{'x':{'y':[1,2],'z':{}}},'nul':null}}"

static const struct step examples[] = {
    {"the worked example, applied", APPLY, "a", EXAMPLE, "created", NULL,
     "a Apply 1 {'f:spec':{'f:atom':{},'f:free':{'f:x':{'.':{},'f:y':{},'f:z':{}}},'f:image':{},"
     "'f:ios':{},'f:labelsA':{},'f:labelsG':{'f:a.b/c':{}},"
     "'f:mapOfStruct':{'f:k1':{'.':{},'f:a':{}}},'f:nested':{'f:a':{},'f:c':{'f:d':{}}},'f:nul':{},"
     "'f:ports':{'k:{\\'port\\':80,\\'protocol\\':\\'TCP\\'}':{'.':{},'f:name':{},'f:port':{}},"
     "'k:{\\'port\\':80,\\'protocol\\':\\'UDP\\'}':{'.':{},'f:port':{},'f:protocol':{}}},"
     "'f:setI':{'v:1':{},'v:10':{},'v:2':{}},'f:setS':{'v:\\'a\\'':{},'v:\\'b\\'':{}},"
     "'f:structA':{}}}",
     NULL},
    {"the worked example, posted", POST, "u", EXAMPLE, "created", NULL,
     "u Update 1 {'f:spec':{'.':{},'f:atom':{},'f:free':{'.':{},'f:x':{'.':{},'f:y':{},'f:z':{}}},"
     "'f:image':{},'f:ios':{},'f:labelsA':{},'f:labelsG':{'.':{},'f:a.b/c':{}},"
     "'f:mapOfStruct':{'.':{},'f:k1':{'.':{},'f:a':{}}},'f:nested':{'.':{},'f:a':{},'f:c':{'.':{},"
     "'f:d':{}}},'f:nul':{},'f:nulDef':{},'f:objDef':{'.':{},'f:x':{}},"
     "'f:ports':{'.':{},'k:{\\'port\\':80,\\'protocol\\':\\'TCP\\'}':{'.':{},'f:name':{},'f:port':{"
     "}"
     ",'f:protocol':{},'f:w':{}},'k:{\\'port\\':80,\\'protocol\\':\\'UDP\\'}':{'.':{},'f:port':{},"
     "'f:protocol':{},'f:w':{}}},'f:replicas':{},"
     "'f:setI':{'.':{},'v:1':{},'v:10':{},'v:2':{}},'f:setS':{'.':{},'v:\\'a\\'':{},'v:\\'b\\'':{}}"
     ",'f:strDef':{},'f:structA':{}}}",
     NULL},
    {"escapes", APPLY, "a", "{'spec':{'items':[{'name':'\xc3\xa9<>&'}],'labelsG':{'<':'1'}}}",
     "created", NULL,
     "a Apply 1 "
     "{'f:spec':{'f:items':{'k:{\\'name\\':\\'\xc3\xa9\\\\u003c\\\\u003e\\\\u0026\\'}':{'."
     "':{},'f:name':{}}},'f:labelsG':{'f:<':{}}}}",
     NULL},
};

static void examples_hold(void **state)
{
    things_run(*state, examples, MOT_ARRAY_SIZE(examples));
}

/* 56: eleven updaters are one too many. */
static void old_updates_are_joined(void **state)
{
    struct things *things = *state;
    struct buf wanted;
    buf_init(&wanted, BUF_MAX_DEFAULT);
    for (int i = 0; i < 11; i++) {
        char manager[8];
        char body[64];
        snprintf(manager, sizeof(manager), "m%02d", i);
        snprintf(body, sizeof(body), "{'metadata':{'labels':{'l%02d':'1'}}}", i);
        struct step step = {i == 0 ? "56" : NULL,
                            i == 0 ? POST : MERGE,
                            manager,
                            body,
                            i == 0 ? "created" : "written",
                            NULL,
                            NULL,
                            NULL};
        things_run(things, &step, 1);
        if (i == 1)
            buf_adds(&wanted, "ancient-changes Update 2 "
                              "{'f:metadata':{'f:labels':{'.':{},'f:l00':{},'f:l01':{}}}}");
        else if (i > 1)
            buf_addf(&wanted, "\n%s Update %d {'f:metadata':{'f:labels':{'f:l%02d':{}}}}", manager,
                     i + 1, i);
    }
    AUTO_FREE char *found = managers_text(things->stored);
    AUTO_FREE char *text = buf_take(&wanted);
    expect_text(found, text, "56");
    struct step again = {NULL,      MERGE, "m11", "{'metadata':{'labels':{'l11':'1'}}}",
                         "written", NULL,  NULL,  NULL};
    things_run(things, &again, 1);
    AUTO_FREE char *after = managers_text(things->stored);
    assert_non_null(strstr(after, "ancient-changes Update 3 "
                                  "{'f:metadata':{'f:labels':{'.':{},'f:l00':{},'f:l01':{},'f:l02'"
                                  ":{}}}}\nm03"));
}

/* 49: the annotation follows the configuration. */
static void annotation_is_renewed(void **state)
{
    struct things *things = *state;
    static const struct step kubectl[] = {
        {"49", POST, "kubectl-client-side-apply",
         "{'metadata':{'annotations':{'x':'1'," NOTE ":'{}'}},'spec':{'image':'aa'}}", "created",
         NULL, NULL, NULL},
        {NULL, FORCE, "kubectl",
         "{'metadata':{'annotations':{" NOTE ":'old','y':'<'}},'spec':{'image':'bb'}}", "changed",
         NULL, NULL, NULL},
    };
    things_run(things, kubectl, MOT_ARRAY_SIZE(kubectl));
    const json_t *notes = json_at(things->stored, "metadata.annotations");
    expect_text(json_string_value(
                    json_object_get(notes, "kubectl.kubernetes.io/last-applied-configuration")),
                "{\"apiVersion\":\"t.dev/v1\",\"kind\":\"Thing\",\"metadata\":{\"annotations\":{"
                "\"y\":\"\\u003c\"},\"name\":\"x\"},\"spec\":{\"image\":\"bb\"}}\n",
                "the annotation");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_from_41),
        cmocka_unit_test(examples_hold),
        cmocka_unit_test(old_updates_are_joined),
        cmocka_unit_test(annotation_is_renewed),
    };
    return cmocka_run_group_tests(tests, things_setup, things_teardown);
}
