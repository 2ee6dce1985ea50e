/* Who somebody is: impersonation, anonymity, tokens; reviews, and the audit log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mot/base/file.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

/* cmocka.h must come after these */
#include <cmocka.h>

#include "access.h"
#include "api/auth/audit.h"
#include "api/auth/authenticate.h"

/* -------------------------------------------------------------------------------- identities */

static void test_impersonation(void **state)
{
    (void)state;
    struct server *server = start_with_users("impersonation");
    add_role(server, "", "helper",
             "{apiGroups: [''], resources: [users], resourceNames: [ann], verbs: [impersonate]}, "
             "{apiGroups: [''], resources: [groups], resourceNames: [editors], verbs: "
             "[impersonate]}, {apiGroups: [authentication.k8s.io], resources: [userextras/color], "
             "verbs: [impersonate]}");
    bind_role(server, "", "helper", "{kind: ClusterRole, name: helper}", "{kind: User, name: hal}");
    /* hal is impersonated himself: only his own rights count from there */
    static const struct {
        const char *headers;
        int code;
        const char *message;
    } rows[] = {
        {"impersonate-group: editors", 400,
         "requested [{Group  editors    }] without impersonating a user"},
        {"impersonate-extra-a: b\nimpersonate-uid: 7", 400,
         "requested [{UserExtra  b  authentication.k8s.io/v1  a} {UID  7  "
         "authentication.k8s.io/v1  }] without impersonating a user"},
        {"impersonate-user: eve\nimpersonate-group: editors", 200, NULL},
        {"impersonate-user: eve", 403,
         "deployments.mot.dev is forbidden: User \"eve\" cannot list resource \"deployments\" in "
         "API group \"mot.dev\" in the namespace \"team\""},
        {"impersonate-user: system:anonymous", 403,
         "deployments.mot.dev is forbidden: User \"system:anonymous\" cannot list resource "
         "\"deployments\" in API group \"mot.dev\" in the namespace \"team\""},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(rows); i++) {
        struct answer answer = call(server, "GET", TEAM "/deployments", rows[i].headers, NULL);
        assert_int_equal(answer.code, rows[i].code);
        if (rows[i].message)
            assert_string_equal(text_at(answer.body, "message"), rows[i].message);
        answer_release(&answer);
    }
    struct answer self = call(server, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
                              "impersonate-user: system:serviceaccount:team:robot\n"
                              "impersonate-uid: 42\nimpersonate-extra-a%2fb: c",
                              "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":"
                              "\"SelfSubjectReview\"}");
    assert_int_equal(self.code, 201);
    AUTO_FREE char *info = json_text(json_at(self.body, "status.userInfo"));
    assert_string_equal(info,
                        "{\"username\":\"system:serviceaccount:team:robot\",\"uid\":\"42\","
                        "\"groups\":[\"system:serviceaccounts\",\"system:serviceaccounts:team\","
                        "\"system:authenticated\"],\"extra\":{\"a/b\":[\"c\"]}}");
    answer_release(&self);
    server_stop(server);
}

static void test_anonymous(void **state)
{
    (void)state;
    struct err err = {0};
    const struct authenticator_options none = {0};
    struct authenticator *authenticator = authenticator_new(&none, &err);
    const struct api_options options = {.authenticator = authenticator};
    struct server *server = access_start("anonymous", &options);
    static const char *const open[] = {"/healthz", "/livez",    "/readyz",
                                       "/version", "/version/", "/readyz?verbose"};
    static const char *const closed[] = {
        "/", "/readyz/ping", "/api", "/apis/mot.dev", RBAC "/roles", "/metrics", "/openapi/v2"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(open); i++)
        json_decref(expect_call(server, 200, "GET", open[i], NULL));
    for (size_t i = 0; i < MOT_ARRAY_SIZE(closed); i++)
        expect_failure(server, 401, "GET", closed[i], NULL, NULL, "Unauthorized");
    expect_failure(server, 401, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", NULL,
                   "{}", "Unauthorized");
    expect_failure(server, 401, "GET", "/version", "authorization: Bearer wrong", NULL,
                   "Unauthorized");
    /* nobody may be somebody else */
    expect_failure(server, 403, "GET", "/version", "impersonate-user: ann", NULL,
                   "users \"ann\" is forbidden: User \"system:anonymous\" cannot impersonate "
                   "resource \"users\" in API group \"\" at the cluster scope");
    server_stop(server);
    authenticator_free(authenticator);
}

