/* From the credentials of a request to who sends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

#include <api/auth/authenticate.h>
#include <api/auth/tokens.h>

#include "issuer.h"

#define HOUR_MS ((int64_t)3600 * 1000)

static char folder[64];

static char *write_file(const char *name, const char *text)
{
    struct err err = {0};
    char *path = file_join(folder, name);
    assert_int_equal(file_write(path, text, strlen(text), 0600, &err), 0);
    return path;
}

/* -------------------------------------------------------------------------------- the token file
 */

static void token_files_are_as_kubernetes_has_them(void **state)
{
    (void)state;
    static const struct {
        const char *text, *token;
        const char *user; /* NULL: not found */
        const char *uid, *groups;
    } cases[] = {
        {"t,ann,1\n", "t", "ann", "1", "[]"},
        {"t,ann,1", "t", "ann", "1", "[]"},
        {"t,ann,1,dev\n", "t", "ann", "1", "[\"dev\"]"},
        {"t,ann,1,\"dev,ops\"\r\n", "t", "ann", "1", "[\"dev\",\"ops\"]"},
        {"t,ann,1,\"dev,ops\",more\n", "t", "ann", "1", "[\"dev\",\"ops\"]"},
        {"t,ann,1,dev,ops\n", "t", "ann", "1", "[\"dev\"]"},
        {"\n\nt,ann,\n\n", "t", "ann", "", "[]"},
        {"\"t,\"\"x\"\"\",ann,1\n", "t,\"x\"", "ann", "1", "[]"},
        {"a,ann,1\nb,bob,2\n", "b", "bob", "2", "[]"},
        {"t,ann,1\nt,bob,2\n", "t", "bob", "2", "[]"},
        {"t,ann,1\n", "T", NULL, NULL, NULL},
        {"t,ann,1\n", "t ", NULL, NULL, NULL},
        {"t,ann,1\n", "", NULL, NULL, NULL},
        {",ann,1\n", "", NULL, NULL, NULL},
        {"t,,1\n", "t", NULL, NULL, NULL},
        {"", "t", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        struct identity identity = {0};
        struct token_table *table = token_table_parse(cases[i].text, strlen(cases[i].text), &err);
        if (!table)
            fail_msg("%s: %s", cases[i].text, err.message);
        bool found = token_table_find(table, cases[i].token, &identity);
        assert_int_equal(found, cases[i].user != NULL);
        if (found) {
            AUTO_FREE char *groups = json_text(identity.groups);
            assert_string_equal(identity.name, cases[i].user);
            assert_string_equal(identity.uid, cases[i].uid);
            assert_string_equal(groups, cases[i].groups);
        }
        identity_release(&identity);
        token_table_free(table);
    }
}

static void broken_token_files_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"t\n", "line 1: "},         {"t,ann\n", "line 1: "},  {"t,ann,1\nb,bob\n", "line 2: "},
        {"t,an\"n,1\n", "line 1: "}, {"t,\"ann,1\n", "line "}, {"t,\"ann\"x,1\n", "line 1: "},
        {"t,\xff,1\n", "line 1: "},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        assert_null(token_table_parse(cases[i].text, strlen(cases[i].text), &err));
        if (!strstr(err.message, cases[i].error) || strstr(err.message, "ann"))
            fail_msg("%s: %s", cases[i].text, err.message);
    }
    struct err err = {0};
    assert_null(token_table_parse("t,a\0b,1\n", 8, &err));
}

/* A changed file holds within a second or so; a broken one changes nothing. */
static void token_files_are_followed(void **state)
{
    (void)state;
    struct err err = {0};
    struct identity identity = {0};
    AUTO_FREE char *path = write_file("followed.csv", "a,ann,1\n");
    struct token_file *file = token_file_open(path, &err);
    assert_non_null(file);
    assert_true(token_file_find(file, "a", &identity));
    identity_release(&identity);
    free(write_file("followed.csv", "b,bob,1\n"));
    int64_t until = clock_ms() + 10000;
    while (!token_file_find(file, "b", &identity) && clock_ms() < until)
        clock_sleep_ms(20);
    assert_string_equal(identity.name, "bob");
    identity_release(&identity);
    assert_false(token_file_find(file, "a", &identity));
    free(write_file("followed.csv", "broken\n"));
    clock_sleep_ms(1100);
    assert_true(token_file_find(file, "b", &identity));
    identity_release(&identity);
    token_file_free(file);
    assert_null(token_file_open("/nowhere/tokens", &err));
    assert_non_null(strstr(err.message, "/nowhere/tokens"));
}

