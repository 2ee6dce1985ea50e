#include "access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

/* cmocka.h must come after these */
#include <cmocka.h>

struct server *access_start(const char *name, const struct api_options *options)
{
    struct err err = {0};
    AUTO_FREE char *url = fixture_database(name);
    struct server *server = mem_zalloc(sizeof(*server));
    const struct store_options store_options = {.url = url, .name = "mot-api-test"};
    server->store = store_open(&store_options, &err);
    server->kinds = kinds_load(&err);
    if (!server->store || !server->kinds)
        fail_msg("%s", err.message);
    struct api_options all = options ? *options : (struct api_options){0};
    all.store = server->store;
    all.open_to_all = !all.authenticator;
    all.kinds = server->kinds;
    server->api = api_new(&all, &err);
    if (!server->api)
        fail_msg("%s", err.message);
    return server;
}

/* "ann" or "ann,group": impersonated by somebody who may. NULL: that one itself. */
static char *headers_of(const char *user, const char *type)
{
    AUTO_FREE char *name = mem_strdup(user);
    char *group = strchr(name, ',');
    if (group)
        *group++ = '\0';
    return mem_printf("content-type: %s%s%s%s%s", type, user ? "\nimpersonate-user: " : "", name,
                      group ? "\nimpersonate-group: " : "", group ? group : "");
}

struct answer ask(struct server *server, const char *user, const char *method, const char *target,
                  const char *body)
{
    bool patch = strcmp(method, "PATCH") == 0;
    AUTO_FREE char *headers =
        headers_of(user, patch ? "application/merge-patch+json" : "application/yaml");
    return call(server, method, target, headers, body);
}

void expect(struct server *server, int code, const char *user, const char *method,
            const char *target, const char *body)
{
    struct answer answer = ask(server, user, method, target, body);
    if (answer.code != code)
        fail_msg("%s: %s %s: %d %s", user ? user : "-", method, target, answer.code, answer.text);
    answer_release(&answer);
}

void expect_message(struct server *server, int code, const char *user, const char *method,
                    const char *target, const char *body, const char *message)
{
    struct answer answer = ask(server, user, method, target, body);
    if (answer.code != code)
        fail_msg("%s: %s %s: %d %s", user ? user : "-", method, target, answer.code, answer.text);
    assert_string_equal(text_at(answer.body, "message"), message);
    answer_release(&answer);
}

void create(struct server *server, const char *target, const char *yaml)
{
    expect(server, 201, NULL, "POST", target, yaml);
}

void bind_role(struct server *server, const char *ns, const char *name, const char *role,
               const char *subject)
{
    AUTO_FREE char *target = *ns ? mem_printf(RBAC "/namespaces/%s/rolebindings", ns)
                                 : mem_strdup(RBAC "/clusterrolebindings");
    AUTO_FREE char *body =
        mem_printf("apiVersion: rbac.authorization.k8s.io/v1\nkind: %s\nmetadata: {name: '%s'}\n"
                   "roleRef: %s\nsubjects: [%s]\n",
                   *ns ? "RoleBinding" : "ClusterRoleBinding", name, role, subject);
    create(server, target, body);
}

void add_role(struct server *server, const char *ns, const char *name, const char *rules)
{
    AUTO_FREE char *target =
        *ns ? mem_printf(RBAC "/namespaces/%s/roles", ns) : mem_strdup(RBAC "/clusterroles");
    AUTO_FREE char *body =
        mem_printf("apiVersion: rbac.authorization.k8s.io/v1\nkind: %s\nmetadata: {name: '%s'}\n"
                   "rules: [%s]\n",
                   *ns ? "Role" : "ClusterRole", name, rules);
    create(server, target, body);
}

struct server *start_with_users(const char *name)
{
    struct server *server = access_start(name, NULL);
    create(server, "/api/v1/namespaces", "metadata: {name: team}");
    create(server, "/api/v1/namespaces", "metadata: {name: other}");
    create(server, LEASES, LEASE("one"));
    create(server, LEASES, LEASE("two"));
    bind_role(server, "team", "admins", "{kind: ClusterRole, name: admin}",
              "{kind: User, name: ann}");
    bind_role(server, "team", "editors", "{kind: ClusterRole, name: edit}",
              "{kind: Group, name: editors}");
    bind_role(server, "team", "viewers", "{kind: ClusterRole, name: view}",
              "{kind: User, name: vic}");
    add_role(server, "team", "one-lease",
             "{apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: [one], verbs: "
             "[get, list, watch, update, patch]}");
    bind_role(server, "team", "one", "{kind: Role, name: one-lease}", "{kind: User, name: uma}");
    add_role(server, "", "subresources",
             "{apiGroups: [mot.dev], resources: ['*/scale', deployments/status], verbs: [get, "
             "patch]}");
    bind_role(server, "", "subs", "{kind: ClusterRole, name: subresources}",
              "{kind: User, name: sam}");
    add_role(server, "", "metrics", "{nonResourceURLs: [/openapi/*, /metrics], verbs: [get]}");
    bind_role(server, "", "metrics", "{kind: ClusterRole, name: metrics}",
              "{kind: User, name: max}");
    return server;
}
