#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mot/base/buf.h>
#include <mot/base/clock.h>

#include "cli/client/tree.h"
#include "fixture.h"

static const char deployment_text[] =
    "{'metadata':{'namespace':'payments','name':'checkout','generation':3,'creationTimestamp':'"
    "2026-11-23T12:00:00Z'},"
    "'status':{'observedGeneration':3,'desired':3,'ready':2,'summary':'1/2',"
    "'conditions':[{'type':'Converged','status':'False','observedGeneration':3}],"
    "'regions':[{'name':'test-us-east-1','state':'Converged','desired':1,'ready':1,'observedAt':'"
    "2026-11-23T12:04:57Z',"
    "'zones':[{'name':'us-east-1a','state':'Converged','desired':1,'ready':1}]},"
    "{'name':'production-us-east-1','state':'Progressing','desired':2,'ready':1,'message':'waiting "
    "for us-east-1b',"
    "'zones':[{'name':'us-east-1a','state':'Converged','desired':1,'ready':1},"
    "{'name':'us-east-1b','state':'Progressing','desired':1,'ready':0}]}]}}";

static const char instances_text[] =
    "[{'metadata':{'namespace':'payments','name':'checkout-us-east-1b-z'},"
    "'spec':{'deployment':'checkout','region':'production-us-east-1','zone':'us-east-1b'},"
    "'status':{'phase':'Starting','ready':false,'restarts':1}},"
    "{'metadata':{'namespace':'payments','name':'checkout-us-east-1a-x'},"
    "'spec':{'deployment':'checkout','region':'test-us-east-1','zone':'us-east-1a'},"
    "'status':{'phase':'Running','ready':true,'host':'127.0.0.1','ports':[{'name':'http','port':"
    "31807}],"
    "'startedAt':'2026-11-23T12:00:02Z'}},"
    "{'metadata':{'namespace':'payments','name':'other-us-east-1a-y'},"
    "'spec':{'deployment':'other','region':'test-us-east-1','zone':'us-east-1a'},'status':{}}]";

static void test_tree(void **state)
{
    (void)state;
    json_t *deployment = fixture(deployment_text);
    json_t *instances = fixture(instances_text);
    struct tree_input in = {.deployment = deployment, .instances = instances};
    struct err err = {0};
    assert_int_equal(clock_parse("2026-11-23T12:05:00Z", &in.now_ms, &err), 0);
    struct buf out;
    buf_init(&out, 100000);
    tree_render(&in, &out);
    assert_string_equal(
        out.data, "payments/checkout  Progressing  1/2 regions  2/3 ready  generation 3  age 5m\n"
                  "├─ test-us-east-1  Converged  1/1 ready  seen 3s ago\n"
                  "│  └─ us-east-1a  Converged  1/1 ready\n"
                  "│     └─ checkout-us-east-1a-x  Running  ready  127.0.0.1:31807  up 4m58s\n"
                  "└─ production-us-east-1  Progressing  1/2 ready  waiting for us-east-1b\n"
                  "   ├─ us-east-1a  Converged  1/1 ready\n"
                  "   └─ us-east-1b  Progressing  0/1 ready\n"
                  "      └─ checkout-us-east-1b-z  Starting  not ready  1 restart\n");
    buf_clear(&out);
    in.colour = true;
    tree_render(&in, &out);
    assert_non_null(strstr(out.data, "\033[32mConverged\033[0m"));
    buf_release(&out);
    json_decref(deployment);
    json_decref(instances);
}

/* Nothing is there yet, or not what we know: no crash, and it says so. */
static void test_sparse(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "{'metadata':{'name':'a'}}",
                                        "{'status':{'regions':[{}]}}",
                                        "{'status':{'regions':[{'zones':[{}]}],'conditions':7}}"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(texts); i++) {
        json_t *deployment = fixture(texts[i]);
        struct tree_input in = {.deployment = deployment};
        struct buf out;
        buf_init(&out, 100000);
        tree_render(&in, &out);
        deployment_summary(deployment, &out);
        assert_false(deployment_has_converged(deployment));
        assert_true(out.len > 0);
        buf_release(&out);
        json_decref(deployment);
    }
}

static void test_converged(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool converged;
    } cases[] = {
        {"{'metadata':{'generation':2},'status':{'conditions':[{'type':'Converged','status':'True',"
         "'observedGeneration':2}]}}",
         true},
        {"{'metadata':{'generation':3},'status':{'conditions':[{'type':'Converged','status':'True',"
         "'observedGeneration':2}]}}",
         false},
        {"{'metadata':{'generation':2},'status':{'observedGeneration':2,'conditions':[{'type':'"
         "Converged','status':'True'}]}}",
         true},
        {"{'metadata':{'generation':2},'status':{'conditions':[{'type':'Converged','status':'True'}"
         "]}}",
         false},
        {"{'metadata':{'generation':2},'status':{'conditions':[{'type':'Converged','status':'False'"
         ",'observedGeneration':2}]}}",
         false},
        {"{'metadata':{'generation':2,'deletionTimestamp':'2026-11-23T12:00:00Z'},"
         "'status':{'conditions':[{'type':'Converged','status':'True','observedGeneration':2}]}}",
         false}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        json_t *deployment = fixture(cases[i].text);
        if (deployment_has_converged(deployment) != cases[i].converged)
            fail_msg("case %zu", i);
        json_decref(deployment);
    }
}

static void test_summary(void **state)
{
    (void)state;
    json_t *deployment = fixture(deployment_text);
    struct buf out;
    buf_init(&out, 100000);
    deployment_summary(deployment, &out);
    assert_string_equal(out.data,
                        "1/2 regions have converged; production-us-east-1: Progressing, 1/2 ready "
                        "(waiting for us-east-1b)");
    buf_release(&out);
    json_decref(deployment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tree), cmocka_unit_test(test_sparse),
                                       cmocka_unit_test(test_converged),
                                       cmocka_unit_test(test_summary)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