/* -------------------------------------------------------------------------------- requests */

static const char *const groups[] = {"dev", "system:masters"};

static struct http_certificate certificate(const char *name, const char *refused, int64_t valid_ms)
{
    return (struct http_certificate){.common_name = name,
                                     .organizations = groups,
                                     .organization_count = 2,
                                     .until_wall_ms = clock_wall_ms() + valid_ms,
                                     .fingerprint = "00ff",
                                     .refused = refused};
}

static struct authenticator *make(bool with_oidc)
{
    struct err err = {0};
    AUTO_FREE char *tokens = write_file("tokens.csv", "good,bob,u1,\"ops\"\n");
    AUTO_FREE char *set = issuer_jwks(issuer_key("P-256", "k"), NULL);
    AUTO_FREE char *jwks = write_file("jwks.json", set);
    struct authenticator_options options = {.token_file = tokens};
    if (with_oidc)
        options.oidc = (struct oidc_options){.issuer = "https://i",
                                             .audience = "mot",
                                             .jwks = jwks,
                                             .groups_claim = "groups",
                                             .groups_prefix = "o:"};
    struct authenticator *authenticator = authenticator_new(&options, &err);
    if (!authenticator)
        fail_msg("%s", err.message);
    return authenticator;
}

/* "NAME UID GROUPS EXTRA", or the error; free() it. */
static char *who(struct authenticator *authenticator, const struct http_request *request)
{
    struct err err = {0};
    struct identity identity;
    char *text = NULL;
    if (authenticate(authenticator, request, &identity, &err) == 0) {
        AUTO_FREE char *list = json_text(identity.groups);
        AUTO_FREE char *extra = identity.extra ? json_text(identity.extra) : mem_strdup("");
        text = mem_printf("%s %s %s %s", identity.name, identity.uid, list, extra);
    } else {
        text = mem_strdup(err.message);
    }
    identity_release(&identity);
    return text;
}

static void expect_who(struct authenticator *authenticator, const char *name, const char *value,
                       bool websocket, const struct http_certificate *shown, const char *wanted)
{
    const struct http_header header = {name, value};
    const struct http_request request = {.headers = &header,
                                         .header_count = name ? 1 : 0,
                                         .websocket = websocket,
                                         .certificate = shown};
    AUTO_FREE char *found = who(authenticator, &request);
    if (strncmp(found, wanted, strlen(wanted)) != 0)
        fail_msg("%s: %s: \"%s\" instead of \"%s\"", name ? name : "", value ? value : "", found,
                 wanted);
}

#define ANONYMOUS "system:anonymous  [\"system:unauthenticated\"] "
#define BOB       "bob u1 [\"ops\",\"system:authenticated\"] "
#define ANN                                                                                        \
    "ann  [\"dev\",\"system:masters\",\"system:authenticated\"] "                                  \
    "{\"authentication.kubernetes.io/credential-id\":[\"X509SHA256=00ff\"]}"

static void headers_carry_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *value, *wanted;
    } cases[] = {
        {"Bearer good", BOB},
        {"bearer good", BOB},
        {"BEARER \t good", BOB},
        {"Bearer bad", "invalid bearer token"},
        {"Bearer good more", "a bearer token is one word"},
        {"Bearer", "a bearer token is one word"},
        {"Bearer ", "a bearer token is one word"},
        {"Basic Ym9iOnB3", "only Bearer"},
        {"Digest x", "only Bearer"},
        {"Bearergood", "only Bearer"},
        {"good", "only Bearer"},
        {"", "only Bearer"},
    };
    struct authenticator *authenticator = make(false);
    expect_who(authenticator, NULL, NULL, false, NULL, ANONYMOUS);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++)
        expect_who(authenticator, "authorization", cases[i].value, false, NULL, cases[i].wanted);
    authenticator_free(authenticator);
}

