/* What each function promises, one caller at a time. */
#include "support.h"

#include <string.h>

#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>

static void test_new_database(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    AUTO_FREE char *list = list_text(store, 0, 0);
    int64_t revision = 0;

    (void)state;
    must(store_ping(store, ERR));
    must(store_revision(store, &revision, ERR));
    assert_int_equal(revision, 1);
    assert_string_equal(list, "");
    store_close(store);
}

static void test_write_and_get(void **state)
{
    AUTO_FREE char *url = new_database();
    struct store *store = open_store(url);
    struct store_key key = {RESOURCE, "default", "web"};
    struct err err = {.code = ERR_NONE};
    struct store_object *object;
    int64_t first, second;

    (void)state;
    assert_null(store_get(store, &key, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    first = put(store, create_of("default", "web", "{\"a\":\"ä\\\"{},\"}"));
    assert_int_equal(first, 2);
    assert_int_equal(try_put(store, create_of("default", "web", "{}")), ERR_EXISTS);
    assert_int_equal(try_put(store, update_of("default", "web", 1, "{}")), ERR_CONFLICT);
    assert_int_equal(try_put(store, update_of("default", "nope", 1, "{}")), ERR_NOT_FOUND);
    object = store_get(store, &key, &err);
    assert_non_null(object);
    assert_string_equal(object->body, "{\"a\":\"ä\\\"{},\"}");
    assert_int_equal(object->body_len, strlen(object->body));
    assert_string_equal(object->uid, "web");
    assert_string_equal(object->key.ns, "default");
    assert_int_equal(object->revision, first);
    free(object);
    second = put(store, update_of("default", "web", first, "{\"a\":2}"));
    assert_int_equal(second, first + 1);
    assert_int_equal(try_put(store, delete_of("default", "web", first, "{}")), ERR_CONFLICT);
    assert_int_equal(put(store, delete_of("default", "web", second, "{\"a\":2}")), second + 1);
    assert_int_equal(try_put(store, delete_of("default", "web", second, "{}")), ERR_NOT_FOUND);
    assert_null(store_get(store, &key, NULL));
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_database),
        cmocka_unit_test(test_write_and_get),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
