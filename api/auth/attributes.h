/* What somebody wants to do, as rules speak of it. */
#ifndef MOT_API_AUTH_ATTRIBUTES_H
#define MOT_API_AUTH_ATTRIBUTES_H

#include "identity.h"

/* Texts are borrowed and never NULL. */
struct attributes {
    const struct identity *user;
    const char
        *verb; /* "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection",
                  "impersonate", "bind", "escalate"; lower-case HTTP method for a path */
    const char *path; /* of a request that is not for a resource; "" otherwise */
    const char *group, *version, *resource, *subresource, *ns, *name;
};

/* All texts "" but those given; for a resource. */
struct attributes attributes_of(const struct identity *user, const char *verb, const char *group,
                                const char *resource, const char *ns, const char *name);
/* `User "u" cannot get resource "deployments" in API group "mot.dev" in the namespace "default"`,
 * as kube-apiserver says it. free() it. */
char *attributes_forbidden_text(const struct attributes *attributes) MOT_NODISCARD;

#endif
