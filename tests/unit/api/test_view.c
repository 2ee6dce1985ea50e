/* Views: events.k8s.io Events are those of the core group under other names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "api/view.h"

static struct kinds *kinds;
static const struct kind *view, *stored;

static int setup(void **state)
{
    (void)state;
    struct err err = {0};
    kinds = kinds_load(&err);
    assert_non_null(kinds);
    view = kinds_find(kinds, "events.k8s.io", "v1", "events");
    stored = kinds_find(kinds, "", "v1", "events");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kinds_free(kinds);
    return 0;
}

#define STORED                                                                                     \
    "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"e\",\"namespace\":\"n\"}," \
    "\"count\":3,\"eventTime\":null,\"firstTimestamp\":null,\"involvedObject\":{\"name\":\"web\"}" \
    ",\"lastTimestamp\":\"2026-11-23T12:57:31Z\",\"message\":\"m\",\"reason\":\"R\","              \
    "\"reportingComponent\":\"c\",\"source\":{\"component\":\"s\"},\"type\":\"Normal\"}"
#define SHOWN                                                                                      \
    "{\"apiVersion\":\"events.k8s.io/v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"e\","        \
    "\"namespace\":\"n\"},\"deprecatedCount\":3,\"deprecatedFirstTimestamp\":null,"                \
    "\"deprecatedLastTimestamp\":\"2026-11-23T12:57:31Z\",\"deprecatedSource\":{\"component\":"    \
    "\"s\"},\"eventTime\":null,\"note\":\"m\",\"reason\":\"R\",\"regarding\":{\"name\":\"web\"},"  \
    "\"reportingController\":\"c\",\"type\":\"Normal\"}"

static void expect_object(json_t *object, const char *text)
{
    json_t *expected = json_loads(text, 0, NULL);
    AUTO_FREE char *is = json_text(object);
    if (!json_same(object, expected))
        fail_msg("%s instead of %s", is, text);
    json_decref(expected);
}

static void converts_both_ways(void **state)
{
    (void)state;
    json_t *object = json_loads(STORED, 0, NULL);
    view_from_stored(view, object);
    expect_object(object, SHOWN);
    view_from_stored(view, object);
    expect_object(object, SHOWN);
    view_to_stored(view, object);
    expect_object(object, STORED);
    view_to_stored(view, object);
    expect_object(object, STORED);
    view_from_stored(stored, object);
    expect_object(object, STORED);
    json_decref(object);
}

static void encodes_what_is_stored(void **state)
{
    (void)state;
    size_t len;
    json_t *object = json_loads(SHOWN, 0, NULL);
    AUTO_FREE char *text = view_encode(view, object, &len);
    AUTO_FREE char *selectable = view_selectable(view, object);
    expect_object(object, SHOWN);
    assert_string_equal(text, STORED);
    assert_int_equal(len, strlen(STORED));
    assert_string_equal(selectable,
                        "{\"fields\":{\"involvedObject.name\":\"web\",\"metadata.name\":\"e\","
                        "\"metadata.namespace\":\"n\",\"reason\":\"R\",\"reportingComponent\":"
                        "\"c\",\"source\":\"s\",\"type\":\"Normal\"}}");
    json_decref(object);
}

static void shows_bodies(void **state)
{
    (void)state;
    size_t len = 0;
    AUTO_FREE char *shown = view_body(view, STORED, strlen(STORED), &len);
    assert_string_equal(shown, SHOWN);
    assert_int_equal(len, strlen(SHOWN));
    assert_null(view_body(stored, STORED, strlen(STORED), &len));
    assert_null(view_body(view, "rubbish", 7, &len));
}

static void selects_by_its_own_names(void **state)
{
    (void)state;
    static const struct {
        const char *selector;
        bool matches;
    } table[] = {{"regarding.name=web", true},
                 {"regarding.name=other", false},
                 {"reason=R,reportingController=c", true},
                 {"metadata.name=e,type!=Normal", false}};
    AUTO_FREE char *selectable = NULL;
    json_t *object = json_loads(STORED, 0, NULL);
    selectable = view_selectable(stored, object);
    json_t *decoded = json_loads(selectable, 0, NULL);
    struct err err = {0};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(table); i++) {
        struct selector *fields =
            selector_parse_fields(table[i].selector, view->selectable_fields, &err);
        assert_non_null(fields);
        view_rename_fields(view, fields);
        assert_int_equal(selector_matches(fields, json_object_get(decoded, "fields")),
                         table[i].matches);
        selector_free(fields);
    }
    assert_null(selector_parse_fields("involvedObject.name=web", view->selectable_fields, &err));
    json_decref(decoded);
    json_decref(object);
}

static void needs_what_it_shows(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "kind: CustomResourceDefinition\nmetadata: {annotations: {mot.dev/view-of: nothing}}\n"
        "spec: {group: x, names: {plural: a, kind: A, singular: a, listKind: B}, versions: [{name: "
        "v1, schema: {openAPIV3Schema: {type: object}}}]}\n"};
    struct err err = {0};
    assert_null(kinds_parse(texts, 1, &err));
    assert_string_equal(err.message, "kind a.x is a view of nothing, which is not stored");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converts_both_ways),
        cmocka_unit_test(encodes_what_is_stored),
        cmocka_unit_test(shows_bodies),
        cmocka_unit_test(needs_what_it_shows),
        cmocka_unit_test(selects_by_its_own_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
