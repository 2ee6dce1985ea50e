/* JSON Web Tokens: good ones, and each way of being wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include <api/auth/base64url.h>
#include <api/auth/jwt.h>
#include <api/auth/oidc.h>

#include "issuer.h"

#define NOW INT64_C(1800000000) /* seconds */

/* -------------------------------------------------------------------------------- signatures */

static struct jwks *key_set(const char *text)
{
    struct err err = {0};
    struct jwks *keys = jwks_parse(text, strlen(text), &err);
    if (!keys)
        fail_msg("%s: %s", text, err.message);
    return keys;
}

/* Every algorithm, with a key of every sort. */
static void signatures_fit_their_algorithm(void **state)
{
    (void)state;
    static const char *const types[] = {"RSA", "P-256", "P-384", "P-521"};
    static const struct {
        const char *name;
        const char *type;
    } algorithms[] = {{"RS256", "RSA"},   {"RS384", "RSA"},   {"RS512", "RSA"},
                      {"ES256", "P-256"}, {"ES384", "P-384"}, {"ES512", "P-521"}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(algorithms); i++) {
        for (size_t j = 0; j < MOT_ARRAY_SIZE(types); j++) {
            struct err err = {0};
            const struct issuer_key *signer = issuer_key(algorithms[i].type, "k");
            AUTO_FREE char *set = issuer_jwks(issuer_key(types[j], "k"), NULL);
            struct jwks *keys = key_set(set);
            AUTO_FREE char *header =
                mem_printf("{\"alg\":\"%s\",\"kid\":\"k\"}", algorithms[i].name);
            AUTO_FREE char *token = issuer_sign(signer, algorithms[i].name, header, "{\"a\":1}");
            struct jwt jwt;
            assert_int_equal(jwt_parse(token, &jwt, &err), 0);
            assert_int_equal(json_at_int(jwt.claims, "a", 0), 1);
            bool same = strcmp(types[j], algorithms[i].type) == 0;
            assert_int_equal(jwt_verify(&jwt, keys), same ? JWT_VALID : JWT_INVALID);
            jwt_release(&jwt);
            jwks_unref(keys);
        }
    }
}

static void the_key_is_the_one_it_names(void **state)
{
    (void)state;
    struct err err = {0};
    const struct issuer_key *one = issuer_key("P-256", "one"), *two = issuer_key("P-256", "two");
    AUTO_FREE char *both = issuer_jwks(one, two, NULL);
    AUTO_FREE char *first = issuer_jwks(one, NULL);
    AUTO_FREE char *other_use = issuer_jwk(two, ",\"alg\":\"ES384\"");
    AUTO_FREE char *other_algorithm = mem_printf("{\"keys\":[%s]}", other_use);
    const struct {
        const char *header, *set;
        enum jwt_verdict verdict;
    } cases[] = {
        {"{\"alg\":\"ES256\",\"kid\":\"two\"}", both, JWT_VALID},
        {"{\"alg\":\"ES256\"}", both, JWT_VALID}, /* any of them */
        {"{\"alg\":\"ES256\",\"kid\":\"one\"}", both, JWT_INVALID},
        {"{\"alg\":\"ES256\",\"kid\":\"three\"}", both, JWT_UNKNOWN_KEY},
        {"{\"alg\":\"ES256\",\"kid\":\"two\"}", first, JWT_UNKNOWN_KEY},
        {"{\"alg\":\"ES256\"}", first, JWT_INVALID},
        {"{\"alg\":\"ES256\",\"kid\":\"two\"}", other_algorithm, JWT_INVALID},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct jwks *keys = key_set(cases[i].set);
        AUTO_FREE char *token = issuer_sign(two, "ES256", cases[i].header, "{}");
        struct jwt jwt;
        assert_int_equal(jwt_parse(token, &jwt, &err), 0);
        assert_int_equal(jwt_verify(&jwt, keys), cases[i].verdict);
        jwt_release(&jwt);
        jwks_unref(keys);
    }
}

/* A token in which any one byte was changed is not valid any more. */
static void nothing_can_be_changed(void **state)
{
    (void)state;
    const struct issuer_key *key = issuer_key("P-256", "k");
    AUTO_FREE char *set = issuer_jwks(key, NULL);
    AUTO_FREE char *token =
        issuer_sign(key, "ES256", "{\"alg\":\"ES256\",\"kid\":\"k\"}", "{\"sub\":\"ann\"}");
    struct jwks *keys = key_set(set);
    for (size_t i = 0; token[i]; i++) {
        char was = token[i];
        struct jwt jwt;
        token[i] = was == 'A' ? 'B' : was == '.' ? 'A' : 'A';
        if (jwt_parse(token, &jwt, NULL) == 0)
            assert_int_not_equal(jwt_verify(&jwt, keys), JWT_VALID);
        jwt_release(&jwt);
        token[i] = was;
    }
    struct jwt jwt;
    assert_int_equal(jwt_parse(token, &jwt, NULL), 0);
    assert_int_equal(jwt_verify(&jwt, keys), JWT_VALID);
    jwt_release(&jwt);
    jwks_unref(keys);
}

