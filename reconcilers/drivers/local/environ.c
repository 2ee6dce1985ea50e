#include "environ.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

/* What a program of this machine needs to run at all; the rest of the driver's environment is not
 * for it. */
static const char *const inherited[] = {"PATH", "HOME",   "USER", "LOGNAME",
                                        "LANG", "LC_ALL", "TZ",   "TMPDIR"};

static void add_port(struct environment *environment, const char *name, int number)
{
    char *variable = arena_printf(environment->arena, "PORT_%s", name);
    for (char *c = variable; *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    environment_set(environment, variable, arena_printf(environment->arena, "%d", number));
}

/* PORT: the container's first. PORT_<NAME> and PORT_<containerPort>: those of the instance, its own
 * last, as they count. */
static void add_ports(struct environment *environment, const struct task *task)
{
    const struct instance *instance = task->instance;
    size_t own = (size_t)(task - instance->tasks);
    for (size_t turn = 0; turn < 2; turn++) {
        bool first = true;
        for (size_t i = 0; i < instance->port_count; i++) {
            const struct assigned_port *port = &instance->ports[i];
            if ((port->container == own) != (turn == 1))
                continue;
            const char *number = arena_printf(environment->arena, "%d", port->inner);
            add_port(environment, number, port->port);
            if (*port->name)
                add_port(environment, port->name, port->port);
            if (turn == 1 && first)
                environment_set(environment, "PORT",
                                arena_printf(environment->arena, "%d", port->port));
            first = false;
        }
    }
}

void environment_of_task(struct environment *environment, struct arena *arena,
                         const struct task *task)
{
    const struct instance *instance = task->instance;
    const struct app *app = instance->app;
    environment_init(environment, arena);
    environment_set(environment, "MOT_DRIVER_ID", app->local->id);
    environment_set(environment, "MOT_INSTANCE", instance->id);
    environment_set(environment, "MOT_NAMESPACE", app->ns);
    environment_set(environment, "MOT_DEPLOYMENT", app->name);
    environment_set(environment, "MOT_REGION", app->local->region);
    environment_set(environment, "MOT_ZONE", app->local->zone);
    environment_set(environment, "MOT_REVISION",
                    arena_printf(arena, "%" PRId64, instance->revision));
    for (size_t i = 0; i < MOT_ARRAY_SIZE(inherited); i++) {
        const char *value = getenv(inherited[i]);
        if (value)
            environment_set(environment, inherited[i], value);
    }
    if (!environment_get(environment, "PATH"))
        environment_set(environment, "PATH", "/usr/local/bin:/usr/bin:/bin");
    add_ports(environment, task);
    for (size_t i = 0; i < task->container->env_count; i++) {
        const struct workload_env *env = &task->container->env[i];
        environment_set(environment, env->name, expand(environment, env->value));
    }
}
