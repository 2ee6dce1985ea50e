/* What is told of a change, by table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <controller/events/story.h>
#include <mot/base/buf.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

/* Notes "W Reason: message" or "N …", one a line. */
static void note(void *context, enum event_type type, const char *reason, const char *message)
{
    buf_addf(context, "%s %s: %s\n", type == EVENT_WARNING ? "W" : "N", reason, message);
}

static json_t *decode(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    if (!value)
        fail_msg("bad test: %s", text);
    return value;
}

/* A condition, and a region. */
#define C(type, status, reason, message)                                                           \
    "{\"type\":\"" type "\",\"status\":\"" status "\",\"reason\":\"" reason                        \
    "\",\"message\":\"" message "\"}"
#define R(name, state, desired, ready)                                                             \
    "{\"name\":\"" name "\",\"state\":\"" state "\",\"desired\":" desired ",\"ready\":" ready      \
    ",\"message\":\"why\"}"
#define D(generation, desired, regions, conditions)                                                \
    "{\"metadata\":{\"name\":\"web\",\"generation\":" generation                                   \
    "},\"status\":{\"desired\":" desired ",\"regions\":[" regions "],\"conditions\":[" conditions  \
    "]}}"
#define BARE "{\"metadata\":{\"name\":\"web\",\"generation\":1}}"

#define TWO_PENDING                                                                                \
    D("1", "4", R("a", "Pending", "2", "0") "," R("b", "Pending", "2", "0"),                       \
      C("Available", "False", "TooFewReady", "a: 0 of 2") "," C("Converged", "False",              \
                                                                "Converging", "0 of 2"))
#define TWO_DONE                                                                                   \
    D("1", "4", R("a", "Converged", "2", "2") "," R("b", "Converged", "2", "2"),                   \
      C("Available", "True", "EnoughReady", "enough") "," C("Converged", "True", "Converged",      \
                                                            "2 of 2"))

static const struct {
    const char *before, *after, *story;
} deployments[] = {
    {BARE, TWO_PENDING,
     "N Progressing: generation 1 is on its way\nN Placed: placed into 2 regions: a, b\n"},
    {TWO_PENDING, TWO_DONE,
     "N Available: enough\nN Converged: generation 1: 2 of 2\n"
     "N RegionConverged: region a: 2 of 2 instances are ready\n"
     "N RegionConverged: region b: 2 of 2 instances are ready\n"},
    {TWO_DONE, TWO_DONE, ""},
    {TWO_DONE,
     D("2", "6",
       R("a", "Progressing", "2", "2") "," R("b", "Converged", "2", "2") "," R("c", "Pending", "2",
                                                                               "0"),
       C("Available", "True", "EnoughReady", "enough") "," C("Converged", "False", "Converging",
                                                             "1 of 3")),
     "N Progressing: generation 2 is on its way\nN ScaledUp: from 4 to 6 instances\n"
     "N RegionAdded: region c: 2 instances are wanted\n"},
    {TWO_DONE,
     D("1", "4", R("a", "Failed", "2", "0") "," R("b", "Unknown", "2", "2"),
       C("Available", "False", "TooFewReady", "a: 0 of 2") "," C("Converged", "False",
                                                                 "RegionFailed", "a: why")),
     "W Degraded: a: 0 of 2\nW RegionFailed: region a: why\nW RegionUnknown: region b: why\n"},
    {TWO_DONE,
     D("2", "2", R("a", "Converged", "2", "2"),
       C("Available", "True", "EnoughReady", "enough") "," C("Converged", "True", "Converged",
                                                             "1 of 1")),
     "N ScaledDown: from 4 to 2 instances\nN RegionRemoved: region b has stopped everything\n"},
    {TWO_DONE,
     "{\"metadata\":{\"generation\":2,\"deletionTimestamp\":\"2026-11-23T12:57:31Z\"},\"status\":{"
     "\"desired\":0,\"regions\":[" R("a", "Deleting", "0", "2") "],\"conditions\":[" C(
         "Available", "True", "EnoughReady",
         "enough") "," C("Converged", "False", "Deleting", "the deployment is being deleted") "]}}",
     "N Deleting: the deployment is being deleted\n"
     "N RegionStopping: region a is told to stop everything\n"
     "N RegionRemoved: region b has stopped everything\n"},
};

static void tells_of_deployments(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(deployments); i++) {
        json_t *before = decode(deployments[i].before);
        json_t *after = decode(deployments[i].after);
        struct buf told;
        buf_init(&told, 1 << 16);
        buf_adds(&told, "");
        struct story story = {note, &told};
        story_deployment(&story, before, after);
        assert_string_equal(told.data ? told.data : "", deployments[i].story);
        buf_release(&told);
        json_decref(before);
        json_decref(after);
    }
}

#define I(status)                                                                                  \
    "{\"metadata\":{\"name\":\"web-1\"},\"spec\":{\"zone\":\"z\",\"region\":\"r\"},\"status\":"    \
    "{" status "}}"

static const struct {
    const char *before, *after, *story;
} instances[] = {
    {I("\"phase\":\"Running\""), I("\"phase\":\"Running\",\"ready\":true"), ""},
    {I("\"phase\":\"Running\""),
     I("\"phase\":\"Failed\",\"reason\":\"Exited\",\"message\":\"code 1\""),
     "W InstanceFailed: instance web-1 in zone z of region r has failed: Exited: code 1\n"},
    {I("\"phase\":\"Failed\""), I("\"phase\":\"Failed\""), ""},
    {I("\"phase\":\"Running\",\"restarts\":1"), I("\"phase\":\"Starting\",\"restarts\":2"),
     "W InstanceCrashed: instance web-1 in zone z of region r was started again, 2 restarts\n"},
    {I("\"health\":{\"ok\":true}"), I("\"health\":{\"ok\":false,\"message\":\"503\"}"),
     "W Unhealthy: instance web-1 in zone z of region r: 503\n"},
    {I("\"health\":{\"ok\":false}"), I("\"health\":{\"ok\":false,\"message\":\"503\"}"), ""},
};

static void tells_of_instances(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(instances); i++) {
        json_t *before = decode(instances[i].before);
        json_t *after = decode(instances[i].after);
        struct instance_facts facts = instance_facts_of(before);
        struct buf told;
        buf_init(&told, 1 << 16);
        struct story story = {note, &told};
        story_instance(&story, &facts, after);
        assert_string_equal(told.data ? told.data : "", instances[i].story);
        buf_release(&told);
        json_decref(before);
        json_decref(after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tells_of_deployments),
                                       cmocka_unit_test(tells_of_instances)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
