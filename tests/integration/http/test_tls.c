/* What only TLS has: handshakes, certificates, their reload. The other suites run over TLS, too. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>

#include "client.h"
#include "fixture.h"
#include "lib/certificates.h"

#define HOUR_MS  ((int64_t)3600 * 1000)
#define SHORT_MS 400

static void expect_body(struct client *client, const char *body)
{
    struct reply reply = client_reply(client, false);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body.data, body);
    reply_release(&reply);
}

static void ask_who(const struct fixture *fixture, const char *who)
{
    struct client *client = client_open(fixture->port);
    assert_true(client_asks(client, "GET", "/who"));
    expect_body(client, who);
    client_close(client);
}

/* From now on clients show @name of @certificates; NULL: none. */
static void show(const struct certificates *certificates, const char *name)
{
    AUTO_FREE char *authorities = certificates_file(fixture_certificates(), "ca", "crt");
    AUTO_FREE char *certificate = name ? certificates_file(certificates, name, "crt") : NULL;
    AUTO_FREE char *key = name ? certificates_file(certificates, name, "key") : NULL;
    client_use_tls(&(struct client_tls){authorities, certificate, key});
}

/* ------------------------------------------------------------------------ handshakes */

static void garbage_ends_the_connection(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"\x16\x03\x01\x00\x05hello", 10}, {"\x16\x03\x01\xff\xff", 5},
        {"\x80\x2e\x01\x00\x02", 5},       {"\x15\x03\x03\x00\x02\x02\x28", 7},
        {"\0\0\0\0\0\0\0\0\0\0\0\0", 12},  {"\x17\x03\x03\x00\x04GET ", 9},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct client *client = client_open_plain(fixture->port);
        assert_true(client_send(client, cases[i].bytes, cases[i].len));
        while (client_more(client, CLIENT_TIMEOUT_MS))
            buf_clear(&client->in); /* an alert */
        client_close(client);
        assert_true(fixture_connections_reach(fixture, 0));
    }
    ask_who(fixture, "nobody");
}

static void plain_http_is_told_so(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = client_open_plain(fixture->port);
    assert_true(client_asks(client, "GET", "/who"));
    assert_true(client_sees(client, "HTTP/1.0 400 Bad Request\r\n", CLIENT_TIMEOUT_MS));
    assert_true(
        client_sees(client, "sent an HTTP request to an HTTPS server.\n", CLIENT_TIMEOUT_MS));
    assert_true(client_ended(client, CLIENT_TIMEOUT_MS));
    client_close(client);
}

static void slow_handshakes_are_cut(void **state)
{
    (void)state;
    struct http_server_options options = {.header_timeout_ms = SHORT_MS, .idle_timeout_ms = 60000};
    struct fixture fixture;
    fixture_start(&fixture, &options);
    struct client *silent = client_open_plain(fixture.port);
    struct client *slow = client_open_plain(fixture.port);
    const char hello[] = "\x16\x03\x01";
    int64_t began = clock_ms();
    for (size_t i = 0; i < 3; i++) { /* each byte is no reason to wait longer */
        client_send(slow, hello + i, 1);
        clock_sleep_ms(SHORT_MS / 4);
    }
    assert_true(client_ended(slow, CLIENT_TIMEOUT_MS));
    assert_true(client_ended(silent, CLIENT_TIMEOUT_MS));
    assert_in_range(clock_ms() - began, SHORT_MS - 50, SHORT_MS * 10);
    client_close(slow);
    client_close(silent);
    fixture_stop(&fixture, 1000);
}

static void sessions_are_resumed(void **state)
{
    struct fixture *fixture = *state;
    show(NULL, NULL);
    struct client *first = client_open(fixture->port);
    assert_true(client_asks(first, "GET", "/who"));
    expect_body(first, "nobody");
    assert_false(client_resumed(first));
    client_close(first);
    struct client *second = client_open(fixture->port);
    assert_true(client_asks(second, "GET", "/who"));
    expect_body(second, "nobody");
    assert_true(client_resumed(second));
    client_close(second);
}

