/* Watches end with what they were allowed by: roles, tokens, time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

/* cmocka.h must come after these */
#include <cmocka.h>

#include "access.h"
#include "api/auth/audit.h"
#include "api/auth/authenticate.h"
#include "issuer.h"
#include "watch_client.h"

#define WATCH   LEASES "?watch=1"
#define ISSUER  "https://issuer.example"
#define TEAM_NS "team"

/* A server that knows zoe, bob and root by tokens, and whoever the issuer names. */
struct world {
    char folder[32];
    char *tokens, *jwks, *audit_path;
    struct authenticator *authenticator;
    struct audit *audit;
    struct server *server;
};

static void write_text(const char *path, const char *text)
{
    struct err err = {0};
    if (file_write(path, text, strlen(text), 0600, &err) < 0)
        fail_msg("%s", err.message);
}

static void write_keys(const struct world *world, const char *id)
{
    AUTO_FREE char *set = issuer_jwks(issuer_key("P-256", id), NULL);
    write_text(world->jwks, set);
}

static void begin(struct world *world, const char *name, int64_t min_timeout_ms)
{
    struct err err = {0};
    *world = (struct world){.folder = "/tmp/mot-permits-XXXXXX"};
    assert_non_null(mkdtemp(world->folder));
    world->tokens = file_join(world->folder, "tokens.csv");
    world->jwks = file_join(world->folder, "jwks.json");
    world->audit_path = file_join(world->folder, "audit.log");
    write_text(world->tokens, "root,root,1,system:masters\nzoe,zoe,2\nbob,bob,3\n");
    write_keys(world, "first");
    const struct authenticator_options known = {
        .token_file = world->tokens,
        .oidc = {.issuer = ISSUER, .audience = "mot", .jwks = world->jwks, .username_prefix = "-"}};
    const struct audit_options audit = {.path = world->audit_path};
    world->authenticator = authenticator_new(&known, &err);
    world->audit = audit_open(&audit, &err);
    if (!world->authenticator || !world->audit)
        fail_msg("%s", err.message);
    server_stop(start_with_users(name)); /* with the namespace, and its own users */
    const struct api_options options = {.authenticator = world->authenticator,
                                        .audit = world->audit,
                                        .min_timeout_ms = min_timeout_ms};
    world->server = access_start(name, &options);
    server_listen(world->server, NULL);
}

static void end(struct world *world)
{
    struct err err = {0};
    server_stop(world->server);
    audit_close(world->audit);
    authenticator_free(world->authenticator);
    assert_int_equal(file_remove_tree(world->folder, &err), 0);
    free(world->tokens);
    free(world->jwks);
    free(world->audit_path);
}

static void root_does(struct world *world, const char *method, const char *target, const char *yaml)
{
    struct answer answer = call(world->server, method, target,
                                "authorization: Bearer root\ncontent-type: application/yaml", yaml);
    if (answer.code >= 300)
        fail_msg("%s %s: %d %s", method, target, answer.code, answer.text);
    answer_release(&answer);
}

static void allow(struct world *world, const char *user)
{
    AUTO_FREE char *yaml =
        mem_printf("metadata: {name: %s}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: "
                   "ClusterRole, name: edit}\nsubjects: [{apiGroup: rbac.authorization.k8s.io, "
                   "kind: User, name: %s}, {apiGroup: rbac.authorization.k8s.io, kind: User, name: "
                   "other}]\n",
                   user, user);
    root_does(world, "POST", RBAC "/namespaces/" TEAM_NS "/rolebindings", yaml);
}

static void forbid(struct world *world, const char *user)
{
    AUTO_FREE char *target = mem_printf(RBAC "/namespaces/" TEAM_NS "/rolebindings/%s", user);
    root_does(world, "DELETE", target, NULL);
}

static struct watch_client *watch_as(struct world *world, const char *token, const char *more,
                                     bool websocket)
{
    AUTO_FREE char *headers = mem_printf("Authorization: Bearer %s\r\n%s", token, more ? more : "");
    struct watch_client *stream = websocket
                                      ? watch_open_websocket(world->server->port, WATCH, headers)
                                      : watch_open(world->server->port, WATCH, headers, false);
    watch_expect(stream, "ADDED", "one");
    watch_expect(stream, "ADDED", "two");
    return stream;
}

/* The last event is an ERROR with the Status, and then it ends in order. */
static void expect_refused(struct watch_client *stream, int code, const char *message)
{
    json_t *event = watch_next(stream, 10000);
    assert_non_null(event);
    assert_string_equal(text_at(event, "type"), "ERROR");
    assert_string_equal(text_at(event, "object.kind"), "Status");
    assert_int_equal(json_at_int(event, "object.code", 0), code);
    assert_string_equal(text_at(event, "object.message"), message);
    json_decref(event);
    assert_true(watch_ended_well(stream));
    watch_close(stream);
}