#define P "base64url.bearer.authorization.k8s.io."

static void sub_protocols_carry_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *value, *wanted;
    } cases[] = {
        {P "Z29vZA, v1.k8s.io", BOB},
        {"v1.k8s.io,\t" P "Z29vZA ,", BOB},
        {"v1.k8s.io", ANONYMOUS},
        {P "Z29vZA", "beside the bearer token another"},
        {P "Z29vZA,,", "beside the bearer token another"},
        {P "YmFk, v1", "invalid bearer token"},
        {P "Z29vZA==, v1", "the sub-protocol with the bearer token is malformed"},
        {P "Z29v A, v1", "the sub-protocol with the bearer token is malformed"},
        {P ", v1", "the sub-protocol with the bearer token is malformed"},
        {P "AA, v1", "the sub-protocol with the bearer token is malformed"},
        {P "Z29vZA, " P "Z29vZA, v1", "the sub-protocol with the bearer token is malformed"},
    };
    struct authenticator *authenticator = make(false);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++)
        expect_who(authenticator, "sec-websocket-protocol", cases[i].value, true, NULL,
                   cases[i].wanted);
    /* Without a handshake it is a header as any other. */
    expect_who(authenticator, "sec-websocket-protocol", cases[0].value, false, NULL, ANONYMOUS);
    authenticator_free(authenticator);
}

static void certificates_name_users(void **state)
{
    (void)state;
    struct authenticator *authenticator = make(false);
    const struct http_certificate good = certificate("ann", NULL, HOUR_MS);
    const struct http_certificate over = certificate("ann", NULL, -1000);
    const struct http_certificate strange = certificate("ann", "self-signed", HOUR_MS);
    const struct http_certificate nameless = certificate("", NULL, HOUR_MS);
    static const char *const header = "authorization";
    expect_who(authenticator, NULL, NULL, false, &good, ANN);
    expect_who(authenticator, header, "Bearer good", false, &good, ANN);
    expect_who(authenticator, header, "Bearer bad", false, &good, ANN);
    expect_who(authenticator, NULL, NULL, false, &over,
               "the client certificate is refused: it has");
    expect_who(authenticator, NULL, NULL, false, &strange,
               "the client certificate is refused: self-signed");
    expect_who(authenticator, header, "Bearer good", false, &strange, BOB);
    expect_who(authenticator, header, "Bearer bad", false, &strange, "invalid bearer token");
    expect_who(authenticator, NULL, NULL, false, &nameless, ANONYMOUS);
    expect_who(authenticator, header, "Bearer good", false, &nameless, BOB);
    authenticator_free(authenticator);
}

