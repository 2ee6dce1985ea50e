/* One instance: its folder, its ports, and its processes from start to end. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>

#include "environ.h"
#include "local.h"
#include "plan.h"
#include "ports.h"

/* A process without readiness probe counts as ready after so long: one that fails at once never
 * does. */
#define SETTLE_MS       250
#define SETTLE_AGAIN_MS 2000
/* The first restart comes at once, the next ones after 1 s, 2 s, … */
#define RETRY_MIN_MS    1000
#define RETRY_MAX_MS    60000
#define RETRY_FORGET_MS 600000
#define LOG_MAX_SIZE    ((off_t)10 << 20)

static struct reactor *reactor_of(const struct task *task)
{
    return &task->instance->app->local->reactor;
}

static bool has_probe(const struct task *task)
{
    return task->container->readiness.type != PROBE_NONE;
}

static bool is_ready(const struct task *task)
{
    if (!task->up || task->ending)
        return false;
    return has_probe(task) ? task->readiness.passing : task->settled;
}

/* Something that observe() shows has changed. */
static void tell(const struct instance *instance)
{
    instance->app->local->news = true;
    app_touch(instance->app);
}

static void update(struct instance *instance)
{
    bool ready = instance->task_count > 0 && !instance->stopping;
    for (size_t i = 0; i < instance->task_count; i++)
        ready = ready && is_ready(&instance->tasks[i]);
    if (ready && !instance->ready) {
        instance->ready_since = clock_ms();
        app_progress(instance->app);
    }
    instance->ready = ready;
    tell(instance);
}

/* ------------------------------------------------------------------ ending */

static void signal_task(const struct task *task, int signal)
{
    process_signal(task->id, task->exit.fd, signal);
}

static void end_task(struct task *task, int64_t kill_at)
{
    if (!task->up || task->ending)
        return;
    task->ending = true;
    task->kill_at = kill_at;
    probe_stop(&task->readiness);
    probe_stop(&task->liveness);
    signal_task(task, SIGTERM);
    timer_set(&reactor_of(task)->timers, &task->timer, kill_at);
}

static void on_task_timer(void *owner)
{
    struct task *task = owner;
    if (!task->up)
        return;
    if (task->ending) {
        signal_task(task, SIGKILL);
        return;
    }
    task->settled = true;
    update(task->instance);
}

static int64_t retry_delay(unsigned failures)
{
    if (failures <= 1)
        return 0;
    int64_t delay = failures > 8 ? RETRY_MAX_MS : (int64_t)RETRY_MIN_MS << (failures - 2);
    return delay < RETRY_MAX_MS ? delay : RETRY_MAX_MS;
}

/* It is down now and will be tried again. */
static void fail_task(struct task *task, const char *reason)
{
    int64_t now = clock_ms();
    if (task->started > 0 && now - task->started >= RETRY_FORGET_MS)
        task->failures = 0;
    task->failures++;
    task->reason = task->failures > 1 ? "CrashLoop" : reason;
    task->retry_at = now + retry_delay(task->failures);
}

static void on_exit_event(void *owner, uint32_t events)
{
    struct task *task = owner;
    struct instance *instance = task->instance;
    char text[32];
    (void)events;
    if (!task->up)
        return;
    process_reap(task->id, task->exit.fd, text, sizeof(text));
    reactor_close(reactor_of(task), &task->exit);
    timer_clear(&reactor_of(task)->timers, &task->timer);
    probe_stop(&task->readiness);
    probe_stop(&task->liveness);
    task->up = false;
    if (!task->ending)
        snprintf(task->message, sizeof(task->message), "%s: %s", task->container->name, text);
    const char *reason = task->ending                      ? "Unhealthy"
                         : strncmp(text, "signal", 6) == 0 ? "Signal"
                                                           : "ExitCode";
    task->ending = false;
    fail_task(task, reason);
    if (!instance->stopping)
        log_info("a process ended", LOG_S("instance", instance->id), LOG_S("how", text),
                 LOG_I("failures", task->failures));
    update(instance);
}

static void on_readiness(void *owner, struct probe *probe)
{
    const struct task *task = owner;
    (void)probe;
    update(task->instance);
}

static void on_liveness(void *owner, struct probe *probe)
{
    struct task *task = owner;
    if (!probe->passing && task->up && !task->ending) {
        snprintf(task->message, sizeof(task->message), "%s: liveness: %s", task->container->name,
                 probe->message);
        end_task(task, clock_ms() + task->instance->launch->workload->grace_ms);
    }
    update(task->instance);
}

/* ------------------------------------------------------------------ starting */

