#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/arena.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/workload.h>

#include "drivers/local/encode.h"

static const char full[] =
    "{\"apiVersion\":\"mot.dev/v1alpha1\",\"kind\":\"RegionalDeployment\",\"metadata\":{"
    "\"name\":\"checkout-test\",\"namespace\":\"payments\",\"uid\":\"u1\",\"generation\":3,"
    "\"resourceVersion\":\"41\"},\"spec\":{\"deployment\":\"checkout\",\"region\":\"test-us-east-"
    "1\","
    "\"zones\":[{\"name\":\"a\",\"replicas\":2},{\"name\":\"b\",\"replicas\":0}],"
    "\"strategy\":{\"maxUnavailable\":\"25%\",\"maxSurge\":2,\"minReadySeconds\":4,"
    "\"progressDeadlineSeconds\":60},\"template\":{\"metadata\":{\"annotations\":{\"x\":\"1\"}},"
    "\"spec\":{\"terminationGracePeriodSeconds\":7,\"containers\":[{\"name\":\"main\","
    "\"image\":\"app:1\",\"command\":[\"/bin/app\"],\"args\":[\"-p\",\"$(PORT)\"],"
    "\"workingDir\":\"/srv\",\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\"}],"
    "\"ports\":[{\"name\":\"http\",\"containerPort\":8080},{\"containerPort\":53,"
    "\"protocol\":\"UDP\"}],\"resources\":{\"requests\":{\"cpu\":\"100m\",\"memory\":64}},"
    "\"readinessProbe\":{\"httpGet\":{\"path\":\"/ready\",\"port\":\"http\",\"httpHeaders\":"
    "[{\"name\":\"Host\",\"value\":\"x\"}]},\"initialDelaySeconds\":1,\"periodSeconds\":2,"
    "\"timeoutSeconds\":3,\"successThreshold\":4,\"failureThreshold\":5},"
    "\"livenessProbe\":{\"tcpSocket\":{\"port\":8080}}}]}}}}";

static void check_full(const struct workload *w)
{
    assert_string_equal(w->ns, "payments");
    assert_string_equal(w->name, "checkout");
    assert_string_equal(w->object_name, "checkout-test");
    assert_string_equal(w->uid, "u1");
    assert_string_equal(w->region, "test-us-east-1");
    assert_int_equal(w->revision, 41);
    assert_int_equal(w->generation, 3);
    assert_false(w->deleting);
    assert_int_equal(w->grace_ms, 7000);
    assert_int_equal(w->zone_count, 2);
    assert_int_equal(workload_replicas(w, "a"), 2);
    assert_int_equal(workload_replicas(w, "c"), 0);
    assert_true(w->max_unavailable.percent);
    assert_int_equal(w->max_unavailable.value, 25);
    assert_false(w->max_surge.percent);
    assert_int_equal(w->max_surge.value, 2);
    assert_int_equal(w->min_ready_ms, 4000);
    assert_int_equal(w->progress_deadline_ms, 60000);
    assert_int_equal(w->container_count, 1);
}

static void check_container(const struct workload_container *c)
{
    assert_string_equal(c->name, "main");
    assert_string_equal(c->image, "app:1");
    assert_string_equal(c->command[0], "/bin/app");
    assert_null(c->command[1]);
    assert_string_equal(c->args[1], "$(PORT)");
    assert_null(c->args[2]);
    assert_string_equal(c->working_dir, "/srv");
    assert_int_equal(c->env_count, 2);
    assert_string_equal(c->env[1].name, "B");
    assert_string_equal(c->env[1].value, "");
    assert_int_equal(c->port_count, 2);
    assert_string_equal(c->ports[0].protocol, "TCP");
    assert_string_equal(c->ports[1].name, "");
    assert_string_equal(c->ports[1].protocol, "UDP");
    assert_non_null(strstr(c->resources, "100m"));
    assert_int_equal(c->readiness.type, PROBE_HTTP);
    assert_string_equal(c->readiness.path, "/ready");
    assert_string_equal(c->readiness.port, "http");
    assert_string_equal(c->readiness.headers[0].value, "x");
    assert_int_equal(c->readiness.initial_delay_ms, 1000);
    assert_int_equal(c->readiness.period_ms, 2000);
    assert_int_equal(c->readiness.timeout_ms, 3000);
    assert_int_equal(c->readiness.success_threshold, 4);
    assert_int_equal(c->readiness.failure_threshold, 5);
    assert_int_equal(c->liveness.type, PROBE_TCP);
    assert_string_equal(c->liveness.port, "8080");
    assert_int_equal(c->liveness.period_ms, 10000);
}

