#include "rig.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>

#define DEADLINE_MS 20000

static void on_changed(void *context)
{
    struct rig *rig = context;
    pthread_mutex_lock(&rig->mutex);
    rig->changed = true;
    pthread_cond_signal(&rig->cond);
    pthread_mutex_unlock(&rig->mutex);
}

void rig_open(struct rig *rig)
{
    struct err err = {0};
    struct driver_options options = {.region = "test-us-east-1",
                                     .zone = "us-east-1a",
                                     .data = rig->data,
                                     .changed = on_changed,
                                     .context = rig};
    rig->driver = rig->ops->open(&options, &err);
    if (!rig->driver)
        fail_msg("open: %s", err.message);
}

void rig_close(struct rig *rig, bool stop_all)
{
    rig->ops->close(rig->driver, stop_all);
    rig->driver = NULL;
}

void rig_init(struct rig *rig, const struct driver_ops *ops)
{
    struct err err = {0};
    char dir[] = "/tmp/mot-driver-test-XXXXXX";
    pthread_condattr_t monotonic;
    *rig = (struct rig){
        .ops = ops, .arena = arena_new((size_t)64 << 20), .seen = arena_new((size_t)64 << 20)};
    assert_non_null(mkdtemp(dir));
    rig->dir = mem_strdup(dir);
    rig->data = file_join(dir, "data");
    rig->note = file_join(dir, "note");
    assert_int_equal(file_mkdirs(rig->data, 0755, &err), 0);
    pthread_mutex_init(&rig->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&rig->cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
    rig_open(rig);
}

void rig_release(struct rig *rig)
{
    struct err err = {0};
    if (rig->driver)
        rig_close(rig, true);
    int left = rig_processes(rig);
    int removed = file_remove_tree(rig->dir, &err);
    arena_free(rig->arena);
    arena_free(rig->seen);
    pthread_cond_destroy(&rig->cond);
    pthread_mutex_destroy(&rig->mutex);
    free(rig->dir);
    free(rig->data);
    free(rig->note);
    assert_int_equal(left, 0);
    assert_int_equal(removed, 0);
}

/* ------------------------------------------------------------------ workloads */

static const char * or (const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

struct workload *rig_workload(struct rig *rig, const struct spec *spec)
{
    struct err err = {0};
    const char *probe =
        or (spec->probe, ",\"readinessProbe\":{\"httpGet\":{\"path\":\"/ready\",\"port\":\"http\"},"
                         "\"periodSeconds\":1}");
    const char *container =
        spec->container ? spec->container
                        : arena_printf(rig->arena,
                                       "\"command\":[\"%s\"],\"args\":[%s],"
                                       "\"ports\":[{\"name\":\"http\",\"containerPort\":8080}]%s",
                                       MOT_TESTAPP, or (spec->args, ""), probe);
    const char *text = arena_printf(
        rig->arena,
        "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"%s-r\",\"uid\":\"%s\","
        "\"generation\":%lld,\"resourceVersion\":\"%lld\"},\"spec\":{\"deployment\":\"%s\","
        "\"region\":\"test-us-east-1\",\"zones\":[{\"name\":\"us-east-1a\",\"replicas\":1}],"
        "\"strategy\":%s,\"template\":{\"spec\":{\"terminationGracePeriodSeconds\":%d,"
        "\"containers\":[{\"name\":\"main\",\"image\":\"app:1\",%s,"
        "\"env\":[{\"name\":\"TESTAPP_NOTE\",\"value\":\"%s\"},"
        "{\"name\":\"VERSION\",\"value\":\"%s\"}]}%s]}}}}",
        or (spec->name, "web"), or (spec->uid, "uid-1"),
        (long long)(spec->revision ? spec->revision : 1),
        (long long)(spec->revision ? spec->revision : 1), or (spec->name, "web"),
        or (spec->strategy, "{}"), spec->grace ? spec->grace : 5, container, rig->note,
        or (spec->version, "1"), or (spec->more, ""));
    struct workload *workload = workload_decode(rig->arena, text, strlen(text), &err);
    if (!workload)
        fail_msg("%s: %s", err.message, text);
    return workload;
}

void rig_apply(struct rig *rig, const struct spec *spec, int replicas)
{
    struct err err = {0};
    const struct workload *workload = rig_workload(rig, spec);
    if (rig->ops->apply(rig->driver, workload, replicas, &err) < 0)
        fail_msg("apply: %s", err.message);
}

/* ------------------------------------------------------------------ looking */

static bool look(struct rig *rig)
{
    struct err err = {0};
    arena_clear(rig->seen);
    rig->observation = (struct observation){0};
    return rig->ops->observe(rig->driver, rig->seen, &rig->observation, &err) == 0;
}

static const struct observed_app *find(const struct rig *rig, const char *name)
{
    for (size_t i = 0; i < rig->observation.app_count; i++) {
        if (strcmp(rig->observation.apps[i].name, name) == 0)
            return &rig->observation.apps[i];
    }
    return NULL;
}

/* False when nothing changed until @deadline. */
static bool wait_change(struct rig *rig, int64_t deadline)
{
    struct timespec until = {.tv_sec = deadline / 1000, .tv_nsec = deadline % 1000 * 1000000};
    pthread_mutex_lock(&rig->mutex);
    while (!rig->changed && clock_ms() < deadline)
        pthread_cond_timedwait(&rig->cond, &rig->mutex, &until);
    bool changed = rig->changed;
    rig->changed = false;
    pthread_mutex_unlock(&rig->mutex);
    return changed;
}

const struct observed_app *rig_look(struct rig *rig, const char *name)
{
    int64_t deadline = clock_ms() + DEADLINE_MS;
    while (!look(rig)) {
        if (!wait_change(rig, deadline))
            fail_msg("the driver can't be observed");
    }
    return find(rig, name);
}

static void print_app(const struct observed_app *app)
{
    for (size_t i = 0; app && i < app->instance_count; i++) {
        const struct observed_instance *one = &app->instances[i];
        print_message("    %s %s%s restarts %d %s %s (%s)\n", one->id,
                      instance_phase_name(one->phase), one->ready ? " ready" : "", one->restarts,
                      one->reason, one->message, one->health.message);
    }
}

const struct observed_app *rig_wait(struct rig *rig, const char *name, const char *what,
                                    bool (*test)(const struct observed_app *app, int64_t number),
                                    int64_t number,
                                    void (*each)(const struct observed_app *app, void *context),
                                    void *context)
{
    int64_t deadline = clock_ms() + DEADLINE_MS;
    for (;;) {
        bool ok = look(rig);
        const struct observed_app *app = ok ? find(rig, name) : NULL;
        if (ok && each && app)
            each(app, context);
        if (ok && test(app, number))
            return app;
        if (!wait_change(rig, deadline)) {
            print_app(app);
            fail_msg("%s: not within %d ms: %s", name, DEADLINE_MS, what);
        }
    }
}

bool all_ready(const struct observed_app *app, int64_t replicas)
{
    if (!app || (int64_t)app->instance_count != replicas)
        return false;
    for (size_t i = 0; i < app->instance_count; i++) {
        if (!app->instances[i].ready || app->instances[i].phase != INSTANCE_RUNNING)
            return false;
    }
    return true;
}

bool all_updated(const struct observed_app *app, int64_t replicas)
{
    if (!all_ready(app, replicas))
        return false;
    for (size_t i = 0; i < app->instance_count; i++) {
        if (strcmp(app->instances[i].template_hash, app->template_hash) != 0)
            return false;
    }
    return true;
}

bool is_gone(const struct observed_app *app, int64_t unused)
{
    (void)unused;
    return !app;
}

/* ------------------------------------------------------------------ the world outside */

const char *rig_get(struct rig *rig, int port, const char *path, int *ret_status)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 5};
    size_t len = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    *ret_status = 0;
    char *text = NULL;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
        struct err err;
        dprintf(fd, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
        text = file_read_fd(fd, 65536, &len, &err);
    }
    close(fd);
    const char *body = text ? strstr(text, "\r\n\r\n") : NULL;
    if (text)
        sscanf(text, "HTTP/1.1 %d", ret_status);
    const char *copy = arena_strdup(rig->arena, body ? body + 4 : "");
    free(text);
    return copy;
}

int rig_noted(const struct rig *rig, const char *what)
{
    struct err err;
    int count = 0;
    char *text = file_read(rig->note, (size_t)1 << 20, NULL, &err);
    for (const char *line = text; line && *line; line = strchr(line, '\n') + 1)
        count += strncmp(line, what, strlen(what)) == 0;
    free(text);
    return count;
}

static bool is_of(const struct rig *rig, const char *pid)
{
    struct err err;
    char path[300];
    size_t len = 0;
    snprintf(path, sizeof(path), "/proc/%s/environ", pid);
    char *text = file_read(path, (size_t)1 << 20, &len, &err);
    bool found = text && memmem(text, len, rig->note, strlen(rig->note));
    free(text);
    return found;
}

int rig_processes(const struct rig *rig)
{
    int count = 0;
    DIR *proc = opendir("/proc");
    for (const struct dirent *entry; (entry = readdir(proc));) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            count += is_of(rig, entry->d_name);
    }
    closedir(proc);
    return count;
}
