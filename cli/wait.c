/* `mot wait`: until a deployment has converged, a condition holds, or an object is gone. By watch:
 * nothing is polled. */
#include <stdio.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "cli/client/resource.h"
#include "cli/client/tree.h"
#include "cli/client/watch.h"
#include "cli/commands.h"

static struct {
    struct session_options session;
    const char *condition;
    const char *timeout;
} settings = {.condition = "converged", .timeout = "60s"};

struct goal {
    bool gone; /* else: @type has @value */
    char type[128];
    char value[64];
    const char *name;
    struct buf last; /* how it stood when it was seen last */
};

/* "converged", "deleted", "condition=Available", "condition=Available=False" */
static int parse_goal(const char *text, struct goal *goal, struct err *err)
{
    snprintf(goal->value, sizeof(goal->value), "True");
    if (strcmp(text, "deleted") == 0 || strcmp(text, "delete") == 0) {
        goal->gone = true;
        return 0;
    }
    if (strcmp(text, "converged") == 0) {
        snprintf(goal->type, sizeof(goal->type), "Converged");
        return 0;
    }
    if (strncmp(text, "condition=", 10) == 0 && text[10]) {
        const char *type = text + 10;
        size_t len = strcspn(type, "=");
        snprintf(goal->type, sizeof(goal->type), "%.*s", (int)len, type);
        if (type[len])
            snprintf(goal->value, sizeof(goal->value), "%s", type + len + 1);
        return 0;
    }
    return err_set(err, ERR_INVALID, "--for=%s: it is converged, deleted or condition=TYPE[=VALUE]",
                   text);
}

static int is_reached(void *context, const json_t *object, struct err *err)
{
    struct goal *goal = context;
    buf_clear(&goal->last);
    if (goal->gone)
        return object ? 0 : 1;
    if (!object)
        return err_set(err, ERR_NOT_FOUND, "%s is not there", goal->name);
    deployment_summary(object, &goal->last);
    return deployment_has_condition(object, goal->type, goal->value);
}

static int wait_for(struct session *session, const struct resource_item *item, struct goal *goal,
                    int64_t deadline_ms, struct err *err)
{
    AUTO_FREE char *word = resource_word(item->kind);
    goal->name = item->name;
    const char *ns = resource_namespace(session, item->kind);
    if (watch_one(session, item->kind, ns, item->name, deadline_ms, is_reached, goal, err) == 0) {
        printf("%s/%s %s\n", word, item->name, goal->gone ? "deleted" : "condition met");
        return 0;
    }
    if (err->code == ERR_TIMEOUT)
        return err_set(err, ERR_TIMEOUT, "%s/%s: not %s within %s%s%s", word, item->name,
                       settings.condition, settings.timeout, goal->last.len ? ": " : "",
                       goal->last.len ? goal->last.data : "");
    return -1;
}

static int run(struct session *session, int argc, char **argv, struct err *err)
{
    struct goal goal = {0};
    struct resource_list list = {0};
    int64_t timeout_ms;
    if (parse_goal(settings.condition, &goal, err) != 0 ||
        clock_parse_duration(settings.timeout, &timeout_ms, err) != 0)
        return -1;
    char kind_word[] = "deployments";
    char *with_kind[] = {argv[0], kind_word, argc > 1 ? argv[1] : NULL, NULL};
    bool bare_name = argc == 2 && !strchr(argv[1], '/');
    int rc = bare_name ? resource_arguments(session, 3, with_kind, &list, err)
                       : resource_arguments(session, argc, argv, &list, err);
    buf_init(&goal.last, 65536);
    int64_t deadline = clock_ms() + timeout_ms;
    for (size_t i = 0; rc == 0 && i < list.count; i++) {
        if (!list.items[i].name)
            rc = err_set(err, ERR_INVALID, "say which %s", list.items[i].kind->singular);
        else
            rc = wait_for(session, &list.items[i], &goal, deadline, err);
    }
    buf_release(&goal.last);
    resource_list_release(&list);
    return rc;
}

int wait_main(int argc, char **argv)
{
    const struct option_spec options[] = {
        {"for", "WHAT", OPTION_STRING, &settings.condition,
         "converged (default), deleted, or condition=TYPE[=VALUE]"},
        {"timeout", "DURATION", OPTION_STRING, &settings.timeout, "how long to wait (default 60s)"},
        SESSION_OPTIONS(&settings.session),
        {0}};
    const struct verb verb = {
        .command =
            {.name = "mot wait",
             .arguments = "NAME | KIND NAME… | KIND/NAME…",
             .summary =
                 "Waits until a deployment has converged to its newest generation, or is gone.",
             .options = options},
        .options = &settings.session,
        .run = run};
    return verb_main(&verb, argc, argv);
}
