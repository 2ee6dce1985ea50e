/* Keys from a URL: fetched, refreshed for a key that is not known, kept when the server is away. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include <api/auth/jwt.h>
#include <api/auth/keyring.h>
#include <api/http/server.h>

#include "issuer.h"

#define DEADLINE_MS 20000
#define PAUSE_MS    300

/* An issuer's server. */
struct site {
    struct http_server *server;
    char *url;
    pthread_mutex_t lock;
    char *keys;      /* the set, or NULL: 500 */
    char *discovery; /* the document, or NULL: 404 */
    atomic_int fetches;
    atomic_bool hang; /* handlers wait while it is set */
};

static void serve(void *context, const struct http_request *request, struct http_response *response)
{
    struct site *site = context;
    bool keys = strcmp(request->path, "/keys") == 0;
    if (keys)
        atomic_fetch_add(&site->fetches, 1);
    while (atomic_load(&site->hang))
        clock_sleep_ms(5);
    pthread_mutex_lock(&site->lock);
    const char *text = keys ? site->keys : site->discovery;
    response->status = text ? 200 : keys ? 500 : 404;
    buf_adds(&response->body, text ? text : "");
    pthread_mutex_unlock(&site->lock);
}

static void site_start(struct site *site)
{
    struct err err = {0};
    memset(site, 0, sizeof(*site));
    pthread_mutex_init(&site->lock, NULL);
    struct http_server_options options = {.workers = 2, .handler = serve, .context = site};
    site->server = http_server_start(&options, &err);
    assert_non_null(site->server);
    site->url = mem_printf("http://127.0.0.1:%d", http_server_port(site->server));
}

static void site_stop(struct site *site)
{
    atomic_store(&site->hang, false);
    http_server_stop(site->server, 1000);
    pthread_mutex_destroy(&site->lock);
    free(site->url);
    free(site->keys);
    free(site->discovery);
}

static void set_text(struct site *site, char **place, char *text)
{
    pthread_mutex_lock(&site->lock);
    free(*place);
    *place = text;
    pthread_mutex_unlock(&site->lock);
}

static struct keyring *open_ring(const struct site *site, const char *path)
{
    struct err err = {0};
    AUTO_FREE char *url = path ? mem_printf("%s%s", site->url, path) : NULL;
    const struct keyring_options options = {
        .source = url, .issuer = site->url, .pause_ms = PAUSE_MS};
    struct keyring *ring = keyring_open(&options, &err);
    if (!ring)
        fail_msg("%s", err.message);
    return ring;
}

static size_t await_keys(struct keyring *ring, size_t wanted)
{
    size_t count = 0;
    for (int64_t until = clock_ms() + DEADLINE_MS; clock_ms() < until; clock_sleep_ms(10)) {
        struct jwks *keys = keyring_keys(ring);
        count = keys ? jwks_count(keys) : 0;
        jwks_unref(keys);
        if (count == wanted)
            break;
    }
    return count;
}

static void an_unknown_key_is_looked_for(void **state)
{
    (void)state;
    struct site site;
    site_start(&site);
    const struct issuer_key *one = issuer_key("P-256", "1"), *two = issuer_key("P-256", "2");
    set_text(&site, &site.keys, issuer_jwks(one, NULL));
    struct keyring *ring = open_ring(&site, "/keys");
    assert_int_equal(await_keys(ring, 1), 1);
    struct jwks *keys = keyring_keys(ring);
    /* Right after a fetch there is no other one, however often it is asked for. */
    for (int i = 0; i < 100; i++)
        assert_null(keyring_newer(ring, keys));
    assert_int_equal(atomic_load(&site.fetches), 1);
    set_text(&site, &site.keys, issuer_jwks(one, two, NULL));
    clock_sleep_ms(PAUSE_MS + 50);
    struct jwks *newer = keyring_newer(ring, keys);
    assert_non_null(newer);
    assert_int_equal(jwks_count(newer), 2);
    assert_int_equal(atomic_load(&site.fetches), 2);
    jwks_unref(newer);
    jwks_unref(keys);
    keyring_free(ring);
    site_stop(&site);
}

