/* Who owns the fields of what the server writes by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fixture.h"

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/kind.h>

#define RBAC       "/apis/rbac.authorization.k8s.io/v1"
#define WAIT_MS    20000
#define AGGREGATOR "clusterrole-aggregation-controller"

static struct server *begin(const char *name)
{
    struct err err = {0};
    struct api_options options = {.kinds = kinds_load(&err)};
    if (!options.kinds)
        fail_msg("%s", err.message);
    AUTO_FREE char *url = fixture_database(name);
    return server_start(url, &options);
}

/* Of @manager: its operation, and that it owns @field; nobody else may. */
static void expect_owner(const json_t *object, const char *manager, const char *operation,
                         const char *field)
{
    size_t index;
    json_t *entry;
    int owners = 0;
    AUTO_FREE char *path = mem_printf("fieldsV1.%s", field);
    json_array_foreach(json_at(object, "metadata.managedFields"), index, entry)
    {
        if (!json_at(entry, path))
            continue;
        owners++;
        assert_string_equal(text_at(entry, "manager"), manager);
        assert_string_equal(text_at(entry, "operation"), operation);
        assert_non_null(text_at(entry, "time"));
    }
    if (owners != 1) {
        AUTO_FREE char *all = json_text(object);
        fail_msg("%d own %s: %s", owners, field, all);
    }
}

static void of_what_it_begins_with(void **state)
{
    (void)state;
    struct server *server = begin("managers");
    json_t *space = expect_call(server, 200, "GET", "/api/v1/namespaces/default", NULL);
    expect_owner(space, "mot-api", "Update", "f:metadata.f:labels");
    json_t *role = expect_call(server, 200, "GET", RBAC "/clusterroles/cluster-admin", NULL);
    expect_owner(role, "mot-api", "Update", "f:rules");
    json_t *binding =
        expect_call(server, 200, "GET", RBAC "/clusterrolebindings/cluster-admin", NULL);
    expect_owner(binding, "mot-api", "Update", "f:subjects");
    json_t *all[] = {space, role, binding};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(all); i++)
        json_decref(all[i]);
    server_stop(server);
}

static void create_role(struct server *server, const char *body)
{
    json_decref(expect_call(server, 201, "POST", RBAC "/clusterroles?fieldManager=uma", body));
}

/* The role once it has rules. */
static json_t *await_rules(struct server *server, const char *target)
{
    int64_t until = clock_ms() + WAIT_MS;
    for (;;) {
        json_t *role = expect_call(server, 200, "GET", target, NULL);
        if (json_array_size(json_object_get(role, "rules")) > 0)
            return role;
        json_decref(role);
        if (clock_ms() > until)
            fail_msg("%s has no rules", target);
    }
}

/* The rules of an aggregated role are applied; the rest stays who wrote it. */
static void of_aggregated_rules(void **state)
{
    (void)state;
    struct server *server = begin("aggregated");
    create_role(server, "{\"metadata\":{\"name\":\"all\"},\"aggregationRule\":"
                        "{\"clusterRoleSelectors\":[{\"matchLabels\":{\"to\":\"all\"}}]}}");
    create_role(server, "{\"metadata\":{\"name\":\"part\",\"labels\":{\"to\":\"all\"}},\"rules\":"
                        "[{\"apiGroups\":[\"mot.dev\"],\"resources\":[\"regions\"],\"verbs\":"
                        "[\"get\"]}]}");
    json_t *role = await_rules(server, RBAC "/clusterroles/all");
    expect_owner(role, AGGREGATOR, "Apply", "f:rules");
    expect_owner(role, "uma", "Update", "f:aggregationRule");
    json_decref(role);
    server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_what_it_begins_with),
        cmocka_unit_test(of_aggregated_rules),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
