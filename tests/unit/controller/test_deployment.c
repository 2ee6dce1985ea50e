/* The life of a deployment, decided step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>
#include <mot/model/writer.h>

#include "world.h"

#define EVERYWHERE "[{\"name\":\"all\",\"replicasPerZone\":2}]"
#define ONLY_A     "[{\"name\":\"a\",\"regions\":[\"a\"],\"replicasPerZone\":1}]"

static int setup(void **state)
{
    struct world *world = mem_zalloc(sizeof(*world));
    world_open(world);
    world_region(world, "a", "one");
    world_region(world, "b", "two");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_close(*state);
    free(*state);
    return 0;
}

static void converge(struct world *world, const char *name)
{
    world_settle(world, name);
    world_report(world, name, "a", "Converged");
    world_report(world, name, "b", "Converged");
    world_settle(world, name);
}

static int64_t part_int(const struct world *world, const char *region, const char *path)
{
    json_t *part = world_part(world, "web", region);
    int64_t value = json_at_int(part, path, -1);
    json_decref(part);
    return value;
}

static void creates_parts(void **state)
{
    struct world *world = *state;
    world_deployment(world, "web", EVERYWHERE);
    world_decide(world, "web");
    assert_int_equal(world->writes->count, 3);
    json_t *deployment = world_get(world, "web");
    assert_true(object_has_finalizer(deployment, DEPLOYMENT_FINALIZER));
    assert_string_equal(json_at_text(deployment, "status.summary"), "0/2");
    assert_int_equal(json_at_int(deployment, "status.desired", -1), 8);
    json_t *part = world_part(world, "web", "b");
    json_t *owner = json_array_get(json_at(part, "metadata.ownerReferences"), 0);
    assert_string_equal(json_at_text(owner, "uid"), object_uid(deployment));
    assert_true(object_has_finalizer(part, PART_FINALIZER));
    assert_int_equal(json_array_size(json_at(part, "spec.zones")), 2);
    assert_string_equal(json_at_text(json_array_get(json_at(part, "spec.zones"), 0), "name"), "b1");
    json_decref(part);
    json_decref(deployment);
    assert_int_equal(world_settle(world, "web"), 0);
    assert_string_equal(world_state(world, "web", "a"), "Pending");
    assert_string_equal(world_condition(world, "web", "Converged"), "False");
}

static void converges(void **state)
{
    struct world *world = *state;
    world_deployment(world, "web", EVERYWHERE);
    world_settle(world, "web");
    world_report(world, "web", "a", "Converged");
    world_settle(world, "web");
    assert_string_equal(world_condition(world, "web", "Converged"), "False");
    world_report(world, "web", "b", "Converged");
    assert_int_equal(world_settle(world, "web"), 1);
    assert_string_equal(world_condition(world, "web", "Converged"), "True");
    assert_string_equal(world_condition(world, "web", "Available"), "True");
    json_t *deployment = world_get(world, "web");
    assert_string_equal(json_at_text(deployment, "status.summary"), "2/2");
    assert_int_equal(json_at_int(deployment, "status.ready", 0), 8);
    json_decref(deployment);
}

/* A condition's time moves with its status only, and nothing is written when nothing changes. */
static void times_stand_still(void **state)
{
    struct world *world = *state;
    world_deployment(world, "web", EVERYWHERE);
    converge(world, "web");
    json_t *before = world_get(world, "web");
    const char *since = json_at_text(condition_get(json_object_get(before, "status"), "Converged"),
                                     "lastTransitionTime");
    assert_int_equal(world_settle(world, "web"), 0);
    world->now += 3600000;
    assert_int_equal(world_settle(world, "web"), 0);
    world_change(world, "web", "metadata.annotations", json_pack("{s:s}", "note", "x"));
    world_settle(world, "web");
    json_t *after = world_get(world, "web");
    assert_string_equal(json_at_text(condition_get(json_object_get(after, "status"), "Converged"),
                                     "lastTransitionTime"),
                        since);
    json_decref(before);
    json_decref(after);
}

