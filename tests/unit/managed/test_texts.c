/* The texts: errors of the typed walk, FieldsV1, names of managers, times, scale. */
#include "things.h"

#include <mot/base/clock.h>

#define TYPED(text) "error: failed to create typed patch object (/x; t.dev/v1, Kind=Thing): " text
#define VALUE(text) "got &value.valueUnstructured{Value:" text "}"

/* A spec, and what is wrong with it. */
static const struct {
    const char *spec;
    const char *error;
} errors[] = {
    {"{'bogus':1}", TYPED(".spec.bogus: field not declared in schema")},
    {"{'image':5}", TYPED(".spec.image: expected string, " VALUE("5"))},
    {"{'image':1.5}", TYPED(".spec.image: expected string, " VALUE("1.5"))},
    {"{'image':1e21}", TYPED(".spec.image: expected string, " VALUE("1e+21"))},
    {"{'image':true}", TYPED(".spec.image: expected string, " VALUE("true"))},
    {"{'image':{'a':1,'b':['x',null]}}",
     TYPED(".spec.image: expected string, " VALUE(
         "map[string]interface {}{\"a\":1, \"b\":[]interface {}{\"x\", interface {}(nil)}}"))},
    {"{'image':[1]}", TYPED(".spec.image: expected string, " VALUE("[]interface {}{1}"))},
    {"{'replicas':'x'}", TYPED(".spec.replicas: expected numeric (int or float), got string")},
    {"{'replicas':true}", TYPED(".spec.replicas: expected numeric (int or float), got bool")},
    {"{'replicas':{}}",
     TYPED(".spec.replicas: expected numeric (int or float), got map[string]interface {}")},
    {"{'replicas':[]}",
     TYPED(".spec.replicas: expected numeric (int or float), got []interface {}")},
    {"{'bool':'true'}", TYPED(".spec.bool: expected boolean, got &{true}")},
    {"{'bool':{'b':[1,2.5],'a':null}}",
     TYPED(".spec.bool: expected boolean, got &{map[a:<nil> b:[1 2.5]]}")},
    {"{'when':{'a':1}}", TYPED(".spec.when: expected any scalar, got &{map[a:1]}")},
    {"{'when':5}",
     "invalid: spec.when: Invalid value: \"int64\": spec.when in body must be of type "
     "date-time: \"int64\""},
    {"{'nested':'x'}", TYPED(".spec.nested: expected map, got &{x}")},
    {"{'nested':[1]}", TYPED(".spec.nested: expected map, got &{[1]}")},
    {"{'atom':{'a':1}}", TYPED(".spec.atom: expected list, got &{map[a:1]}")},
    {"{'atom':['x',1]}", TYPED(".spec.atom[1]: expected string, " VALUE("1"))},
    {"{'items':[{'v':1}]}",
     TYPED(".spec.items: element 0: associative list with keys has an element that omits all key "
           "fields [\"name\"] (and doesn't have default values for any key fields)")},
    {"{'items':[{'name':'x'},null]}",
     TYPED(".spec.items: element 1: associative list with keys may not have a null element")},
    {"{'items':['x']}",
     TYPED(".spec.items: element 0: associative list with keys may not have non-map elements")},
    {"{'items':[{'name':'x','v':'y'}]}",
     TYPED(".spec.items[name=\"x\"].v: expected numeric (int or float), got string")},
    {"{'items':[{'name':'x'},{'name':'y'},{'name':'x'}]}",
     TYPED(".spec.items: duplicate entries for key [name=\"x\"]")},
    {"{'ports':[{'port':1},{'port':1,'protocol':'TCP'}]}",
     TYPED(".spec.ports: duplicate entries for key [port=1,protocol=\"TCP\"]")},
    {"{'setS':[{}]}",
     TYPED(
         ".spec.setS: element 0: associative list without keys has an element that's a map type")},
    {"{'setS':['a',null]}", TYPED(".spec.setS: element 1: associative list without keys has an "
                                  "element that's an explicit null")},
    {"{'setS':[[]]}", TYPED(".spec.setS: element 0: not supported: associative list with lists as "
                            "elements")},
    {"{'setS':['a','b','a']}", TYPED(".spec.setS: duplicate entries for key [=\"a\"]")},
    {"{'setI':[1,1.0]}", TYPED(".spec.setI: duplicate entries for key [=1]")},
    {"{'setI':['x']}", TYPED(".spec.setI[=\"x\"]: expected numeric (int or float), got string")},
    {"{'bool':1,'image':2}", TYPED("errors:\n  .spec.bool: expected boolean, got &{1}\n"
                                   "  .spec.image: expected string, " VALUE("2"))},
    {"{'bool':1,'d':1,'image':2}", TYPED("errors:\n  .spec.bool: expected boolean, got &{1}\n"
                                         "  .spec.d: field not declared in schema")},
    {"{'f':{'k':1}}", TYPED(".spec.f.k: field not declared in schema")},
};

