#include "keyring.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <mot/base/backoff.h>
#include <mot/base/clock.h>
#include <mot/base/cond.h>
#include <mot/base/file.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>
#include <mot/model/json.h>

#include "fetch.h"

#define FILE_MAX      ((size_t)1 << 20)
#define LOOK_EVERY_MS 1000
#define PAUSE_MS      ((int64_t)10 * 1000)
#define REFRESH_MS    ((int64_t)5 * 60 * 1000)
#define WAIT_MS       5000
#define WAITERS_MAX   4
#define DISCOVERY     "/.well-known/openid-configuration"

struct keyring {
    char *file;   /* or NULL */
    char *url;    /* or NULL: to be discovered */
    char *issuer; /* for that */
    char *ca_file;
    int64_t pause_ms;
    pthread_mutex_t lock; /* of what follows */
    struct jwks *keys;
    uint64_t changes;        /* of the keys */
    struct file_stamp stamp; /* of the file */
    int64_t looked_ms;
    /* of the URL */
    pthread_cond_t changed;
    uint64_t fetches; /* that ended, well or not */
    int64_t fetched_ms;
    int waiters;
    bool wanted, stopping;
    int stop_fd; /* readable once it stops */
    pthread_t thread;
    bool has_thread;
};

/* With the lock held; takes over @keys. */
static void adopt(struct keyring *keyring, struct jwks *keys)
{
    keyring->changes += !jwks_same(keyring->keys, keys);
    jwks_unref(keyring->keys);
    keyring->keys = keys;
}

/* -------------------------------------------------------------------------------- a file */

static struct jwks *read_file(const char *path, struct err *err)
{
    size_t len = 0;
    AUTO_FREE char *text = file_read(path, FILE_MAX, &len, err);
    struct jwks *keys = text ? jwks_parse(text, len, err) : NULL;
    if (text && !keys)
        err_wrap(err, "%s", path);
    return keys;
}

/* With the lock held. */
static void follow_file(struct keyring *keyring)
{
    int64_t now = clock_ms();
    if (now < keyring->looked_ms + LOOK_EVERY_MS)
        return;
    keyring->looked_ms = now;
    struct file_stamp before = keyring->stamp;
    if (!file_stamp_renew(&keyring->stamp, keyring->file))
        return;
    struct err err = {0};
    struct jwks *keys = read_file(keyring->file, &err);
    if (!keys) {
        if (err.code == ERR_TRANSIENT) /* it may be all right: the next look reads it again */
            keyring->stamp = before;
        log_warn("the changed key set can't be used: the keys before it still hold",
                 LOG_S("why", err.message));
        return;
    }
    adopt(keyring, keys);
    log_info("read the changed key set", LOG_S("file", keyring->file),
             LOG_I("keys", jwks_count(keys)));
}

/* -------------------------------------------------------------------------------- a URL */

/* free() it. */
static char *discover(const struct keyring *keyring, struct err *err)
{
    size_t len = strlen(keyring->issuer);
    while (len > 0 && keyring->issuer[len - 1] == '/')
        len--;
    AUTO_FREE char *url = mem_printf("%.*s%s", (int)len, keyring->issuer, DISCOVERY);
    AUTO_FREE char *text = fetch_url(url, keyring->ca_file, keyring->stop_fd, err);
    json_t *document = text ? json_parse(text, strlen(text), true, err) : NULL;
    if (!document)
        return NULL;
    const char *issuer = json_string_value(json_object_get(document, "issuer"));
    const char *keys = json_string_value(json_object_get(document, "jwks_uri"));
    char *found = NULL;
    if (!issuer || strcmp(issuer, keyring->issuer) != 0)
        err_set(err, ERR_INVALID, "%s is about another issuer", url);
    else if (!keys)
        err_set(err, ERR_INVALID, "%s names no jwks_uri", url);
    else
        found = mem_strdup(keys);
    json_decref(document);
    return found;
}

static struct jwks *fetch(const struct keyring *keyring, struct err *err)
{
    AUTO_FREE char *url = keyring->url ? mem_strdup(keyring->url) : discover(keyring, err);
    AUTO_FREE char *text = url ? fetch_url(url, keyring->ca_file, keyring->stop_fd, err) : NULL;
    struct jwks *keys = text ? jwks_parse(text, strlen(text), err) : NULL;
    if (text && !keys)
        err_wrap(err, "%s", url);
    return keys;
}

/* With the lock held, which is let go meanwhile. */
static bool refresh(struct keyring *keyring)
{
    struct err err = {0};
    pthread_mutex_unlock(&keyring->lock);
    struct jwks *keys = fetch(keyring, &err);
    pthread_mutex_lock(&keyring->lock);
    if (keys) {
        adopt(keyring, keys);
    } else if (!keyring->stopping) {
        log_warn("the keys of the tokens' issuer could not be fetched",
                 LOG_S("issuer", keyring->issuer), LOG_S("why", err.message));
    }
    keyring->fetches++;
    keyring->fetched_ms = clock_ms();
    keyring->wanted = false;
    pthread_cond_broadcast(&keyring->changed);
    return keys != NULL;
}