const struct assigned_port *instance_port(const struct instance *instance, size_t container,
                                          const char *port)
{
    const struct assigned_port *found = NULL;
    char *end = NULL;
    long number = strtol(port, &end, 10);
    for (size_t i = 0; i < instance->port_count; i++) {
        const struct assigned_port *one = &instance->ports[i];
        bool same = *port && *end == '\0' ? one->inner == number : strcmp(one->name, port) == 0;
        if (same && (!found || one->container == container))
            found = one;
    }
    return found;
}

static int probe_port(const struct task *task, const struct workload_probe *probe)
{
    const struct instance *instance = task->instance;
    const struct assigned_port *port =
        instance_port(instance, (size_t)(task - instance->tasks), probe->port);
    return port ? port->port : (int)strtol(probe->port, NULL, 10);
}

static void init_probe(struct task *task, struct probe *probe, bool liveness)
{
    const struct workload_container *container = task->container;
    *probe = (struct probe){.reactor = reactor_of(task),
                            .spec = liveness ? &container->liveness : &container->readiness,
                            .liveness = liveness,
                            .source.fd = -1,
                            .changed = liveness ? on_liveness : on_readiness,
                            .owner = task};
}

/* From here on its end is noticed. @since: clock_ms() when it started. */
static void watch_task(struct task *task, int pidfd, int64_t since)
{
    int64_t now = clock_ms();
    int64_t settle = task->failures > 1 ? SETTLE_AGAIN_MS : SETTLE_MS;
    task->up = true;
    task->ending = false;
    task->settled = false;
    task->reason = "";
    task->started = since;
    task->exit.fd = pidfd;
    if (!reactor_watch(reactor_of(task), &task->exit, EPOLLIN))
        log_error("a process can't be watched", LOG_S("instance", task->instance->id),
                  LOG_I("errno", errno));
    if (!has_probe(task))
        timer_set(&reactor_of(task)->timers, &task->timer,
                  since + settle > now ? since + settle : now);
    task->readiness.port = probe_port(task, &task->container->readiness);
    task->liveness.port = probe_port(task, &task->container->liveness);
    probe_start(&task->readiness, since);
    probe_start(&task->liveness, since);
}

/* Its container's ports, those that got lost to somebody else anew. */
static int claim_ports(struct task *task, struct err *err)
{
    struct instance *instance = task->instance;
    for (size_t i = 0; i < instance->port_count; i++) {
        struct assigned_port *port = &instance->ports[i];
        if (port->container != (size_t)(task - instance->tasks))
            continue;
        if (port->port > 0 && ports_free(port->port))
            continue;
        if (port->port > 0)
            ports_release(instance->dir, port->port);
        port->port = 0;
        if (ports_claim(instance->dir, &port->port, err) < 0)
            return -1;
    }
    return 0;
}

/* The texts of execve, in @arena. */
static char *const *arguments(const struct task *task, const struct environment *environment)
{
    const struct workload_container *container = task->container;
    size_t count = 0, used = 0;
    while (container->command[count])
        count++;
    for (const char *const *arg = container->args; *arg; arg++)
        count++;
    char **argv = arena_array(environment->arena, count + 1, sizeof(*argv));
    for (const char *const *arg = container->command; *arg; arg++)
        argv[used++] = arena_strdup(environment->arena, expand(environment, *arg));
    for (const char *const *arg = container->args; *arg; arg++)
        argv[used++] = arena_strdup(environment->arena, expand(environment, *arg));
    return argv;
}

static int run_task(struct task *task, struct arena *arena, int *ret_pidfd, struct err *err)
{
    struct environment environment;
    const struct instance *instance = task->instance;
    const char *name = task->container->name;
    environment_of_task(&environment, arena, task);
    const char *own_dir = arena_printf(arena, "%s/%s", instance->dir, name);
    if (mkdir(own_dir, 0755) < 0 && errno != EEXIST)
        return err_set(err, ERR_TRANSIENT, "cannot make its working folder");
    struct process_spec spec = {.argv = arguments(task, &environment),
                                .envp = environment.items,
                                .dir = *task->container->working_dir ? task->container->working_dir
                                                                     : own_dir,
                                .log = arena_printf(arena, "%s/%s.log", instance->dir, name),
                                .record = arena_printf(arena, "%s/%s.pid", instance->dir, name),
                                .boot = instance->app->local->boot};
    AUTO_FREE char *program =
        process_search(spec.argv[0], environment_get(&environment, "PATH"), spec.dir);
    if (!program)
        return err_set(err, ERR_NOT_FOUND, "there is no program %s", spec.argv[0]);
    spec.path = program;
    return process_start(&spec, &task->id, ret_pidfd, err);
}

