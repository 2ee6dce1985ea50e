/* Users by JSON Web Tokens of one OpenID Connect issuer. Any thread. */
#ifndef MOT_API_AUTH_OIDC_H
#define MOT_API_AUTH_OIDC_H

#include "authenticate.h"

struct oidc;

/* Options must name an issuer and an audience. */
struct oidc *oidc_open(const struct oidc_options *options, struct err *err) MOT_NODISCARD;
void oidc_free(struct oidc *oidc);

/* Shaped like a token of its kind; whether it is good is another question. */
bool oidc_looks_like(const char *token);
/* -1: it is none of the issuer's, or not good any more. */
int oidc_authenticate(struct oidc *oidc, const char *token, struct identity *ret_identity,
                      struct err *err) MOT_NODISCARD;
/* How often the issuer's keys have become others. */
uint64_t oidc_changes(struct oidc *oidc);

/* Who the claims are about; pure. -1 when they name nobody, or somebody whom no issuer may name:
 * names and groups that begin with "system:" are the server's own. */
int oidc_identity(const struct oidc_options *options, const json_t *claims,
                  struct identity *ret_identity, struct err *err) MOT_NODISCARD;

#endif
