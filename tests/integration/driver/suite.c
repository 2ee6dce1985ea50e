#include "suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#define GRACE_1 .grace = 1

static bool has_restarts(const struct observed_app *app, int64_t number)
{
    int restarts = 0;
    for (size_t i = 0; app && i < app->instance_count; i++)
        restarts += app->instances[i].restarts;
    return restarts >= number;
}

static bool restarted_and_ready(const struct observed_app *app, int64_t number)
{
    return all_ready(app, number) && has_restarts(app, 1);
}

/* ------------------------------------------------------------------ starting */

static void applies_and_becomes_ready(struct rig *rig)
{
    rig_apply(rig, &(struct spec){0}, 2);
    const struct observed_app *app =
        rig_wait(rig, "web", "two are ready", all_ready, 2, NULL, NULL);
    assert_string_equal(app->ns, "shop");
    assert_string_equal(app->uid, "uid-1");
    assert_int_equal(app->revision, 1);
    assert_int_equal(app->replicas, 2);
    assert_false(app->removing);
    assert_string_not_equal(app->instances[0].id, app->instances[1].id);
    assert_int_equal(strncmp(app->instances[0].id, "web-us-east-1a-", 15), 0);
    assert_int_equal(app->instances[0].restarts, 0);
    assert_true(app->instances[0].started_at > 0);
    assert_true(app->instances[0].health.known && app->instances[0].health.ok);
    assert_string_equal(app->instances[0].health.message, "HTTP 200");
}

static void assert_has_line(const char *text, const char *line)
{
    const char *found = strstr(text, line);
    if (!found || found[strlen(line)] != '\n')
        fail_msg("%s is not in:\n%s", line, text);
}

static void gives_ports_and_environment(struct rig *rig)
{
    int status;
    rig_apply(rig, &(struct spec){.revision = 7}, 1);
    const struct observed_app *app = rig_wait(rig, "web", "one is ready", all_ready, 1, NULL, NULL);
    assert_int_equal(app->instances[0].port_count, 1);
    assert_string_equal(app->instances[0].ports[0].name, "http");
    int port = app->instances[0].ports[0].port;
    char *instance = mem_printf("MOT_INSTANCE=%s", app->instances[0].id);
    const char *text = rig_get(rig, port, "/env", &status);
    assert_int_equal(status, 200);
    assert_has_line(text, instance);
    assert_has_line(text, "MOT_NAMESPACE=shop");
    assert_has_line(text, "MOT_DEPLOYMENT=web");
    assert_has_line(text, "MOT_REGION=test-us-east-1");
    assert_has_line(text, "MOT_ZONE=us-east-1a");
    assert_has_line(text, "MOT_REVISION=7");
    assert_has_line(text, "VERSION=1");
    char *own = mem_printf("PORT=%d", port), *named = mem_printf("PORT_HTTP=%d", port);
    assert_has_line(text, own);
    assert_has_line(text, named);
    free(own);
    free(named);
    free(instance);
}

