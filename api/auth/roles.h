/*
 * The roles that a server makes by itself: the defaults of schemas/roles/, and the rules of
 * aggregated cluster roles, which stand in their objects so that clients see them.
 */
#ifndef MOT_API_AUTH_ROLES_H
#define MOT_API_AUTH_ROLES_H

#include <mot/base/err.h>
#include <mot/model/kind.h>
#include <mot/store/store.h>

#include "authorize.h"

/*
 * Creates what is missing of the default roles and bindings, and adds rules and subjects that are
 * missing from them, unless they have the annotation ROLES_AUTOUPDATE: "false". Several servers may
 * do so at once.
 */
#define ROLES_AUTOUPDATE "rbac.authorization.kubernetes.io/autoupdate"
int roles_ensure_defaults(struct store *store, const struct kinds *kinds,
                          struct err *err) MOT_NODISCARD;

/* Brings what a default role or binding should have (@wanted) into the present object: true if that
 * changed it. Pure. */
bool roles_reconcile(json_t *object, const json_t *wanted);

/* A thread that writes the rules of aggregated cluster roles. All are borrowed; stop it before they
 * end. */
struct roles;
struct roles *roles_start(struct store *store, const struct kinds *kinds,
                          struct authorizer *authorizer) MOT_NODISCARD;
void roles_stop(struct roles *roles);

#endif
