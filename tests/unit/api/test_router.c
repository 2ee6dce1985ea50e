#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/router.h"

struct row {
    const char *method, *path, *query;
    enum route_type type;
    enum verb verb;
    const char *group, *version, *resource, *ns, *name, *subresource;
};

#define V1 "/apis/mot.dev/v1alpha1"

static const struct row resources[] = {
    {"GET", "/api/v1/namespaces", "", ROUTE_RESOURCE, VERB_LIST, "", "v1", "namespaces", "", "",
     ""},
    {"GET", "/api/v1/namespaces/a", "", ROUTE_RESOURCE, VERB_GET, "", "v1", "namespaces", "", "a",
     ""},
    {"PUT", "/api/v1/namespaces/a/status", "", ROUTE_RESOURCE, VERB_UPDATE, "", "v1", "namespaces",
     "", "a", "status"},
    {"PUT", "/api/v1/namespaces/a/finalize", "", ROUTE_RESOURCE, VERB_UPDATE, "", "v1",
     "namespaces", "", "a", "finalize"},
    {"GET", V1 "/namespaces/a/things", "", ROUTE_RESOURCE, VERB_LIST, "mot.dev", "v1alpha1",
     "things", "a", "", ""},
    {"GET", V1 "/namespaces/a/status", "", ROUTE_RESOURCE, VERB_GET, "mot.dev", "v1alpha1",
     "namespaces", "", "a", "status"},
    {"GET", V1 "/namespaces/a/status/b", "", ROUTE_RESOURCE, VERB_GET, "mot.dev", "v1alpha1",
     "status", "a", "b", ""},
    {"GET", V1 "/namespaces/a/things/b", "", ROUTE_RESOURCE, VERB_GET, "mot.dev", "v1alpha1",
     "things", "a", "b", ""},
    {"PATCH", V1 "/namespaces/a/things/b/status", "", ROUTE_RESOURCE, VERB_PATCH, "mot.dev",
     "v1alpha1", "things", "a", "b", "status"},
    {"GET", V1 "/things", "", ROUTE_RESOURCE, VERB_LIST, "mot.dev", "v1alpha1", "things", "", "",
     ""},
    {"GET", V1 "/things/", "", ROUTE_RESOURCE, VERB_LIST, "mot.dev", "v1alpha1", "things", "", "",
     ""},
    {"GET", V1 "/things", "watch=1", ROUTE_RESOURCE, VERB_WATCH, "mot.dev", "v1alpha1", "things",
     "", "", ""},
    {"GET", V1 "/things", "limit=1&watch=notabool", ROUTE_RESOURCE, VERB_WATCH, "mot.dev",
     "v1alpha1", "things", "", "", ""},
    {"GET", V1 "/things", "watch=false", ROUTE_RESOURCE, VERB_LIST, "mot.dev", "v1alpha1", "things",
     "", "", ""},
    {"GET", V1 "/things", "watch=FALSE", ROUTE_RESOURCE, VERB_LIST, "mot.dev", "v1alpha1", "things",
     "", "", ""},
    {"GET", V1 "/things", "watch=", ROUTE_RESOURCE, VERB_WATCH, "mot.dev", "v1alpha1", "things", "",
     "", ""},
    {"GET", V1 "/things/b", "watch=1", ROUTE_RESOURCE, VERB_GET, "mot.dev", "v1alpha1", "things",
     "", "b", ""},
    {"GET", V1 "/watch/namespaces/a/things/b", "", ROUTE_RESOURCE, VERB_WATCH, "mot.dev",
     "v1alpha1", "things", "a", "b", ""},
    {"POST", V1 "/watch/things", "", ROUTE_RESOURCE, VERB_NONE, "mot.dev", "v1alpha1", "things", "",
     "", ""},
    {"POST", V1 "/things", "", ROUTE_RESOURCE, VERB_CREATE, "mot.dev", "v1alpha1", "things", "", "",
     ""},
    {"POST", V1 "/things/b", "", ROUTE_RESOURCE, VERB_NONE, "mot.dev", "v1alpha1", "things", "",
     "b", ""},
    {"DELETE", V1 "/things", "", ROUTE_RESOURCE, VERB_DELETE_COLLECTION, "mot.dev", "v1alpha1",
     "things", "", "", ""},
    {"DELETE", V1 "/things/b", "", ROUTE_RESOURCE, VERB_DELETE, "mot.dev", "v1alpha1", "things", "",
     "b", ""},
    {"DELETE", V1 "/things/b/status", "", ROUTE_RESOURCE, VERB_NONE, "mot.dev", "v1alpha1",
     "things", "", "b", "status"},
    {"HEAD", V1 "/things", "", ROUTE_RESOURCE, VERB_LIST, "mot.dev", "v1alpha1", "things", "", "",
     ""},
    {"HEAD", V1 "/things/b", "", ROUTE_RESOURCE, VERB_GET, "mot.dev", "v1alpha1", "things", "", "b",
     ""},
    {"GET", V1 "/things/a%3Ab", "", ROUTE_RESOURCE, VERB_GET, "mot.dev", "v1alpha1", "things", "",
     "a:b", ""},
};

