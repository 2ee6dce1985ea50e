/* Batches of writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <controller/writes.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

static int setup(void **state)
{
    *state = mem_zalloc(sizeof(struct writes));
    return 0;
}

static int teardown(void **state)
{
    writes_clear(*state);
    free(*state);
    return 0;
}

static json_t *part(int generation)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:i}, s:{s:s, s:s}}", "apiVersion",
                     "mot.dev/v1alpha1", "kind", "RegionalDeployment", "metadata", "name", "web.r",
                     "namespace", "shop", "uid", "u1", "generation", generation, "spec",
                     "deployment", "web", "region", "r");
}

static void test_create(void **state)
{
    struct writes *writes = *state;
    json_t *object = part(1);
    writes_create(writes, &regional_kind, object, "owner");
    const struct store_write *write = &writes->items[0];
    assert_int_equal(write->operation, STORE_CREATE);
    assert_string_equal(write->key.ns, "shop");
    assert_string_equal(write->key.resource, "regionaldeployments.mot.dev");
    assert_non_null(strstr(write->selectable, "\"spec.region\":\"r\""));
    assert_int_equal(write->body_len, strlen(write->body));
    assert_string_equal(writes->owners[0], "owner");
    json_decref(object);
}

static void test_update(void **state)
{
    struct writes *writes = *state;
    json_t *old = part(1), *status = part(1), *spec = part(2);
    json_put(status, "status.state", json_string("Converged"));
    assert_false(writes_update(writes, &regional_kind, old, 7, old, NULL));
    assert_true(writes_update(writes, &regional_kind, old, 7, status, NULL));
    assert_true(writes_update(writes, &regional_kind, old, 7, spec, NULL));
    assert_int_equal(writes->count, 2);
    /* The publisher goes by this: a status is none of its business. */
    assert_null(writes->items[0].previous);
    assert_non_null(writes->items[1].previous);
    assert_int_equal(writes->items[1].expected, 7);
    json_decref(old);
    json_decref(status);
    json_decref(spec);
}

static void test_finish(void **state)
{
    struct writes *writes = *state;
    json_t *old = part(1);
    json_t *marked = json_deep_copy(old);
    object_mark_deleted(marked);
    json_t *held = json_deep_copy(marked);
    object_add_finalizer(held, "x");
    assert_true(writes_finish(writes, &regional_kind, old, 7, held, NULL));
    assert_int_equal(writes->items[0].operation, STORE_UPDATE);
    assert_true(writes_finish(writes, &regional_kind, held, 8, marked, NULL));
    assert_int_equal(writes->items[1].operation, STORE_DELETE);
    assert_false(writes_finish(writes, &regional_kind, old, 7, old, NULL));
    json_decref(held);
    json_decref(marked);
    json_decref(old);
}

static void test_limits(void **state)
{
    struct writes *writes = *state;
    json_t *object = part(1);
    for (int i = 0; i < WRITES_MAX; i++)
        writes_create(writes, &regional_kind, object, NULL);
    assert_false(writes->overflow);
    assert_true(writes_full(writes, 1));
    assert_false(writes_full(writes, 0));
    writes_replace(writes, &regional_kind, object, 1, "", NULL);
    assert_true(writes->overflow);
    assert_int_equal(writes->count, WRITES_MAX);
    writes_clear(writes);
    assert_int_equal(writes->count, 0);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create, setup, teardown),
        cmocka_unit_test_setup_teardown(test_update, setup, teardown),
        cmocka_unit_test_setup_teardown(test_finish, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