static void typing_errors(void **state)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(errors); i++) {
        AUTO_FREE char *body = mem_printf("{'spec':%s}", errors[i].spec);
        struct step step = {errors[i].spec, APPLY, "a", body, errors[i].error, NULL, NULL, NULL};
        things_run(*state, &step, 1);
    }
}

/* metadata is typed for all kinds alike. */
static const struct {
    const char *metadata;
    const char *error;
} metadata_errors[] = {
    {"{'bogus':1}", TYPED(".metadata.bogus: field not declared in schema")},
    {"{'labels':{'a':1}}", TYPED(".metadata.labels.a: expected string, " VALUE("1"))},
    {"{'finalizers':['a/b','a/b']}",
     TYPED(".metadata.finalizers: duplicate entries for key [=\"a/b\"]")},
    {"{'ownerReferences':[{'uid':'u','x':1}]}",
     TYPED(".metadata.ownerReferences[uid=\"u\"].x: field not declared in schema")},
    {"{'generation':'1'}", TYPED(".metadata.generation: expected numeric (int or float), got "
                                 "string")},
};

static void metadata_typing_errors(void **state)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(metadata_errors); i++) {
        AUTO_FREE char *body = mem_printf("{'metadata':%s}", metadata_errors[i].metadata);
        struct step step = {metadata_errors[i].metadata, APPLY, "a",  body,
                            metadata_errors[i].error,    NULL,  NULL, NULL};
        things_run(*state, &step, 1);
    }
}