/* Without TLS there are no credentials: a page that a browser shows must not become everybody. */
static void test_web_pages(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        int code;
    } rows[] = {
        {"user-agent: kubectl", 201},
        {"host: 127.0.0.1:8080", 201},
        {"host: localhost:8080\norigin: http://localhost:3000", 201},
        {"host: [::1]:8080\norigin: http://[::1]:3000", 201},
        {"host: [::2]:8080", 403},
        {"host: evil.example:8080", 403},
        {"host: 127.0.0.1:8080\norigin: https://evil.example", 403},
        {"host: 127.0.0.1:8080\norigin: null", 403},
        {"host: evil.example\norigin: http://evil.example", 403},
    };
    struct err err = {0};
    const struct authenticator_options plain = {.plain_http = true};
    struct authenticator *authenticator = authenticator_new(&plain, &err);
    const struct api_options options = {.authenticator = authenticator};
    struct server *server = access_start("pages", &options);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(rows); i++) {
        AUTO_FREE char *body = mem_printf("{\"metadata\":{\"name\":\"n%zu\"}}", i);
        struct answer answer = call(server, "POST", "/api/v1/namespaces", rows[i].headers, body);
        print_message("%s: %d\n", rows[i].headers, answer.code);
        assert_int_equal(answer.code, rows[i].code);
        answer_release(&answer);
    }
    server_stop(server);
    authenticator_free(authenticator);
}

/* With credentials of their own, nobody impersonated. */
static void test_tokens(void **state)
{
    (void)state;
    static const char tokens[] = "root-token,root,1,system:masters\n"
                                 "ann-token,ann,2,\n"
                                 "eve-token,eve,3,\"editors,others\"\n";
    static const struct {
        const char *token, *method, *target;
        int code;
    } rows[] = {
        {"root", "GET", "/api/v1/namespaces", 200},
        {"ann", "GET", "/api/v1/namespaces", 403},
        {"ann", "GET", RBAC "/namespaces/team/roles", 200},
        {"ann", "DELETE", TEAM "/deployments/web", 404},
        {"eve", "GET", RBAC "/namespaces/team/roles", 403},
        {"eve", "DELETE", TEAM "/deployments/web", 404},
        {"eve", "DELETE", TEAM "/instances/web", 403},
        {"nik", "GET", "/version", 401},
    };
    struct err err = {0};
    char path[] = "/tmp/mot-tokens-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(file_write(path, tokens, strlen(tokens), 0600, &err), 0);
    const struct authenticator_options known = {.token_file = path};
    struct authenticator *authenticator = authenticator_new(&known, &err);
    if (!authenticator)
        fail_msg("%s", err.message);
    server_stop(start_with_users("tokens"));
    const struct api_options options = {.authenticator = authenticator};
    struct server *server = access_start("tokens", &options);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(rows); i++) {
        AUTO_FREE char *headers = mem_printf("authorization: Bearer %s-token", rows[i].token);
        struct answer answer = call(server, rows[i].method, rows[i].target, headers, NULL);
        print_message("%s %s %s: %d\n", rows[i].token, rows[i].method, rows[i].target, answer.code);
        assert_int_equal(answer.code, rows[i].code);
        answer_release(&answer);
    }
    struct answer review =
        call(server, "POST", "/apis/authentication.k8s.io/v1/tokenreviews",
             "authorization: Bearer root-token",
             "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenReview\",\"spec\":{"
             "\"token\":\"eve-token\"}}");
    assert_int_equal(review.code, 201);
    AUTO_FREE char *status = json_text(json_object_get(review.body, "status"));
    assert_string_equal(status, "{\"authenticated\":true,\"user\":{\"username\":\"eve\",\"uid\":"
                                "\"3\",\"groups\":[\"editors\",\"others\","
                                "\"system:authenticated\"]}}");
    answer_release(&review);
    review = call(server, "POST", "/apis/authentication.k8s.io/v1/tokenreviews",
                  "authorization: Bearer root-token",
                  "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenReview\",\"spec\":{"
                  "\"token\":\"wrong\"}}");
    assert_int_equal(review.code, 201);
    assert_null(json_at(review.body, "status.authenticated"));
    answer_release(&review);
    server_stop(server);
    authenticator_free(authenticator);
    unlink(path);
}

/* -------------------------------------------------------------------------------- reviews */

