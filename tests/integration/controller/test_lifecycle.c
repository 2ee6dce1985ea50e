/* Garbage collection, namespaces and Events on a real PostgreSQL. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <controller/lifecycle.h>
#include <lib/postgres.h>
#include <lib/signals.h>
#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/stop.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "objects.h"

#define LEASES      "leases.coordination.k8s.io"
#define DEPLOYMENTS "deployments.mot.dev"
#define EVENTS      "events"
#define NS          "shop"
#define HOUR_MS     3600000

static struct postgres *postgres;

static int servers_start(void **state)
{
    (void)state;
    postgres = postgres_start();
    return 0;
}

static int servers_stop(void **state)
{
    (void)state;
    postgres_free(postgres);
    return 0;
}

/* ------------------------------------------------------------------------------------------ worlds
 */

struct world {
    char *url;
    struct objects objects;
    struct lifecycle *lifecycle;
};

static void world_open(struct world *world, const char *name)
{
    *world = (struct world){.url = postgres_url(postgres, name)};
    objects_open(&world->objects, world->url);
    objects_namespace(&world->objects, NS);
}

static void world_start(struct world *world, int64_t event_ttl_ms)
{
    struct err err = {0};
    struct lifecycle_options options = {.store = world->objects.store,
                                        .event_ttl_ms = event_ttl_ms};
    world->lifecycle = lifecycle_start(&options, &err);
    if (!world->lifecycle)
        fail_msg("%s", err.message);
}

static void world_close(struct world *world)
{
    lifecycle_stop(world->lifecycle);
    objects_close(&world->objects);
    free(world->url);
}

static void lease(struct world *world, const char *name, struct owner first, struct owner second)
{
    struct new_object new = {.resource = LEASES, .ns = NS, .name = name, .owners = {first, second}};
    assert_true(objects_create(&world->objects, new));
}

#define NOBODY ((struct owner){NULL, false})
#define OF(name_)                                                                                  \
    (struct owner)                                                                                 \
    {                                                                                              \
        (name_), true                                                                              \
    }

/* a owns b1 and b2, b1 owns c1 and c2. */
static void make_tree(struct world *world)
{
    lease(world, "a", NOBODY, NOBODY);
    lease(world, "b1", OF("a"), NOBODY);
    lease(world, "b2", OF("a"), NOBODY);
    lease(world, "c1", OF("b1"), NOBODY);
    lease(world, "c2", OF("b1"), NOBODY);
    lease(world, "other", NOBODY, NOBODY);
}

static void delete_lease(struct world *world, const char *name, enum policy policy)
{
    objects_delete(&world->objects, LEASES, NS, name, policy);
}

/* ------------------------------------------------------------------------------------------ trees
 */

static void deletes_in_the_background(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, "background");
    world_start(&world, HOUR_MS);
    make_tree(&world);
    delete_lease(&world, "a", BACKGROUND);
    objects_await_count(&world.objects, LEASES, NS, 1);
    assert_true(objects_deleted_at(&world.objects, LEASES, "a") <
                objects_deleted_at(&world.objects, LEASES, "b1"));
    assert_true(objects_deleted_at(&world.objects, LEASES, "b1") <
                objects_deleted_at(&world.objects, LEASES, "c1"));
    world_close(&world);
}

static void deletes_in_the_foreground(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, "foreground");
    world_start(&world, HOUR_MS);
    make_tree(&world);
    delete_lease(&world, "a", FOREGROUND);
    objects_await_count(&world.objects, LEASES, NS, 1);
    int64_t a = objects_deleted_at(&world.objects, LEASES, "a");
    int64_t b = objects_deleted_at(&world.objects, LEASES, "b1");
    assert_true(a > b && a > objects_deleted_at(&world.objects, LEASES, "b2"));
    assert_true(b > objects_deleted_at(&world.objects, LEASES, "c1"));
    assert_true(b > objects_deleted_at(&world.objects, LEASES, "c2"));
    world_close(&world);
}