/* -------------------------------------------------------------------------------- forms */

static void other_algorithms_are_refused(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"HS256\"}",
        "{\"alg\":\"HS512\"}",
        "{\"alg\":\"PS256\"}",
        "{\"alg\":\"EdDSA\"}",
        "{\"alg\":\"rs256\"}",
        "{\"alg\":\"RS256 \"}",
        "{\"alg\":\"\"}",
        "{\"alg\":null}",
        "{\"alg\":[\"RS256\"]}",
        "{}",
        "{\"alg\":\"RS256\",\"crit\":[\"b64\"],\"b64\":false}",
        "{\"alg\":\"RS256\",\"kid\":1}",
        "{\"alg\":\"none\",\"alg\":\"RS256\"}",
    };
    const struct issuer_key *key = issuer_key("RSA", "k");
    for (size_t i = 0; i < MOT_ARRAY_SIZE(headers); i++) {
        struct err err = {0};
        struct jwt jwt;
        AUTO_FREE char *token =
            issuer_sign(key, strstr(headers[i], "PS256") ? "PS256" : "HS256", headers[i], "{}");
        if (jwt_parse(token, &jwt, &err) == 0)
            fail_msg("%s is accepted", headers[i]);
        assert_int_not_equal(err.code, ERR_NONE);
        jwt_release(&jwt);
    }
    /* And what pretends to be signed with RS256 is not taken for it. */
    AUTO_FREE char *set = issuer_jwks(key, NULL);
    AUTO_FREE char *token = issuer_sign(key, "HS256", "{\"alg\":\"RS256\"}", "{}");
    struct jwks *keys = key_set(set);
    struct jwt jwt;
    assert_int_equal(jwt_parse(token, &jwt, NULL), 0);
    assert_int_equal(jwt_verify(&jwt, keys), JWT_INVALID);
    jwt_release(&jwt);
    jwks_unref(keys);
}

