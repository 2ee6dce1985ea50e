/* The driver `local`: a small process scheduler on this machine. The functions that a zone's worker
 * calls. */
#include "local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>

#include "drivers/drivers.h"
#include "plan.h"

/* After open(), how long the first probes of what was found running may take. */
#define FIRST_LOOK_MS 1000
#define LOCAL_HOST    "127.0.0.1"

static struct local *local_of(struct driver *driver)
{
    return (struct local *)driver;
}

/* ------------------------------------------------------------------ open, close */

static void on_wake(void *owner, uint32_t events)
{
    struct local *local = owner;
    uint64_t count;
    (void)events;
    ssize_t ignored = read(local->wake.fd, &count, sizeof(count));
    (void)ignored;
}

static void local_free(struct local *local)
{
    map_free(local->apps);
    timers_release(&local->reactor.timers);
    pthread_mutex_destroy(&local->mutex);
    const int fds[] = {local->reactor.epoll, local->wake.fd, local->lock_fd};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(fds); i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    free(local->region);
    free(local->zone);
    free(local->data);
    free(local);
}

static struct local *local_new(const struct driver_options *options)
{
    struct local *local = mem_zalloc(sizeof(*local));
    local->base.ops = &local_driver;
    local->region = mem_strdup(options->region);
    local->zone = mem_strdup(options->zone);
    local->data = realpath(options->data, NULL);
    local->changed = options->changed;
    local->context = options->context;
    local->lock_fd = -1;
    local->apps = map_new(app_free);
    local->reactor.epoll = epoll_create1(EPOLL_CLOEXEC);
    local->wake = (struct source){
        .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .ready = on_wake, .owner = local};
    pthread_mutex_init(&local->mutex, NULL);
    process_boot_id(local->boot);
    process_raise_limits();
    return local;
}

static const struct instance *find_instance(const struct local *local, const char *id)
{
    for (struct map_iter it = {0}; map_next(local->apps, &it);) {
        const struct app *app = it.value;
        for (size_t i = 0; i < app->instance_count; i++) {
            if (strcmp(app->instances[i]->id, id) == 0)
                return app->instances[i];
        }
    }
    return NULL;
}

/* What the processes of an instance that runs have started is theirs. */
static bool is_known(void *context, const char *id, pid_t group)
{
    const struct instance *instance = find_instance(context, id);
    (void)group;
    return instance && !instance_ended(instance);
}

/* Who belongs to nothing is known once everything that runs was found. */
static int resume(struct local *local, struct err *err)
{
    for (struct map_iter it = {0}; map_next(local->apps, &it);) {
        struct app *app = it.value;
        for (size_t i = 0; i < app->instance_count; i++) {
            if (instance_resume(app->instances[i], err) < 0)
                return -1;
        }
        app_touch(app);
    }
    int strays = process_kill_strays(local->id, is_known, local);
    if (strays > 0)
        log_warn("killed processes that nobody knows", LOG_S("zone", local->zone),
                 LOG_I("count", strays));
    return 0;
}

static int prepare(struct local *local, const char *data, struct err *err)
{
    if (!local->data)
        return err_set(err, ERR_NOT_FOUND, "cannot open the folder %s", data);
    if (local->reactor.epoll < 0 || local->wake.fd < 0 ||
        !reactor_watch(&local->reactor, &local->wake, EPOLLIN))
        return err_set(err, ERR_TRANSIENT, "cannot make an epoll descriptor");
    if (state_open(local, err) < 0 || state_load(local, err) < 0 || resume(local, err) < 0)
        return -1;
    local->opened = clock_ms();
    if (pthread_create(&local->thread, NULL, loop_main, local) != 0)
        return err_set(err, ERR_TRANSIENT, "cannot start a thread");
    return 0;
}

static struct driver *local_open(const struct driver_options *options, struct err *err)
{
    struct local *local = local_new(options);
    if (prepare(local, options->data, err) == 0)
        return &local->base;
    local_free(local);
    return NULL;
}

static void local_close(struct driver *driver, bool stop_all)
{
    struct local *local = local_of(driver);
    pthread_mutex_lock(&local->mutex);
    local->closing = true;
    local->stopping_all = stop_all;
    for (struct map_iter it = {0}; map_next(local->apps, &it);)
        app_touch(it.value);
    pthread_mutex_unlock(&local->mutex);
    loop_interrupt(local);
    pthread_join(local->thread, NULL);
    local_free(local);
}

/* ------------------------------------------------------------------ observe */

static const struct task *first_down(const struct instance *instance)
{
    for (size_t i = 0; i < instance->task_count; i++) {
        if (!instance->tasks[i].up)
            return &instance->tasks[i];
    }
    return NULL;
}