/* What holds a dependent holds its owner; what does not block doesn't. */
static void waits_for_what_blocks(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, "blocks");
    world_start(&world, HOUR_MS);
    lease(&world, "a", NOBODY, NOBODY);
    struct new_object held = {LEASES, NS, "held", {OF("a")}, "example.org/hold", NULL};
    struct new_object loose = {LEASES, NS, "loose", {{"a", false}}, "example.org/hold", NULL};
    objects_create(&world.objects, held);
    objects_create(&world.objects, loose);
    delete_lease(&world, "a", FOREGROUND);
    for (const char *const *name = (const char *const[]){"held", "loose", NULL}; *name; name++) {
        int64_t until = clock_ms() + OBJECTS_WAIT_MS;
        bool deleting = false;
        while (!deleting && clock_ms() < until) {
            json_t *object = objects_get(&world.objects, LEASES, NS, *name);
            deleting = object_deleting(object);
            json_decref(object);
        }
        assert_true(deleting);
    }
    json_t *owner = objects_get(&world.objects, LEASES, NS, "a");
    assert_non_null(owner);
    json_decref(owner);
    objects_remove_finalizer(&world.objects, LEASES, NS, "held", "example.org/hold");
    objects_await_gone(&world.objects, LEASES, NS, "a");
    objects_remove_finalizer(&world.objects, LEASES, NS, "loose", "example.org/hold");
    objects_await_count(&world.objects, LEASES, NS, 0);
    world_close(&world);
}

static void lets_orphans_stay(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, "orphan");
    world_start(&world, HOUR_MS);
    make_tree(&world);
    delete_lease(&world, "a", ORPHAN);
    objects_await_gone(&world.objects, LEASES, NS, "a");
    objects_await_released(&world.objects, LEASES, NS, "b1", 0);
    objects_await_released(&world.objects, LEASES, NS, "b2", 0);
    delete_lease(&world, "b1", ORPHAN);
    objects_await_gone(&world.objects, LEASES, NS, "b1");
    objects_await_released(&world.objects, LEASES, NS, "c1", 0);
    assert_int_equal(objects_count(&world.objects, LEASES, NS), 4);
    world_close(&world);
}

static void keeps_what_has_another_owner(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, "diamond");
    world_start(&world, HOUR_MS);
    lease(&world, "a", NOBODY, NOBODY);
    lease(&world, "b", OF("a"), NOBODY);
    lease(&world, "c", OF("a"), NOBODY);
    lease(&world, "d", OF("b"), OF("c"));
    delete_lease(&world, "b", BACKGROUND);
    objects_await_released(&world.objects, LEASES, NS, "d", 1);
    delete_lease(&world, "a", FOREGROUND);
    objects_await_count(&world.objects, LEASES, NS, 0);
    world_close(&world);
}

/* Each blocks the other. */
static void ends_circles(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, "circle");
    world_start(&world, HOUR_MS);
    lease(&world, "a", NOBODY, NOBODY);
    lease(&world, "b", OF("a"), NOBODY);
    lease(&world, "c", OF("a"), OF("b"));
    json_t *circle =
        json_pack("[{s:s, s:s, s:s, s:s, s:b}]", "apiVersion", "coordination.k8s.io/v1", "kind",
                  "Lease", "name", "c", "uid", "", "blockOwnerDeletion", 1);
    json_t *c = objects_get(&world.objects, LEASES, NS, "c");
    json_object_set_new(json_array_get(circle, 0), "uid", json_string(object_uid(c)));
    json_decref(c);
    struct writes *writes = mem_zalloc(sizeof(*writes));
    json_t *old = objects_get(&world.objects, LEASES, NS, "a");
    json_t *changed = json_deep_copy(old);
    struct err err = {0};
    json_put(changed, "metadata.ownerReferences", circle);
    writes_update(writes, &stored_kinds_find(&world.objects.stored, LEASES)->controlled, old,
                  object_revision(old), changed, NULL);
    assert_int_equal(store_write(world.objects.store, &writes->items[0], &err), 0);
    writes_clear(writes);
    free(writes);
    json_decref(changed);
    json_decref(old);
    delete_lease(&world, "a", FOREGROUND);
    objects_await_count(&world.objects, LEASES, NS, 0);
    world_close(&world);
}

