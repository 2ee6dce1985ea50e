/* `mot status`: a deployment as a tree, once or whenever it changes. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "cli/client/resource.h"
#include "cli/client/tree.h"
#include "cli/client/watch.h"
#include "cli/commands.h"

static struct {
    struct session_options session;
    bool watch;
} settings;

struct view {
    struct session *session;
    const char *name;
    const struct kind *instances;
};

static json_t *get_instances(const struct view *view, struct err *err)
{
    AUTO_FREE char *collection =
        resource_path(view->instances, view->session->namespace_name, NULL);
    AUTO_FREE char *path =
        mem_printf("%s?fieldSelector=spec.deployment%%3D%s", collection, view->name);
    struct call call = {.path = path};
    json_t *list = NULL;
    int rc = session_call(view->session, &call, &list, err);
    json_t *items = rc == 0 ? json_incref(json_object_get(list, "items")) : NULL;
    json_decref(list);
    return items;
}

static int show(const struct view *view, const json_t *deployment, struct err *err)
{
    json_t *instances = get_instances(view, err);
    if (!instances)
        return -1;
    bool on_terminal = isatty(STDOUT_FILENO);
    struct tree_input in = {.deployment = deployment,
                            .instances = instances,
                            .now_ms = clock_wall_ms(),
                            .colour = on_terminal && !getenv("NO_COLOR")};
    struct buf out;
    buf_init(&out, (size_t)64 << 20);
    if (settings.watch)
        buf_adds(&out, on_terminal ? "\033[H\033[2J" : "---\n");
    tree_render(&in, &out);
    fwrite(out.data, 1, out.len, stdout);
    fflush(stdout);
    buf_release(&out);
    json_decref(instances);
    return 0;
}

static int on_change(void *context, const json_t *deployment, struct err *err)
{
    const struct view *view = context;
    /* The connection of the watch is busy: the instances come over another one. */
    if (!deployment) {
        printf("%s is gone\n", view->name);
        return 1;
    }
    return show(view, deployment, err);
}

static int watch(struct session *session, const struct kind *kind, const char *name,
                 struct err *err)
{
    struct session second;
    int rc = session_open(&second, &settings.session, err);
    struct view view = {
        .session = &second, .name = name, .instances = kinds_resolve(session->kinds, "instances")};
    if (rc == 0)
        rc = watch_one(session, kind, session->namespace_name, name, 0, on_change, &view, err);
    session_close(&second);
    return rc;
}

static int run(struct session *session, int argc, char **argv, struct err *err)
{
    if (argc != 2)
        return err_set(err, ERR_INVALID, "say which deployment: mot status NAME");
    const char *slash = strchr(argv[1], '/');
    const char *name = slash ? slash + 1 : argv[1];
    const struct kind *kind = resource_kind(session, "deployments", err);
    if (!kind)
        return -1;
    if (settings.watch)
        return watch(session, kind, name, err);
    AUTO_FREE char *path = resource_path(kind, session->namespace_name, name);
    struct call call = {.path = path};
    json_t *deployment = NULL;
    int rc = session_call(session, &call, &deployment, err);
    struct view view = {
        .session = session, .name = name, .instances = kinds_resolve(session->kinds, "instances")};
    if (rc == 0)
        rc = show(&view, deployment, err);
    json_decref(deployment);
    return rc;
}

int status_main(int argc, char **argv)
{
    const struct option_spec options[] = {
        {"watch|w", NULL, OPTION_FLAG, &settings.watch, "again whenever it changes, until Ctrl-C"},
        SESSION_OPTIONS(&settings.session),
        {0}};
    const struct verb verb = {
        .command = {.name = "mot status",
                    .arguments = "NAME",
                    .summary = "Shows a deployment as a tree: regions, zones, instances.",
                    .options = options},
        .options = &settings.session,
        .run = run};
    return verb_main(&verb, argc, argv);
}