static void updates_parts(void **state)
{
    struct world *world = *state;
    world_deployment(world, "web", EVERYWHERE);
    converge(world, "web");
    world_change(world, "web", "spec.template.spec.terminationGracePeriodSeconds", json_integer(5));
    world_decide(world, "web");
    /* Not for a moment it looks converged. */
    assert_string_equal(world_condition(world, "web", "Converged"), "False");
    world_settle(world, "web");
    assert_int_equal(part_int(world, "a", "metadata.generation"), 2);
    assert_int_equal(part_int(world, "a", "spec.deploymentGeneration"), 2);
    assert_string_equal(world_condition(world, "web", "Converged"), "False");
    world_report(world, "web", "a", "Converged");
    world_settle(world, "web");
    assert_string_equal(world_state(world, "web", "a"), "Converged");
    assert_string_equal(world_state(world, "web", "b"), "Progressing");
    assert_string_equal(world_condition(world, "web", "Converged"), "False");
}

/* A change that is none for the regions is not sent to them. */
static void same_spec_is_left_alone(void **state)
{
    struct world *world = *state;
    world_deployment(world, "web", EVERYWHERE);
    converge(world, "web");
    world_change(world, "web", "spec.note", json_string("for nobody"));
    world_settle(world, "web");
    assert_int_equal(part_int(world, "a", "metadata.generation"), 1);
    assert_string_equal(world_condition(world, "web", "Converged"), "True");
    json_t *deployment = world_get(world, "web");
    assert_int_equal(json_at_int(deployment, "status.observedGeneration", 0), 2);
    json_decref(deployment);
}

static void a_region_leaves(void **state)
{
    struct world *world = *state;
    struct err err;
    world_deployment(world, "web", EVERYWHERE);
    converge(world, "web");
    world_change(world, "web", "spec.placement", json_parse(ONLY_A, strlen(ONLY_A), true, &err));
    world_decide(world, "web");
    assert_string_equal(world_state(world, "web", "b"), "Progressing");
    assert_string_equal(world_condition(world, "web", "Converged"), "False");
    world_settle(world, "web");
    assert_string_equal(world_state(world, "web", "b"), "Deleting");
    world_report(world, "web", "a", "Converged");
    world_settle(world, "web");
    assert_string_equal(world_condition(world, "web", "Converged"), "False");
    json_t *deployment = world_get(world, "web");
    assert_string_equal(json_at_text(deployment, "status.summary"), "1/2");
    assert_int_equal(json_at_int(deployment, "status.desired", 0), 2);
    json_decref(deployment);
    world_report(world, "web", "b", "Gone");
    world_settle(world, "web");
    assert_null(world_part(world, "web", "b"));
    assert_string_equal(world_state(world, "web", "b"), "");
    assert_string_equal(world_condition(world, "web", "Converged"), "True");
}

static void is_wanted_again_while_it_goes(void **state)
{
    struct world *world = *state;
    struct err err;
    world_deployment(world, "web", EVERYWHERE);
    converge(world, "web");
    world_change(world, "web", "spec.placement", json_parse(ONLY_A, strlen(ONLY_A), true, &err));
    world_settle(world, "web");
    world_change(world, "web", "spec.placement",
                 json_parse(EVERYWHERE, strlen(EVERYWHERE), true, &err));
    world_settle(world, "web");
    json_t *old = world_part(world, "web", "b");
    assert_true(object_deleting(old));
    world_report(world, "web", "b", "Gone");
    world_settle(world, "web");
    json_t *new = world_part(world, "web", "b");
    assert_false(object_deleting(new));
    assert_string_not_equal(object_uid(old), object_uid(new));
    assert_string_equal(world_state(world, "web", "b"), "Pending");
    json_decref(old);
    json_decref(new);
}

static void is_deleted(void **state)
{
    struct world *world = *state;
    world_deployment(world, "web", EVERYWHERE);
    converge(world, "web");
    world_delete(world, "web");
    world_settle(world, "web");
    assert_string_equal(world_condition(world, "web", "Converged"), "False");
    assert_string_equal(world_state(world, "web", "a"), "Deleting");
    world_report(world, "web", "a", "Gone");
    world_settle(world, "web");
    assert_null(world_part(world, "web", "a"));
    json_t *left = world_get(world, "web");
    assert_non_null(left);
    json_decref(left);
    world_report(world, "web", "b", "Gone");
    world_settle(world, "web");
    assert_null(world_part(world, "web", "b"));
    assert_null(world_get(world, "web"));
}