/* ------------------------------------------------------------------------------------------ owners
 * of all sorts */

static json_t *reference(const char *version, const char *kind, const char *name, const char *uid)
{
    return json_pack("[{s:s, s:s, s:s, s:s}]", "apiVersion", version, "kind", kind, "name", name,
                     "uid", uid);
}

/* Its owner went while no collector was there. */
static void collects_what_it_finds(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, "found");
    make_tree(&world);
    delete_lease(&world, "a", BACKGROUND);
    delete_lease(&world, "b2", BACKGROUND);
    world_start(&world, HOUR_MS);
    objects_await_count(&world.objects, LEASES, NS, 1);
    world_close(&world);
}

static void leaves_what_it_does_not_know(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, "unknown");
    lease(&world, "owner", NOBODY, NOBODY);
    struct new_object strange = {LEASES,   NS,   "strange",
                                 {NOBODY}, NULL, reference("x.dev/v1", "Thing", "t", "u1")};
    struct new_object region = {
        "regions.mot.dev", "",   "cluster",
        {NOBODY},          NULL, reference("coordination.k8s.io/v1", "Lease", "gone", "u2")};
    struct new_object abandoned = {
        LEASES,   NS,   "abandoned",
        {NOBODY}, NULL, reference("coordination.k8s.io/v1", "Lease", "owner", "another-uid")};
    assert_true(objects_create(&world.objects, strange));
    assert_true(objects_create(&world.objects, region));
    assert_true(objects_create(&world.objects, abandoned));
    world_start(&world, HOUR_MS);
    objects_await_gone(&world.objects, LEASES, NS, "abandoned");
    lease(&world, "last", OF("owner"), NOBODY);
    delete_lease(&world, "owner", FOREGROUND);
    objects_await_gone(&world.objects, LEASES, NS, "last");
    objects_await_count(&world.objects, LEASES, NS, 1);
    assert_int_equal(objects_count(&world.objects, "regions.mot.dev", ""), 1);
    world_close(&world);
}

/* An owner in another namespace is none; an Event says so. */
static void tells_of_foreign_owners(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, "foreigners");
    objects_namespace(&world.objects, "elsewhere");
    world_start(&world, HOUR_MS);
    struct new_object owner = {.resource = LEASES, .ns = "elsewhere", .name = "owner"};
    assert_true(objects_create(&world.objects, owner));
    json_t *object = objects_get(&world.objects, LEASES, "elsewhere", "owner");
    struct new_object foreign = {
        LEASES,   NS,   "foreign",
        {NOBODY}, NULL, reference("coordination.k8s.io/v1", "Lease", "owner", object_uid(object))};
    assert_true(objects_create(&world.objects, foreign));
    json_decref(object);
    objects_await_gone(&world.objects, LEASES, NS, "foreign");
    objects_await_count(&world.objects, EVENTS, NS, 1);
    /* The same, found at the start. */
    lifecycle_stop(world.lifecycle);
    object = objects_get(&world.objects, LEASES, "elsewhere", "owner");
    foreign.references = reference("coordination.k8s.io/v1", "Lease", "owner", object_uid(object));
    assert_true(objects_create(&world.objects, foreign));
    json_decref(object);
    world_start(&world, HOUR_MS);
    objects_await_gone(&world.objects, LEASES, NS, "foreign");
    assert_int_equal(objects_count(&world.objects, LEASES, "elsewhere"), 1);
    world_close(&world);
}

/* ------------------------------------------------------------------------------------------ many,
 * and killed */

