/*
 * RBAC: may somebody do something? Answers from an index of the rbac.authorization.k8s.io objects
 * that a feed of the store keeps current; no query per request. Default deny. Any thread.
 */
#ifndef MOT_API_AUTH_AUTHORIZE_H
#define MOT_API_AUTH_AUTHORIZE_H

#include <stdbool.h>

#include <mot/base/err.h>

#include "identity.h"

struct authorizer;

/* What somebody wants to do. Texts are never NULL. */
struct attributes {
    const struct identity *user;
    const char
        *verb; /* "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection",
                  "impersonate", "bind", "escalate"; lower-case HTTP method for a path */
    const char *path; /* of a request that is not for a resource; "" otherwise */
    const char *group, *version, *resource, *subresource, *ns, *name;
};

/* @ret_reason (may be NULL): `RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "y" to User
 * "z"`, or NULL; free() it. */
bool authorizer_allows(struct authorizer *authorizer, const struct attributes *attributes,
                       char **ret_reason);

#endif