static void is_idempotent(struct rig *rig)
{
    struct err err = {0};
    struct spec spec = {.revision = 5};
    rig_apply(rig, &spec, 1);
    const struct observed_app *app = rig_wait(rig, "web", "one is ready", all_ready, 1, NULL, NULL);
    int64_t started = app->instances[0].started_at;
    rig_apply(rig, &spec, 1);
    app = rig_wait(rig, "web", "one is ready", all_ready, 1, NULL, NULL);
    assert_int_equal(app->instances[0].started_at, started);
    struct spec older = {.revision = 4, .version = "0"};
    assert_int_equal(rig->ops->apply(rig->driver, rig_workload(rig, &older), 1, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(rig_noted(rig, "start"), 1);
}

static bool fails_for(const struct observed_app *app, const char *reason)
{
    return app && app->instance_count == 1 && app->instances[0].phase == INSTANCE_FAILED &&
           strcmp(app->instances[0].reason, reason) == 0;
}

static bool has_no_command(const struct observed_app *app, int64_t unused)
{
    (void)unused;
    return fails_for(app, "NoCommand");
}

static void needs_a_command(struct rig *rig)
{
    rig_apply(rig, &(struct spec){.container = "\"args\":[\"x\"]"}, 1);
    rig_wait(rig, "web", "fails for NoCommand", has_no_command, 0, NULL, NULL);
    rig_apply(rig, &(struct spec){.revision = 2}, 1);
    rig_wait(rig, "web", "the next template runs", all_updated, 1, NULL, NULL);
}

static bool finds_no_program(const struct observed_app *app, int64_t unused)
{
    (void)unused;
    return fails_for(app, "CommandNotFound") || fails_for(app, "CrashLoop");
}

static void says_what_is_missing(struct rig *rig)
{
    rig_apply(rig, &(struct spec){.container = "\"command\":[\"/nonexistent/program\"]"}, 1);
    const struct observed_app *app = rig_wait(rig, "web", "fails", finds_no_program, 0, NULL, NULL);
    assert_non_null(strstr(app->instances[0].message, "/nonexistent/program"));
}

static void runs_two_containers(struct rig *rig)
{
    char *second = mem_printf(",{\"name\":\"side\",\"image\":\"s:1\",\"command\":[\"%s\"],"
                              "\"args\":[\"--note\",\"%s\"],"
                              "\"ports\":[{\"name\":\"admin\",\"containerPort\":9000}],"
                              "\"readinessProbe\":{\"tcpSocket\":{\"port\":9000}}}",
                              MOT_TESTAPP, rig->note);
    int status;
    rig_apply(rig, &(struct spec){.more = second}, 1);
    const struct observed_app *app =
        rig_wait(rig, "web", "both containers are ready", all_ready, 1, NULL, NULL);
    assert_int_equal(app->instances[0].port_count, 2);
    assert_int_equal(rig_noted(rig, "start"), 2);
    int admin = app->instances[0].ports[1].port;
    char *own = mem_printf("PORT=%d", admin),
         *other = mem_printf("PORT_HTTP=%d", app->instances[0].ports[0].port);
    const char *text = rig_get(rig, admin, "/env", &status);
    assert_has_line(text, own);
    assert_has_line(text, other);
    rig_get(rig, admin, "/exit?4", &status);
    rig_wait(rig, "web", "the second container is back", restarted_and_ready, 1, NULL, NULL);
    assert_int_equal(rig_noted(rig, "start"), 3);
    free(own);
    free(other);
    free(second);
}

/* ------------------------------------------------------------------ mending */

static void starts_again_what_ended(struct rig *rig)
{
    int status;
    rig_apply(rig, &(struct spec){0}, 2);
    const struct observed_app *app =
        rig_wait(rig, "web", "two are ready", all_ready, 2, NULL, NULL);
    rig_get(rig, app->instances[0].ports[0].port, "/exit?9", &status);
    app = rig_wait(rig, "web", "it is back", restarted_and_ready, 2, NULL, NULL);
    assert_int_equal(app->instance_count, 2);
    assert_int_equal(rig_noted(rig, "start"), 3);
}

static bool in_crash_loop(const struct observed_app *app, int64_t restarts)
{
    return fails_for(app, "CrashLoop") && has_restarts(app, restarts);
}

static void backs_off_in_a_crash_loop(struct rig *rig)
{
    int64_t began = clock_ms();
    rig_apply(rig, &(struct spec){.args = "\"--crash-after\",\"10\""}, 1);
    const struct observed_app *app =
        rig_wait(rig, "web", "a crash loop", in_crash_loop, 2, NULL, NULL);
    assert_non_null(strstr(app->instances[0].message, "exit code 3"));
    /* At once, then after a second: the third start is not earlier than that. */
    assert_true(clock_ms() - began >= 900);
    assert_int_equal(rig_noted(rig, "start"), 3);
}

static bool is_unready(const struct observed_app *app, int64_t unused)
{
    (void)unused;
    return app && app->instance_count == 1 && !app->instances[0].ready &&
           app->instances[0].phase == INSTANCE_RUNNING;
}

static void follows_the_readiness_probe(struct rig *rig)
{
    int status;
    rig_apply(rig,
              &(struct spec){.probe = ",\"readinessProbe\":{\"httpGet\":{\"path\":\"/ready\","
                                      "\"port\":8080},\"periodSeconds\":1,\"failureThreshold\":1}",
                             .args = "\"--ready-after\",\"300\""},
              1);
    const struct observed_app *app = rig_wait(rig, "web", "one is ready", all_ready, 1, NULL, NULL);
    int port = app->instances[0].ports[0].port;
    rig_get(rig, port, "/unready", &status);
    app = rig_wait(rig, "web", "it is not ready", is_unready, 0, NULL, NULL);
    assert_string_equal(app->instances[0].health.message, "HTTP 503");
    assert_false(app->instances[0].health.ok);
    rig_get(rig, port, "/reready", &status);
    app = rig_wait(rig, "web", "it is ready again", all_ready, 1, NULL, NULL);
    assert_int_equal(app->instances[0].restarts, 0);
}

static void restarts_what_the_liveness_probe_gives_up(struct rig *rig)
{
    rig_apply(rig,
              &(struct spec){.probe = ",\"livenessProbe\":{\"httpGet\":{\"path\":\"/health\","
                                      "\"port\":\"http\"},\"periodSeconds\":1,"
                                      "\"failureThreshold\":1}",
                             .args = "\"--unhealthy-after\",\"500\"",
                             GRACE_1},
              1);
    rig_wait(rig, "web", "it was restarted", has_restarts, 1, NULL, NULL);
    assert_true(rig_noted(rig, "term") >= 1);
}

/* ------------------------------------------------------------------ changing */

struct bounds {
    int ready, existing; /* at least, at most */
    bool broken;
};

static void check_bounds(const struct observed_app *app, void *context)
{
    struct bounds *bounds = context;
    int ready = 0;
    for (size_t i = 0; i < app->instance_count; i++)
        ready += app->instances[i].ready;
    if (ready < bounds->ready || (int)app->instance_count > bounds->existing) {
        print_message("%d ready of %zu\n", ready, app->instance_count);
        bounds->broken = true;
    }
}

static void roll(struct rig *rig, const char *strategy, int ready, int existing)
{
    struct bounds bounds = {ready, existing, false};
    struct spec spec = {.strategy = strategy, .args = "\"--ready-after\",\"100\""};
    rig_apply(rig, &spec, 3);
    rig_wait(rig, "web", "three are ready", all_ready, 3, NULL, NULL);
    spec.revision = 2;
    spec.version = "2";
    rig_apply(rig, &spec, 3);
    const struct observed_app *app =
        rig_wait(rig, "web", "three are new", all_updated, 3, check_bounds, &bounds);
    assert_false(bounds.broken);
    for (size_t i = 0; i < app->instance_count; i++)
        assert_int_equal(app->instances[i].revision, 2);
    assert_int_equal(rig_noted(rig, "start"), 6);
    assert_int_equal(rig_noted(rig, "term"), 3);
}

static void rolls_with_surge(struct rig *rig)
{
    roll(rig, "{\"maxSurge\":1,\"maxUnavailable\":0}", 3, 4);
}

static void rolls_without_surge(struct rig *rig)
{
    roll(rig, "{\"maxSurge\":0,\"maxUnavailable\":\"34%\"}", 2, 3);
}

static void keeps_what_works_when_the_new_does_not(struct rig *rig)
{
    struct bounds bounds = {2, 3, false};
    rig_apply(rig, &(struct spec){0}, 2);
    rig_wait(rig, "web", "two are ready", all_ready, 2, NULL, NULL);
    rig_apply(rig,
              &(struct spec){.revision = 2, .args = "\"--never-ready\",\"--crash-after\",\"10\""},
              2);
    rig_wait(rig, "web", "the new one was restarted", has_restarts, 2, check_bounds, &bounds);
    rig_apply(rig, &(struct spec){.revision = 3, .version = "3"}, 2);
    rig_wait(rig, "web", "the next template runs", all_updated, 2, check_bounds, &bounds);
    assert_false(bounds.broken);
}

static void scales(struct rig *rig)
{
    rig_apply(rig, &(struct spec){0}, 1);
    rig_wait(rig, "web", "one is ready", all_ready, 1, NULL, NULL);
    rig_apply(rig, &(struct spec){.revision = 2}, 4);
    rig_wait(rig, "web", "four are ready", all_ready, 4, NULL, NULL);
    assert_int_equal(rig_noted(rig, "start"), 4);
    rig_apply(rig, &(struct spec){.revision = 3}, 2);
    rig_wait(rig, "web", "two are left", all_ready, 2, NULL, NULL);
    assert_int_equal(rig_noted(rig, "term"), 2);
    rig_apply(rig, &(struct spec){.revision = 4}, 0);
    const struct observed_app *app = rig_wait(rig, "web", "none is left", all_ready, 0, NULL, NULL);
    assert_int_equal(app->replicas, 0);
}

/* ------------------------------------------------------------------ removing */

static void removes(struct rig *rig)
{
    struct err err = {0};
    rig_apply(rig, &(struct spec){0}, 2);
    rig_apply(rig, &(struct spec){.name = "other"}, 1);
    rig_wait(rig, "web", "two are ready", all_ready, 2, NULL, NULL);
    rig_wait(rig, "other", "one is ready", all_ready, 1, NULL, NULL);
    assert_int_equal(rig->ops->remove(rig->driver, "shop", "web", "uid-9", &err), 0);
    assert_false(rig_look(rig, "web")->removing);
    assert_int_equal(rig->ops->remove(rig->driver, "shop", "web", "uid-1", &err), 0);
    assert_int_equal(rig->ops->remove(rig->driver, "shop", "web", "uid-1", &err), 0);
    assert_int_equal(rig->ops->remove(rig->driver, "shop", "absent", "", &err), 0);
    rig_wait(rig, "web", "it is gone", is_gone, 0, NULL, NULL);
    assert_int_equal(rig_noted(rig, "term"), 2);
    assert_true(all_ready(rig_look(rig, "other"), 1));
    assert_int_equal(rig_processes(rig), 1);
}

static void comes_back_after_a_remove(struct rig *rig)
{
    struct err err = {0};
    rig_apply(rig, &(struct spec){0}, 1);
    rig_wait(rig, "web", "one is ready", all_ready, 1, NULL, NULL);
    assert_int_equal(rig->ops->remove(rig->driver, "shop", "web", "", &err), 0);
    rig_apply(rig, &(struct spec){.revision = 2, .uid = "uid-2"}, 1);
    const struct observed_app *app = rig_wait(rig, "web", "one is ready", all_ready, 1, NULL, NULL);
    assert_string_equal(app->uid, "uid-2");
    assert_false(app->removing);
}

static void kills_what_ignores_its_end(struct rig *rig)
{
    struct err err = {0};
    rig_apply(rig, &(struct spec){.args = "\"--ignore-term\"", GRACE_1}, 2);
    rig_wait(rig, "web", "two are ready", all_ready, 2, NULL, NULL);
    int64_t began = clock_ms();
    assert_int_equal(rig->ops->remove(rig->driver, "shop", "web", "", &err), 0);
    rig_wait(rig, "web", "it is gone", is_gone, 0, NULL, NULL);
    int64_t took = clock_ms() - began;
    assert_true(took >= 950 && took < 5000);
    assert_int_equal(rig_noted(rig, "term"), 2);
    assert_int_equal(rig_processes(rig), 0);
}

static void leaves_everything_or_stops_everything(struct rig *rig)
{
    rig_apply(rig, &(struct spec){0}, 3);
    rig_wait(rig, "web", "three are ready", all_ready, 3, NULL, NULL);
    rig_close(rig, false);
    assert_int_equal(rig_processes(rig), 3);
    rig_open(rig);
    assert_true(all_ready(rig_look(rig, "web"), 3));
    rig_close(rig, true);
    assert_int_equal(rig_processes(rig), 0);
    rig_open(rig);
    rig_wait(rig, "web", "three are ready again", all_ready, 3, NULL, NULL);
    assert_int_equal(rig_noted(rig, "start"), 6);
}

/* ------------------------------------------------------------------ many */

static void runs_a_hundred(struct rig *rig)
{
    char names[100][16];
    for (int i = 0; i < 100; i++) {
        snprintf(names[i], sizeof(names[i]), "app-%d", i);
        rig_apply(
            rig,
            &(struct spec){.name = names[i],
                           .probe = ",\"readinessProbe\":{\"tcpSocket\":{\"port\":\"http\"}}"},
            1);
    }
    for (int i = 0; i < 100; i++)
        rig_wait(rig, names[i], "it is ready", all_ready, 1, NULL, NULL);
    assert_int_equal(rig->observation.app_count, 100);
    assert_int_equal(rig_processes(rig), 100);
}

const struct driver_case driver_cases[] = {
    {"applies and becomes ready", applies_and_becomes_ready},
    {"gives ports and environment", gives_ports_and_environment},
    {"is idempotent, and refuses the past", is_idempotent},
    {"needs a command", needs_a_command},
    {"says what is missing", says_what_is_missing},
    {"runs two containers", runs_two_containers},
    {"starts again what ended", starts_again_what_ended},
    {"backs off in a crash loop", backs_off_in_a_crash_loop},
    {"follows the readiness probe", follows_the_readiness_probe},
    {"restarts what the liveness probe gives up", restarts_what_the_liveness_probe_gives_up},
    {"rolls with surge", rolls_with_surge},
    {"rolls without surge", rolls_without_surge},
    {"keeps what works when the new does not", keeps_what_works_when_the_new_does_not},
    {"scales", scales},
    {"removes", removes},
    {"comes back after a remove", comes_back_after_a_remove},
    {"kills what ignores its end", kills_what_ignores_its_end},
    {"leaves everything, or stops everything", leaves_everything_or_stops_everything},
    {"runs a hundred", runs_a_hundred},
};
const size_t driver_case_count = MOT_ARRAY_SIZE(driver_cases);
