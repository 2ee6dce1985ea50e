/* The driver's thread: waits for processes, probes and times, and does what the plan of each app
 * that changed says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>

#include "local.h"
#include "plan.h"

#define EVENT_MAX 256
/* Between two looks at the sizes of the logs. */
#define SWEEP_MS 5000

void loop_interrupt(struct local *local)
{
    uint64_t one = 1;
    ssize_t ignored = write(local->wake.fd, &one, sizeof(one));
    (void)ignored;
}

void app_touch(struct app *app)
{
    app->dirty = true;
    app->local->any_dirty = true;
}

void app_progress(struct app *app)
{
    app->progress = clock_ms();
    app->progress_at = clock_wall_ms();
}

static void on_look(void *owner)
{
    app_touch(owner);
}

struct app *app_new(struct local *local, const char *ns, const char *name)
{
    struct app *app = mem_zalloc(sizeof(*app));
    app->local = local;
    app->ns = mem_strdup(ns);
    app->name = mem_strdup(name);
    app->key = mem_printf("%s/%s", ns, name);
    app->uid = mem_strdup("");
    app->dir = mem_printf("%s/apps/%s", local->data, app->key);
    app->timer = (struct timer){.due = on_look, .owner = app};
    map_put(local->apps, app->key, app);
    return app;
}

void app_free(void *pointer)
{
    struct app *app = pointer;
    for (size_t i = 0; i < app->instance_count; i++)
        instance_free(app->instances[i]);
    timer_clear(&app->local->reactor.timers, &app->timer);
    launch_unref(app->launch);
    free(app->instances);
    free(app->dir);
    free(app->uid);
    free(app->key);
    free(app->name);
    free(app->ns);
    free(app);
}

/* Not while events are being handled: a later one may be of the same instance. */
static void discard_ended(struct app *app)
{
    for (size_t i = app->instance_count; i-- > 0;) {
        struct instance *instance = app->instances[i];
        if (!instance->stopping || !instance_ended(instance))
            continue;
        instance_discard(instance);
        instance_free(instance);
    }
}

static void describe(const struct app *app, struct plan_instance *items)
{
    for (size_t i = 0; i < app->instance_count; i++) {
        const struct instance *instance = app->instances[i];
        bool down = instance_down(instance, &items[i].retry_at);
        items[i].state = instance->stopping ? PLAN_STOPPING : down ? PLAN_DOWN : PLAN_UP;
        items[i].updated = strcmp(instance->hash, app->launch->workload->template_hash) == 0;
        items[i].ready = instance->ready;
        items[i].ready_since = instance->ready_since;
        items[i].created_at = instance->created_at;
    }
}

static void carry_out(struct app *app, const struct plan *plan, struct instance *const *instances)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_action *action = &plan->actions[i];
        switch (action->kind) {
        case PLAN_START:
            instance_create(app);
            break;
        case PLAN_STOP:
            instance_stop(instances[action->instance], action->why);
            break;
        case PLAN_RESTART:
            instance_start(instances[action->instance], clock_ms());
            break;
        }
    }
    if (plan->count > 0)
        app_touch(app);
}

static void conclude(struct app *app, const struct plan *plan)
{
    struct timers *timers = &app->local->reactor.timers;
    if (app->done && !plan->done)
        app_progress(app); /* the deadline runs from when it was left */
    if (plan->done && !app->settled) {
        app->settled = true;
        state_mark_settled(app);
        state_drop_templates(app);
    }
    app->done = plan->done;
    if (plan->next_look == PLAN_NEVER)
        timer_clear(timers, &app->timer);
    else
        timer_set(timers, &app->timer, plan->next_look);
}