/* What was gone of the generation before is no answer to the deletion. */
static void an_old_gone_does_not_count(void **state)
{
    struct world *world = *state;
    world_deployment(world, "web", ONLY_A);
    world_settle(world, "web");
    world_report(world, "web", "a", "Gone");
    world_settle(world, "web");
    assert_string_equal(world_state(world, "web", "a"), "Progressing");
    world_delete(world, "web");
    world_settle(world, "web");
    json_t *part = world_part(world, "web", "a");
    assert_true(object_deleting(part));
    json_decref(part);
}

static void orphans_go(void **state)
{
    struct world *world = *state;
    world_deployment(world, "web", ONLY_A);
    world_settle(world, "web");
    map_remove(world->informer.deployments, "shop/web");
    world_settle(world, "web");
    json_t *part = world_part(world, "web", "a");
    assert_true(object_deleting(part));
    json_decref(part);
    world_report(world, "web", "a", "Gone");
    world_settle(world, "web");
    assert_null(world_part(world, "web", "a"));
}

/* A new deployment of the same name takes over the parts of the one before. */
/* Deleted with its parts left alone: it waits until they are let go, and they run on. */
static void lets_parts_stay(void **state)
{
    struct world *world = *state;
    world_deployment(world, "web", ONLY_A);
    world_settle(world, "web");
    world_change(world, "web", "metadata.finalizers",
                 json_pack("[s, s]", DEPLOYMENT_FINALIZER, "orphan"));
    world_delete(world, "web");
    world_settle(world, "web");
    json_t *part = world_part(world, "web", "a");
    assert_false(object_deleting(part));
    json_decref(part);
    json_t *deployment = world_get(world, "web");
    assert_true(object_has_finalizer(deployment, DEPLOYMENT_FINALIZER));
    json_decref(deployment);
    world_part_change(world, "web", "a", "metadata.ownerReferences", NULL);
    world_change(world, "web", "metadata.finalizers", json_pack("[s]", DEPLOYMENT_FINALIZER));
    world_settle(world, "web");
    assert_null(world_get(world, "web"));
    assert_int_equal(world_settle(world, "web"), 0);
    part = world_part(world, "web", "a");
    assert_false(object_deleting(part));
    json_decref(part);
    /* Somebody deletes the part itself. */
    world_part_change(world, "web", "a", "metadata.deletionTimestamp",
                      json_string("2026-11-23T12:57:31Z"));
    world_settle(world, "web");
    world_report(world, "web", "a", "Gone");
    world_settle(world, "web");
    assert_null(world_part(world, "web", "a"));
}

static void takes_over_parts_that_stayed(void **state)
{
    struct world *world = *state;
    world_deployment(world, "web", ONLY_A);
    world_settle(world, "web");
    json_t *before = world_part(world, "web", "a");
    world_part_change(world, "web", "a", "metadata.ownerReferences", NULL);
    map_remove(world->informer.deployments, "shop/web");
    assert_int_equal(world_settle(world, "web"), 0);
    world_deployment(world, "web", ONLY_A);
    world_settle(world, "web");
    json_t *deployment = world_get(world, "web");
    json_t *after = world_part(world, "web", "a");
    assert_string_equal(object_uid(after), object_uid(before));
    assert_true(part_is_owned(after, deployment));
    json_decref(after);
    json_decref(before);
    json_decref(deployment);
}

static void parts_are_adopted(void **state)
{
    struct world *world = *state;
    world_deployment(world, "web", ONLY_A);
    world_settle(world, "web");
    map_remove(world->informer.deployments, "shop/web");
    world_deployment(world, "web", ONLY_A);
    world_settle(world, "web");
    json_t *deployment = world_get(world, "web");
    json_t *part = world_part(world, "web", "a");
    json_t *owner = json_array_get(json_at(part, "metadata.ownerReferences"), 0);
    assert_string_equal(json_at_text(owner, "uid"), object_uid(deployment));
    assert_int_equal(object_generation(part), 1);
    json_decref(part);
    json_decref(deployment);
}