static void expect_review(struct server *server, const char *user, const char *target,
                          const char *body, const char *status)
{
    struct answer answer = ask(server, user, "POST", target, body);
    if (answer.code != 201)
        fail_msg("%s: %d %s", body, answer.code, answer.text);
    AUTO_FREE char *found = json_text(json_object_get(answer.body, "status"));
    assert_string_equal(found, status);
    answer_release(&answer);
}

static void test_reviews(void **state)
{
    (void)state;
    struct server *server = start_with_users("reviews");
    const char *self = ACCESS "/selfsubjectaccessreviews";
    expect_review(
        server, "vic", self,
        SELF("{resourceAttributes: {namespace: team, verb: list, group: mot.dev, "
             "resource: deployments}}"),
        "{\"allowed\":true,\"reason\":\"RBAC: allowed by RoleBinding \\\"viewers/team\\\" "
        "of ClusterRole \\\"view\\\" to User \\\"vic\\\"\"}");
    expect_review(server, "vic", self,
                  SELF("{resourceAttributes: {namespace: team, verb: delete, group: mot.dev, "
                       "resource: deployments}}"),
                  "{\"allowed\":false}");
    expect_review(server, NULL, self, SELF("{resourceAttributes: {verb: '*', resource: '*'}}"),
                  "{\"allowed\":true}");
    expect_review(server, "vic", self, SELF("{nonResourceAttributes: {path: /healthz, verb: get}}"),
                  "{\"allowed\":true,\"reason\":\"RBAC: allowed by ClusterRoleBinding "
                  "\\\"system:discovery\\\" of ClusterRole \\\"system:discovery\\\" to Group "
                  "\\\"system:authenticated\\\"\"}");
    expect_message(server, 422, "vic", "POST", self, SELF("{}"),
                   "SelfSubjectAccessReview.authorization.k8s.io \"\" is invalid: "
                   "spec.resourceAttributes: Invalid value: null: exactly one of "
                   "nonResourceAttributes or resourceAttributes must be specified");
    expect(server, 403, "vic", "POST", ACCESS "/subjectaccessreviews", "{}");
    expect_review(
        server, NULL, ACCESS "/subjectaccessreviews",
        REVIEW("SubjectAccessReview",
               "{user: x, groups: [editors], resourceAttributes: {namespace: team, verb: "
               "patch, group: mot.dev, resource: deployments, subresource: scale}}"),
        "{\"allowed\":true,\"reason\":\"RBAC: allowed by RoleBinding \\\"editors/team\\\" "
        "of ClusterRole \\\"edit\\\" to Group \\\"editors\\\"\"}");
    expect_review(server, "ann", ACCESS "/namespaces/team/localsubjectaccessreviews",
                  REVIEW("LocalSubjectAccessReview",
                         "{user: nik, resourceAttributes: {namespace: team, verb: get, resource: "
                         "events}}"),
                  "{\"allowed\":false}");
    expect(server, 422, "ann", "POST", ACCESS "/namespaces/team/localsubjectaccessreviews",
           REVIEW("LocalSubjectAccessReview",
                  "{user: nik, resourceAttributes: {namespace: other, verb: get}}"));
    expect(server, 403, "ann", "POST", ACCESS "/namespaces/other/localsubjectaccessreviews", "{}");
    expect(server, 405, NULL, "GET", ACCESS "/subjectaccessreviews", NULL);
    expect(server, 404, NULL, "DELETE", ACCESS "/subjectaccessreviews/x", NULL);
    server_stop(server);
}

static void test_rules_review(void **state)
{
    (void)state;
    struct server *server = start_with_users("rules_review");
    struct answer answer = ask(server, "uma", "POST", ACCESS "/selfsubjectrulesreviews",
                               REVIEW("SelfSubjectRulesReview", "{namespace: team}"));
    assert_int_equal(answer.code, 201);
    const json_t *rules = json_at(answer.body, "status.resourceRules");
    assert_int_equal(json_array_size(rules), 3);
    AUTO_FREE char *last = json_text(json_array_get(rules, 2));
    assert_string_equal(last, "{\"verbs\":[\"get\",\"list\",\"watch\",\"update\",\"patch\"],"
                              "\"apiGroups\":[\"coordination.k8s.io\"],\"resources\":[\"leases\"],"
                              "\"resourceNames\":[\"one\"]}");
    assert_int_equal(json_array_size(json_at(answer.body, "status.nonResourceRules")), 2);
    assert_true(json_is_false(json_at(answer.body, "status.incomplete")));
    answer_release(&answer);
    expect_message(server, 400, "uma", "POST", ACCESS "/selfsubjectrulesreviews",
                   REVIEW("SelfSubjectRulesReview", "{}"), "no namespace on request");
    server_stop(server);
}