static void plan_app(struct app *app)
{
    struct arena *arena = arena_new((size_t)64 << 20);
    struct plan plan;
    const struct workload *workload = app->launch->workload;
    struct plan_instance *items = arena_array(arena, app->instance_count + 1, sizeof(*items));
    struct instance **instances = arena_array(arena, app->instance_count + 1, sizeof(*instances));
    if (app->instance_count > 0)
        memcpy(instances, app->instances, app->instance_count * sizeof(*instances));
    describe(app, items);
    struct plan_input input = {.now = clock_ms(),
                               .replicas = app->removing ? 0 : app->replicas,
                               .max_unavailable = workload->max_unavailable,
                               .max_surge = workload->max_surge,
                               .min_ready_ms = workload->min_ready_ms,
                               .progress_deadline_ms = workload->progress_deadline_ms,
                               .progress_at = app->progress,
                               .instances = items,
                               .count = app->instance_count};
    plan_decide(&input, arena, &plan);
    conclude(app, &plan);
    carry_out(app, &plan, instances);
    arena_free(arena);
}

static void stop_app(struct app *app)
{
    for (size_t i = 0; i < app->instance_count; i++)
        instance_stop(app->instances[i], "everything is being stopped");
}

/* True when the app is to be forgotten. */
static bool turn_app(struct app *app)
{
    app->dirty = false;
    discard_ended(app);
    if (app->local->stopping_all)
        stop_app(app);
    else if (app->removing && app->instance_count == 0)
        return true;
    else
        plan_app(app);
    return false;
}

static void turn_apps(struct local *local)
{
    local->any_dirty = false;
    for (struct map_iter it = {0}; map_next(local->apps, &it);) {
        struct app *app = it.value;
        if (!app->dirty || app->busy || !turn_app(app))
            continue;
        state_discard(local, app->dir);
        map_remove(local->apps, it.key);
        local->news = true;
    }
}

static bool all_ended(const struct local *local)
{
    for (struct map_iter it = {0}; map_next(local->apps, &it);) {
        const struct app *app = it.value;
        if (app->instance_count > 0)
            return false;
    }
    return true;
}

static void on_sweep(void *owner)
{
    struct local *local = owner;
    for (struct map_iter it = {0}; map_next(local->apps, &it);) {
        const struct app *app = it.value;
        for (size_t i = 0; i < app->instance_count; i++)
            instance_trim_logs(app->instances[i]);
    }
    timer_set(&local->reactor.timers, &local->sweep, clock_ms() + SWEEP_MS);
}

static int timeout_of(const struct local *local)
{
    int64_t next = timers_next(&local->reactor.timers);
    int64_t left = next - clock_ms();
    if (local->any_dirty || left <= 0)
        return 0;
    return next == INT64_MAX ? -1 : left > 3600000 ? 3600000 : (int)left;
}

/* One turn with the lock held; false when the thread's work is over. */
static bool turn(struct local *local, struct epoll_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        struct source *source = events[i].data.ptr;
        source->ready(source->owner, events[i].events);
    }
    timers_run(&local->reactor.timers, clock_ms());
    if (local->closing && !local->stopping_all)
        return false;
    if (local->any_dirty)
        turn_apps(local);
    return !local->stopping_all || !all_ended(local);
}

void *loop_main(void *pointer)
{
    struct local *local = pointer;
    struct epoll_event events[EVENT_MAX];
    bool more = true;
    local->sweep = (struct timer){.due = on_sweep, .owner = local};
    pthread_mutex_lock(&local->mutex);
    timer_set(&local->reactor.timers, &local->sweep, clock_ms() + SWEEP_MS);
    while (more) {
        bool news = local->news;
        int timeout = timeout_of(local);
        local->news = false;
        pthread_mutex_unlock(&local->mutex);
        if (news && local->changed)
            local->changed(local->context);
        int count = epoll_wait(local->reactor.epoll, events, EVENT_MAX, timeout);
        pthread_mutex_lock(&local->mutex);
        if (count < 0 && errno != EINTR)
            log_error("cannot wait for processes", LOG_I("errno", errno));
        more = turn(local, events, count);
    }
    pthread_mutex_unlock(&local->mutex);
    return NULL;
}
