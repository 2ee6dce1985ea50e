/*
 * What a real API server answered, case by case: the numbers are those of the notes on server-side
 * apply that the module was written from.
 */
#include "things.h"

static const struct step steps[] = {
    {"1: defaults belong to nobody", APPLY, "a", "{'spec':{'replicas':2}}", "created",
     "{'replicas':2}", "a Apply 1 {'f:spec':{'f:replicas':{}}}", NULL},

    {"2: equal values are shared", APPLY, "a", "{'spec':{'image':'aa','replicas':2}}", "created",
     NULL, NULL, NULL},
    {NULL, APPLY, "b", "{'spec':{'image':'aa'}}", "written", NULL,
     "b Apply - {'f:spec':{'f:image':{}}}\n"
     "a Apply 1 {'f:spec':{'f:image':{},'f:replicas':{}}}",
     NULL},
    {"3: other values are in conflict", APPLY, "a", "{'spec':{'image':'aa','replicas':2}}",
     "created", NULL, NULL, NULL},
    {NULL, APPLY, "b", "{'spec':{'image':'bb'}}",
     "conflict: Apply failed with 1 conflict: conflict with \"a\": .spec.image",
     "{'image':'aa','replicas':2}", NULL, NULL},
    {"4, 5, 6: force moves a field, and its owner takes it away", APPLY, "a",
     "{'spec':{'image':'aa','replicas':2}}", "created", NULL, NULL, NULL},
    {NULL, FORCE, "b", "{'spec':{'image':'bb'}}", "changed", "{'image':'bb','replicas':2}",
     "a Apply 1 {'f:spec':{'f:replicas':{}}}\n"
     "b Apply 2 {'f:spec':{'f:image':{}}}",
     NULL},
    {NULL, APPLY, "a", "{'spec':{'replicas':2}}", "same", NULL, NULL, NULL},
    {NULL, APPLY, "b", "{'spec':{}}", "changed", "{'replicas':2}",
     "a Apply 1 {'f:spec':{'f:replicas':{}}}\n"
     "b Apply 4 {'f:spec':{}}",
     NULL},
    {"7: what is shared stays", APPLY, "c", "{'spec':{'image':'aa'}}", "created", NULL, NULL, NULL},
    {NULL, APPLY, "d", "{'spec':{'image':'aa'}}", "written", NULL, NULL, NULL},
    {NULL, APPLY, "c", "{'spec':{}}", "written", "{'image':'aa'}",
     "d Apply - {'f:spec':{'f:image':{}}}\n"
     "c Apply 1 {'f:spec':{}}",
     NULL},
    {"9: sharing more does not touch the time", APPLY, "a", "{'spec':{'image':'aa'}}", "created",
     NULL, NULL, NULL},
    {NULL, FORCE, "b", "{'spec':{'replicas':3}}", "changed", NULL, NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{'image':'aa','replicas':3}}", "written", NULL,
     "a Apply 1 {'f:spec':{'f:image':{},'f:replicas':{}}}\n"
     "b Apply 2 {'f:spec':{'f:replicas':{}}}",
     NULL},
    {"10: an update takes fields away", APPLY, "d", "{'spec':{'image':'dd'}}", "created", NULL,
     NULL, NULL},
    {NULL, MERGE, "u", "{'spec':{'image':'ee'}}", "changed", NULL,
     "u Update 2 {'f:spec':{'f:image':{}}}", NULL},
    {"11: force moves only what differs", APPLY, "a",
     "{'spec':{'items':[{'name':'x','v':1,'w':1}]}}", "created", NULL, NULL, NULL},
    {NULL, FORCE, "b", "{'spec':{'items':[{'name':'x','v':2,'w':1}]}}", "changed",
     "{'items':[{'name':'x','v':2,'w':1}]}",
     "a Apply 1 {'f:spec':{'f:items':{'k:{\\'name\\':\\'x\\'}':{'.':{},'f:name':{},'f:w':{}}}}}\n"
     "b Apply 2 "
     "{'f:spec':{'f:items':{'k:{\\'name\\':\\'x\\'}':{'.':{},'f:name':{},'f:v':{},'f:w':{}}}}}",
     NULL},
    {"12: applier and updater of one name are two", APPLY, "a", "{'spec':{'image':'aa'}}",
     "created", NULL, NULL, NULL},
    {NULL, MERGE, "a", "{'spec':{'image':'bb'}}", "changed", NULL, NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{'image':'cc'}}",
     "conflict: Apply failed with 1 conflict: conflict with \"a\" using t.dev/v1: .spec.image",
     NULL, NULL, NULL},

    {"13: a list whose items went while another owns below", APPLY, "a",
     "{'spec':{'items':[{'name':'x','v':1}]}}", "created", NULL, NULL, NULL},
    {NULL, MERGE, "u", "{'spec':{'items':[{'name':'x','v':1,'w':2}]}}", "changed", NULL,
     "a Apply 1 {'f:spec':{'f:items':{'k:{\\'name\\':\\'x\\'}':{'.':{},'f:name':{},'f:v':{}}}}}\n"
     "u Update 2 {'f:spec':{'f:items':{'k:{\\'name\\':\\'x\\'}':{'f:w':{}}}}}",
     NULL},
    {NULL, APPLY, "a", "{'spec':{}}",
     "invalid: spec.items: Invalid value: \"null\": spec.items in body must be of type array: "
     "\"null\"",
     NULL, NULL, NULL},
    {"14: a struct that an updater owns", POST, "u", "{'spec':{'nested':{'a':'1'}}}", "created",
     NULL, NULL, NULL},
    {NULL, FORCE, "a", "{'spec':{'nested':{'a':'2'}}}", "changed", NULL, NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{}}",
     "invalid: spec.nested: Invalid value: \"null\": spec.nested in body must be of type object: "
     "\"null\"",
     NULL, NULL, NULL},
    {"15: a map that an updater owns", POST, "u", "{'spec':{'labelsG':{'a':'1'}}}", "created", NULL,
     NULL, NULL},
    {NULL, FORCE, "a", "{'spec':{'labelsG':{'a':'2'}}}", "changed", NULL, NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{}}",
     "invalid: spec.labelsG: Invalid value: \"null\": spec.labelsG in body must be of type object: "
     "\"null\"",
     NULL, NULL, NULL},
    {"16: a set that an updater owns", POST, "u", "{'spec':{'setS':['x']}}", "created", NULL, NULL,
     NULL},
    {NULL, APPLY, "a", "{'spec':{'setS':['y']}}", "changed", "{'setS':['x','y']}", NULL, NULL},
    {NULL, MERGE, "u", "{'spec':{'setS':['y']}}", "changed", "{'setS':['y']}", NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{}}",
     "invalid: spec.setS: Invalid value: \"null\": spec.setS in body must be of type array: "
     "\"null\"",
     NULL, NULL, NULL},
    {"16: in metadata null is nothing", POST, "u", "{'metadata':{'labels':{'x':'1'}},'spec':{}}",
     "created", NULL, NULL, NULL},
    {NULL, APPLY, "a", "{'metadata':{'labels':{'y':'1'}}}", "written", NULL, NULL, NULL},
    {NULL, MERGE, "u", "{'metadata':{'labels':{'x':null}}}", "written", NULL, NULL, NULL},
    {NULL, APPLY, "a", "{'metadata':{}}", "written", NULL,
     "u Update 1 {'f:metadata':{'f:labels':{}},'f:spec':{'.':{},'f:nulDef':{},'f:objDef':{'."
     "':{},'f:x':{}},'f:replicas':{},'f:strDef':{}}}",
     NULL},
    {"17: free-form data that goes", APPLY, "a", "{'spec':{'free':{'m':{'a':1}}}}", "created", NULL,
     "a Apply 1 {'f:spec':{'f:free':{'f:m':{'.':{},'f:a':{}}}}}", NULL},
    {NULL, APPLY, "a", "{'spec':{'free':{}}}",
     "invalid: spec.free: Invalid value: \"null\": spec.free in body must be of type object: "
     "\"null\"",
     NULL, NULL, NULL},
    {"17: another holds an empty struct", APPLY, "a", "{'spec':{'nested':{'a':'1'}}}", "created",
     NULL, NULL, NULL},
    {NULL, APPLY, "b", "{'spec':{'nested':{}}}", "written", NULL, NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{}}",
     "invalid: spec.nested: Invalid value: \"null\": spec.nested in body must be of type object: "
     "\"null\"",
     NULL, NULL, NULL},
    {"18: an empty list owns nothing, and the spec goes", APPLY, "a",
     "{'spec':{'ports':[{'port':80}]}}", "created", "{'ports':[{'port':80}]}", NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{'ports':[]}}", "changed", "", "", NULL},
    {"19: the default comes back", APPLY, "a", "{'spec':{'replicas':5}}", "created", NULL, NULL,
     NULL},
    {NULL, APPLY, "a", "{'spec':{}}", "changed", "{}", "a Apply 2 {'f:spec':{}}", NULL},
    {"20: without managers nothing is tracked until the next apply", APPLY, "a",
     "{'spec':{'image':'aa'}}", "created", NULL, NULL, NULL},
    {NULL, MERGE, "u", "{'spec':null}", "changed", "", "", NULL},
    {NULL, MERGE, "u", "{'spec':{'image':'bb'}}", "changed", "{'image':'bb'}", "", NULL},
    {NULL, APPLY, "a", "{'spec':{'image':'bb'}}", "written", NULL,
     "a Apply - {'f:spec':{'f:image':{}}}\n"
     "before-first-apply Update 4 "
     "{'f:spec':{'.':{},'f:image':{},'f:nulDef':{},'f:objDef':{'.':{},'f:x':{}},'f:replicas':{},'f:"
     "strDef':{}}}",
     NULL},

    {"21: the main path does not own the status", APPLY, "a",
     "{'spec':{'replicas':2},'status':{'phase':'x'}}", "created", "{'replicas':2}",
     "a Apply 1 {'f:spec':{'f:replicas':{}}}", NULL},
    {"22, 23: the status has its own managers", APPLY, "a", "{'spec':{'image':'aa'}}", "created",
     NULL, NULL, NULL},
    {NULL, MERGE_STATUS, "st", "{'status':{'phase':'P'}}", "written", NULL,
     "a Apply 1 {'f:spec':{'f:image':{}}}\n"
     "st Update/status 2 {'f:status':{'.':{},'f:phase':{}}}",
     NULL},
    {NULL, APPLY_STATUS, "s", "{'status':{'phase':'Q'}}",
     "conflict: Apply failed with 1 conflict: conflict with \"st\" with subresource \"status\" "
     "using t.dev/v1: .status.phase",
     NULL, NULL, NULL},
    {NULL, APPLY_STATUS, "s", "{'status':{'phase':'P','conditions':[{'type':'R','status':'T'}]}}",
     "written", NULL, NULL, NULL},
    {NULL, APPLY_STATUS, "s", "{}", "written", NULL,
     "a Apply 1 {'f:spec':{'f:image':{}}}\n"
     "st Update/status 2 {'f:status':{'.':{},'f:phase':{}}}",
     NULL},
    {"24: fields of the other path are owned by nobody", APPLY, "a", "{'spec':{'image':'aa'}}",
     "created", NULL, NULL, NULL},
    {NULL, APPLY_STATUS, "s", "{'metadata':{'labels':{'x':'y'}},'spec':{'replicas':9}}", "written",
     "{'image':'aa'}",
     "a Apply 1 {'f:spec':{'f:image':{}}}\n"
     "s Apply/status 2 {'f:metadata':{'f:labels':{'f:x':{}}}}",
     NULL},

    {"27: null is a key, too", APPLY, "a", "{'spec':{'ports':[{'port':80,'protocol':null}]}}",
     "created", "{'ports':[{'port':80}]}",
     "a Apply 1 "
     "{'f:spec':{'f:ports':{'k:{\\'port\\':80,\\'protocol\\':null}':{'.':{},'f:port':{},'f:"
     "protocol'"
     ":{}}}}}",
     NULL},
    {NULL, APPLY, "a", "{'spec':{'ports':[{'port':80,'protocol':''}]}}", "changed",
     "{'ports':[{'port':80},{'port':80,'protocol':''}]}", NULL, NULL},
    {"28: keys are compared as numbers", APPLY, "a", "{'spec':{'ports':[{'port':80.0}]}}",
     "created", NULL, NULL, NULL},
    {NULL, APPLY, "b", "{'spec':{'ports':[{'port':80}]}}", "written", NULL,
     "b Apply - "
     "{'f:spec':{'f:ports':{'k:{\\'port\\':80,\\'protocol\\':\\'TCP\\'}':{'.':{},'f:port':{}}}}}\n"
     "a Apply 1 "
     "{'f:spec':{'f:ports':{'k:{\\'port\\':80,\\'protocol\\':\\'TCP\\'}':{'.':{},'f:port':{}}}}}",
     NULL},
    {"29: one of the keys is enough to merge", APPLY, "a", "{'spec':{'ports':[{'name':'w'}]}}",
     "invalid: spec.ports[0].port: Required value", NULL, NULL, NULL},
    {"30: duplicates", APPLY, "a", "{'spec':{'setS':['a','a']}}",
     "error: failed to create typed patch object (/x; t.dev/v1, Kind=Thing): .spec.setS: duplicate "
     "entries for key [=\"a\"]",
     NULL, NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{'ports':[{'port':1},{'port':1,'protocol':'TCP'}]}}",
     "error: failed to create typed patch object (/x; t.dev/v1, Kind=Thing): .spec.ports: "
     "duplicate entries for key [port=1,protocol=\"TCP\"]",
     NULL, NULL, NULL},

    {"31: a config that never equals what is stored", APPLY, "a",
     "{'spec':{'strDef':null,'image':'aa'}}", "created", "{'image':'aa'}", NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{'strDef':null,'image':'aa'}}", "same", NULL, NULL, NULL},
    {NULL, APPLY, "b", "{'spec':{'count':1}}", "changed", NULL, NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{'strDef':null,'image':'aa'}}", "written", NULL,
     "b Apply 3 {'f:spec':{'f:count':{}}}\n"
     "a Apply 4 {'f:spec':{'f:image':{},'f:strDef':{}}}",
     NULL},
    {NULL, APPLY, "a", "{'spec':{'strDef':null,'image':'aa'}}", "same", NULL, NULL, NULL},
    {"32: again, with defaults in items", APPLY, "a",
     "{'spec':{'image':'aa','ports':[{'port':80}]}}", "created", NULL, NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{'image':'aa','ports':[{'port':80}]}}", "same", NULL, NULL, NULL},
    {"33: owned although pruned", APPLY, "a",
     "{'spec':{'freeP':{'unk':1,'inner':{'k':'1','unk':1}}}}", "created",
     "{'freeP':{'inner':{'k':'1'},'unk':1}}",
     "a Apply 1 {'f:spec':{'f:freeP':{'f:inner':{'f:k':{},'f:unk':{}},'f:unk':{}}}}", NULL},
    {"34: what is pruned on every read is written every time", APPLY, "a",
     "{'spec':{'freeP':{'inner':{'unk':1}}}}", "created", NULL, NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{'freeP':{'inner':{'unk':1}}}}", "changed", NULL, NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{'freeP':{'inner':{'unk':1}}}}", "changed", NULL, NULL, NULL},
    {"35: another shape of an owned node", APPLY, "a", "{'spec':{'free':{'m':{'a':1},'l':[1,2]}}}",
     "created", NULL, NULL, NULL},
    {NULL, APPLY, "b", "{'spec':{'free':{'m':5}}}",
     "conflict: Apply failed with 1 conflict: conflict with \"a\": .spec.free.m", NULL, NULL, NULL},
    {NULL, APPLY, "b", "{'spec':{'free':{'l':[3]}}}",
     "conflict: Apply failed with 1 conflict: conflict with \"a\": .spec.free.l", NULL, NULL, NULL},
    {"36: another shape of a node that nobody owns", APPLY, "a", "{'spec':{'any':{'a':1}}}",
     "created", NULL, "a Apply 1 {'f:spec':{'f:any':{'f:a':{}}}}", NULL},
    {NULL, APPLY, "b", "{'spec':{'any':7}}", "changed", "{'any':7}",
     "b Apply 2 {'f:spec':{'f:any':{}}}", NULL},
    {"37: atomic fields are one", APPLY, "a",
     "{'spec':{'structA':{'a':'1'},'labelsA':{'q':'1'},'atom':['x']}}", "created", NULL, NULL,
     NULL},
    {NULL, APPLY, "b", "{'spec':{'structA':{'a':'1'}}}", "written", NULL, NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{'structA':{'b':'2'}}}",
     "conflict: Apply failed with 1 conflict: conflict with \"b\": .spec.structA", NULL, NULL,
     NULL},
    {NULL, FORCE, "a", "{'spec':{'structA':{'b':'2'}}}", "changed", "{'structA':{'b':'2'}}",
     "a Apply 4 {'f:spec':{'f:structA':{}}}", NULL},
    {"38: null is a value", APPLY, "a", "{'spec':{'nul':'x'}}", "created", NULL, NULL, NULL},
    {NULL, APPLY, "a", "{'spec':{'nul':null}}", "changed", "{'nul':null}",
     "a Apply 2 {'f:spec':{'f:nul':{}}}", NULL},
    {NULL, APPLY, "b", "{'spec':{'nul':null}}", "written", NULL,
     "b Apply - {'f:spec':{'f:nul':{}}}\na Apply 2 {'f:spec':{'f:nul':{}}}", NULL},
    {NULL, APPLY, "b", "{'spec':{'nul':'y'}}",
     "conflict: Apply failed with 1 conflict: conflict with \"a\": .spec.nul", NULL, NULL, NULL},
    {"39: null where it is not allowed", APPLY, "a", "{'spec':{'image':null}}",
     "invalid: spec.image: Invalid value: \"null\": spec.image in body must be of type string: "
     "\"null\"",
     NULL, NULL, NULL},
    {NULL, POST, "a", "{'spec':{'image':null}}", "created", "{}", NULL, NULL},
    {"40: null and defaults", APPLY, "a", "{'spec':{'strDef':null,'nulDef':null}}", "created",
     "{'nulDef':null}", "a Apply 1 {'f:spec':{'f:nulDef':{},'f:strDef':{}}}", NULL},
};

static void cases_1_to_40(void **state)
{
    things_run(*state, steps, MOT_ARRAY_SIZE(steps));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases_1_to_40)};
    return cmocka_run_group_tests(tests, things_setup, things_teardown);
}