static void start_task(struct task *task)
{
    struct err err = {0};
    int pidfd = -1;
    if (!task->container->command[0]) {
        task->reason = "NoCommand";
        task->retry_at = PLAN_NEVER;
        snprintf(task->message, sizeof(task->message),
                 "%s: the container has no command; images are not run here",
                 task->container->name);
        return;
    }
    struct arena *arena = arena_new((size_t)16 << 20);
    int ret = run_task(task, arena, &pidfd, &err);
    arena_free(arena);
    if (ret < 0) {
        fail_task(task, err.code == ERR_NOT_FOUND ? "CommandNotFound" : "StartFailed");
        snprintf(task->message, sizeof(task->message), "%s: %.140s", task->container->name,
                 err.message);
        return;
    }
    watch_task(task, pidfd, clock_ms());
}

static bool is_due(const struct task *task, int64_t now)
{
    return !task->up && task->retry_at != PLAN_NEVER && task->retry_at <= now;
}

/* Its ports and times, which must be on disk before it starts. */
static void prepare_task(struct task *task, int64_t now)
{
    struct err err;
    task->starting = is_due(task, now);
    if (task->starting && claim_ports(task, &err) < 0) {
        task->starting = false;
        fail_task(task, "OutOfPorts");
        snprintf(task->message, sizeof(task->message), "%.159s", err.message);
    }
    if (!task->starting)
        return;
    task->restarts += task->started_at > 0;
    task->started_at = clock_wall_ms();
}

/* What would not be found again is not started. */
void instance_start(struct instance *instance, int64_t now)
{
    for (size_t i = 0; i < instance->task_count; i++)
        prepare_task(&instance->tasks[i], now);
    bool written = state_write_instance(instance);
    for (size_t i = 0; i < instance->task_count; i++) {
        struct task *task = &instance->tasks[i];
        if (task->starting && written) {
            start_task(task);
        } else if (task->starting) {
            fail_task(task, "StartFailed");
            snprintf(task->message, sizeof(task->message), "%s: its record can't be written",
                     task->container->name);
        }
    }
    update(instance);
}

/* ------------------------------------------------------------------ life */

static void init_ports(struct instance *instance)
{
    const struct workload *workload = instance->launch->workload;
    for (size_t i = 0; i < workload->container_count; i++)
        instance->port_count += workload->containers[i].port_count;
    instance->ports = mem_array(instance->port_count + 1, sizeof(*instance->ports));
    struct assigned_port *next = instance->ports;
    for (size_t i = 0; i < workload->container_count; i++) {
        for (size_t j = 0; j < workload->containers[i].port_count; j++) {
            const struct workload_port *port = &workload->containers[i].ports[j];
            *next++ =
                (struct assigned_port){.container = i, .name = port->name, .inner = port->port};
        }
    }
}

static void init_tasks(struct instance *instance)
{
    const struct workload *workload = instance->launch->workload;
    instance->task_count = workload->container_count;
    instance->tasks = mem_array(instance->task_count, sizeof(*instance->tasks));
    for (size_t i = 0; i < instance->task_count; i++) {
        struct task *task = &instance->tasks[i];
        task->instance = instance;
        task->container = &workload->containers[i];
        task->exit = (struct source){.fd = -1, .ready = on_exit_event, .owner = task};
        task->timer = (struct timer){.due = on_task_timer, .owner = task};
        task->reason = "";
        init_probe(task, &task->readiness, false);
        init_probe(task, &task->liveness, true);
    }
}

struct instance *instance_new(struct app *app, struct launch *launch, const char *suffix)
{
    struct instance *instance = mem_zalloc(sizeof(*instance));
    instance->app = app;
    instance->launch = launch_ref(launch);
    snprintf(instance->suffix, sizeof(instance->suffix), "%s", suffix);
    instance->id = mem_printf("%s-%s-%s", app->name, app->local->zone, suffix);
    instance->dir = mem_printf("%s/i-%s", app->dir, suffix);
    instance->hash = mem_strdup(launch->workload->template_hash);
    instance->revision = app->revision;
    instance->created_at = clock_wall_ms();
    init_ports(instance);
    init_tasks(instance);
    mem_grow((void **)&app->instances, &app->instance_capacity, app->instance_count,
             sizeof(struct instance *));
    app->instances[app->instance_count++] = instance;
    return instance;
}

void instance_create(struct app *app)
{
    char suffix[SUFFIX_LEN + 1];
    random_suffix(suffix, SUFFIX_LEN);
    struct instance *instance = instance_new(app, app->launch, suffix);
    if (mkdir(instance->dir, 0755) < 0)
        log_error("cannot make an instance's folder", LOG_S("path", instance->dir),
                  LOG_I("errno", errno));
    app_progress(app);
    instance_start(instance, clock_ms());
}