/* -------------------------------------------------------------------------------- audit */

static const json_t *line_of(json_t *lines, const char *verb, const char *uri)
{
    size_t index;
    json_t *line;
    json_array_foreach(lines, index, line)
    {
        if (strcmp(text_at(line, "verb"), verb) == 0 &&
            strcmp(text_at(line, "requestURI"), uri) == 0)
            return line;
    }
    fail_msg("no audit line for %s %s", verb, uri);
    return NULL;
}

static json_t *read_lines(const char *path)
{
    struct err err = {0};
    json_t *lines = json_array();
    AUTO_FREE char *text = file_read(path, 1 << 20, NULL, &err);
    assert_non_null(text);
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        json_t *value = json_loads(line, 0, NULL);
        assert_non_null(value);
        json_array_append_new(lines, value);
    }
    return lines;
}

static void test_audit(void **state)
{
    (void)state;
    struct err err = {0};
    char path[] = "/tmp/mot-audit-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    const struct audit_options audit_options = {.path = path};
    struct audit *audit = audit_open(&audit_options, &err);
    assert_non_null(audit);
    const struct api_options options = {.audit = audit};
    struct server *server = access_start("audit", &options);
    create(server, "/api/v1/namespaces", "metadata: {name: team}");
    expect(server, 403, "nik,people", "DELETE", TEAM "/deployments/web", NULL);
    expect(server, 200, NULL, "GET", "/version", NULL);
    expect(server, 404, NULL, "GET", "/nowhere?x=y", NULL);
    struct answer answer =
        call(server, "GET", TEAM "/deployments", "audit-id: mine\nuser-agent: test/1", NULL);
    assert_non_null(strstr(answer.headers, "Audit-Id: mine"));
    answer_release(&answer);
    answer = call(server, "PATCH", "/api/v1/namespaces/team",
                  "audit-id: patch\ncontent-type: application/strategic-merge-patch+json",
                  "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}");
    assert_int_equal(answer.code, 200);
    assert_non_null(strstr(answer.headers, "Audit-Id: patch"));
    answer_release(&answer);
    server_stop(server);
    audit_close(audit);

    json_t *lines = read_lines(path);
    assert_int_equal(json_array_size(lines), 5);
    const json_t *made = line_of(lines, "create", "/api/v1/namespaces");
    assert_string_equal(text_at(made, "kind"), "Event");
    assert_string_equal(text_at(made, "apiVersion"), "audit.k8s.io/v1");
    assert_string_equal(text_at(made, "stage"), "ResponseComplete");
    assert_string_equal(text_at(made, "user.username"), "system:unsecured");
    assert_string_equal(text_at(made, "objectRef.resource"), "namespaces");
    assert_string_equal(text_at(made, "objectRef.name"), "team");
    assert_int_equal(json_at_int(made, "responseStatus.code", 0), 201);
    const json_t *refused = line_of(lines, "delete", TEAM "/deployments/web");
    assert_string_equal(text_at(refused, "user.username"), "system:unsecured");
    assert_string_equal(text_at(refused, "impersonatedUser.username"), "nik");
    assert_string_equal(text_at(refused, "objectRef.apiGroup"), "mot.dev");
    assert_string_equal(text_at(refused, "objectRef.namespace"), "team");
    assert_string_equal(text_at(refused, "responseStatus.reason"), "Forbidden");
    assert_string_equal(json_string_value(json_object_get(json_object_get(refused, "annotations"),
                                                          "authorization.k8s.io/decision")),
                        "forbid");
    const json_t *nowhere = line_of(lines, "get", "/nowhere?x=y");
    assert_null(json_object_get(nowhere, "objectRef"));
    const json_t *mine = line_of(lines, "list", TEAM "/deployments");
    assert_string_equal(text_at(mine, "auditID"), "mine");
    assert_string_equal(text_at(mine, "userAgent"), "test/1");
    json_decref(lines);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_impersonation), cmocka_unit_test(test_anonymous),
        cmocka_unit_test(test_web_pages),     cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_reviews),       cmocka_unit_test(test_rules_review),
        cmocka_unit_test(test_audit),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