/* Also over a resumed session, whose ticket carries the certificate. */
static void a_connection_keeps_its_certificate(void **state)
{
    struct fixture *fixture = *state;
    struct certificates *certificates = fixture_certificates();
    static const char *const groups[] = {"system:masters", "b", NULL};
    certificates_client(certificates, "admin", "admin", groups, HOUR_MS);
    show(certificates, "admin");
    for (int i = 0; i < 2; i++) {
        struct client *client = client_open(fixture->port);
        assert_true(client_says(client, "GET /who HTTP/1.1\r\nHost: x\r\n\r\n"
                                        "GET /who HTTP/1.1\r\nHost: x\r\n\r\n"));
        expect_body(client, "admin system:masters b");
        expect_body(client, "admin system:masters b");
        assert_int_equal(client_resumed(client), i == 1);
        client_close(client);
    }
    show(NULL, NULL);
    ask_who(fixture, "nobody");
}

/* ------------------------------------------------------------------------ client certificates */

static void certificates_of_others_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct certificates others = {0};
    static const char *const groups[] = {"system:masters", NULL};
    certificates_make(&others);
    certificates_client(&others, "admin", "admin", groups, HOUR_MS);
    show(&others, "admin");
    struct client *client = client_open(fixture->port);
    assert_true(client_asks(client, "GET", "/who"));
    struct reply reply = client_reply(client, false);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.body.data, "refused: "));
    reply_release(&reply);
    client_close(client);
    certificates_remove(&others);
    show(NULL, NULL);
}

static void certificates_that_are_over_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct certificates *certificates = fixture_certificates();
    certificates_client(certificates, "old", "old", NULL, -60000);
    show(certificates, "old");
    ask_who(fixture, "refused: certificate has expired");
    /* One of a server is none of a client. */
    show(certificates, "server");
    ask_who(fixture, "refused: unsuitable certificate purpose");
    show(NULL, NULL);
}

/* ------------------------------------------------------------------------ reload */

static void name_of_server(const struct fixture *fixture, char *name, size_t size)
{
    show(NULL, NULL); /* and no session */
    struct client *client = client_open(fixture->port);
    client_server_name(client, name, size);
    assert_true(client_asks(client, "GET", "/who"));
    expect_body(client, "nobody");
    client_close(client);
}

static void await_name(const struct fixture *fixture, const char *wanted)
{
    char name[64] = "";
    int64_t until = clock_ms() + CLIENT_TIMEOUT_MS;
    while (strcmp(name, wanted) != 0 && clock_ms() < until) {
        name_of_server(fixture, name, sizeof(name));
        clock_sleep_ms(20);
    }
    assert_string_equal(name, wanted);
}

static void a_changed_certificate_is_read_again(void **state)
{
    struct fixture *fixture = *state;
    struct certificates *certificates = fixture_certificates();
    struct client *old = client_open(fixture->port);
    await_name(fixture, "server");
    certificates_renew_server(certificates, "renewed");
    await_name(fixture, "renewed");
    assert_true(client_asks(old, "GET", "/who")); /* goes on */
    expect_body(old, "nobody");
    client_close(old);
    certificates_renew_server(certificates, "server");
    await_name(fixture, "server");
}

static void a_broken_file_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct certificates *certificates = fixture_certificates();
    AUTO_FREE char *path = certificates_file(certificates, "server", "crt");
    struct err err = {0};
    char name[64];
    await_name(fixture, "server");
    size_t len = 0;
    AUTO_FREE char *good = file_read(path, 65536, &len, &err);
    static const size_t cuts[] = {0, 1, 100, 400};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cuts); i++) {
        assert_int_equal(file_write(path, good, cuts[i], 0600, &err), 0);
        clock_sleep_ms(1600); /* until it is old enough, and looked at again */
        name_of_server(fixture, name, sizeof(name));
        assert_string_equal(name, "server");
    }
    assert_int_equal(unlink(path), 0);
    clock_sleep_ms(1600);
    name_of_server(fixture, name, sizeof(name));
    assert_string_equal(name, "server");
    certificates_renew_server(certificates, "mended");
    await_name(fixture, "mended");
    certificates_renew_server(certificates, "server");
    await_name(fixture, "server");
}

static void expect_refusal(struct client *client)
{
    assert_true(client_asks(client, "GET", "/who"));
    struct reply reply = client_reply(client, false);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.body.data, "refused: "));
    reply_release(&reply);
}

/* An authority that is taken away: its clients are strangers, also those with a ticket or an open
 * connection. */