static const char forbidden[] =
    "leases.coordination.k8s.io is forbidden: User \"%s\" cannot watch resource \"leases\" in API "
    "group \"coordination.k8s.io\" in the namespace \"team\"";

static void expect_forbidden(struct watch_client *stream, const char *user)
{
    AUTO_FREE char *message = mem_printf(forbidden, user);
    expect_refused(stream, 403, message);
}

/* -------------------------------------------------------------------------------- roles */

static void test_roles(void **state)
{
    (void)state;
    struct world world;
    begin(&world, "permit_roles", 0);
    allow(&world, "zoe");
    allow(&world, "bob");
    struct watch_client *plain = watch_as(&world, "zoe", NULL, false);
    struct watch_client *socket = watch_as(&world, "zoe", NULL, true);
    struct watch_client *bob = watch_as(&world, "bob", NULL, false);
    struct watch_client *root = watch_as(&world, "root", NULL, true);
    forbid(&world, "zoe");
    expect_forbidden(plain, "zoe");
    expect_forbidden(socket, "zoe");
    root_does(&world, "POST", LEASES, LEASE("three"));
    watch_expect(bob, "ADDED", "three");
    watch_expect(root, "ADDED", "three");
    watch_close(bob);
    watch_close(root);
    end(&world);
}

/* Whoever may no longer be somebody else watches as nobody else. */
static void test_impersonation(void **state)
{
    (void)state;
    struct world world;
    begin(&world, "permit_impersonation", 0);
    allow(&world, "zoe");
    root_does(&world, "POST", RBAC "/clusterroles",
              "metadata: {name: helper}\nrules: [{apiGroups: [''], resources: [users], "
              "resourceNames: [zoe], verbs: [impersonate]}]\n");
    root_does(&world, "POST", RBAC "/clusterrolebindings",
              "metadata: {name: helper}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: "
              "ClusterRole, name: helper}\nsubjects: [{apiGroup: rbac.authorization.k8s.io, kind: "
              "User, name: bob}]\n");
    struct watch_client *stream = watch_as(&world, "bob", "Impersonate-User: zoe\r\n", false);
    root_does(&world, "DELETE", RBAC "/clusterrolebindings/helper", NULL);
    expect_refused(stream, 403,
                   "users \"zoe\" is forbidden: User \"bob\" cannot impersonate resource \"users\" "
                   "in API group \"\" at the cluster scope");
    end(&world);
}

/* Many at once, of several users, while events come: none is left, and no event comes to one that
 * was told to go. */
static void test_many(void **state)
{
    (void)state;
    enum { MANY = 40 };
    struct world world;
    struct watch_client *streams[MANY];
    begin(&world, "permit_many", 0);
    allow(&world, "zoe");
    for (size_t i = 0; i < MANY; i++)
        streams[i] = watch_as(&world, "zoe", NULL, i % 2);
    forbid(&world, "zoe");
    for (int i = 0; i < 20; i++) {
        AUTO_FREE char *lease = mem_printf(
            "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: x%d}\n", i);
        root_does(&world, "POST", LEASES, lease);
    }
    for (size_t i = 0; i < MANY; i++) {
        json_t *event = watch_next(streams[i], 10000);
        while (event && strcmp(text_at(event, "type"), "ADDED") == 0) {
            json_decref(event);
            event = watch_next(streams[i], 10000);
        }
        assert_non_null(event);
        assert_string_equal(text_at(event, "type"), "ERROR");
        json_decref(event);
        assert_true(watch_ended_well(streams[i]));
        watch_close(streams[i]);
    }
    end(&world);
}

/* -------------------------------------------------------------------------------- credentials */

static char *token_until(const char *key, int64_t seconds_from_now)
{
    AUTO_FREE char *header = mem_printf("{\"alg\":\"ES256\",\"kid\":\"%s\"}", key);
    AUTO_FREE char *claims =
        mem_printf("{\"iss\":\"" ISSUER "\",\"aud\":\"mot\",\"sub\":\"zoe\",\"exp\":%lld}",
                   (long long)(clock_wall_ms() / 1000 + seconds_from_now));
    return issuer_sign(issuer_key("P-256", key), "ES256", header, claims);
}

