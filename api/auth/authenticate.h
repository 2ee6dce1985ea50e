/*
 * From the credentials of a request to an identity: client certificate (CN is the name, O the
 * groups), bearer token (static token file, OIDC), or nobody. Files are read again when they
 * change. Any thread.
 */
#ifndef MOT_API_AUTH_AUTHENTICATE_H
#define MOT_API_AUTH_AUTHENTICATE_H

#include <mot/base/err.h>

#include "../http/server.h"
#include "identity.h"

struct authenticator;

/* The names are those of kube-apiserver's options. */
struct oidc_options {
    const char *issuer;   /* NULL: no OIDC; must equal the token's "iss" */
    const char *audience; /* one of the token's "aud" */
    /* A file, or a URL that is fetched with a deadline and kept; NULL: the jwks_uri that
     * ISSUER/.well-known/openid-configuration names. */
    const char *jwks;
    const char *ca_file;         /* of the URLs' servers; NULL: the system's */
    const char *username_claim;  /* NULL: "sub" */
    const char *username_prefix; /* NULL: "ISSUER#" but for the claim "email"; "-": none */
    const char *groups_claim;    /* NULL: no groups */
    const char *groups_prefix;   /* NULL: none */
};

struct authenticator_options {
    bool plain_http;        /* everybody is USER_UNSECURED */
    const char *token_file; /* lines of token,user,uid,"group1,group2"; NULL: none */
    struct oidc_options oidc;
};

struct authenticator *authenticator_new(const struct authenticator_options *options,
                                        struct err *err) MOT_NODISCARD;
void authenticator_free(struct authenticator *authenticator);

/*
 * A good client certificate goes before a token, and a good token makes up for a bad certificate.
 * 0: @ret_identity is filled in, with GROUP_AUTHENTICATED; or it is USER_ANONYMOUS in
 * GROUP_UNAUTHENTICATED when the request carries no credentials. -1: it carries wrong ones (401).
 * In either case identity_release() it.
 */
int authenticate(struct authenticator *authenticator, const struct http_request *request,
                 struct identity *ret_identity, struct err *err) MOT_NODISCARD;
/* The same for a bearer token by itself: TokenReview. */
int authenticate_token(struct authenticator *authenticator, const char *token,
                       struct identity *ret_identity, struct err *err) MOT_NODISCARD;
/* Grows whenever what tokens are held against has changed: who was known before may be so no more.
 * Looks at files, at most once a second. */
uint64_t authenticator_changes(struct authenticator *authenticator);

#endif