static void cordoned_keeps_and_is_not_converged(void **state)
{
    struct world *world = *state;
    world_deployment(world, "web", EVERYWHERE);
    converge(world, "web");
    world_region_set(world, "b", "spec.unschedulable", json_true());
    world_settle(world, "web");
    assert_string_equal(world_condition(world, "web", "Converged"), "True");
    world_change(world, "web", "spec.template.spec.terminationGracePeriodSeconds", json_integer(5));
    world_settle(world, "web");
    world_report(world, "web", "a", "Converged");
    world_settle(world, "web");
    assert_int_equal(part_int(world, "b", "metadata.generation"), 1);
    assert_string_equal(world_state(world, "web", "b"), "Progressing");
    assert_string_equal(world_condition(world, "web", "Converged"), "False");
    world_deployment(world, "new", EVERYWHERE);
    world_settle(world, "new");
    assert_null(world_part(world, "new", "b"));
}

/* Also in a cordoned region what goes can go. */
static void cordoned_lets_go(void **state)
{
    struct world *world = *state;
    struct err err;
    world_deployment(world, "web", EVERYWHERE);
    converge(world, "web");
    world_change(world, "web", "spec.placement", json_parse(ONLY_A, strlen(ONLY_A), true, &err));
    world_settle(world, "web");
    world_change(world, "web", "spec.placement",
                 json_parse(EVERYWHERE, strlen(EVERYWHERE), true, &err));
    world_region_set(world, "b", "spec.unschedulable", json_true());
    world_settle(world, "web");
    world_report(world, "web", "b", "Gone");
    world_settle(world, "web");
    assert_null(world_part(world, "web", "b"));
}

/* That a Region object is missing takes nothing away. */
static void an_unknown_region_is_held(void **state)
{
    struct world *world = *state;
    world_deployment(world, "web", EVERYWHERE);
    converge(world, "web");
    world_region_drop(world, "b");
    world_settle(world, "web");
    json_t *part = world_part(world, "web", "b");
    assert_false(object_deleting(part));
    json_decref(part);
    assert_string_equal(world_condition(world, "web", "Converged"), "False");
    world_region(world, "b", "two");
    world_settle(world, "web");
    assert_string_equal(world_condition(world, "web", "Converged"), "True");
}

static void a_selector_follows_labels(void **state)
{
    struct world *world = *state;
    world_deployment(world, "web",
                     "[{\"name\":\"t\",\"regionSelector\":{\"matchLabels\":{\"tier\":\"two\"}}}]");
    world_settle(world, "web");
    assert_null(world_part(world, "web", "a"));
    json_t *part = world_part(world, "web", "b");
    assert_non_null(part);
    json_decref(part);
    world_region_set(world, "a", "metadata.labels.tier", json_string("two"));
    world_settle(world, "web");
    part = world_part(world, "web", "a");
    assert_non_null(part);
    json_decref(part);
}

static void an_invalid_placement_says_so(void **state)
{
    struct world *world = *state;
    world_deployment(world, "web", "[{\"name\":\"x\",\"regions\":[\"a\",\"nowhere\"]}]");
    world_settle(world, "web");
    world_report(world, "web", "a", "Converged");
    world_settle(world, "web");
    assert_string_equal(world_state(world, "web", "a"), "Converged");
    assert_string_equal(world_condition(world, "web", "Converged"), "False");
    json_t *deployment = world_get(world, "web");
    const json_t *condition = condition_get(json_object_get(deployment, "status"), "Converged");
    assert_string_equal(json_at_text(condition, "reason"), "InvalidPlacement");
    json_decref(deployment);
}

static void a_silent_region_is_unknown(void **state)
{
    struct world *world = *state;
    world_deployment(world, "web", EVERYWHERE);
    world_region_ready(world, "a", "True");
    world_region_ready(world, "b", "True");
    converge(world, "web");
    world_region_ready(world, "b", "Unknown");
    assert_int_equal(world_settle(world, "web"), 1);
    assert_string_equal(world_state(world, "web", "b"), "Unknown");
    assert_string_equal(world_condition(world, "web", "Converged"), "Unknown");
    /* Time alone is no news. */
    world->now += 86400000;
    assert_int_equal(world_settle(world, "web"), 0);
    world_region_ready(world, "b", "True");
    world_settle(world, "web");
    assert_string_equal(world_condition(world, "web", "Converged"), "True");
}