static void changed_authorities_hold(void **state)
{
    struct fixture *fixture = *state;
    struct certificates *certificates = fixture_certificates();
    AUTO_FREE char *path = certificates_file(certificates, "ca", "crt");
    struct err err = {0};
    certificates_client(certificates, "ann", "ann", NULL, HOUR_MS);
    show(certificates, "ann");
    ask_who(fixture, "ann");
    struct certificates others = {0};
    certificates_make(&others);
    AUTO_FREE char *own = file_read(path, 65536, NULL, &err);
    AUTO_FREE char *theirs = keypair_certificate(others.authority);
    struct client *open = client_open(fixture->port);
    assert_true(client_asks(open, "GET", "/who"));
    expect_body(open, "ann");
    assert_int_equal(file_write(path, theirs, strlen(theirs), 0600, &err), 0);
    clock_sleep_ms(1600);
    expect_refusal(open);
    assert_true(client_ended(open, CLIENT_TIMEOUT_MS));
    client_close(open);
    struct client *client = client_open(fixture->port);
    assert_false(client_resumed(client));
    expect_refusal(client);
    client_close(client);
    assert_int_equal(file_write(path, own, strlen(own), 0600, &err), 0);
    clock_sleep_ms(1600);
    ask_who(fixture, "ann");
    certificates_remove(&others);
    show(NULL, NULL);
}

/* Whoever watches sends nothing for hours: their stream ends all the same, of either sort. */
static void streams_end_with_their_authority(void **state)
{
    struct fixture *fixture = *state;
    static const char handshake[] =
        "GET /watch HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct certificates *certificates = fixture_certificates();
    AUTO_FREE char *path = certificates_file(certificates, "ca", "crt");
    struct err err = {0};
    certificates_client(certificates, "ann", "ann", NULL, HOUR_MS);
    struct client *nobody = client_open(fixture->port);
    assert_true(client_asks(nobody, "GET", "/watch"));
    show(certificates, "ann");
    struct client *plain = client_open(fixture->port), *socket = client_open(fixture->port);
    assert_true(client_asks(plain, "GET", "/watch"));
    assert_true(client_says(socket, handshake));
    assert_true(client_sees(nobody, "\r\n\r\n", CLIENT_TIMEOUT_MS));
    assert_true(client_sees(plain, "\r\n\r\n", CLIENT_TIMEOUT_MS));
    assert_true(client_sees(socket, "\r\n\r\n", CLIENT_TIMEOUT_MS));
    assert_true(fixture_reaches(&fixture->begun, 3));
    AUTO_FREE char *own = file_read(path, 65536, NULL, &err);
    struct certificates others = {0};
    certificates_make(&others);
    AUTO_FREE char *theirs = keypair_certificate(others.authority);
    assert_int_equal(file_write(path, theirs, strlen(theirs), 0600, &err), 0);
    assert_true(client_sees(plain, "0\r\n\r\n", CLIENT_TIMEOUT_MS));
    assert_true(client_sees(socket, "\x88\x02\x03\xe8", CLIENT_TIMEOUT_MS)); /* close 1000 */
    assert_true(fixture_reaches(&fixture->closed, 2));
    assert_int_equal(fixture_send(fixture, "more", 4), 1); /* to whoever showed nothing */
    assert_true(client_sees(nobody, "more", CLIENT_TIMEOUT_MS));
    client_close(nobody);
    client_close(plain);
    client_close(socket);
    assert_int_equal(file_write(path, own, strlen(own), 0600, &err), 0);
    clock_sleep_ms(1100); /* until it is looked at again */
    certificates_remove(&others);
    show(NULL, NULL);
}

/* ------------------------------------------------------------------------ options */