static void test_resources(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
        const struct row *row = &resources[i];
        struct route route;
        print_message("%s %s?%s\n", row->method, row->path, row->query);
        route_parse(row->method, row->path, row->query, &route);
        assert_int_equal(route.type, row->type);
        assert_string_equal(verb_name(route.verb), verb_name(row->verb));
        assert_string_equal(route.group, row->group);
        assert_string_equal(route.version, row->version);
        assert_string_equal(route.resource, row->resource);
        assert_string_equal(route.ns, row->ns);
        assert_string_equal(route.name, row->name);
        assert_string_equal(route.subresource, row->subresource);
        route_release(&route);
    }
}

static const struct {
    const char *path;
    enum route_type type;
} others[] = {
    {"/", ROUTE_UNKNOWN},
    {"/nope", ROUTE_UNKNOWN},
    {"/version", ROUTE_VERSION},
    {"/version/", ROUTE_VERSION},
    {"/version/x", ROUTE_UNKNOWN},
    {"/healthz", ROUTE_HEALTH},
    {"/readyz/ping", ROUTE_HEALTH},
    {"/metrics", ROUTE_METRICS},
    {"/metrics/slis", ROUTE_UNKNOWN},
    {"/readyz/ping/x", ROUTE_UNKNOWN},
    {"/api", ROUTE_DOCUMENT},
    {"/api/v1", ROUTE_DOCUMENT},
    {"/apis", ROUTE_DOCUMENT},
    {"/apis/mot.dev", ROUTE_DOCUMENT},
    {V1, ROUTE_DOCUMENT},
    {"/openapi/v2", ROUTE_DOCUMENT},
    {"/openapi/v3/" V1, ROUTE_MALFORMED},
    {"/openapi/v3/apis/mot.dev/v1alpha1", ROUTE_DOCUMENT},
    {"/swagger-2.0.0.pb-v1", ROUTE_DOCUMENT},
    {V1 "/watch", ROUTE_UNKNOWN},
    {V1 "/a/b/c/d", ROUTE_RESOURCE},
    {V1 "/a/b/c/d/e/f/g/h/i/j/k", ROUTE_UNKNOWN},
    {V1 "/things/a%2Fb", ROUTE_MALFORMED},
    {V1 "/things/%zz", ROUTE_MALFORMED},
    {V1 "/things/a%00b", ROUTE_MALFORMED},
    {V1 "/things/..", ROUTE_MALFORMED},
    {V1 "//things", ROUTE_MALFORMED},
};

static void test_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct route route;
        print_message("%s\n", others[i].path);
        route_parse("GET", others[i].path, "", &route);
        assert_int_equal(route.type, others[i].type);
        route_release(&route);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resources),
        cmocka_unit_test(test_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