int64_t wall_age(int64_t wall_ms)
{
    int64_t age = clock_wall_ms() - wall_ms;
    return age > 0 ? age : 0;
}

static int resume_task(struct task *task, struct err *err)
{
    const struct instance *instance = task->instance;
    AUTO_FREE char *record = mem_printf("%s/%s.pid", instance->dir, task->container->name);
    int pidfd;
    if (process_adopt(record, instance->app->local->boot, &task->id, &pidfd, err) < 0)
        return -1;
    if (pidfd >= 0) {
        watch_task(task, pidfd, clock_ms() - wall_age(task->started_at));
        return 0;
    }
    task->retry_at = 0;
    if (task->started_at > 0)
        snprintf(task->message, sizeof(task->message), "%s: ended while nobody watched",
                 task->container->name);
    return 0;
}

int instance_resume(struct instance *instance, struct err *err)
{
    int64_t now = clock_ms();
    for (size_t i = 0; i < instance->port_count; i++) {
        if (instance->ports[i].port > 0)
            ports_keep(instance->dir, instance->ports[i].port);
    }
    for (size_t i = 0; i < instance->task_count; i++) {
        if (resume_task(&instance->tasks[i], err) < 0)
            return -1;
    }
    int64_t left = instance->launch->workload->grace_ms - wall_age(instance->stopping_since);
    for (size_t i = 0; i < instance->task_count && instance->stopping; i++)
        end_task(&instance->tasks[i], now + (left > 0 ? left : 0));
    update(instance);
    return 0;
}

void instance_stop(struct instance *instance, const char *why)
{
    if (instance->stopping)
        return;
    instance->stopping = true;
    instance->stopping_since = clock_wall_ms();
    /* So that after a kill -9 this one goes on stopping, and no other is chosen. */
    state_write_instance(instance);
    log_info("stopping an instance", LOG_S("instance", instance->id), LOG_S("why", why));
    for (size_t i = 0; i < instance->task_count; i++)
        end_task(&instance->tasks[i], clock_ms() + instance->launch->workload->grace_ms);
    update(instance);
}

bool instance_ended(const struct instance *instance)
{
    for (size_t i = 0; i < instance->task_count; i++) {
        if (instance->tasks[i].up)
            return false;
    }
    return true;
}

bool instance_down(const struct instance *instance, int64_t *ret_retry_at)
{
    bool down = false;
    *ret_retry_at = PLAN_NEVER;
    for (size_t i = 0; i < instance->task_count; i++) {
        const struct task *task = &instance->tasks[i];
        down = down || !task->up;
        if (!task->up && task->retry_at < *ret_retry_at)
            *ret_retry_at = task->retry_at;
    }
    return down;
}

void instance_discard(struct instance *instance)
{
    struct app *app = instance->app;
    size_t at = 0;
    while (app->instances[at] != instance)
        at++;
    app->instances[at] = app->instances[--app->instance_count];
    for (size_t i = 0; i < instance->port_count; i++) {
        if (instance->ports[i].port > 0)
            ports_release(instance->dir, instance->ports[i].port);
    }
    state_discard(app->local, instance->dir);
    app_progress(app);
    tell(instance);
}

void instance_free(struct instance *instance)
{
    for (size_t i = 0; i < instance->task_count; i++) {
        struct task *task = &instance->tasks[i];
        reactor_close(reactor_of(task), &task->exit);
        timer_clear(&reactor_of(task)->timers, &task->timer);
        probe_stop(&task->readiness);
        probe_stop(&task->liveness);
    }
    launch_unref(instance->launch);
    free(instance->tasks);
    free(instance->ports);
    free(instance->hash);
    free(instance->dir);
    free(instance->id);
    free(instance);
}

/* ------------------------------------------------------------------ logs */

/* The processes hold the file open for appending, so it is copied away and emptied. */
static void trim_log(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0 || st.st_size <= LOG_MAX_SIZE)
        return;
    AUTO_FREE char *older = mem_printf("%s.1", path);
    int from = open(path, O_RDWR | O_CLOEXEC);
    int to = open(older, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    off64_t at = st.st_size - LOG_MAX_SIZE;
    while (from >= 0 && to >= 0 &&
           copy_file_range(from, &at, to, NULL, (size_t)LOG_MAX_SIZE, 0) > 0)
        continue;
    if (from >= 0 && ftruncate(from, 0) < 0)
        log_warn("cannot empty a log", LOG_S("path", path));
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
}

void instance_trim_logs(const struct instance *instance)
{
    for (size_t i = 0; i < instance->task_count; i++) {
        AUTO_FREE char *path =
            mem_printf("%s/%s.log", instance->dir, instance->tasks[i].container->name);
        trim_log(path);
    }
}