static void web_tokens_name_users(void **state)
{
    (void)state;
    const struct issuer_key *key = issuer_key("P-256", "k"), *other = issuer_key("P-256", "o");
    struct authenticator *authenticator = make(true);
    AUTO_FREE char *claims = mem_printf("{\"iss\":\"https://i\",\"aud\":\"mot\",\"sub\":\"cleo\","
                                        "\"groups\":[\"x\"],\"jti\":\"7\",\"exp\":%lld}",
                                        (long long)(clock_wall_ms() / 1000 + 60));
    AUTO_FREE char *old = mem_printf("{\"iss\":\"https://i\",\"aud\":\"mot\",\"sub\":\"cleo\","
                                     "\"exp\":%lld}",
                                     (long long)(clock_wall_ms() / 1000 - 60));
    const struct {
        const struct issuer_key *key;
        const char *header, *claims, *wanted;
    } cases[] = {
        {key, "{\"alg\":\"ES256\",\"kid\":\"k\"}", claims,
         "https://i#cleo  [\"o:x\",\"system:authenticated\"] "
         "{\"authentication.kubernetes.io/credential-id\":[\"JTI=7\"]}"},
        {key, "{\"alg\":\"ES256\"}", claims, "https://i#cleo "},
        {key, "{\"alg\":\"ES256\",\"kid\":\"k\"}", old, "the token is expired"},
        {other, "{\"alg\":\"ES256\",\"kid\":\"k\"}", claims, "the token's signature is wrong"},
        {other, "{\"alg\":\"ES256\",\"kid\":\"o\"}", claims, "the token's key is not known"},
        {key, "{\"alg\":\"none\",\"kid\":\"k\"}", claims, "the token's algorithm"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        AUTO_FREE char *token =
            issuer_sign(cases[i].key, "ES256", cases[i].header, cases[i].claims);
        AUTO_FREE char *value = mem_printf("Bearer %s", token);
        expect_who(authenticator, "authorization", value, false, NULL, cases[i].wanted);
        struct identity identity;
        struct err err = {0};
        int result = authenticate_token(authenticator, token, &identity, &err);
        assert_int_equal(result == 0, strncmp(cases[i].wanted, "https", 5) == 0);
        identity_release(&identity);
    }
    /* The other way stays beside it. */
    expect_who(authenticator, "authorization", "Bearer good", false, NULL, BOB);
    expect_who(authenticator, "authorization", "Bearer a.b.c", false, NULL, "the token is no JSON");
    authenticator_free(authenticator);
}

static void options_are_checked(void **state)
{
    (void)state;
    AUTO_FREE char *junk = write_file("junk", "junk\n");
    const struct {
        struct authenticator_options options;
        const char *error;
    } cases[] = {
        {{.token_file = "/nowhere/t"}, "/nowhere/t"},
        {{.token_file = junk}, junk},
        {{.oidc = {.issuer = "https://i"}}, "belong together"},
        {{.oidc = {.audience = "mot"}}, "belong together"},
        {{.oidc = {.jwks = "/nowhere/k"}}, "belong together"},
        {{.oidc = {.issuer = "i", .audience = "m", .jwks = "/nowhere/k"}}, "/nowhere/k"},
        {{.oidc = {.issuer = "i", .audience = "m", .jwks = junk}}, junk},
        {{.oidc = {.issuer = "i", .audience = "m", .jwks = "http://example.org/k"}}, "no https://"},
        {{.oidc = {.issuer = "i", .audience = "m", .jwks = "http://127.0.0.1.example/k"}},
         "no https://"},
        {{.oidc = {.issuer = "i", .audience = "m", .jwks = "file:///k"}}, "no https://"},
        {{.oidc = {.issuer = "http://example.org", .audience = "m"}}, "no https://"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        assert_null(authenticator_new(&cases[i].options, &err));
        if (!strstr(err.message, cases[i].error))
            fail_msg("\"%s\" instead of \"%s\"", err.message, cases[i].error);
    }
}

static void over_plain_http_everybody_is_the_same(void **state)
{
    (void)state;
    struct err err = {0};
    const struct authenticator_options options = {.plain_http = true};
    struct authenticator *authenticator = authenticator_new(&options, &err);
    static const char wanted[] = "system:unsecured  [\"system:masters\",\"system:authenticated\"] ";
    expect_who(authenticator, NULL, NULL, false, NULL, wanted);
    expect_who(authenticator, "authorization", "Bearer x", false, NULL, wanted);
    authenticator_free(authenticator);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/mot-test-auth-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    issuer_forget();
    return file_remove_tree(folder, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_files_are_as_kubernetes_has_them),
        cmocka_unit_test(broken_token_files_are_errors),
        cmocka_unit_test(token_files_are_followed),
        cmocka_unit_test(headers_carry_tokens),
        cmocka_unit_test(sub_protocols_carry_tokens),
        cmocka_unit_test(certificates_name_users),
        cmocka_unit_test(web_tokens_name_users),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(over_plain_http_everybody_is_the_same),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
