/* Who sends a request. */
#ifndef MOT_API_AUTH_IDENTITY_H
#define MOT_API_AUTH_IDENTITY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <mot/base/err.h>

#define USER_ANONYMOUS        "system:anonymous"
#define GROUP_AUTHENTICATED   "system:authenticated"
#define GROUP_UNAUTHENTICATED "system:unauthenticated"
#define GROUP_MASTERS         "system:masters" /* may do everything, whatever the roles say */
/* Whoever reaches a server that speaks plain HTTP: it listens on loopback only, and only when asked
 * for by name. In GROUP_MASTERS. */
#define USER_UNSECURED "system:unsecured"

struct identity {
    char *name;
    char *uid;             /* "" */
    json_t *groups;        /* an array of texts */
    json_t *extra;         /* an object of arrays of texts; NULL: none */
    int64_t until_wall_ms; /* what was shown for it is good until then; 0: for ever */
};

/* In no group. identity_release() it. */
struct identity identity_new(const char *name, const char *uid) MOT_NODISCARD;
/* Leaves it zeroed; releasing that again does nothing. */
void identity_release(struct identity *identity);
struct identity identity_copy(const struct identity *identity) MOT_NODISCARD;
bool identity_in_group(const struct identity *identity, const char *group);
/* Once. */
void identity_add_group(struct identity *identity, const char *group);

/* What the user showed, as kube-apiserver says it in extra: KIND, "X509SHA256=" or "JTI=", and ID.
 */
void identity_set_credential(struct identity *identity, const char *kind, const char *id);

#endif