/* With the lock held: until it is time to fetch again, or somebody wants it and may. */
static void rest(struct keyring *keyring, int64_t until_ms)
{
    while (!keyring->stopping && clock_ms() < until_ms) {
        int64_t earliest = keyring->fetched_ms + keyring->pause_ms;
        if (keyring->wanted && clock_ms() >= earliest)
            return;
        int64_t wake = keyring->wanted && earliest < until_ms ? earliest : until_ms;
        cond_wait(&keyring->changed, &keyring->lock, wake);
    }
}

static void *run(void *context)
{
    struct keyring *keyring = context;
    struct backoff backoff = BACKOFF_INIT(keyring->pause_ms, REFRESH_MS);
    pthread_mutex_lock(&keyring->lock);
    while (!keyring->stopping) {
        int64_t wait = REFRESH_MS - (int64_t)random_below(REFRESH_MS / 10);
        if (refresh(keyring))
            backoff_reset(&backoff);
        else
            wait = backoff_next(&backoff);
        rest(keyring, clock_ms() + wait);
    }
    pthread_mutex_unlock(&keyring->lock);
    return NULL;
}

/* -------------------------------------------------------------------------------- both */

static char *copy(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

static bool is_url(const char *source)
{
    return strstr(source, "://") != NULL;
}

static int start(struct keyring *keyring, struct err *err)
{
    if (keyring->file) {
        keyring->stamp = file_stamp(keyring->file);
        keyring->looked_ms = clock_ms();
        keyring->keys = read_file(keyring->file, err);
        return keyring->keys ? 0 : -1;
    }
    const char *url = keyring->url ? keyring->url : keyring->issuer;
    if (!fetch_url_allowed(url))
        return err_set(err, ERR_INVALID, "%s is no https:// URL", url);
    keyring->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (keyring->stop_fd < 0)
        return err_set(err, ERR_TRANSIENT, "eventfd: %s", strerror(errno));
    int error = pthread_create(&keyring->thread, NULL, run, keyring);
    if (error)
        return err_set(err, ERR_TRANSIENT, "can't start a thread: %s", strerror(error));
    keyring->has_thread = true;
    return 0;
}

struct keyring *keyring_open(const struct keyring_options *options, struct err *err)
{
    struct keyring *keyring = mem_zalloc(sizeof(*keyring));
    pthread_mutex_init(&keyring->lock, NULL);
    cond_init(&keyring->changed);
    keyring->stop_fd = -1;
    keyring->issuer = mem_strdup(options->issuer);
    keyring->ca_file = copy(options->ca_file);
    keyring->pause_ms = options->pause_ms ? options->pause_ms : PAUSE_MS;
    if (options->source && is_url(options->source))
        keyring->url = mem_strdup(options->source);
    else
        keyring->file = copy(options->source);
    if (start(keyring, err) == 0)
        return keyring;
    keyring_free(keyring);
    return NULL;
}

void keyring_free(struct keyring *keyring)
{
    if (!keyring)
        return;
    if (keyring->has_thread) {
        uint64_t one = 1;
        pthread_mutex_lock(&keyring->lock);
        keyring->stopping = true;
        ssize_t ignored = write(keyring->stop_fd, &one, sizeof(one));
        (void)ignored;
        pthread_cond_broadcast(&keyring->changed);
        pthread_mutex_unlock(&keyring->lock);
        pthread_join(keyring->thread, NULL);
    }
    if (keyring->stop_fd >= 0)
        close(keyring->stop_fd);
    jwks_unref(keyring->keys);
    pthread_cond_destroy(&keyring->changed);
    pthread_mutex_destroy(&keyring->lock);
    free(keyring->file);
    free(keyring->url);
    free(keyring->issuer);
    free(keyring->ca_file);
    free(keyring);
}

struct jwks *keyring_keys(struct keyring *keyring)
{
    pthread_mutex_lock(&keyring->lock);
    if (keyring->file)
        follow_file(keyring);
    struct jwks *keys = jwks_ref(keyring->keys);
    pthread_mutex_unlock(&keyring->lock);
    return keys;
}

uint64_t keyring_changes(struct keyring *keyring)
{
    pthread_mutex_lock(&keyring->lock);
    if (keyring->file)
        follow_file(keyring);
    uint64_t changes = keyring->changes;
    pthread_mutex_unlock(&keyring->lock);
    return changes;
}

/* With the lock held. */
static void await_fetch(struct keyring *keyring)
{
    int64_t until = clock_ms() + WAIT_MS;
    uint64_t before = keyring->fetches;
    keyring->wanted = true;
    keyring->waiters++;
    pthread_cond_broadcast(&keyring->changed);
    while (keyring->fetches == before && !keyring->stopping &&
           cond_wait(&keyring->changed, &keyring->lock, until))
        ;
    keyring->waiters--;
}

struct jwks *keyring_newer(struct keyring *keyring, const struct jwks *old)
{
    pthread_mutex_lock(&keyring->lock);
    bool rested = keyring->fetches == 0 || clock_ms() >= keyring->fetched_ms + keyring->pause_ms;
    if (!keyring->file && keyring->keys == old && rested && keyring->waiters < WAITERS_MAX)
        await_fetch(keyring);
    struct jwks *keys = keyring->keys != old ? jwks_ref(keyring->keys) : NULL;
    pthread_mutex_unlock(&keyring->lock);
    return keys;
}