static void keys_are_kept_while_the_server_is_away(void **state)
{
    (void)state;
    struct site site;
    site_start(&site);
    set_text(&site, &site.keys, issuer_jwks(issuer_key("P-256", "1"), NULL));
    struct keyring *ring = open_ring(&site, "/keys");
    assert_int_equal(await_keys(ring, 1), 1);
    static const char *const broken[] = {NULL, "", "{}", "no JSON", "{\"keys\":[]}"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(broken); i++) {
        struct jwks *keys = keyring_keys(ring);
        set_text(&site, &site.keys, broken[i] ? mem_strdup(broken[i]) : NULL);
        clock_sleep_ms(PAUSE_MS + 50);
        struct jwks *newer = keyring_newer(ring, keys);
        assert_true(!newer || jwks_count(newer) == 1);
        jwks_unref(newer);
        jwks_unref(keys);
        assert_int_equal(await_keys(ring, 1), 1);
    }
    keyring_free(ring);
    site_stop(&site);
}

struct asker {
    struct keyring *ring;
    atomic_int *answered;
};

static void *ask(void *context)
{
    struct asker *asker = context;
    jwks_unref(keyring_newer(asker->ring, NULL));
    atomic_fetch_add(asker->answered, 1);
    return NULL;
}

/* A server that hangs: a few wait for it, the others go on at once, and the end waits for nobody.
 */
static void a_server_that_hangs_holds_up_few(void **state)
{
    (void)state;
    enum { ASKERS = 12, WAIT = 4 };
    struct site site;
    pthread_t threads[ASKERS];
    atomic_int answered = 0;
    site_start(&site);
    atomic_store(&site.hang, true);
    struct keyring *ring = open_ring(&site, "/keys");
    struct asker asker = {ring, &answered};
    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &asker), 0);
    int64_t began = clock_ms();
    while (atomic_load(&answered) < ASKERS - WAIT && clock_ms() < began + DEADLINE_MS)
        clock_sleep_ms(5);
    assert_in_range(clock_ms() - began, 0, 3000);
    assert_int_equal(atomic_load(&answered), ASKERS - WAIT);
    for (int i = 0; i < ASKERS; i++)
        pthread_join(threads[i], NULL);
    assert_in_range(clock_ms() - began, 4000, 9000); /* their deadline */
    began = clock_ms();
    keyring_free(ring);
    assert_in_range(clock_ms() - began, 0, 1000);
    site_stop(&site);
}

static void keys_are_discovered(void **state)
{
    (void)state;
    struct site site;
    site_start(&site);
    set_text(&site, &site.keys, issuer_jwks(issuer_key("P-256", "1"), NULL));
    static const char *const bad[] = {"{}", "[]", "{\"issuer\":\"http://other\"}", ""};
    struct keyring *ring = open_ring(&site, NULL);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(bad); i++) {
        set_text(&site, &site.discovery, mem_strdup(bad[i]));
        clock_sleep_ms(PAUSE_MS + 50);
        assert_null(keyring_newer(ring, NULL));
    }
    assert_int_equal(atomic_load(&site.fetches), 0);
    set_text(&site, &site.discovery,
             mem_printf("{\"issuer\":\"%s\",\"jwks_uri\":\"%s/keys\"}", site.url, site.url));
    assert_int_equal(await_keys(ring, 1), 1);
    keyring_free(ring);
    site_stop(&site);
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
        cmocka_unit_test(an_unknown_key_is_looked_for),
        cmocka_unit_test(keys_are_kept_while_the_server_is_away),
        cmocka_unit_test(a_server_that_hangs_holds_up_few),
        cmocka_unit_test(keys_are_discovered),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
