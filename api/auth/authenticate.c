#include "authenticate.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "bearer.h"
#include "oidc.h"
#include "tokens.h"

struct authenticator {
    bool plain_http;
    struct token_file *tokens; /* may be NULL */
    struct oidc *oidc;         /* may be NULL */
};

static int open_all(struct authenticator *authenticator,
                    const struct authenticator_options *options, struct err *err)
{
    if (options->token_file && !(authenticator->tokens = token_file_open(options->token_file, err)))
        return -1;
    if ((options->oidc.issuer || options->oidc.audience || options->oidc.jwks) &&
        !(authenticator->oidc = oidc_open(&options->oidc, err)))
        return -1;
    return 0;
}

struct authenticator *authenticator_new(const struct authenticator_options *options,
                                        struct err *err)
{
    struct authenticator *authenticator = mem_zalloc(sizeof(*authenticator));
    authenticator->plain_http = options->plain_http;
    if (open_all(authenticator, options, err) == 0)
        return authenticator;
    authenticator_free(authenticator);
    return NULL;
}

void authenticator_free(struct authenticator *authenticator)
{
    if (!authenticator)
        return;
    token_file_free(authenticator->tokens);
    oidc_free(authenticator->oidc);
    free(authenticator);
}

static struct identity unsecured(void)
{
    struct identity identity = identity_new(USER_UNSECURED, "");
    identity_add_group(&identity, GROUP_MASTERS);
    identity_add_group(&identity, GROUP_AUTHENTICATED);
    return identity;
}

static struct identity anonymous(void)
{
    struct identity identity = identity_new(USER_ANONYMOUS, "");
    identity_add_group(&identity, GROUP_UNAUTHENTICATED);
    return identity;
}

/* 1: that is who it is, 0: there is none that names anybody, -1: there is a wrong one. */
static int by_certificate(const struct http_certificate *certificate, struct identity *ret_identity,
                          struct err *err)
{
    if (!certificate || (!certificate->refused && !*certificate->common_name))
        return 0;
    if (certificate->refused)
        return err_set(err, ERR_FORBIDDEN, "the client certificate is refused: %s",
                       certificate->refused);
    if (clock_wall_ms() > certificate->until_wall_ms)
        return err_set(err, ERR_FORBIDDEN, "the client certificate is refused: it has expired");
    *ret_identity = identity_new(certificate->common_name, "");
    for (size_t i = 0; i < certificate->organization_count; i++)
        identity_add_group(ret_identity, certificate->organizations[i]);
    identity_add_group(ret_identity, GROUP_AUTHENTICATED);
    identity_set_credential(ret_identity, "X509SHA256=", certificate->fingerprint);
    ret_identity->until_wall_ms = certificate->until_wall_ms;
    return 1;
}

int authenticate_token(struct authenticator *authenticator, const char *token,
                       struct identity *ret_identity, struct err *err)
{
    memset(ret_identity, 0, sizeof(*ret_identity));
    if (authenticator->tokens && token_file_find(authenticator->tokens, token, ret_identity)) {
        identity_add_group(ret_identity, GROUP_AUTHENTICATED);
        return 0;
    }
    if (!authenticator->oidc || !oidc_looks_like(token))
        return err_set(err, ERR_FORBIDDEN, "invalid bearer token");
    if (oidc_authenticate(authenticator->oidc, token, ret_identity, err) < 0)
        return -1;
    identity_add_group(ret_identity, GROUP_AUTHENTICATED);
    return 0;
}

/* As by_certificate(). */
static int by_token(struct authenticator *authenticator, const struct http_request *request,
                    struct identity *ret_identity, struct err *err)
{
    AUTO_FREE char *token = NULL;
    if (bearer_find(request, &token, err) < 0)
        return -1;
    if (!token)
        return 0;
    return authenticate_token(authenticator, token, ret_identity, err) < 0 ? -1 : 1;
}

int authenticate(struct authenticator *authenticator, const struct http_request *request,
                 struct identity *ret_identity, struct err *err)
{
    memset(ret_identity, 0, sizeof(*ret_identity));
    if (authenticator->plain_http) {
        *ret_identity = unsecured();
        return 0;
    }
    struct err first = {0};
    int certificate = by_certificate(request->certificate, ret_identity, &first);
    if (certificate > 0)
        return 0;
    int token = by_token(authenticator, request, ret_identity, err);
    if (token > 0)
        return 0;
    if (token == 0 && certificate < 0)
        return err_set(err, first.code, "%s", first.message);
    if (token < 0)
        return -1;
    *ret_identity = anonymous();
    return 0;
}

uint64_t authenticator_changes(struct authenticator *authenticator)
{
    uint64_t changes = 0;
    if (authenticator->tokens)
        changes += token_file_changes(authenticator->tokens);
    if (authenticator->oidc)
        changes += oidc_changes(authenticator->oidc);
    return changes;
}