static void refuses_what_it_cannot_use(void **state)
{
    (void)state;
    struct certificates *certificates = fixture_certificates();
    certificates_client(certificates, "other", "other", NULL, HOUR_MS);
    AUTO_FREE char *certificate = certificates_file(certificates, "server", "crt");
    AUTO_FREE char *key = certificates_file(certificates, "server", "key");
    AUTO_FREE char *wrong_key = certificates_file(certificates, "other", "key");
    AUTO_FREE char *missing = certificates_file(certificates, "missing", "crt");
    const struct {
        struct http_tls_files files;
        const char *message;
    } cases[] = {
        {{certificate, NULL, NULL}, "needs a certificate and its key"},
        {{certificate, missing, NULL}, missing},
        {{missing, key, NULL}, missing},
        {{certificate, wrong_key, NULL}, "the key is not that of the certificate"},
        {{key, key, NULL}, "it has no certificate in PEM"},
        {{certificate, certificate, NULL}, "it has no private key in PEM"},
        {{certificate, key, missing}, missing},
        {{certificate, key, key}, "it has no certificates in PEM"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct http_server_options options = {.tls = cases[i].files};
        struct err err = {0};
        assert_null(http_server_start(&options, &err));
        if (!strstr(err.message, cases[i].message))
            fail_msg("\"%s\" instead of \"%s\"", err.message, cases[i].message);
    }
}

static void may_listen_on_all_addresses(void **state)
{
    (void)state;
    struct http_server_options options = {.address = "0.0.0.0"};
    struct fixture fixture;
    fixture_start(&fixture, &options);
    char wanted[32], line[256];
    bool found = false;
    snprintf(wanted, sizeof(wanted), " 00000000:%04X 00000000:0000 0A", (unsigned)fixture.port);
    FILE *file = fopen("/proc/net/tcp", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        found = found || strstr(line, wanted);
    fclose(file);
    assert_true(found);
    ask_who(&fixture, "nobody");
    fixture_stop(&fixture, 1000);
}

static void expect_peer(struct client *client, const char *peer)
{
    assert_true(client_asks(client, "GET", "/peer"));
    struct reply reply = client_reply(client, false);
    assert_int_equal(reply.status, 200);
    if (strncmp(reply.body.data, peer, strlen(peer)) != 0)
        fail_msg("the peer is %s", reply.body.data);
    reply_release(&reply);
    client_close(client);
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0)
        close(fd);
    return has;
}

/* "::" is for both; who comes by IPv4 is known by that address. */
static void serves_ipv6(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool both;
    } rows[] = {{"::1", false}, {"[::1]", false}, {"::", true}, {"[::]", true}};
    if (!has_ipv6()) {
        print_message("this machine has no IPv6 loopback: skipped\n");
        skip();
    }
    for (size_t i = 0; i < MOT_ARRAY_SIZE(rows); i++) {
        struct http_server_options options = {.address = rows[i].address};
        struct fixture fixture;
        fixture_start(&fixture, &options);
        expect_peer(client_open_v6(fixture.port), "[::1]:");
        if (rows[i].both)
            expect_peer(client_open(fixture.port), "127.0.0.1:");
        fixture_stop(&fixture, 1000);
    }
}

/* Without TLS on the loopback address alone, also of IPv6. */
static void plain_ipv6_is_for_this_machine(void **state)
{
    (void)state;
    static const char *const refused[] = {"::", "[::]", "::2", "fe80::1", "::ffff:127.0.0.1"};
    struct err err = {0};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(refused); i++) {
        struct http_server_options options = {.address = refused[i]};
        assert_null(http_server_start(&options, &err));
        assert_non_null(strstr(err.message, "is not a loopback address"));
    }
    if (!has_ipv6()) {
        print_message("this machine has no IPv6 loopback: skipped\n");
        skip();
    }
    struct http_server_options options = {.address = "[::1]"};
    struct http_server *server = http_server_start(&options, &err);
    if (!server)
        fail_msg("%s", err.message);
    http_server_stop(server, 100);
}

static int start(void **state)
{
    static struct fixture fixture;
    fixture_start(&fixture, NULL);
    *state = &fixture;
    return 0;
}

static int stop(void **state)
{
    fixture_stop(*state, 1000);
    return 0;
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(garbage_ends_the_connection),
        TEST(plain_http_is_told_so),
        cmocka_unit_test(slow_handshakes_are_cut),
        TEST(sessions_are_resumed),
        TEST(a_connection_keeps_its_certificate),
        TEST(certificates_of_others_are_refused),
        TEST(certificates_that_are_over_are_refused),
        TEST(a_changed_certificate_is_read_again),
        TEST(a_broken_file_changes_nothing),
        TEST(changed_authorities_hold),
        cmocka_unit_test(refuses_what_it_cannot_use),
        cmocka_unit_test(may_listen_on_all_addresses),
        TEST(streams_end_with_their_authority),
        cmocka_unit_test(serves_ipv6),
        cmocka_unit_test(plain_ipv6_is_for_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