/* This program again, as a controller of nothing but lifecycles. */
static void be_the_controller(const char *url)
{
    struct err err = {0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    log_init("lifecycle", NULL);
    stop_install();
    struct store_options store = {.url = url, .name = "lifecycle"};
    struct lifecycle_options options = {.store = store_open(&store, &err), .event_ttl_ms = HOUR_MS};
    if (!options.store || !lifecycle_start(&options, &err)) {
        fprintf(stderr, "%s\n", err.message);
        _exit(1);
    }
    stop_wait(-1);
    _exit(0);
}

static pid_t start_process(const struct world *world)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "test", "--lifecycle", world->url, (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

static void kill_process(pid_t pid)
{
    signal_process(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

#define MANY 2000

/* All at once: one by one takes long. */
static void make_dependents(struct world *world, const char *prefix, int count, const char *owner)
{
    json_t *object = objects_get(&world->objects, LEASES, NS, owner);
    const struct stored_kind *kind = stored_kinds_find(&world->objects.stored, LEASES);
    struct writes *writes = mem_zalloc(sizeof(*writes));
    for (int i = 0; i < count; i++) {
        AUTO_FREE char *name = mem_printf("%s-%d", prefix, i);
        json_t *dependent =
            json_pack("{s:s, s:s, s:{s:s, s:s, s:o}}", "apiVersion", "coordination.k8s.io/v1",
                      "kind", "Lease", "metadata", "name", name, "namespace", NS, "ownerReferences",
                      reference("coordination.k8s.io/v1", "Lease", owner, object_uid(object)));
        json_object_set_new(json_array_get(json_at(dependent, "metadata.ownerReferences"), 0),
                            "blockOwnerDeletion", json_true());
        object_prepare_create(dependent);
        writes_create(writes, &kind->controlled, dependent, NULL);
        json_decref(dependent);
        if (!writes_full(writes, 1) && i + 1 < count)
            continue;
        struct err err = {0};
        struct store_commit commit = {.writes = writes->items, .write_count = writes->count};
        if (store_commit(world->objects.store, &commit, &err))
            fail_msg("%s", err.message);
        writes_clear(writes);
    }
    free(writes);
    json_decref(object);
}

/* Until some are gone, but not all. */
static void await_fewer(struct world *world, int64_t than)
{
    for (int64_t until = clock_ms() + OBJECTS_WAIT_MS;
         objects_count(&world->objects, LEASES, NS) >= than;) {
        if (clock_ms() > until)
            fail_msg("nothing goes");
    }
}

static void goes_on_after_a_kill(void **state)
{
    (void)state;
    static const enum policy policies[] = {BACKGROUND, FOREGROUND, ORPHAN};
    struct world world;
    world_open(&world, "killed");
    for (size_t i = 0; i < MOT_ARRAY_SIZE(policies); i++) {
        lease(&world, "owner", NOBODY, NOBODY);
        make_dependents(&world, "many", MANY, "owner");
        pid_t pid = start_process(&world);
        delete_lease(&world, "owner", policies[i]);
        if (policies[i] != ORPHAN)
            await_fewer(&world, MANY);
        kill_process(pid);
        pid = start_process(&world);
        objects_await_gone(&world.objects, LEASES, NS, "owner");
        objects_await_count(&world.objects, LEASES, NS, policies[i] == ORPHAN ? MANY : 0);
        for (int n = 0; policies[i] == ORPHAN && n < MANY; n += 97) {
            AUTO_FREE char *name = mem_printf("many-%d", n);
            objects_await_released(&world.objects, LEASES, NS, name, 0);
        }
        kill_process(pid);
    }
    world_close(&world);
}

/* ------------------------------------------------------------------------------------------
 * namespaces */

static void fill_namespace(struct world *world)
{
    lease(world, "owner", NOBODY, NOBODY);
    make_dependents(world, "many", 700, "owner");
    for (int i = 0; i < 300; i++) {
        AUTO_FREE char *name = mem_printf("d-%d", i);
        struct new_object new = {.resource = DEPLOYMENTS, .ns = NS, .name = name};
        assert_true(objects_create(&world->objects, new));
    }
    struct new_object held = {DEPLOYMENTS, NS, "held", {NOBODY}, "example.org/hold", NULL};
    assert_true(objects_create(&world->objects, held));
}

static void empties_namespaces(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, "namespaces");
    objects_namespace(&world.objects, "kept");
    struct new_object kept = {.resource = LEASES, .ns = "kept", .name = "kept"};
    assert_true(objects_create(&world.objects, kept));
    fill_namespace(&world);
    world_start(&world, HOUR_MS);
    objects_delete(&world.objects, NAMESPACES, "", NS, BACKGROUND);
    objects_await_count(&world.objects, LEASES, NS, 0);
    objects_await_count(&world.objects, DEPLOYMENTS, NS, 1);
    objects_await_reason(&world.objects, NAMESPACES, "", NS, "NamespaceFinalizersRemaining",
                         "SomeFinalizersRemain");
    json_t *object = objects_get(&world.objects, NAMESPACES, "", NS);
    const json_t *content =
        condition_get(json_object_get(object, "status"), "NamespaceContentRemaining");
    assert_string_equal(json_at_text(content, "status"), "True");
    assert_string_equal(
        json_at_text(content, "message"),
        "Some resources are remaining: deployments.mot.dev has 1 resource instances");
    assert_string_equal(json_at_text(object, "status.phase"), "Terminating");
    assert_string_equal(json_string_value(json_array_get(json_at(object, "spec.finalizers"), 0)),
                        "kubernetes");
    json_decref(object);
    kept.ns = NS;
    assert_false(objects_create(&world.objects, kept));
    objects_remove_finalizer(&world.objects, DEPLOYMENTS, NS, "held", "example.org/hold");
    objects_await_gone(&world.objects, NAMESPACES, "", NS);
    assert_int_equal(objects_count(&world.objects, NULL, NS), 0);
    assert_int_equal(objects_count(&world.objects, LEASES, "kept"), 1);
    world_close(&world);
}

/* Objects of kinds that are not known here are not left behind. */
static void keeps_namespaces_of_unknown_content(void **state)
{
    (void)state;
    struct world world;
    struct err err = {0};
    world_open(&world, "strange");
    struct store_write write = {.operation = STORE_CREATE,
                                .key = {"things.x.dev", NS, "thing"},
                                .uid = "u",
                                .body = "{}",
                                .body_len = 2,
                                .selectable = "{}"};
    assert_int_equal(store_write(world.objects.store, &write, &err), 0);
    world_start(&world, HOUR_MS);
    objects_delete(&world.objects, NAMESPACES, "", NS, BACKGROUND);
    objects_await_reason(&world.objects, NAMESPACES, "", NS, "NamespaceDeletionDiscoveryFailure",
                         "DiscoveryFailed");
    write.operation = STORE_DELETE;
    write.expected = write.revision;
    assert_int_equal(store_write(world.objects.store, &write, &err), 0);
    objects_await_gone(&world.objects, NAMESPACES, "", NS);
    world_close(&world);
}

struct creators {
    struct world *world;
    atomic_bool stop;
    atomic_int created;
};

static void *create_always(void *argument)
{
    static atomic_int serial;
    struct creators *creators = argument;
    while (!atomic_load(&creators->stop)) {
        AUTO_FREE char *name = mem_printf("racer-%d", atomic_fetch_add(&serial, 1));
        struct new_object new = {.resource = LEASES, .ns = NS, .name = name};
        if (objects_create(&creators->world->objects, new))
            atomic_fetch_add(&creators->created, 1);
    }
    return NULL;
}

/* Whoever is creating objects while the namespace goes: none is left behind. */
static void leaves_nothing_to_racers(void **state)
{
    (void)state;
    struct world world;
    struct creators creators = {.world = &world};
    pthread_t threads[4];
    world_open(&world, "racers");
    world_start(&world, HOUR_MS);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, create_always, &creators), 0);
    while (atomic_load(&creators.created) < 50)
        clock_sleep_ms(1);
    objects_delete(&world.objects, NAMESPACES, "", NS, BACKGROUND);
    objects_await_gone(&world.objects, NAMESPACES, "", NS);
    assert_int_equal(objects_count(&world.objects, NULL, NS), 0);
    struct new_object late = {.resource = LEASES, .ns = NS, .name = "late"};
    assert_false(objects_create(&world.objects, late));
    atomic_store(&creators.stop, true);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(objects_count(&world.objects, NULL, NS), 0);
    world_close(&world);
}

/* ------------------------------------------------------------------------------------------ events
 */

static int take_event(void *context, const struct store_object *object, struct err *err)
{
    json_t **event = context;
    json_decref(*event);
    *event = object_decode(object->body, object->body_len, object->revision, err);
    return *event ? 0 : -1;
}

static json_t *newest_event(struct world *world)
{
    struct store_list_query query = {.resource = EVENTS, .ns = NS};
    struct err err = {0};
    json_t *event = NULL;
    int64_t revision;
    if (store_list(world->objects.store, &query, &revision, take_event, &event, &err))
        fail_msg("%s", err.message);
    return event;
}

static void counts_events(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, "events");
    world_start(&world, HOUR_MS);
    lease(&world, "a", NOBODY, NOBODY);
    json_t *about = objects_get(&world.objects, LEASES, NS, "a");
    struct recorder *recorder = lifecycle_recorder(world.lifecycle);
    int64_t count = 0;
    for (int i = 0; i < 5; i++) {
        recorder_tell(recorder, about, EVENT_WARNING, "Trouble", "there is %s", "trouble");
        for (int64_t until = clock_ms() + OBJECTS_WAIT_MS; count <= i && clock_ms() < until;) {
            json_t *event = newest_event(&world);
            count = json_at_int(event, "count", 0);
            json_decref(event);
        }
        assert_int_equal(count, i + 1);
    }
    assert_int_equal(objects_count(&world.objects, EVENTS, NS), 1);
    json_t *event = newest_event(&world);
    assert_string_equal(json_at_text(event, "involvedObject.uid"), object_uid(about));
    assert_string_equal(json_at_text(event, "message"), "there is trouble");
    assert_string_equal(json_at_text(event, "type"), "Warning");
    assert_string_equal(json_at_text(event, "source.component"), EVENT_COMPONENT);
    json_decref(event);
    /* Somebody removes it: the next one begins anew. */
    AUTO_FREE char *name = NULL;
    event = newest_event(&world);
    name = mem_strdup(object_name(event));
    json_decref(event);
    objects_delete(&world.objects, EVENTS, NS, name, BACKGROUND);
    recorder_tell(recorder, about, EVENT_WARNING, "Trouble", "there is %s", "trouble");
    objects_await_count(&world.objects, EVENTS, NS, 1);
    event = newest_event(&world);
    assert_int_equal(json_at_int(event, "count", 0), 1);
    json_decref(event);
    json_decref(about);
    world_close(&world);
}

