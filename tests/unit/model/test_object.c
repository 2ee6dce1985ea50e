#include "support.h"

#include <mot/model/object.h>

static void encodes_and_writes(void **state)
{
    (void)state;
    json_t *object = quoted("{'spec':{'b':1.0,'a':[]},'metadata':{'name':'x','resourceVersion':'7',"
                            "'labels':{'b':'\\\"metadata"
                            "\\\":{','a':''}},'kind':'K','apiVersion':'v1'}");
    size_t len;
    AUTO_FREE char *body = object_encode(object, &len);
    json_decref(object);
    assert_string_equal(
        body, "{\"apiVersion\":\"v1\",\"kind\":\"K\",\"metadata\":{\"labels\":{\"a\":\"\",\"b\":"
              "\"\\\"metadata\\\":{\"},\"name\":\"x\"},\"spec\":{\"a\":[],\"b\":1}}");
    assert_int_equal(len, strlen(body));
    struct buf buf;
    buf_init(&buf, 1 << 16);
    object_write(&buf, body, len, 42);
    assert_non_null(strstr(buf.data, "\"metadata\":{\"resourceVersion\":\"42\",\"labels\""));
    struct err err;
    json_t *written = json_parse(buf.data, buf.len, true, &err);
    json_t *decoded = object_decode(body, len, 42, &err);
    assert_true(json_same(written, decoded));
    assert_int_equal(object_revision(decoded), 42);
    json_decref(written);
    json_decref(decoded);
    buf_release(&buf);
}

static void writes_odd_bodies(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{'metadata':{}}", "{'metadata':{'resourceVersion':'5'}}"},
        {"{}", "{'metadata':{'resourceVersion':'5'}}"},
        {"{'metadata':[]}", "{'metadata':{'resourceVersion':'5'}}"},
        {"{'kind':5,'metadata':{'name':'a'}}", "{'metadata':{'name':'a','resourceVersion':'5'}}"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        json_t *object = quoted(cases[i][0]);
        size_t len;
        struct err err;
        AUTO_FREE char *body = object_encode(object, &len);
        struct buf buf;
        buf_init(&buf, 1 << 16);
        object_write(&buf, body, len, 5);
        expect_json(json_parse(buf.data, buf.len, true, &err), cases[i][1], cases[i][0]);
        json_decref(object);
        buf_release(&buf);
    }
}

static void makes_selectables(void **state)
{
    (void)state;
    static const char *const fields[] = {"spec.n", "spec.b", "spec.o", "spec.none", NULL};
    json_t *object = quoted("{'metadata':{'name':'x','namespace':'','generation':3,'"
                            "deletionTimestamp':'2020-01-01T00:00:00Z',"
                            "'labels':{'b':'1','a':'2','c':5}},'spec':{'n':7,'b':true,'o':{}}}");
    AUTO_FREE char *text = object_selectable(object, fields);
    assert_string_equal(text, "{\"deleting\":true,\"fields\":{\"metadata.name\":\"x\",\"spec.b\":"
                              "\"true\",\"spec.n\":\"7\"},"
                              "\"generation\":3,\"labels\":{\"a\":\"2\",\"b\":\"1\"}}");
    json_decref(object);
    json_t *odd = quoted("{'metadata':[]}");
    AUTO_FREE char *nothing = object_selectable(odd, NULL);
    assert_string_equal(nothing, "{}");
    json_decref(odd);
    json_t *owned = quoted("{'metadata':{'name':'x','ownerReferences':[{'uid':'u2','"
                           "blockOwnerDeletion':true},{'uid':'u1'},{'name':'y'},7]}}");
    AUTO_FREE char *owners = object_selectable(owned, NULL);
    assert_string_equal(owners, "{\"fields\":{\"metadata.name\":\"x\"},"
                                "\"owners\":{\"u1\":false,\"u2\":true}}");
    json_decref(owned);
}

static void prepares_creation(void **state)
{
    (void)state;
    json_t *object = quoted("{'metadata':{'name':'x','uid':'mine','generation':9,'"
                            "deletionTimestamp':'2020-01-01T00:00:00Z',"
                            "'resourceVersion':'1','selfLink':'/'}}");
    object_prepare_create(object);
    assert_int_equal(strlen(object_uid(object)), 36);
    assert_int_equal(object_generation(object), 1);
    assert_false(object_deleting(object));
    assert_null(json_at(object, "metadata.selfLink"));
    assert_null(json_at(object, "metadata.resourceVersion"));
    assert_int_equal(strlen(json_at_text(object, "metadata.creationTimestamp")), 20);
    json_decref(object);
    json_t *odd = quoted("{'metadata':5}");
    object_prepare_create(odd);
    assert_int_equal(object_generation(odd), 1);
    json_decref(odd);
}

static void counts_generations(void **state)
{
    (void)state;
    static const struct {
        const char *old, *new;
        bool status_is_apart;
        int generation;
    } cases[] = {
        {"{'spec':{'a':1}}", "{'spec':{'a':1}}", true, 4},
        {"{'spec':{'a':1}}", "{'spec':{'a':2}}", true, 5},
        {"{'spec':{}}", "{}", true, 5},
        {"{}", "{'spec':{}}", true, 5},
        {"{'status':{}}", "{'status':{'a':1}}", true, 4},
        {"{'status':{}}", "{'status':{'a':1}}", false, 5},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        json_t *old = quoted(cases[i].old);
        json_t *object = quoted(cases[i].new);
        json_object_set_new(old, "metadata",
                            quoted("{'uid':'u','generation':4,'creationTimestamp':'t'}"));
        json_object_set_new(
            object, "metadata",
            quoted("{'generation':77,'creationTimestamp':'mine','labels':{'a':'b'}}"));
        object_prepare_update(object, old, cases[i].status_is_apart);
        assert_int_equal(object_generation(object), cases[i].generation);
        assert_string_equal(object_uid(object), "u");
        assert_string_equal(json_at_text(object, "metadata.creationTimestamp"), "t");
        assert_non_null(json_at(object, "metadata.labels"));
        json_decref(old);
        json_decref(object);
    }
}

