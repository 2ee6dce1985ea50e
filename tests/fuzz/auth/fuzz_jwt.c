/* Tokens from anybody: parsing, checks and mapping of claims, and verification, which must fail:
 * nobody has the private key of this key set. */
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

#include <api/auth/jwt.h>
#include <api/auth/oidc.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char key_set[] = "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"k\",\"crv\":\"P-256\","
                              "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                              "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";

static void check_claims(const json_t *claims)
{
    static const struct jwt_rules rules = {
        .issuer = "https://i", .audience = "mot", .leeway_ms = 10000};
    static const struct oidc_options options = {
        .issuer = "https://i", .username_prefix = "-", .groups_claim = "groups"};
    struct identity identity;
    struct err err = {0};
    int checked = jwt_check_claims(claims, &rules, INT64_C(1800000000000), &err);
    if ((checked == 0) != (err.code == ERR_NONE))
        abort();
    if (oidc_identity(&options, claims, &identity, &err) == 0 &&
        (!*identity.name || identity_in_group(&identity, "system:masters") ||
         strncmp(identity.name, "system:", 7) == 0))
        abort();
    identity_release(&identity);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct jwks *keys;
    struct jwt jwt;
    if (!keys)
        keys = jwks_parse(key_set, sizeof(key_set) - 1, NULL);
    if (!keys)
        abort();
    AUTO_FREE char *token = mem_strndup((const char *)data, size);
    if (jwt_parse(token, &jwt, NULL) == 0) {
        if (jwt_verify(&jwt, keys) == JWT_VALID)
            abort();
        check_claims(jwt.claims);
    }
    jwt_release(&jwt);
    jwks_unref(jwks_parse((const char *)data, size, NULL));
    return 0;
}
