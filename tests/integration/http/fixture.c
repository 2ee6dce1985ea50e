#include "fixture.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "client.h"
#include "lib/certificates.h"

static void on_writable(void *context)
{
    struct watcher *watcher = context;
    atomic_fetch_add(&watcher->fixture->writable, 1);
}

static void on_closed(void *context)
{
    struct watcher *watcher = context;
    struct fixture *fixture = watcher->fixture;
    pthread_mutex_lock(&fixture->lock);
    assert(watcher->stream);
    watcher->stream = NULL;
    pthread_mutex_unlock(&fixture->lock);
    atomic_fetch_add(&fixture->closed, 1);
}

static const struct http_stream_events events = {on_writable, on_closed};

static void put(struct http_stream *stream, const char *text)
{
    struct http_frame *frame = http_frame_new(mem_strdup(text), strlen(text));
    (void)http_stream_write(stream, frame);
    http_frame_unref(frame);
}

static struct http_stream *begin(struct fixture *fixture, const struct http_request *request,
                                 struct http_response *response)
{
    struct watcher *watcher = mem_zalloc(sizeof(*watcher));
    response->content_type = "application/json";
    watcher->fixture = fixture;
    http_response_header(response, "X-Stream", "yes");
    pthread_mutex_lock(&fixture->lock);
    mem_grow((void **)&fixture->watchers, &fixture->watcher_capacity, fixture->watcher_count,
             sizeof(struct watcher *));
    fixture->watchers[fixture->watcher_count++] = watcher;
    watcher->stream = http_stream_begin(
        request, response, http_header(request, "sec-websocket-protocol"), &events, watcher);
    pthread_mutex_unlock(&fixture->lock);
    atomic_fetch_add(&fixture->begun, 1);
    return watcher->stream;
}

static void wait_at_gate(struct fixture *fixture)
{
    atomic_fetch_add(&fixture->waiting, 1);
    pthread_mutex_lock(&fixture->lock);
    while (!fixture->gate_open)
        pthread_cond_wait(&fixture->changed, &fixture->lock);
    pthread_mutex_unlock(&fixture->lock);
    atomic_fetch_sub(&fixture->waiting, 1);
}

static void send_bytes(const struct http_request *request, struct http_response *response)
{
    AUTO_FREE char *n = http_query(request, "n");
    size_t len = n ? strtoul(n, NULL, 10) : 0;
    char *room = buf_reserve(&response->body, len);
    for (size_t i = 0; i < len; i += 26)
        memcpy(room + i, "abcdefghijklmnopqrstuvwxyz", len - i < 26 ? len - i : 26);
    response->body.len += len;
}

static void tell_who(const struct http_request *request, struct http_response *response)
{
    const struct http_certificate *certificate = request->certificate;
    if (!certificate) {
        buf_adds(&response->body, "nobody");
        return;
    }
    if (certificate->refused) {
        buf_addf(&response->body, "refused: %s", certificate->refused);
        return;
    }
    buf_adds(&response->body, certificate->common_name);
    for (size_t i = 0; i < certificate->organization_count; i++)
        buf_addf(&response->body, " %s", certificate->organizations[i]);
}

static void handle(void *context, const struct http_request *request,
                   struct http_response *response)
{
    struct fixture *fixture = context;
    response->content_type = "text/plain";
    if (strcmp(request->path, "/wait") == 0)
        wait_at_gate(fixture);
    if (strcmp(request->path, "/big") == 0) {
        send_bytes(request, response);
    } else if (strcmp(request->path, "/events") == 0) {
        struct http_stream *stream = begin(fixture, request, response);
        put(stream, "{\"n\":1}\n");
        put(stream, "{\"n\":2}\n");
        put(stream, "{\"n\":3}\n");
        http_stream_end(stream);
    } else if (strcmp(request->path, "/watch") == 0) {
        begin(fixture, request, response);
    } else if (strcmp(request->path, "/denied") == 0) {
        response->status = 403;
        buf_adds(&response->body, "{\"kind\":\"Status\",\"code\":403}");
    } else if (strcmp(request->path, "/who") == 0) {
        tell_who(request, response);
    } else if (strcmp(request->path, "/peer") == 0) {
        buf_adds(&response->body, request->peer);
    } else {
        buf_addf(&response->body, "%s %s %zu ", request->method, request->target,
                 request->body_len);
        buf_add(&response->body, request->body,
                request->body_len < 1000 ? request->body_len : 1000);
    }
}