static struct workload *decode(struct arena *arena, const char *text)
{
    struct err err = {0};
    struct workload *workload = workload_decode(arena, text, strlen(text), &err);
    if (!workload)
        fail_msg("%s", err.message);
    return workload;
}

static void test_full(void **state)
{
    (void)state;
    struct arena *arena = arena_new((size_t)1 << 20);
    const struct workload *workload = decode(arena, full);
    check_full(workload);
    check_container(&workload->containers[0]);
    arena_free(arena);
}

/* What the local driver keeps on disk is what it was given. */
static void test_round_trip(void **state)
{
    (void)state;
    struct arena *arena = arena_new((size_t)1 << 20);
    json_t *object = workload_encode(decode(arena, full));
    char *text = json_text(object);
    const struct workload *workload = decode(arena, text);
    check_full(workload);
    check_container(&workload->containers[0]);
    free(text);
    json_decref(object);
    arena_free(arena);
}

static char *replaced(const char *from, const char *to)
{
    const char *at = strstr(full, from);
    assert_non_null(at);
    return mem_printf("%.*s%s%s", (int)(at - full), full, to, at + strlen(from));
}

static void test_hash(void **state)
{
    static const struct {
        const char *from, *to;
        bool same;
    } cases[] = {
        {"\"generation\":3", "\"generation\":4", true},
        {"\"replicas\":2", "\"replicas\":3", true},
        {"\"maxSurge\":2", "\"maxSurge\":1", true},
        {"{\"name\":\"A\",\"value\":\"1\"}", "{\"value\":\"1\",\"name\":\"A\"}", true},
        {"\"app:1\"", "\"app:2\"", false},
        {"\"x\":\"1\"", "\"x\":\"2\"", false},
        {"Seconds\":7", "Seconds\":8", false},
    };
    (void)state;
    struct arena *arena = arena_new((size_t)1 << 20);
    const struct workload *before = decode(arena, full);
    assert_int_equal(strlen(before->template_hash), 16);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        char *text = replaced(cases[i].from, cases[i].to);
        const struct workload *after = decode(arena, text);
        if ((strcmp(before->template_hash, after->template_hash) == 0) != cases[i].same)
            fail_msg("%s → %s", cases[i].from, cases[i].to);
        free(text);
    }
    arena_free(arena);
}

static void test_deleting(void **state)
{
    (void)state;
    struct arena *arena = arena_new((size_t)1 << 20);
    char *text = replaced("\"generation\":3", "\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"");
    const struct workload *workload = decode(arena, text);
    assert_true(workload->deleting);
    assert_int_equal(workload_replicas(workload, "a"), 0);
    free(text);
    arena_free(arena);
}

static void test_refuses(void **state)
{
    static const char *const cases[][2] = {{"\"namespace\":\"payments\",", ""},
                                           {"\"deployment\":\"checkout\",", ""},
                                           {",\"resourceVersion\":\"41\"", ""},
                                           {"\"containers\":[", "\"other\":["},
                                           {"}}}}", "}}}"}};
    (void)state;
    struct arena *arena = arena_new((size_t)1 << 20);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        char *text = replaced(cases[i][0], cases[i][1]);
        if (workload_decode(arena, text, strlen(text), &err))
            fail_msg("accepted without %s", cases[i][0]);
        assert_int_equal(err.code, ERR_INVALID);
        free(text);
    }
    arena_free(arena);
}

static void test_percent(void **state)
{
    (void)state;
    const struct int_or_percent quarter = {25, true}, three = {3, false};
    assert_int_equal(int_or_percent_of(quarter, 10, true), 3);
    assert_int_equal(int_or_percent_of(quarter, 10, false), 2);
    assert_int_equal(int_or_percent_of(quarter, 0, true), 0);
    assert_int_equal(int_or_percent_of(three, 10, true), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full),    cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_hash),    cmocka_unit_test(test_deleting),
        cmocka_unit_test(test_refuses), cmocka_unit_test(test_percent),
    };
    return cmocka_run_group_tests_name("workload", tests, NULL, NULL);
}