static void events_expire(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, "expiry");
    lease(&world, "a", NOBODY, NOBODY);
    json_t *about = objects_get(&world.objects, LEASES, NS, "a");
    world_start(&world, HOUR_MS);
    for (int i = 0; i < 20; i++)
        recorder_tell(lifecycle_recorder(world.lifecycle), about, EVENT_NORMAL, "Done",
                      "message %d", i);
    objects_await_count(&world.objects, EVENTS, NS, 20);
    lifecycle_stop(world.lifecycle);
    world_start(&world, 1500);
    objects_await_count(&world.objects, EVENTS, NS, 0);
    assert_int_equal(objects_count(&world.objects, LEASES, NS), 1);
    json_decref(about);
    world_close(&world);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--lifecycle") == 0)
        be_the_controller(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deletes_in_the_background),
        cmocka_unit_test(deletes_in_the_foreground),
        cmocka_unit_test(waits_for_what_blocks),
        cmocka_unit_test(lets_orphans_stay),
        cmocka_unit_test(keeps_what_has_another_owner),
        cmocka_unit_test(ends_circles),
        cmocka_unit_test(collects_what_it_finds),
        cmocka_unit_test(leaves_what_it_does_not_know),
        cmocka_unit_test(tells_of_foreign_owners),
        cmocka_unit_test(goes_on_after_a_kill),
        cmocka_unit_test(empties_namespaces),
        cmocka_unit_test(keeps_namespaces_of_unknown_content),
        cmocka_unit_test(leaves_nothing_to_racers),
        cmocka_unit_test(counts_events),
        cmocka_unit_test(events_expire),
    };
    return cmocka_run_group_tests(tests, servers_start, servers_stop);
}