static void test_tokens(void **state)
{
    (void)state;
    struct world world;
    begin(&world, "permit_tokens", 0);
    allow(&world, "zoe");
    allow(&world, "bob");
    AUTO_FREE char *signed_token = token_until("first", 600);
    struct watch_client *zoe = watch_as(&world, "zoe", NULL, false);
    struct watch_client *bob = watch_as(&world, "bob", NULL, true);
    struct watch_client *named = watch_as(&world, signed_token, NULL, false);
    write_text(world.tokens, "root,root,1,system:masters\nbob,other,3\n");
    expect_refused(zoe, 401, "Unauthorized");
    /* Who it is now may watch, too. */
    root_does(&world, "POST", LEASES, LEASE("three"));
    watch_expect(bob, "ADDED", "three");
    watch_expect(named, "ADDED", "three");
    write_keys(&world, "second");
    expect_refused(named, 401, "Unauthorized");
    watch_expect_silence(bob, 500);
    watch_close(bob);
    end(&world);
}

/* Ends as if its time were up: with newer credentials the client goes on where it was. */
static void test_expiry(void **state)
{
    (void)state;
    struct world world;
    begin(&world, "permit_expiry", 0);
    allow(&world, "zoe");
    for (int websocket = 0; websocket < 2; websocket++) {
        AUTO_FREE char *token = token_until("first", -7); /* ten seconds are let pass */
        struct watch_client *stream = watch_as(&world, token, NULL, websocket);
        int64_t began_ms = clock_ms();
        assert_null(watch_next(stream, 10000));
        assert_true(watch_ended_well(stream));
        assert_in_range(clock_ms() - began_ms, 0, 5000);
        watch_close(stream);
    }
    end(&world);
}

/* -------------------------------------------------------------------------------- time */

static void test_longest(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int64_t least_ms, most_ms; /* the hub looks four times a second */
    } rows[] = {
        {"", 1000, 2000},
        {"&timeoutSeconds=0", 1000, 2000},
        {"&timeoutSeconds=1", 1000, 1000},
        {"&timeoutSeconds=2", 2000, 2000},
        {"&timeoutSeconds=3", 1000, 2000},
        {"&timeoutSeconds=1000000000", 1000, 2000},
    };
    struct world world;
    begin(&world, "permit_longest", 1000);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(rows); i++) {
        AUTO_FREE char *target = mem_printf(WATCH "&resourceVersion=0%s", rows[i].query);
        int64_t began_ms = clock_ms();
        struct watch_client *stream =
            watch_open(world.server->port, target, "Authorization: Bearer root\r\n", false);
        watch_expect(stream, "ADDED", "one");
        watch_expect(stream, "ADDED", "two");
        assert_null(watch_next(stream, 10000));
        assert_true(watch_ended_well(stream));
        int64_t took_ms = clock_ms() - began_ms;
        print_message("%s: %lld ms\n", rows[i].query, (long long)took_ms);
        assert_in_range(took_ms, rows[i].least_ms - 20, rows[i].most_ms + 1500);
        watch_close(stream);
    }
    end(&world);
}

/* -------------------------------------------------------------------------------- audit */

static void test_audit(void **state)
{
    (void)state;
    struct world world;
    struct err err = {0};
    begin(&world, "permit_audit", 0);
    allow(&world, "zoe");
    struct watch_client *stream = watch_as(&world, "zoe", "Audit-Id: the-watch\r\n", false);
    forbid(&world, "zoe");
    expect_forbidden(stream, "zoe");
    server_stop(world.server);
    audit_close(world.audit);
    AUTO_FREE char *text = file_read(world.audit_path, 1 << 20, NULL, &err);
    assert_non_null(text);
    size_t found = 0;
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        json_t *event = json_loads(line, 0, NULL);
        if (strcmp(text_at(event, "auditID"), "the-watch") == 0) {
            bool first = found++ == 0;
            assert_string_equal(text_at(event, "stage"),
                                first ? "ResponseStarted" : "ResponseComplete");
            assert_int_equal(json_at_int(event, "responseStatus.code", 0), first ? 200 : 403);
            assert_string_equal(text_at(event, "user.username"), "zoe");
            assert_string_equal(text_at(event, "verb"), "watch");
            assert_string_equal(
                json_string_value(json_array_get(json_object_get(event, "sourceIPs"), 0)),
                "127.0.0.1");
        }
        json_decref(event);
    }
    assert_int_equal(found, 2);
    /* again, for end() */
    const struct audit_options audit = {.path = world.audit_path};
    world.audit = audit_open(&audit, &err);
    const struct api_options options = {.authenticator = world.authenticator};
    world.server = access_start("permit_audit", &options);
    end(&world);
}

static int group_end(void **state)
{
    issuer_forget();
    return fixture_end(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roles),  cmocka_unit_test(test_impersonation),
        cmocka_unit_test(test_many),   cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_expiry), cmocka_unit_test(test_longest),
        cmocka_unit_test(test_audit),
    };
    return cmocka_run_group_tests(tests, fixture_begin, group_end);
}
