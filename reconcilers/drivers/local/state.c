/*
 * What must survive a kill -9. What was applied is synced to the disk; instances need no more than
 * a rename, as they end with the machine anyway.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>
#include <mot/model/json.h>

#include "encode.h"
#include "local.h"
#include "plan.h"

#define FILE_MAX_SIZE   ((size_t)16 << 20)
#define LAUNCH_MAX_SIZE ((size_t)16 << 20)
#define LOCK_WAIT_MS    5000

struct launch *launch_new(void)
{
    struct launch *launch = mem_zalloc(sizeof(*launch));
    launch->refs = 1;
    launch->arena = arena_new(LAUNCH_MAX_SIZE);
    return launch;
}

struct launch *launch_ref(struct launch *launch)
{
    launch->refs++;
    return launch;
}

void launch_unref(struct launch *launch)
{
    if (!launch || --launch->refs > 0)
        return;
    arena_free(launch->arena);
    free(launch);
}

struct workload *state_copy_workload(struct arena *arena, const struct workload *workload,
                                     struct err *err)
{
    json_t *object = workload_encode(workload);
    if (!object) {
        err_set(err, ERR_INVALID, "the workload has text that is not UTF-8");
        return NULL;
    }
    AUTO_FREE char *text = json_text(object);
    json_decref(object);
    struct workload *copy = workload_decode(arena, text, strlen(text), err);
    if (copy)
        copy->template_hash = arena_strdup(arena, workload->template_hash);
    return copy;
}

/* ------------------------------------------------------------------ writing */

/* Readers see the old or the new content; not synced. */
static bool write_quick(const char *path, const char *text)
{
    AUTO_FREE char *beside = mem_printf("%s.tmp", path);
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    size_t len = strlen(text);
    bool ok = write(fd, text, len) == (ssize_t)len;
    return close(fd) == 0 && ok && rename(beside, path) == 0;
}

static char *template_path(const struct app *app, const char *hash)
{
    return mem_printf("%s/template-%s.json", app->dir, hash);
}

int state_write_app(const struct app *app, const struct workload *workload, int replicas,
                    bool removing, struct err *err)
{
    AUTO_FREE char *path = file_join(app->dir, "app.json");
    if (file_mkdirs(app->dir, 0755, err) < 0)
        return -1;
    if (app->launch && strcmp(app->launch->workload->template_hash, workload->template_hash) != 0) {
        AUTO_FREE char *older = template_path(app, app->launch->workload->template_hash);
        unlink(older);
        if (link(path, older) < 0 && errno != ENOENT)
            return err_set(err, ERR_TRANSIENT, "cannot keep %s", path);
    }
    json_t *record = json_pack("{ss sI sI si sb ss sI so}", "uid", workload->uid, "revision",
                               (json_int_t)workload->revision, "generation",
                               (json_int_t)workload->generation, "replicas", replicas, "removing",
                               removing, "templateHash", workload->template_hash, "appliedAt",
                               (json_int_t)clock_wall_ms(), "workload", workload_encode(workload));
    if (!record)
        return err_set(err, ERR_INVALID, "the workload has text that is not UTF-8");
    AUTO_FREE char *text = json_text(record);
    AUTO_FREE char *settled = file_join(app->dir, "settled");
    json_decref(record);
    unlink(settled);
    return file_write(path, text, strlen(text), 0600, err);
}

void state_mark_settled(const struct app *app)
{
    AUTO_FREE char *path = file_join(app->dir, "settled");
    write_quick(path, "");
}

static json_t *encode_ports(const struct instance *instance)
{
    json_t *list = json_array();
    for (size_t i = 0; i < instance->port_count; i++)
        json_array_append_new(list, json_integer(instance->ports[i].port));
    return list;
}

bool state_write_instance(const struct instance *instance)
{
    AUTO_FREE char *path = file_join(instance->dir, "instance.json");
    json_t *tasks = json_array();
    for (size_t i = 0; i < instance->task_count; i++) {
        const struct task *task = &instance->tasks[i];
        json_array_append_new(tasks, json_pack("{si sI}", "restarts", task->restarts, "startedAt",
                                               (json_int_t)task->started_at));
    }
    json_t *record =
        json_pack("{ss sI sI sI so so}", "templateHash", instance->hash, "revision",
                  (json_int_t)instance->revision, "createdAt", (json_int_t)instance->created_at,
                  "stoppingSince", (json_int_t)(instance->stopping ? instance->stopping_since : 0),
                  "ports", encode_ports(instance), "tasks", tasks);
    AUTO_FREE char *text = json_text(record);
    json_decref(record);
    return write_quick(path, text);
}

static bool has_template(const struct app *app, const char *hash)
{
    for (size_t i = 0; i < app->instance_count; i++) {
        if (strcmp(app->instances[i]->hash, hash) == 0)
            return true;
    }
    return false;
}

void state_drop_templates(const struct app *app)
{
    DIR *dir = opendir(app->dir);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        char hash[64] = "";
        if (sscanf(entry->d_name, "template-%63[0-9a-f].json", hash) == 1 &&
            !has_template(app, hash))
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir)
        closedir(dir);
}

