/*
 * The objects of rbac.authorization.k8s.io as an index: who is bound to which rules. Pure and not
 * thread-safe; authorize.c keeps it current and locks it.
 */
#ifndef MOT_API_AUTH_RBAC_H
#define MOT_API_AUTH_RBAC_H

#include <jansson.h>
#include <stdbool.h>

#include "attributes.h"

#define RBAC_GROUP "rbac.authorization.k8s.io"

struct rbac;

enum rbac_kind {
    RBAC_ROLES,
    RBAC_CLUSTER_ROLES,
    RBAC_ROLE_BINDINGS,
    RBAC_CLUSTER_ROLE_BINDINGS,
    RBAC_KINDS,
};
/* "roles", … and "roles.rbac.authorization.k8s.io", the store's name. */
const char *rbac_plural(enum rbac_kind kind);
const char *rbac_resource(enum rbac_kind kind);

struct rbac *rbac_new(void);
void rbac_free(struct rbac *rbac);
/* An object is there, or has changed; NULL: it is gone. Only read, and not kept. */
void rbac_put(struct rbac *rbac, enum rbac_kind kind, const char *ns, const char *name,
              const json_t *object);
/* Gathers the rules of aggregated cluster roles anew if a cluster role has changed; call it after
 * rbac_put() and before questions. */
void rbac_settle(struct rbac *rbac);

/* @ret_reason (may be NULL) as authorizer_allows(). */
bool rbac_allows(const struct rbac *rbac, const struct attributes *attributes, char **ret_reason);
/* All rules that @user has in @ns ("": cluster-wide). *ret_errors: what could not be found out, or
 * NULL; free() it. A deep copy. */
json_t *rbac_rules(const struct rbac *rbac, const struct identity *user, const char *ns,
                   char **ret_errors) MOT_NODISCARD;
/* The rules of one role, borrowed; NULL when it doesn't exist. */
const json_t *rbac_role_rules(const struct rbac *rbac, enum rbac_kind kind, const char *ns,
                              const char *name);
/* Aggregated cluster roles that don't hold their gathered rules yet: an array of {"name":…,
 * "rules":[…]}, a deep copy; NULL when there are none. */
json_t *rbac_unsettled(const struct rbac *rbac) MOT_NODISCARD;

#endif
