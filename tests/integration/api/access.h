/*
 * An API server with the kinds of the product, called as somebody: users of the namespace "team",
 * and what they may. Every function ends the test when it fails.
 */
#ifndef TESTS_API_ACCESS_H
#define TESTS_API_ACCESS_H

#include "fixture.h"

#define RBAC   "/apis/rbac.authorization.k8s.io/v1"
#define TEAM   "/apis/mot.dev/v1alpha1/namespaces/team"
#define LEASES "/apis/coordination.k8s.io/v1/namespaces/team/leases"
#define ACCESS "/apis/authorization.k8s.io/v1"
#define LEASE(name)                                                                                \
    "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: " name "}\nspec: {}\n"
#define REVIEW(kind, spec) "{apiVersion: authorization.k8s.io/v1, kind: " kind ", spec: " spec "}"
#define SELF(spec)         REVIEW("SelfSubjectAccessReview", spec)

/* @name: of the database. */
struct server *access_start(const char *name, const struct api_options *options);
/*
 * With the namespaces "team" and "other", the Leases "one" and "two", and these users: ann (admin),
 * the group editors (edit) and vic (view), all in "team"; uma (the Lease "one" by its name), sam
 * (the subresources scale and status), max (paths).
 */
struct server *start_with_users(const char *name);

/* @user: "ann", or "eve,editors" with a group, impersonated by somebody who may; NULL: that one
 * itself. Bodies are YAML, patches are merge patches. */
struct answer ask(struct server *server, const char *user, const char *method, const char *target,
                  const char *body);
void expect(struct server *server, int code, const char *user, const char *method,
            const char *target, const char *body);
void expect_message(struct server *server, int code, const char *user, const char *method,
                    const char *target, const char *body, const char *message);
void create(struct server *server, const char *target, const char *yaml);
/* @ns: "" for what is cluster-wide; the others in YAML's flow style. */
void bind_role(struct server *server, const char *ns, const char *name, const char *role,
               const char *subject);
void add_role(struct server *server, const char *ns, const char *name, const char *rules);

#endif