void state_discard(const struct local *local, const char *dir)
{
    struct err err;
    char suffix[17];
    random_suffix(suffix, 16);
    AUTO_FREE char *trash = mem_printf("%s/trash/%s", local->data, suffix);
    if (rename(dir, trash) == 0 && file_remove_tree(trash, &err) < 0)
        return; /* the next open removes what is left */
}

/* ------------------------------------------------------------------ reading */

struct folder {
    struct local *local;
    struct app *app;
    const char *path;
};
typedef int visit_entry(const struct folder *folder, const char *name, struct err *err);

/* Everything in it but hidden files. A folder that can't be read is not an empty one: what runs
 * would count as unknown. */
static int read_folder(const struct folder *folder, visit_entry *visit, struct err *err)
{
    char text[128];
    const struct dirent *entry = NULL;
    DIR *dir = opendir(folder->path);
    if (!dir && errno == ENOTDIR)
        return 0;
    int ret = 0;
    errno = 0;
    while (dir && ret == 0 && (entry = readdir(dir))) {
        if (entry->d_name[0] != '.')
            ret = visit(folder, entry->d_name, err);
        errno = 0;
    }
    if (ret == 0 && (!dir || errno != 0))
        ret = err_set(err, ERR_TRANSIENT, "cannot read the folder %s: %s", folder->path,
                      strerror_r(errno, text, sizeof(text)));
    if (dir)
        closedir(dir);
    return ret;
}

static json_t *read_json(const char *dir, const char *name, struct err *err)
{
    size_t len = 0;
    AUTO_FREE char *path = file_join(dir, name);
    AUTO_FREE char *text = file_read(path, FILE_MAX_SIZE, &len, err);
    json_t *value = text ? json_parse(text, len, false, err) : NULL;
    if (text && !value)
        err_wrap(err, "%s", path);
    return value;
}

static struct launch *decode_launch(const json_t *record, struct err *err)
{
    struct launch *launch = launch_new();
    AUTO_FREE char *text = json_text(json_object_get(record, "workload"));
    const char *hash = json_at_text(record, "templateHash");
    if (hash)
        launch->workload = workload_decode(launch->arena, text, strlen(text), err);
    else
        err_set(err, ERR_INVALID, "there is no templateHash");
    if (!launch->workload) {
        launch_unref(launch);
        return NULL;
    }
    launch->workload->template_hash = arena_strdup(launch->arena, hash);
    return launch;
}

/* The launch of a template: the app's own, one that an instance before has, or the one kept beside.
 */
static struct launch *find_launch(const struct app *app, const char *hash)
{
    struct err err;
    if (strcmp(app->launch->workload->template_hash, hash) == 0)
        return launch_ref(app->launch);
    for (size_t i = 0; i < app->instance_count; i++) {
        if (strcmp(app->instances[i]->hash, hash) == 0)
            return launch_ref(app->instances[i]->launch);
    }
    AUTO_FREE char *name = mem_printf("template-%s.json", hash);
    json_t *record = read_json(app->dir, name, &err);
    struct launch *launch = record ? decode_launch(record, &err) : NULL;
    json_decref(record);
    return launch ? launch : launch_ref(app->launch);
}

static void fill_instance(struct instance *instance, const json_t *record)
{
    const json_t *ports = json_object_get(record, "ports");
    const json_t *tasks = json_object_get(record, "tasks");
    free(instance->hash);
    instance->hash = mem_strdup(json_at_text(record, "templateHash"));
    instance->revision = json_at_int(record, "revision", 0);
    instance->created_at = json_at_int(record, "createdAt", 0);
    instance->stopping_since = json_at_int(record, "stoppingSince", 0);
    instance->stopping = instance->stopping_since > 0;
    for (size_t i = 0; i < instance->port_count; i++)
        instance->ports[i].port = (int)json_integer_value(json_array_get(ports, i));
    for (size_t i = 0; i < instance->task_count; i++) {
        const json_t *task = json_array_get(tasks, i);
        instance->tasks[i].restarts = (int)json_at_int(task, "restarts", 0);
        instance->tasks[i].started_at = json_at_int(task, "startedAt", 0);
    }
}

static int is_pid_file(const struct folder *folder, const char *name, struct err *err)
{
    size_t len = strlen(name);
    (void)folder;
    return len > 4 && strcmp(name + len - 4, ".pid") == 0
               ? err_set(err, ERR_INVALID, "something was started here")
               : 0;
}

static bool is_instance(const char *name)
{
    return strncmp(name, "i-", 2) == 0 && strlen(name) == SUFFIX_LEN + 2;
}

static int is_instance_folder(const struct folder *folder, const char *name, struct err *err)
{
    (void)folder;
    return is_instance(name) ? err_set(err, ERR_INVALID, "instances are here") : 0;
}

/* Nothing is known of it but that its processes may run: they are kept until the plan has put
 * another instance in its place, as if its template were an old one. */