/* More writes than a batch holds: the rest is told to come again. */
static void an_overflow_is_noticed(void **state)
{
    struct world *world = *state;
    world->commits = false;
    for (int i = 0; i < WRITES_MAX + 10; i++) {
        char name[16];
        snprintf(name, sizeof(name), "r%d", i);
        world_region(world, name, "many");
    }
    world_deployment(world, "web", EVERYWHERE);
    world_decide(world, "web");
    assert_int_equal(world->writes->count, WRITES_MAX);
    assert_true(world->writes->overflow);
    writes_clear(world->writes);
    assert_false(world->writes->overflow);
}

static json_t *managers_of(const struct world *world)
{
    json_t *object = world_get(world, "web");
    json_t *managers = json_incref(json_at(object, "metadata.managedFields"));
    json_decref(object);
    return managers;
}

/* By manager and subresource ("": none); borrowed. */
static json_t *entry_of(const json_t *managers, const char *manager, const char *subresource)
{
    size_t index;
    json_t *entry;
    json_array_foreach(managers, index, entry)
    {
        const char *part = json_at_text(entry, "subresource");
        if (strcmp(json_at_text(entry, "manager"), manager) == 0 &&
            strcmp(part ? part : "", subresource) == 0)
            return entry;
    }
    return NULL;
}

/* What it observes belongs to the controller, by way of the status; what users said stays theirs.
 */
static void says_who_wrote_what(void **state)
{
    struct world *world = *state;
    world_deployment(world, "web", EVERYWHERE);
    json_t *object = world_get(world, "web");
    writer_sign(world->kinds,
                kinds_find_kind(world->kinds, deployment_kind.api_version, deployment_kind.kind),
                "kubectl", 1, NULL, object);
    json_t *users = json_deep_copy(json_at(object, "metadata.managedFields"));
    assert_int_equal(json_array_size(users), 1);
    world_change(world, "web", "metadata.managedFields", json_deep_copy(users));
    json_decref(object);
    converge(world, "web");

    json_t *managers = managers_of(world);
    assert_int_equal(json_array_size(managers), 3);
    assert_true(json_equal(entry_of(managers, "kubectl", ""), json_array_get(users, 0)));
    json_t *status = entry_of(managers, CONTROLLER_MANAGER, "status");
    assert_non_null(status);
    assert_string_equal(json_at_text(status, "operation"), "Update");
    assert_string_equal(json_at_text(status, "apiVersion"), "mot.dev/v1alpha1");
    assert_non_null(json_at(status, "fieldsV1.f:status.f:desired"));
    assert_null(json_at(status, "fieldsV1.f:metadata"));
    json_t *others = entry_of(managers, CONTROLLER_MANAGER, "");
    assert_non_null(json_at(others, "fieldsV1.f:metadata.f:finalizers"));
    assert_null(json_at(others, "fieldsV1.f:status"));
    assert_null(json_at(others, "fieldsV1.f:spec"));
    json_decref(managers);
    json_decref(users);

    /* Where nobody's fields are tracked, the controller does not begin it. */
    world_change(world, "web", "metadata.managedFields", json_array());
    world_report(world, "web", "a", "Deploying");
    world_settle(world, "web");
    managers = managers_of(world);
    assert_int_equal(json_array_size(managers), 0);
    json_decref(managers);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(creates_parts),
        TEST(converges),
        TEST(times_stand_still),
        TEST(updates_parts),
        TEST(same_spec_is_left_alone),
        TEST(a_region_leaves),
        TEST(is_wanted_again_while_it_goes),
        TEST(is_deleted),
        TEST(an_old_gone_does_not_count),
        TEST(orphans_go),
        TEST(parts_are_adopted),
        TEST(lets_parts_stay),
        TEST(takes_over_parts_that_stayed),
        TEST(cordoned_keeps_and_is_not_converged),
        TEST(cordoned_lets_go),
        TEST(an_unknown_region_is_held),
        TEST(a_selector_follows_labels),
        TEST(an_invalid_placement_says_so),
        TEST(a_silent_region_is_unknown),
        TEST(an_overflow_is_noticed),
        TEST(says_who_wrote_what),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