/* The namespace is the one of the body, and a core group's version has an empty group. */
static void titles_of_objects(void **state)
{
    struct things *things = *state;
    struct managed_conflicts conflicts;
    struct err err = {0};
    bool changed;
    json_t *object;
    json_t *config = quoted("{'apiVersion':'v1','kind':'Thing','metadata':{'name':'n','namespace':"
                            "'ns'},'spec':5}");
    struct managed_writer writer = {
        .types = things->types, .api_version = "v1", .kind = "Thing", .manager = "a"};
    assert_int_equal(
        managed_apply(&writer, NULL, config, false, &object, &changed, &conflicts, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    expect_text(err.message,
                "failed to create typed patch object (ns/n; /v1, Kind=Thing): .spec: expected map, "
                "got &{5}",
                "the error");
    assert_null(object);
    managed_conflicts_release(&conflicts);
    json_decref(config);
}

/* A value of this many bytes stands in the text; what the whole text ends with. */
static const struct {
    size_t bytes;
    const char *end;
} misfits[] = {{2000, "ä}"}, {60000, "ä}"}, {70000, "ä…"}, {70001, "ä…"}};

static void whole_texts(void **state)
{
    struct things *things = *state;
    struct managed_writer writer = {
        .types = things->types, .api_version = THING_VERSION, .kind = "Thing", .manager = "a"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(misfits); i++) {
        struct managed_conflicts conflicts;
        struct err err = {0};
        bool changed;
        json_t *object;
        struct buf text;
        buf_init(&text, BUF_MAX_DEFAULT);
        buf_adds(&text, misfits[i].bytes % 2 ? "x" : "");
        while (text.len + 2 <= misfits[i].bytes)
            buf_adds(&text, "ä");
        json_t *config = json_pack("{s:s, s:s, s:s}", "apiVersion", THING_VERSION, "kind", "Thing",
                                   "spec", text.data);
        assert_int_equal(
            managed_apply(&writer, NULL, config, false, &object, &changed, &conflicts, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_memory_equal(err.message, conflicts.misfit, strlen(err.message));
        size_t len = strlen(conflicts.misfit);
        size_t end = strlen(misfits[i].end);
        assert_true(len > misfits[i].bytes || (len <= 65536 && len >= 65533));
        if (strcmp(conflicts.misfit + len - end, misfits[i].end) != 0)
            fail_msg("%zu bytes end with %s", misfits[i].bytes, conflicts.misfit + len - 12);
        managed_conflicts_release(&conflicts);
        json_decref(config);
        buf_release(&text);
    }
}

/* What a client sends as fieldsV1, and what is stored; NULL: it makes no sense. */
static const struct {
    const char *sent;
    const char *stored;
} fields[] = {
    {"{'f:spec':{}}", "{'f:spec':{}}"},
    {"{'f:spec':{'.':{}}}", "{'f:spec':{}}"},
    {"{'f:spec':{'.':{},'f:b':{},'f:a':{}}}", "{'f:spec':{'.':{},'f:a':{},'f:b':{}}}"},
    {"{'.':{},'f:spec':{}}", "{'f:spec':{}}"},
    {"{'f:spec':{'q:z':{}}}", "{'f:spec':{}}"},
    {"{'f:spec':{'q:z':{},'f:a':{}}}", "{'f:spec':{'f:a':{}}}"},
    {"{'f:spec':{'f:setI':{'v:10':{},'v:2':{},'v:1.0':{}}}}",
     "{'f:spec':{'f:setI':{'v:1':{},'v:10':{},'v:2':{}}}}"},
    {"{'f:spec':{'f:l':{'k:{\\'b\\':1,\\'a\\':2.0}':{'f:x':{}}}}}",
     "{'f:spec':{'f:l':{'k:{\\'a\\':2,\\'b\\':1}':{'f:x':{}}}}}"},
    {"{'f:spec':{'f:l':{'k:{\\'a\\': \\'<\\'}':{'f:x':{}}}}}",
     "{'f:spec':{'f:l':{'k:{\\'a\\':\\'\\\\u003c\\'}':{'f:x':{}}}}}"},
    {"{'f:spec':{'f:l':{'v:[1]':{},'v:{\\'a\\':null}':{},'v:true':{},'v:null':{}}}}",
     "{'f:spec':{'f:l':{'v:[1]':{},'v:null':{},'v:true':{},'v:{\\'a\\':null}':{}}}}"},
    {"{'f:spec':{'i:5':{},'f:':{}}}", "{'f:spec':{'f:':{},'i:5':{}}}"},
    {"{'f:spec':5}", NULL},
    {"{'f:spec':{'a':{}}}", NULL},
    {"{'f:spec':{'':{}}}", NULL},
    {"{'f:spec':{'fx':{}}}", NULL},
    {"{'f:spec':{'k:1':{}}}", NULL},
    {"{'f:spec':{'k:{':{}}}", NULL},
    {"{'f:spec':{'v:1 2':{}}}", NULL},
    {"{'f:spec':{'i:x':{}}}", NULL},
    {"'x'", NULL},
    {"[]", NULL},
};

static void fields_v1(void **state)
{
    struct things *things = *state;
    static const struct step post = {"fieldsV1", POST, "u",  "{'spec':{'image':'a'}}",
                                     "created",  NULL, NULL, NULL};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(fields); i++) {
        things_run(things, &post, 1);
        AUTO_FREE char *before = managers_text(things->stored);
        AUTO_FREE char *body =
            mem_printf("{'metadata':{'managedFields':[{'manager':'x','operation':'Apply',"
                       "'apiVersion':'t.dev/v1','fieldsType':'FieldsV1','fieldsV1':%s}]}}",
                       fields[i].sent);
        AUTO_FREE char *wanted =
            fields[i].stored ? mem_printf("x Apply - %s", fields[i].stored) : mem_strdup(before);
        struct step step = {NULL, MERGE,  "v", body, fields[i].stored ? "written" : "same",
                            NULL, wanted, NULL};
        things_run(things, &step, 1);
    }
}

#define HUNDRED_AND_TWENTY_SEVEN                                                                   \
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"               \
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvw"

static const struct {
    const char *field_manager;
    const char *user_agent;
    const char *name;
} names[] = {
    {"me", "kubectl/v1.35", "me"},
    {"", "kubectl/v1.35 (linux)", "kubectl"},
    {NULL, "Go-http-client", "Go-http-client"},
    {NULL, "a\tb\x7f c/1", "ab c"},
    {NULL, "\xc3\xa9\xc2\xa0\xe2\x80\x8b\xff", "\xc3\xa9\xef\xbf\xbd"},
    {NULL, "\t/x", "unknown"},
    {NULL, "", "unknown"},
    {NULL, NULL, "unknown"},
    {NULL, HUNDRED_AND_TWENTY_SEVEN "xy", HUNDRED_AND_TWENTY_SEVEN "x"},
    {NULL, HUNDRED_AND_TWENTY_SEVEN "\xc3\xa9z", HUNDRED_AND_TWENTY_SEVEN},
};

static void names_of_managers(void **state)
{
    (void)state;
    assert_int_equal(strlen(HUNDRED_AND_TWENTY_SEVEN), 127);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(names); i++) {
        AUTO_FREE char *name = managed_manager_name(names[i].field_manager, names[i].user_agent);
        expect_text(name, names[i].name, names[i].name);
    }
}

/* ---- times ---- */

#define STORED_AT(time, manager, rest)                                                             \
    "{'metadata':{'managedFields':[{'manager':'" manager "','time':'" time "'}],'name':'x'}," rest \
    "}"

static const struct {
    const char *live;
    const char *object;
    const char *time; /* the object's afterwards */
} times[] = {
    {STORED_AT("1", "a", "'spec':1"), STORED_AT("2", "a", "'spec':1"), "1"},
    {STORED_AT("1", "a", "'spec':1"), STORED_AT("2", "b", "'spec':1"), "2"},
    {STORED_AT("1", "a", "'spec':1"), STORED_AT("2", "a", "'spec':2"), "2"},
    {STORED_AT("1", "a", "'spec':1"), STORED_AT("2", "a", "'spec':1.0"), "2"},
    {"{'metadata':{'resourceVersion':'5','managedFields':[{'manager':'a','time':'1'}],'name':'x'}}",
     "{'metadata':{'managedFields':[{'manager':'a','time':'2'}],'name':'x'}}", "1"},
    {"{'metadata':{'managedFields':[{'manager':'a','time':'1'}],'name':'y'}}",
     "{'metadata':{'managedFields':[{'manager':'a','time':'2'}],'name':'x'}}", "2"},
    {"{'metadata':{'managedFields':[{'manager':'a','time':'1'},{'manager':'b'}]}}",
     "{'metadata':{'managedFields':[{'manager':'a','time':'2'}]}}", "2"},
    {"{'metadata':{'managedFields':[{'manager':'a','time':'1'}]}}",
     "{'metadata':{'managedFields':[{'manager':'a'}]}}", "1"},
};

static void times_alone_stay(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(times); i++) {
        json_t *live = quoted(times[i].live);
        json_t *object = quoted(times[i].object);
        managed_keep_times(live, object);
        const json_t *first = json_array_get(json_at(object, "metadata.managedFields"), 0);
        expect_text(json_at_text(first, "time"), times[i].time, times[i].object);
        json_decref(live);
        json_decref(object);
    }
    managed_keep_times(NULL, NULL);
}

/* ---- scale ---- */

#define SCALE_OF(managers)                                                                         \
    "{'apiVersion':'autoscaling/v1','kind':'Scale','metadata':{'name':'x'" managers "},'spec':{"   \
    "'replicas':%d}}"

static json_t *scale_with(int replicas, const json_t *entries)
{
    AUTO_FREE char *text = mem_printf(SCALE_OF(""), replicas);
    json_t *scale = quoted(text);
    if (entries)
        json_put(scale, "metadata.managedFields", json_deep_copy(entries));
    return scale;
}

/* 25: whoever scales takes the number; his entry has no time. */
static void scaling_takes_the_number(void **state)
{
    struct things *things = *state;
    static const struct step before[] = {
        {"25", APPLY, "a", "{'spec':{'replicas':2,'image':'x'}}", "created", NULL, NULL, NULL},
        {NULL, APPLY, "b", "{'spec':{'replicas':2}}", "written", NULL, NULL, NULL},
        {NULL, MERGE, "u", "{'spec':{'count':2}}", "changed", NULL, NULL, NULL},
    };
    things_run(things, before, MOT_ARRAY_SIZE(before));
    json_t *entries = managed_to_scale(things->stored, "spec.replicas");
    json_t *live = scale_with(2, entries);
    json_t *scale = scale_with(3, entries);
    AUTO_FREE char *shown = managers_text(live);
    expect_text(shown,
                "b Apply - autoscaling/v1 {'f:spec':{'f:replicas':{}}}\n"
                "a Apply 1 autoscaling/v1 {'f:spec':{'f:replicas':{}}}",
                "in the scale");
    struct managed_writer writer = {.types = field_types_of_scale(),
                                    .api_version = "autoscaling/v1",
                                    .kind = "Scale",
                                    .manager = "hpa",
                                    .subresource = "scale",
                                    .now_s = 9};
    managed_update(&writer, live, scale);
    struct managed_writer parent = {
        .types = things->types, .api_version = THING_VERSION, .kind = "Thing", .manager = "hpa"};
    json_t *after = managed_from_scale(&parent, things->stored,
                                       json_at(scale, "metadata.managedFields"), "spec.replicas");
    json_put(things->stored, "metadata.managedFields", after);
    json_put(things->stored, "spec.replicas", json_integer(3));
    AUTO_FREE char *text = managers_text(things->stored);
    expect_text(text,
                "a Apply 1 {'f:spec':{'f:image':{}}}\n"
                "hpa Update/scale - {'f:spec':{'f:replicas':{}}}\n"
                "u Update 3 {'f:spec':{'f:count':{}}}",
                "in the parent");
    static const struct step again = {
        NULL,
        APPLY,
        "a",
        "{'spec':{'replicas':2,'image':'x'}}",
        "conflict: Apply failed with 1 conflict: conflict with \"hpa\" with subresource \"scale\" "
        "using t.dev/v1: .spec.replicas",
        NULL,
        NULL,
        NULL};
    things_run(things, &again, 1);
    json_decref(entries);
    json_decref(live);
    json_decref(scale);
}

/* Appliers keep a number that did not change. */
static void scaling_to_the_same(void **state)
{
    struct things *things = *state;
    static const struct step before[] = {
        {"25", APPLY, "a", "{'spec':{'replicas':2}}", "created", NULL, NULL, NULL},
    };
    things_run(things, before, MOT_ARRAY_SIZE(before));
    json_t *entries = managed_to_scale(things->stored, "spec.replicas");
    struct managed_writer parent = {
        .types = things->types, .api_version = THING_VERSION, .kind = "Thing", .manager = "hpa"};
    json_t *after = managed_from_scale(&parent, things->stored, entries, "spec.replicas");
    assert_true(json_equal(after, json_at(things->stored, "metadata.managedFields")));
    assert_null(managed_to_scale(things->stored, "spec.count"));
    json_decref(after);
    json_decref(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typing_errors),       cmocka_unit_test(metadata_typing_errors),
        cmocka_unit_test(titles_of_objects),   cmocka_unit_test(whole_texts),
        cmocka_unit_test(fields_v1),           cmocka_unit_test(names_of_managers),
        cmocka_unit_test(times_alone_stay),    cmocka_unit_test(scaling_takes_the_number),
        cmocka_unit_test(scaling_to_the_same),
    };
    return cmocka_run_group_tests(tests, things_setup, things_teardown);
}