static void malformed_tokens_are_refused(void **state)
{
    (void)state;
    static const char *const tokens[] = {
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "e30.e30",
        "e30.e30.",
        "eyJhbGciOiJSUzI1NiJ9.e30.",     /* no signature */
        "eyJhbGciOiJSUzI1NiJ9.e30.AA==", /* padding */
        "eyJhbGciOiJSUzI1NiJ9.e30.AB",   /* bits that must be zero */
        "eyJhbGciOiJSUzI1NiJ9.e30.A+A",  /* the other alphabet */
        "eyJhbGciOiJSUzI1NiJ9.e30.AAAA.AAAA",
        "eyJhbGciOiJSUzI1NiJ9.W10.AAAA", /* claims [] */
        "eyJhbGciOiJSUzI1NiJ9.bnVsbA.AAAA",
        "eyJhbGciOiJSUzI1NiJ9..AAAA",
        "eyJhbGciOiJSUzI1NiJ9.eyJhIjoxLCJhIjoyfQ.AAAA", /* {"a":1,"a":2} */
        "eyJhbGciOiJSUzI1NiJ9 .e30.AAAA",
        " eyJhbGciOiJSUzI1NiJ9.e30.AAAA",
        "eyJhbGciOiJSUzI1NiJ9\n.e30.AAAA",
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(tokens); i++) {
        struct jwt jwt;
        if (jwt_parse(tokens[i], &jwt, NULL) == 0)
            fail_msg("\"%s\" is accepted", tokens[i]);
        jwt_release(&jwt);
    }
    AUTO_FREE char *filler = mem_zalloc(JWT_MAX + 2);
    memset(filler, 'A', JWT_MAX + 1);
    AUTO_FREE char *large = mem_printf("eyJhbGciOiJSUzI1NiJ9.e30.%s", filler);
    struct err err = {0};
    struct jwt jwt;
    assert_int_equal(jwt_parse(large, &jwt, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    jwt_release(&jwt);
}

static void key_sets(void **state)
{
    (void)state;
    AUTO_FREE char *rsa = issuer_jwk(issuer_key("RSA", "r"), ",\"use\":\"sig\",\"alg\":\"RS256\"");
    AUTO_FREE char *weak = issuer_jwk(issuer_key("RSA1024", "w"), "");
    AUTO_FREE char *ec = issuer_jwk(issuer_key("P-256", "e"), "");
    AUTO_FREE char *encrypts = issuer_jwk(issuer_key("P-256", "e"), ",\"use\":\"enc\"");
    /* A point that is not on the curve. */
    static const char off[] = "{\"kty\":\"EC\",\"crv\":\"P-256\","
                              "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
                              "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}";
    static const char symmetric[] = "{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}";
    static const char okp[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}";
    const struct {
        const char *keys;
        size_t count;
    } cases[] = {
        {rsa, 1},
        {ec, 1},
        {weak, 0},
        {encrypts, 0},
        {off, 0},
        {symmetric, 0},
        {okp, 0},
        {"{}", 0},
        {"1", 0},
        {"", 0},
        {"{\"kty\":\"RSA\"}", 0},
        {"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", 0},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}", 0},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        AUTO_FREE char *alone = mem_printf("{\"keys\":[%s]}", cases[i].keys);
        struct jwks *keys = jwks_parse(alone, strlen(alone), &err);
        if ((keys ? jwks_count(keys) : 0) != cases[i].count)
            fail_msg("%s: %s", alone, err.message);
        jwks_unref(keys);
        /* It does no harm beside a good one. */
        if (!*cases[i].keys)
            continue;
        AUTO_FREE char *both = mem_printf("{\"keys\":[%s,%s]}", cases[i].keys, ec);
        keys = key_set(both);
        assert_int_equal(jwks_count(keys), cases[i].count + 1);
        jwks_unref(keys);
    }
    static const char *const no_sets[] = {"", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}", "x"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(no_sets); i++)
        assert_null(jwks_parse(no_sets[i], strlen(no_sets[i]), NULL));
}

/* -------------------------------------------------------------------------------- claims */

#define ISS "\"iss\":\"https://i\""
#define AUD "\"aud\":\"mot\""

static void claims_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *claims;
        const char *error; /* NULL: good */
    } cases[] = {
        {"{" ISS "," AUD ",\"exp\":1800000001}", NULL},
        {"{" ISS "," AUD ",\"exp\":1800000001.5,\"nbf\":1799999999,\"iat\":1799999999}", NULL},
        {"{" ISS ",\"aud\":[\"x\",\"mot\"],\"exp\":1800000001}", NULL},
        {"{" ISS "," AUD ",\"exp\":1799999991}", NULL}, /* clocks may differ by ten seconds */
        {"{" ISS "," AUD ",\"exp\":1799999990}", "expired"},
        {"{" ISS "," AUD ",\"exp\":1799999000}", "expired"},
        {"{" ISS "," AUD ",\"exp\":0}", "expired"},
        {"{" ISS "," AUD "}", "never expires"},
        {"{" ISS "," AUD ",\"exp\":\"1800000001\"}", "no number"},
        {"{" ISS "," AUD ",\"exp\":-1}", "no number"},
        {"{" ISS "," AUD ",\"exp\":1e300}", "no number"},
        {"{" ISS "," AUD ",\"exp\":null}", "no number"},
        {"{" ISS "," AUD ",\"exp\":1800000001,\"nbf\":1800000010}", NULL},
        {"{" ISS "," AUD ",\"exp\":1800000100,\"nbf\":1800000011}", "not valid yet"},
        {"{" ISS "," AUD ",\"exp\":1800000100,\"nbf\":true}", "no number"},
        {"{" ISS "," AUD ",\"exp\":1800000100,\"iat\":1800000011}", "from the future"},
        {"{" ISS "," AUD ",\"exp\":1800000100,\"iat\":\"now\"}", "no number"},
        {"{" AUD ",\"exp\":1800000001}", "another issuer"},
        {"{\"iss\":\"https://i/\"," AUD ",\"exp\":1800000001}", "another issuer"},
        {"{\"iss\":[\"https://i\"]," AUD ",\"exp\":1800000001}", "another issuer"},
        {"{" ISS ",\"exp\":1800000001}", "another audience"},
        {"{" ISS ",\"aud\":\"mot2\",\"exp\":1800000001}", "another audience"},
        {"{" ISS ",\"aud\":[],\"exp\":1800000001}", "another audience"},
        {"{" ISS ",\"aud\":[1,null,[\"mot\"]],\"exp\":1800000001}", "another audience"},
        {"{" ISS ",\"aud\":{\"mot\":1},\"exp\":1800000001}", "another audience"},
    };
    const struct jwt_rules rules = {
        .issuer = "https://i", .audience = "mot", .leeway_ms = 10 * 1000};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        json_t *claims = json_parse(cases[i].claims, strlen(cases[i].claims), true, &err);
        assert_non_null(claims);
        int result = jwt_check_claims(claims, &rules, NOW * 1000, &err);
        if ((result == 0) != !cases[i].error ||
            (cases[i].error && !strstr(err.message, cases[i].error)))
            fail_msg("%s: %s", cases[i].claims, err.message);
        json_decref(claims);
    }
}