static void load_damaged(struct app *app, const char *name, const struct err *why)
{
    struct instance *instance = instance_new(app, app->launch, name + 2);
    free(instance->hash);
    instance->hash = mem_strdup("");
    log_error("an instance's record is damaged, the instance will be replaced",
              LOG_S("instance", instance->id), LOG_S("error", why->message));
}

static int load_instance(const struct folder *folder, const char *name, struct err *err)
{
    struct app *app = folder->app;
    struct err why = {0};
    if (!is_instance(name))
        return 0;
    AUTO_FREE char *dir = file_join(app->dir, name);
    json_t *record = read_json(dir, "instance.json", &why);
    const char *hash = json_at_text(record, "templateHash");
    const struct folder own = {.local = app->local, .app = app, .path = dir};
    if (hash) {
        struct launch *launch = find_launch(app, hash);
        fill_instance(instance_new(app, launch, name + 2), record);
        launch_unref(launch);
    } else if (!record && why.code != ERR_NOT_FOUND && why.code != ERR_INVALID) {
        return err_set(err, why.code, "%s", why.message);
    } else if (why.code == ERR_NOT_FOUND && read_folder(&own, is_pid_file, err) == 0) {
        state_discard(app->local, dir); /* nothing was started in it yet */
    } else {
        load_damaged(app, name, &why);
    }
    json_decref(record);
    return 0;
}

static int fill_app(struct app *app, struct err *err)
{
    json_t *record = read_json(app->dir, "app.json", err);
    app->launch = record ? decode_launch(record, err) : NULL;
    if (record && !app->launch)
        err_wrap(err, "%s/app.json", app->dir);
    if (app->launch) {
        AUTO_FREE char *settled = file_join(app->dir, "settled");
        free(app->uid);
        app->uid = mem_strdup(json_at_text(record, "uid"));
        app->revision = json_at_int(record, "revision", 0);
        app->generation = json_at_int(record, "generation", 0);
        app->replicas = (int)json_at_int(record, "replicas", 0);
        app->removing = json_at_bool(record, "removing", false);
        app->applied_at = json_at_int(record, "appliedAt", 0);
        app->settled = access(settled, F_OK) == 0;
        int64_t ago = app->settled ? 0 : wall_age(app->applied_at);
        app->progress_at = clock_wall_ms() - ago;
        app->progress = clock_ms() - ago;
    }
    json_decref(record);
    return app->launch ? 0 : -1;
}

static int load_app(const struct folder *ns, const char *name, struct err *err)
{
    struct local *local = ns->local;
    struct app *app = app_new(local, strrchr(ns->path, '/') + 1, name);
    struct folder folder = {.local = local, .app = app, .path = app->dir};
    struct err why = {0};
    int ret = fill_app(app, &why);
    if (ret == 0)
        return read_folder(&folder, load_instance, err);
    if (why.code == ERR_NOT_FOUND && read_folder(&folder, is_instance_folder, &why) == 0) {
        state_discard(local, app->dir); /* in the middle of its first apply() */
        ret = 0;
    } else {
        err_set(err, why.code, "%s: %s", app->dir, why.message);
    }
    map_remove(local->apps, app->key);
    return ret;
}

static int load_namespace(const struct folder *apps, const char *name, struct err *err)
{
    AUTO_FREE char *path = file_join(apps->path, name);
    const struct folder folder = {.local = apps->local, .path = path};
    return read_folder(&folder, load_app, err);
}

int state_load(struct local *local, struct err *err)
{
    AUTO_FREE char *apps = file_join(local->data, "apps");
    const struct folder folder = {.local = local, .path = apps};
    return read_folder(&folder, load_namespace, err);
}

/* Children of a driver that was killed hold the lock until each of them has written its record. */
static int lock(struct local *local, struct err *err)
{
    AUTO_FREE char *path = file_join(local->data, "lock");
    int64_t deadline = clock_ms() + LOCK_WAIT_MS;
    while (file_lock(path, &local->lock_fd, err) < 0) {
        if (err->code != ERR_CONFLICT || clock_ms() >= deadline)
            return -1;
        clock_sleep_ms(5);
    }
    return 0;
}

static int read_id(struct local *local, struct err *err)
{
    AUTO_FREE char *path = file_join(local->data, "id");
    struct err why = {0};
    AUTO_FREE char *text = file_read(path, sizeof(local->id) - 1, NULL, &why);
    if (text && strlen(text) >= 16) {
        snprintf(local->id, sizeof(local->id), "%s", text);
        return 0;
    }
    if (!text && why.code == ERR_TRANSIENT)
        return err_set(err, why.code, "%s", why.message);
    random_suffix(local->id, 20);
    return file_write(path, local->id, strlen(local->id), 0600, err);
}

int state_open(struct local *local, struct err *err)
{
    AUTO_FREE char *apps = file_join(local->data, "apps");
    AUTO_FREE char *trash = file_join(local->data, "trash");
    if (file_mkdirs(apps, 0755, err) < 0 || lock(local, err) < 0)
        return -1;
    if (file_remove_tree(trash, err) < 0 || file_mkdirs(trash, 0755, err) < 0)
        return -1;
    return read_id(local, err);
}
