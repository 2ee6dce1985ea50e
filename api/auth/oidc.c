#include "oidc.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "jwt.h"
#include "keyring.h"

#define LEEWAY_MS  ((int64_t)10 * 1000)
#define GROUPS_MAX 1000
#define RESERVED   "system:"

struct oidc {
    struct oidc_options options; /* its texts are copies */
    struct keyring *keyring;
};

/* -------------------------------------------------------------------------------- claims */

static bool is_reserved(const char *name)
{
    return strncmp(name, RESERVED, strlen(RESERVED)) == 0;
}

/* free() it; NULL for nobody. */
static char *name_of(const struct oidc_options *options, const json_t *claims, struct err *err)
{
    const char *claim = options->username_claim ? options->username_claim : "sub";
    const char *value = json_string_value(json_object_get(claims, claim));
    const char *prefix = options->username_prefix;
    bool email = strcmp(claim, "email") == 0;
    const json_t *verified = json_object_get(claims, "email_verified");
    if (!value || !*value) {
        err_set(err, ERR_INVALID, "the token has no text in its claim %s", claim);
        return NULL;
    }
    if (email && verified && !json_is_true(verified)) {
        err_set(err, ERR_INVALID, "the token's email is not verified");
        return NULL;
    }
    if (prefix && strcmp(prefix, "-") == 0)
        return mem_strdup(value);
    if (prefix)
        return mem_printf("%s%s", prefix, value);
    return email ? mem_strdup(value) : mem_printf("%s#%s", options->issuer, value);
}

static int add_group(struct identity *identity, const char *prefix, const json_t *value,
                     struct err *err)
{
    if (!json_is_string(value) || json_array_size(identity->groups) >= GROUPS_MAX)
        return err_set(err, ERR_INVALID, "the token's groups are no texts, or too many");
    AUTO_FREE char *group = mem_printf("%s%s", prefix ? prefix : "", json_string_value(value));
    if (is_reserved(group))
        return err_set(err, ERR_FORBIDDEN, "the token claims the reserved group %.100s", group);
    if (*group)
        identity_add_group(identity, group);
    return 0;
}

static int add_groups(const struct oidc_options *options, const json_t *claims,
                      struct identity *identity, struct err *err)
{
    const json_t *claim =
        options->groups_claim ? json_object_get(claims, options->groups_claim) : NULL;
    size_t i;
    const json_t *item;
    if (!claim)
        return 0;
    if (!json_is_array(claim))
        return add_group(identity, options->groups_prefix, claim, err);
    json_array_foreach(claim, i, item)
    {
        if (add_group(identity, options->groups_prefix, item, err) < 0)
            return -1;
    }
    return 0;
}

int oidc_identity(const struct oidc_options *options, const json_t *claims,
                  struct identity *ret_identity, struct err *err)
{
    memset(ret_identity, 0, sizeof(*ret_identity));
    AUTO_FREE char *name = name_of(options, claims, err);
    if (!name)
        return -1;
    if (is_reserved(name))
        return err_set(err, ERR_FORBIDDEN, "the token claims the reserved name %.100s", name);
    *ret_identity = identity_new(name, "");
    int64_t expires = jwt_expiry_wall_ms(claims);
    ret_identity->until_wall_ms = expires > 0 ? expires + LEEWAY_MS : 0;
    const char *id = json_string_value(json_object_get(claims, "jti"));
    if (id && *id)
        identity_set_credential(ret_identity, "JTI=", id);
    return add_groups(options, claims, ret_identity, err);
}

/* -------------------------------------------------------------------------------- tokens */

bool oidc_looks_like(const char *token)
{
    const char *first = strchr(token, '.');
    const char *second = first ? strchr(first + 1, '.') : NULL;
    return second && !strchr(second + 1, '.');
}

static int verify(struct oidc *oidc, const struct jwt *jwt, struct err *err)
{
    struct jwks *keys = keyring_keys(oidc->keyring);
    enum jwt_verdict verdict = keys ? jwt_verify(jwt, keys) : JWT_UNKNOWN_KEY;
    if (verdict == JWT_UNKNOWN_KEY) {
        struct jwks *newer = keyring_newer(oidc->keyring, keys);
        if (newer)
            verdict = jwt_verify(jwt, newer);
        jwks_unref(newer);
    }
    jwks_unref(keys);
    if (verdict == JWT_VALID)
        return 0;
    return err_set(err, ERR_FORBIDDEN,
                   verdict == JWT_INVALID ? "the token's signature is wrong"
                                          : "the token's key is not known");
}

int oidc_authenticate(struct oidc *oidc, const char *token, struct identity *ret_identity,
                      struct err *err)
{
    const struct jwt_rules rules = {
        .issuer = oidc->options.issuer, .audience = oidc->options.audience, .leeway_ms = LEEWAY_MS};
    struct jwt jwt;
    memset(ret_identity, 0, sizeof(*ret_identity));
    int result = jwt_parse(token, &jwt, err);
    /* Before the signature: a foreign or an old token is no reason to fetch keys. */
    if (result == 0)
        result = jwt_check_claims(jwt.claims, &rules, clock_wall_ms(), err);
    if (result == 0)
        result = verify(oidc, &jwt, err);
    if (result == 0)
        result = oidc_identity(&oidc->options, jwt.claims, ret_identity, err);
    jwt_release(&jwt);
    if (result < 0)
        identity_release(ret_identity);
    return result;
}

uint64_t oidc_changes(struct oidc *oidc)
{
    return keyring_changes(oidc->keyring);
}

/* -------------------------------------------------------------------------------- life */

#define TEXTS(options)                                                                             \
    {                                                                                              \
        &(options)->issuer, &(options)->audience, &(options)->jwks, &(options)->ca_file,           \
            &(options)->username_claim, &(options)->username_prefix, &(options)->groups_claim,     \
            &(options)->groups_prefix                                                              \
    }

struct oidc *oidc_open(const struct oidc_options *options, struct err *err)
{
    if (!options->issuer || !options->audience) {
        err_set(err, ERR_INVALID, "--oidc-issuer-url and --oidc-client-id belong together");
        return NULL;
    }
    struct oidc *oidc = mem_zalloc(sizeof(*oidc));
    oidc->options = *options;
    const char **texts[] = TEXTS(&oidc->options);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(texts); i++)
        *texts[i] = *texts[i] ? mem_strdup(*texts[i]) : NULL;
    const struct keyring_options keys = {
        .source = options->jwks, .issuer = options->issuer, .ca_file = options->ca_file};
    oidc->keyring = keyring_open(&keys, err);
    if (oidc->keyring)
        return oidc;
    oidc_free(oidc);
    return NULL;
}

void oidc_free(struct oidc *oidc)
{
    if (!oidc)
        return;
    keyring_free(oidc->keyring);
    const char **texts[] = TEXTS(&oidc->options);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(texts); i++)
        free((char *)(uintptr_t)*texts[i]);
    free(oidc);
}