/* What a client may not change is either put right or left for the validation to refuse. */
static void settles_metadata(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"{'uid':'u'}", "{'uid':''}", "{'uid':'u','generation':0}"},
        {"{'uid':'u'}", "{'uid':'v'}", "{'uid':'v','generation':0}"},
        {"{}", "{'deletionTimestamp':'d'}", "{'deletionTimestamp':'d','generation':0}"},
        {"{'deletionTimestamp':'d','deletionGracePeriodSeconds':0}", "{}",
         "{'deletionTimestamp':'d','deletionGracePeriodSeconds':0,'generation':0}"},
        {"{'deletionTimestamp':'d'}", "{'deletionTimestamp':'e'}",
         "{'deletionTimestamp':'d','generation':0}"},
        {"{}", "{'selfLink':'/','creationTimestamp':'x'}", "{'generation':0}"},
        {"{'managedFields':[1]}", "{}", "{'generation':0}"},
        {"{}", "{'managedFields':[1]}", "{'managedFields':[1],'generation':0}"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        json_t *old = json_pack("{s:o}", "metadata", quoted(cases[i][0]));
        json_t *object = json_pack("{s:o}", "metadata", quoted(cases[i][1]));
        object_prepare_update(object, old, true);
        expect_json(json_incref(json_object_get(object, "metadata")), cases[i][2], cases[i][1]);
        json_decref(old);
        json_decref(object);
    }
}

static void marks_deleted_once(void **state)
{
    (void)state;
    json_t *object = quoted("{'metadata':{'generation':2}}");
    assert_true(object_mark_deleted(object));
    assert_true(object_deleting(object));
    assert_int_equal(object_generation(object), 3);
    assert_int_equal(json_at_int(object, "metadata.deletionGracePeriodSeconds", -1), 0);
    assert_false(object_mark_deleted(object));
    assert_int_equal(object_generation(object), 3);
    json_decref(object);
}

static void keeps_finalizers(void **state)
{
    (void)state;
    json_t *object = quoted("{'metadata':{'finalizers':['a',5]}}");
    assert_true(object_has_finalizer(object, "a"));
    assert_false(object_add_finalizer(object, "a"));
    assert_true(object_add_finalizer(object, "b"));
    assert_true(object_remove_finalizer(object, "a"));
    assert_false(object_remove_finalizer(object, "a"));
    json_array_remove(json_at(object, "metadata.finalizers"), 0);
    assert_true(object_remove_finalizer(object, "b"));
    assert_null(json_at(object, "metadata.finalizers"));
    json_decref(object);
    json_t *odd = quoted("{'metadata':{'finalizers':'a'}}");
    assert_false(object_has_finalizer(odd, "a"));
    assert_true(object_add_finalizer(odd, "a"));
    assert_true(object_has_finalizer(odd, "a"));
    json_decref(odd);
}

static void never_null(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "{}", "[]", "5", "null", "{'metadata':[]}", "{'metadata':{'name':5,'uid':{}}}"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        json_t *object = quoted(cases[i]);
        assert_string_equal(object_name(object), "");
        assert_string_equal(object_namespace(object), "");
        assert_string_equal(object_uid(object), "");
        assert_int_equal(object_revision(object), 0);
        json_decref(object);
    }
}

static void sets_conditions(void **state)
{
    (void)state;
    json_t *status = json_object();
    assert_true(condition_set(status, "Ready", "False", "Why", "m", 1, 1000));
    assert_false(condition_set(status, "Ready", "False", "Why", "m", 1, 5000));
    assert_true(condition_set(status, "Ready", "False", "Why", "m2", 2, 5000));
    assert_string_equal(json_at_text(condition_get(status, "Ready"), "lastTransitionTime"),
                        "1970-01-01T00:00:01Z");
    assert_true(condition_set(status, "Ready", "True", "Ok", "", 2, 9000));
    assert_true(condition_set(status, "Other", "True", "Ok", "", 0, 9000));
    assert_null(condition_get(status, "Nope"));
    expect_json(status,
                "{'conditions':[{'type':'Ready','status':'True','reason':'Ok','message':'','"
                "observedGeneration':2,"
                "'lastTransitionTime':'1970-01-01T00:00:09Z'},{'type':'Other','status':'True','"
                "reason':'Ok','message':'',"
                "'lastTransitionTime':'1970-01-01T00:00:09Z'}]}",
                "conditions");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_and_writes), cmocka_unit_test(writes_odd_bodies),
        cmocka_unit_test(makes_selectables),  cmocka_unit_test(prepares_creation),
        cmocka_unit_test(counts_generations), cmocka_unit_test(settles_metadata),
        cmocka_unit_test(marks_deleted_once), cmocka_unit_test(keeps_finalizers),
        cmocka_unit_test(never_null),         cmocka_unit_test(sets_conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
