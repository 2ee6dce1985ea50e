/*
 * What TLS costs: requests per second on one kept-alive connection, and new connections per second,
 * with full handshakes, resumed ones, and without TLS. Server and client share the process and its
 * cores, and the client's share of a handshake is as large as the server's.
 */
#include <stdio.h>
#include <stdlib.h>

#include <mot/base/clock.h>

#include <tests/integration/http/client.h>
#include <tests/integration/http/fixture.h>
#include <tests/lib/certificates.h>

#define RUN_MS 3000

static void ask(struct client *client)
{
    if (!client_asks(client, "GET", "/who"))
        abort();
    struct reply reply = client_reply(client, false);
    if (reply.status != 200)
        abort();
    reply_release(&reply);
}

static void bench_requests(int port, const char *what)
{
    struct client *client = client_open(port);
    int64_t begin = clock_ms(), cpu = cpu_us(), done = 0;
    for (; clock_ms() - begin < RUN_MS; done++)
        ask(client);
    printf("%-28s %8.0f requests/s, %5.1f us of CPU each\n", what,
           (double)done * 1000.0 / (double)(clock_ms() - begin),
           (double)(cpu_us() - cpu) / (double)done);
    client_close(client);
}

static void bench_connections(int port, const char *what, const struct client_tls *again)
{
    int64_t begin = clock_ms(), cpu = cpu_us(), done = 0;
    for (; clock_ms() - begin < RUN_MS; done++) {
        if (again) /* forgets the session */
            client_use_tls(again);
        struct client *client = client_open(port);
        ask(client);
        client_close(client);
    }
    printf("%-28s %8.0f connections/s, %5.0f us of CPU each\n", what,
           (double)done * 1000.0 / (double)(clock_ms() - begin),
           (double)(cpu_us() - cpu) / (double)done);
}

int main(void)
{
    struct fixture fixture;
    unsetenv("MOT_TEST_TLS");
    fixture_start(&fixture, NULL);
    bench_requests(fixture.port, "plain");
    bench_connections(fixture.port, "plain", NULL);
    fixture_stop(&fixture, 1000);

    setenv("MOT_TEST_TLS", "1", 1);
    fixture_start(&fixture, NULL);
    char *authorities = certificates_file(fixture_certificates(), "ca", "crt");
    static const char *const groups[] = {"system:masters", NULL};
    certificates_client(fixture_certificates(), "admin", "admin", groups, 3600000);
    char *certificate = certificates_file(fixture_certificates(), "admin", "crt");
    char *key = certificates_file(fixture_certificates(), "admin", "key");
    const struct client_tls none = {authorities, NULL, NULL},
                            admin = {authorities, certificate, key};
    bench_requests(fixture.port, "TLS");
    bench_connections(fixture.port, "TLS", &none);
    bench_connections(fixture.port, "TLS, client certificate", &admin);
    client_use_tls(&admin);
    bench_connections(fixture.port, "TLS, resumed", NULL);
    fixture_stop(&fixture, 1000);
    free(authorities);
    free(certificate);
    free(key);
    return 0;
}