static enum instance_phase phase_of(const struct instance *instance)
{
    const struct task *down = first_down(instance);
    if (instance->stopping)
        return instance_ended(instance) ? INSTANCE_STOPPED : INSTANCE_STOPPING;
    if (down)
        return *down->reason ? INSTANCE_FAILED : INSTANCE_PENDING;
    if (instance->ready || instance->ready_since > 0)
        return INSTANCE_RUNNING;
    return INSTANCE_STARTING;
}

/* The probe that says most: one that fails, else one that was tried. */
static const struct probe *telling_probe(const struct instance *instance)
{
    const struct probe *found = NULL;
    for (size_t i = 0; i < instance->task_count; i++) {
        const struct probe *const probes[] = {&instance->tasks[i].readiness,
                                              &instance->tasks[i].liveness};
        for (size_t j = 0; j < MOT_ARRAY_SIZE(probes); j++) {
            if (probes[j]->known && (!found || (found->passing && !probes[j]->passing)))
                found = probes[j];
        }
    }
    return found;
}

static void observe_ports(const struct instance *instance, struct arena *arena,
                          struct observed_instance *seen)
{
    seen->ports = arena_array(arena, instance->port_count + 1, sizeof(*seen->ports));
    for (size_t i = 0; i < instance->port_count; i++) {
        if (instance->ports[i].port > 0)
            seen->ports[seen->port_count++] = (struct observed_port){
                arena_strdup(arena, instance->ports[i].name), instance->ports[i].port};
    }
}

static void observe_tasks(const struct instance *instance, struct arena *arena,
                          struct observed_instance *seen)
{
    for (size_t i = 0; i < instance->task_count; i++) {
        const struct task *task = &instance->tasks[i];
        seen->restarts += task->restarts;
        if (task->started_at > seen->started_at)
            seen->started_at = task->started_at;
        if (!*seen->reason && !task->up && *task->reason) {
            seen->reason = task->reason;
            seen->message = arena_strdup(arena, task->message);
        }
    }
}

static void observe_instance(const struct instance *instance, struct arena *arena,
                             struct observed_instance *seen)
{
    *seen = (struct observed_instance){.id = arena_strdup(arena, instance->id),
                                       .host = LOCAL_HOST,
                                       .template_hash = arena_strdup(arena, instance->hash),
                                       .revision = instance->revision,
                                       .phase = phase_of(instance),
                                       .ready = instance->ready,
                                       .reason = "",
                                       .message = ""};
    observe_tasks(instance, arena, seen);
    observe_ports(instance, arena, seen);
    const struct probe *probe = telling_probe(instance);
    seen->health.probe = probe ? probe_name(probe) : "";
    seen->health.message = probe ? arena_strdup(arena, probe->message) : "";
    seen->health.known = probe != NULL;
    seen->health.ok = probe && probe->last;
    seen->health.checked_at = probe ? probe->checked_at : 0;
}

static void observe_app(const struct app *app, struct arena *arena, struct observed_app *seen)
{
    *seen = (struct observed_app){.ns = arena_strdup(arena, app->ns),
                                  .name = arena_strdup(arena, app->name),
                                  .uid = arena_strdup(arena, app->uid),
                                  .revision = app->revision,
                                  .generation = app->generation,
                                  .template_hash =
                                      arena_strdup(arena, app->launch->workload->template_hash),
                                  .replicas = app->replicas,
                                  .removing = app->removing,
                                  .progress_at = app->progress_at,
                                  .instance_count = app->instance_count};
    seen->instances = arena_array(arena, app->instance_count + 1, sizeof(*seen->instances));
    for (size_t i = 0; i < app->instance_count; i++)
        observe_instance(app->instances[i], arena, &seen->instances[i]);
}

/* Found running at open(), and not probed since: to say "not ready" now would be a guess. */
static bool first_look_pending(struct local *local)
{
    if (!local->opened || clock_ms() - local->opened > FIRST_LOOK_MS)
        return false;
    for (struct map_iter it = {0}; map_next(local->apps, &it);) {
        const struct app *app = it.value;
        for (size_t i = 0; i < app->instance_count; i++) {
            for (size_t j = 0; j < app->instances[i]->task_count; j++) {
                const struct task *task = &app->instances[i]->tasks[j];
                if (task->up && !task->ending && task->started < local->opened &&
                    task->container->readiness.type != PROBE_NONE && !task->readiness.known)
                    return true;
            }
        }
    }
    local->opened = 0;
    return false;
}

