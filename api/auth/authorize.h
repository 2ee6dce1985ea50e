/*
 * RBAC: may somebody do something? Answers from an index of the rbac.authorization.k8s.io objects
 * that a thread keeps current; no query per request. Default deny; GROUP_MASTERS may do everything.
 * Any thread may call any function.
 */
#ifndef MOT_API_AUTH_AUTHORIZE_H
#define MOT_API_AUTH_AUTHORIZE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <mot/base/err.h>
#include <mot/store/store.h>

#include "attributes.h"
#include "rbac.h"

struct authorizer;

/* Starts the thread that loads the roles and follows their changes; does not wait for it. @store is
 * borrowed. */
struct authorizer *authorizer_new(struct store *store) MOT_NODISCARD;
void authorizer_free(struct authorizer *authorizer);

/* False until the roles have been loaded once: everybody but GROUP_MASTERS is denied so long. */
bool authorizer_ready(struct authorizer *authorizer);
/* The change feed has seen a role or binding change; without it that is noticed within five
 * seconds.
 */
void authorizer_wake(struct authorizer *authorizer);
/* Grows whenever roles have changed: who was allowed something before may be so no more. */
uint64_t authorizer_changes(struct authorizer *authorizer);
/* Waits until every change up to @revision counts; false after @timeout_ms. */
bool authorizer_await(struct authorizer *authorizer, int64_t revision, int64_t timeout_ms);

/* @ret_reason (may be NULL): `RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "y" to User
 * "z"`; what went wrong when it is denied; or NULL. free() it. */
bool authorizer_allows(struct authorizer *authorizer, const struct attributes *attributes,
                       char **ret_reason);

/* All rules that @user has in @ns ("": cluster-wide), for reviews. *ret_errors (free() it): what
 * could not be found out, or NULL. A new reference. */
json_t *authorizer_rules(struct authorizer *authorizer, const struct identity *user, const char *ns,
                         char **ret_errors) MOT_NODISCARD;
/* The rules of a role (RBAC_ROLES, RBAC_CLUSTER_ROLES); NULL when there is none. A new reference.
 */
json_t *authorizer_role_rules(struct authorizer *authorizer, enum rbac_kind kind, const char *ns,
                              const char *name) MOT_NODISCARD;
/*
 * Blocks until aggregated cluster roles don't hold the rules they should (as rbac_unsettled()), and
 * @not_before (clock_ms()) has come; NULL once authorizer_stop() was called.
 */
json_t *authorizer_unsettled(struct authorizer *authorizer, int64_t not_before) MOT_NODISCARD;
void authorizer_stop(struct authorizer *authorizer);

#endif