static struct certificates certificates;

static void remove_certificates(void)
{
    client_use_tls(NULL);
    certificates_remove(&certificates);
}

struct certificates *fixture_certificates(void)
{
    if (!certificates.authority) {
        certificates_make(&certificates);
        atexit(remove_certificates);
    }
    return &certificates;
}

bool fixture_has_tls(void)
{
    return getenv("MOT_TEST_TLS") != NULL;
}

static struct http_server *start(struct http_server_options *options, struct err *err)
{
    if (!fixture_has_tls())
        return http_server_start(options, err);
    struct certificates *files = fixture_certificates();
    AUTO_FREE char *authorities = certificates_file(files, "ca", "crt");
    AUTO_FREE char *certificate = certificates_file(files, "server", "crt");
    AUTO_FREE char *key = certificates_file(files, "server", "key");
    options->tls = (struct http_tls_files){certificate, key, authorities};
    client_use_tls(&(struct client_tls){.authorities = authorities});
    return http_server_start(options, err);
}

void fixture_start(struct fixture *fixture, const struct http_server_options *options)
{
    struct http_server_options own = {0};
    struct err err = {0};
    memset(fixture, 0, sizeof(*fixture));
    pthread_mutex_init(&fixture->lock, NULL);
    pthread_cond_init(&fixture->changed, NULL);
    if (options)
        own = *options;
    own.handler = handle;
    own.context = fixture;
    if (own.workers == 0)
        own.workers = 4;
    fixture->server = start(&own, &err);
    if (!fixture->server) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    fixture->port = http_server_port(fixture->server);
}

void fixture_stop(struct fixture *fixture, int64_t grace_ms)
{
    http_server_stop(fixture->server, grace_ms);
    assert(atomic_load(&fixture->begun) == atomic_load(&fixture->closed));
    for (size_t i = 0; i < fixture->watcher_count; i++) {
        assert(!fixture->watchers[i]->stream);
        free(fixture->watchers[i]);
    }
    free(fixture->watchers);
    pthread_cond_destroy(&fixture->changed);
    pthread_mutex_destroy(&fixture->lock);
}

void fixture_open_gate(struct fixture *fixture)
{
    pthread_mutex_lock(&fixture->lock);
    fixture->gate_open = true;
    pthread_cond_broadcast(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
}

size_t fixture_send(struct fixture *fixture, const char *data, size_t len)
{
    char *copy = mem_alloc(len + 1);
    memcpy(copy, data, len);
    struct http_frame *frame = http_frame_new(copy, len);
    size_t taken = 0;
    pthread_mutex_lock(&fixture->lock);
    for (size_t i = 0; i < fixture->watcher_count; i++) {
        struct watcher *watcher = fixture->watchers[i];
        if (watcher->stream && http_stream_write(watcher->stream, frame))
            taken++;
        else
            watcher->overflowed = true;
    }
    pthread_mutex_unlock(&fixture->lock);
    http_frame_unref(frame);
    return taken;
}

void fixture_end(struct fixture *fixture, bool abort)
{
    pthread_mutex_lock(&fixture->lock);
    for (size_t i = 0; i < fixture->watcher_count; i++) {
        struct http_stream *stream = fixture->watchers[i]->stream;
        if (stream && abort)
            http_stream_abort(stream);
        else if (stream)
            http_stream_end(stream);
    }
    pthread_mutex_unlock(&fixture->lock);
}

bool fixture_reaches(atomic_int *counter, int wanted)
{
    for (int i = 0; i < 5000 && atomic_load(counter) != wanted; i++)
        clock_sleep_ms(2);
    return atomic_load(counter) == wanted;
}

bool fixture_connections_reach(struct fixture *fixture, size_t wanted)
{
    for (int i = 0; i < 5000 && http_server_counts(fixture->server).connections != wanted; i++)
        clock_sleep_ms(2);
    return http_server_counts(fixture->server).connections == wanted;
}

size_t open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 3; /* ".", ".." and the folder itself */
}

int64_t cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(SANITIZED)
size_t resident_bytes(void)
{
    return 0;
}
#else
size_t resident_bytes(void)
{
    size_t total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%zu %zu", &total, &resident) != 2)
        abort();
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}
#endif