static int local_observe(struct driver *driver, struct arena *arena,
                         struct observation *observation, struct err *err)
{
    struct local *local = local_of(driver);
    pthread_mutex_lock(&local->mutex);
    bool pending = first_look_pending(local);
    if (!pending) {
        *observation = (struct observation){.observed_at = clock_wall_ms()};
        observation->apps =
            arena_array(arena, map_count(local->apps) + 1, sizeof(*observation->apps));
        for (struct map_iter it = {0}; map_next(local->apps, &it);)
            observe_app(it.value, arena, &observation->apps[observation->app_count++]);
    }
    pthread_mutex_unlock(&local->mutex);
    return pending ? err_set(err, ERR_TRANSIENT, "still looking at what runs") : 0;
}

/* ------------------------------------------------------------------ apply, remove */

static bool is_folder_name(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= 255 && name[0] != '.' && !strchr(name, '/');
}

static int check(const struct app *app, const struct workload *workload, struct err *err)
{
    if (!is_folder_name(workload->ns) || !is_folder_name(workload->name))
        return err_set(err, ERR_INVALID, "%s/%s is not a name", workload->ns, workload->name);
    for (size_t i = 0; i < workload->container_count; i++) {
        if (!is_folder_name(workload->containers[i].name))
            return err_set(err, ERR_INVALID, "%s is not a container's name",
                           workload->containers[i].name);
    }
    if (app && app->revision > workload->revision)
        return err_set(err, ERR_CONFLICT, "revision %lld is older than %lld, which was applied",
                       (long long)workload->revision, (long long)app->revision);
    return 0;
}

/* A copy with a life of its own. */
static struct launch *copy_launch(const struct workload *workload, struct err *err)
{
    struct launch *launch = launch_new();
    launch->workload = state_copy_workload(launch->arena, workload, err);
    if (launch->workload)
        return launch;
    launch_unref(launch);
    return NULL;
}

static bool is_same(const struct app *app, const struct workload *workload, int replicas)
{
    return app && app->launch && !app->removing && app->revision == workload->revision &&
           app->generation == workload->generation && app->replicas == replicas &&
           strcmp(app->uid, workload->uid) == 0 &&
           strcmp(app->launch->workload->template_hash, workload->template_hash) == 0;
}

static void take_over(struct app *app, struct launch *launch, int replicas)
{
    const struct workload *workload = launch->workload;
    launch_unref(app->launch);
    app->launch = launch;
    free(app->uid);
    app->uid = mem_strdup(workload->uid);
    app->revision = workload->revision;
    app->generation = workload->generation;
    app->replicas = replicas;
    app->removing = false;
    app->settled = false;
    app->done = false;
    app->applied_at = clock_wall_ms();
    app_progress(app);
    app_touch(app);
    app->local->news = true;
}

/* Written to the disk without the lock; the driver's thread leaves the app alone meanwhile. */
static int local_apply(struct driver *driver, const struct workload *workload, int replicas,
                       struct err *err)
{
    struct local *local = local_of(driver);
    AUTO_FREE char *key = mem_printf("%s/%s", workload->ns, workload->name);
    pthread_mutex_lock(&local->mutex);
    struct app *app = map_get(local->apps, key);
    int ret = check(app, workload, err);
    bool same = ret == 0 && is_same(app, workload, replicas);
    struct launch *launch = ret == 0 && !same ? copy_launch(workload, err) : NULL;
    if (launch && !app)
        app = app_new(local, workload->ns, workload->name);
    if (launch)
        app->busy = true;
    pthread_mutex_unlock(&local->mutex);
    if (!launch)
        return same ? 0 : -1;
    ret = state_write_app(app, launch->workload, replicas, false, err);
    pthread_mutex_lock(&local->mutex);
    app->busy = false;
    if (ret == 0)
        take_over(app, launch, replicas);
    else
        launch_unref(launch);
    if (app->launch)
        app_touch(app);
    else
        map_remove(local->apps, key);
    pthread_mutex_unlock(&local->mutex);
    loop_interrupt(local);
    return ret;
}

static int local_remove(struct driver *driver, const char *ns, const char *name, const char *uid,
                        struct err *err)
{
    struct local *local = local_of(driver);
    AUTO_FREE char *key = mem_printf("%s/%s", ns, name);
    pthread_mutex_lock(&local->mutex);
    struct app *app = map_get(local->apps, key);
    int ret = 0;
    if (app && !app->removing && (!*uid || strcmp(app->uid, uid) == 0)) {
        ret = state_write_app(app, app->launch->workload, app->replicas, true, err);
        app->removing = ret == 0;
        app->done = false;
        app_progress(app);
        app_touch(app);
        local->news = true;
    }
    pthread_mutex_unlock(&local->mutex);
    loop_interrupt(local);
    return ret;
}

const struct driver_ops local_driver = {
    .name = "local",
    .open = local_open,
    .observe = local_observe,
    .apply = local_apply,
    .remove = local_remove,
    .close = local_close,
};
