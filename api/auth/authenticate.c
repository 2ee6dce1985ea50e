#include "authenticate.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

struct authenticator {
    bool plain_http;
};

struct authenticator *authenticator_new(const struct authenticator_options *options,
                                        struct err *err)
{
    (void)err;
    struct authenticator *authenticator = mem_zalloc(sizeof(*authenticator));
    authenticator->plain_http = options->plain_http;
    return authenticator;
}

void authenticator_free(struct authenticator *authenticator)
{
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

int authenticate(struct authenticator *authenticator, const struct http_request *request,
                 struct identity *ret_identity, struct err *err)
{
    memset(ret_identity, 0, sizeof(*ret_identity));
    if (authenticator->plain_http) {
        *ret_identity = unsecured();
        return 0;
    }
    if (http_header(request, "authorization"))
        return err_set(err, ERR_FORBIDDEN, "no way of authentication is configured");
    *ret_identity = anonymous();
    return 0;
}

int authenticate_token(struct authenticator *authenticator, const char *token,
                       struct identity *ret_identity, struct err *err)
{
    (void)authenticator;
    (void)token;
    memset(ret_identity, 0, sizeof(*ret_identity));
    return err_set(err, ERR_FORBIDDEN, "no way of authentication is configured");
}
