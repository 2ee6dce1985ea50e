/* What a part's spec is made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <controller/spec.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

static json_t *parse(const char *text)
{
    struct err err = {0};
    json_t *value = json_parse(text, strlen(text), true, &err);
    if (!value)
        fail_msg("%s: %s", text, err.message);
    return value;
}

#define CONTAINERS                                                                                 \
    "[{\"name\":\"main\",\"image\":\"a:1\",\"env\":[{\"name\":\"A\",\"value\":\"1\"},"             \
    "{\"name\":\"B\",\"value\":\"2\"}],\"resources\":{\"limits\":{\"cpu\":1,\"memory\":\"1Gi\"}}}" \
    ","                                                                                            \
    "{\"name\":\"side\",\"image\":\"s:1\"}]"

/* Overrides, and the containers they lead to. */
static const struct {
    const char *why, *overrides, *main, *side;
} cases[] = {
    {"none", "null",
     "{\"name\":\"main\",\"image\":\"a:1\",\"env\":[{\"name\":\"A\",\"value\":\"1\"},"
     "{\"name\":\"B\",\"value\":\"2\"}],\"resources\":{\"limits\":{\"cpu\":1,\"memory\":\"1Gi\"}}}",
     "{\"name\":\"side\",\"image\":\"s:1\"}"},
    {"one container", "{\"container\":\"side\",\"image\":\"s:2\",\"command\":[\"x\"],\"args\":[]}",
     "{\"name\":\"main\",\"image\":\"a:1\",\"env\":[{\"name\":\"A\",\"value\":\"1\"},"
     "{\"name\":\"B\",\"value\":\"2\"}],\"resources\":{\"limits\":{\"cpu\":1,\"memory\":\"1Gi\"}}}",
     "{\"name\":\"side\",\"image\":\"s:2\",\"command\":[\"x\"],\"args\":[]}"},
    {"all, by name and behind",
     "{\"env\":[{\"name\":\"B\",\"value\":\"3\"},{\"name\":\"C\",\"value\":\"4\"}],"
     "\"resources\":{\"limits\":{\"cpu\":2}}}",
     "{\"name\":\"main\",\"image\":\"a:1\",\"env\":[{\"name\":\"A\",\"value\":\"1\"},"
     "{\"name\":\"B\",\"value\":\"3\"},{\"name\":\"C\",\"value\":\"4\"}],"
     "\"resources\":{\"limits\":{\"cpu\":2,\"memory\":\"1Gi\"}}}",
     "{\"name\":\"side\",\"image\":\"s:1\",\"env\":[{\"name\":\"B\",\"value\":\"3\"},"
     "{\"name\":\"C\",\"value\":\"4\"}],\"resources\":{\"limits\":{\"cpu\":2}}}"},
    {"nobody", "{\"container\":\"other\",\"image\":\"x\"}",
     "{\"name\":\"main\",\"image\":\"a:1\",\"env\":[{\"name\":\"A\",\"value\":\"1\"},"
     "{\"name\":\"B\",\"value\":\"2\"}],\"resources\":{\"limits\":{\"cpu\":1,\"memory\":\"1Gi\"}}}",
     "{\"name\":\"side\",\"image\":\"s:1\"}"},
};

static json_t *deployment_with(const char *overrides)
{
    return json_pack("{s:{s:s, s:s, s:s, s:i}, s:{s:{s:{s:o}}, s:[{s:s, s:o}]}}", "metadata",
                     "name", "web", "namespace", "shop", "uid", "u1", "generation", 4, "spec",
                     "template", "spec", "containers", parse(CONTAINERS), "placement", "name", "p",
                     "overrides", parse(overrides));
}

static void assert_json(const json_t *value, const char *expected)
{
    json_t *wanted = parse(expected);
    if (!json_equal(value, wanted)) {
        AUTO_FREE char *text = json_text(value);
        fail_msg("%s instead of %s", text, expected);
    }
    json_decref(wanted);
}

static void test_overrides(void **state)
{
    (void)state;
    struct placed_zone zones[] = {{"z1", 2}, {"z2", 0}};
    const struct placed_region placed = {
        .verb = PLACE_ENSURE, .region = "r", .zones = zones, .zone_count = 2};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        print_message("  %s\n", cases[i].why);
        json_t *deployment = deployment_with(cases[i].overrides);
        json_t *before = json_deep_copy(deployment);
        json_t *spec = part_spec(deployment, &placed);
        json_t *containers = json_at(spec, "template.spec.containers");
        assert_json(json_array_get(containers, 0), cases[i].main);
        assert_json(json_array_get(containers, 1), cases[i].side);
        assert_json(json_object_get(spec, "zones"),
                    "[{\"name\":\"z1\",\"replicas\":2},{\"name\":\"z2\",\"replicas\":0}]");
        assert_int_equal(json_at_int(spec, "deploymentGeneration", 0), 4);
        assert_true(json_equal(deployment, before));
        json_decref(spec);
        json_decref(before);
        json_decref(deployment);
    }
}

static void test_same(void **state)
{
    (void)state;
    json_t *a = parse("{\"deploymentGeneration\":1,\"zones\":[],\"template\":{\"x\":1}}");
    json_t *b = parse("{\"deploymentGeneration\":2,\"zones\":[],\"template\":{\"x\":1}}");
    assert_true(part_spec_same(a, b));
    assert_int_equal(json_at_int(a, "deploymentGeneration", 0), 1);
    json_put(b, "template.x", json_integer(2));
    assert_false(part_spec_same(a, b));
    json_decref(a);
    json_decref(b);
}

static void test_names(void **state)
{
    (void)state;
    char longest[254];
    memset(longest, 'x', 253);
    longest[253] = '\0';
    AUTO_FREE char *plain = part_name("web", "test-here");
    assert_string_equal(plain, "web.test-here");
    AUTO_FREE char *shortened = part_name(longest, "test-here");
    assert_int_equal(strlen(shortened), 253);
    assert_non_null(strstr(shortened, ".test-here"));
    longest[252] = 'y';
    AUTO_FREE char *other = part_name(longest, "test-here");
    assert_string_not_equal(shortened, other);
    /* 63 are allowed in a label, and its ends are letters or digits. */
    longest[46] = longest[45] = '.';
    json_t *label = label_value(longest);
    assert_true(json_string_length(label) <= 63);
    assert_null(strstr(json_string_value(label), ".-"));
    json_decref(label);
    longest[63] = '\0';
    label = label_value(longest);
    assert_string_equal(json_string_value(label), longest);
    json_decref(label);
}

static void test_renewal(void **state)
{
    (void)state;
    json_t *deployment = deployment_with("null");
    const struct placed_region placed = {.verb = PLACE_ENSURE, .region = "r"};
    json_t *spec = part_spec(deployment, &placed);
    json_t *part = part_new(deployment, "r", spec);
    assert_true(part_is_as_wanted(part, deployment, "r", spec));
    static const char *const spoilt[] = {"metadata.labels", "metadata.ownerReferences",
                                         "metadata.finalizers", "spec.zones"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(spoilt); i++) {
        json_t *copy = json_deep_copy(part);
        json_put(copy, spoilt[i], json_null());
        assert_false(part_is_as_wanted(copy, deployment, "r", spec));
        part_renew(copy, deployment, "r", spec);
        assert_true(part_is_as_wanted(copy, deployment, "r", spec));
        json_decref(copy);
    }
    json_put(part, "metadata.annotations.mine", json_string("stays"));
    assert_true(part_is_as_wanted(part, deployment, "r", spec));
    json_decref(part);
    json_decref(spec);
    json_decref(deployment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_renewal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