static void claims_name_users(void **state)
{
    (void)state;
    static const struct {
        struct oidc_options options;
        const char *claims;
        const char *user; /* NULL: refused */
        const char *groups;
    } cases[] = {
        {{0}, "{\"sub\":\"ann\"}", "https://i#ann", "[]"},
        {{.username_prefix = "o:"}, "{\"sub\":\"ann\"}", "o:ann", "[]"},
        {{.username_prefix = ""}, "{\"sub\":\"ann\"}", "ann", "[]"},
        {{.username_prefix = "-"}, "{\"sub\":\"ann\"}", "ann", "[]"},
        {{.username_claim = "email"}, "{\"email\":\"a@b\"}", "a@b", "[]"},
        {{.username_claim = "email"}, "{\"email\":\"a@b\",\"email_verified\":true}", "a@b", "[]"},
        {{.username_claim = "email"}, "{\"email\":\"a@b\",\"email_verified\":false}", NULL, NULL},
        {{.username_claim = "email"},
         "{\"email\":\"a@b\",\"email_verified\":\"true\"}",
         NULL,
         NULL},
        {{.username_claim = "name"}, "{\"sub\":\"x\",\"name\":\"ann\"}", "https://i#ann", "[]"},
        {{0}, "{\"name\":\"ann\"}", NULL, NULL},
        {{0}, "{\"sub\":\"\"}", NULL, NULL},
        {{0}, "{\"sub\":1}", NULL, NULL},
        {{.username_prefix = "-"}, "{\"sub\":\"system:admin\"}", NULL, NULL},
        {{.username_prefix = "sys"}, "{\"sub\":\"tem:admin\"}", NULL, NULL},
        {{0}, "{\"sub\":\"a\",\"groups\":[\"x\"]}", "https://i#a", "[]"}, /* not asked for */
        {{.groups_claim = "groups"},
         "{\"sub\":\"a\",\"groups\":[\"x\",\"y\",\"x\"]}",
         "https://i#a",
         "[\"x\",\"y\"]"},
        {{.groups_claim = "groups"}, "{\"sub\":\"a\",\"groups\":\"x\"}", "https://i#a", "[\"x\"]"},
        {{.groups_claim = "groups"}, "{\"sub\":\"a\"}", "https://i#a", "[]"},
        {{.groups_claim = "roles", .groups_prefix = "o:"},
         "{\"sub\":\"a\",\"roles\":[\"system:masters\"]}",
         "https://i#a",
         "[\"o:system:masters\"]"},
        {{.groups_claim = "groups"}, "{\"sub\":\"a\",\"groups\":[\"system:masters\"]}", NULL, NULL},
        {{.groups_claim = "groups"}, "{\"sub\":\"a\",\"groups\":[1]}", NULL, NULL},
        {{.groups_claim = "groups"}, "{\"sub\":\"a\",\"groups\":{\"x\":1}}", NULL, NULL},
        {{.groups_claim = "groups"}, "{\"sub\":\"a\",\"groups\":null}", NULL, NULL},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        struct identity identity;
        struct oidc_options options = cases[i].options;
        options.issuer = "https://i";
        json_t *claims = json_parse(cases[i].claims, strlen(cases[i].claims), true, &err);
        int result = oidc_identity(&options, claims, &identity, &err);
        if ((result == 0) != (cases[i].user != NULL))
            fail_msg("%s: %d %s", cases[i].claims, result, err.message);
        if (result == 0) {
            AUTO_FREE char *groups = json_text(identity.groups);
            assert_string_equal(identity.name, cases[i].user);
            assert_string_equal(groups, cases[i].groups);
        }
        identity_release(&identity);
        json_decref(claims);
    }
}

static int forget(void **state)
{
    (void)state;
    issuer_forget();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_fit_their_algorithm),
        cmocka_unit_test(the_key_is_the_one_it_names),
        cmocka_unit_test(nothing_can_be_changed),
        cmocka_unit_test(other_algorithms_are_refused),
        cmocka_unit_test(malformed_tokens_are_refused),
        cmocka_unit_test(key_sets),
        cmocka_unit_test(claims_are_checked),
        cmocka_unit_test(claims_name_users),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
