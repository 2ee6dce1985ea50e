/*
 * A driver asks one zone's scheduler to run workloads and tells what it runs. To MoT every driver
 * is a scheduler: it is given a workload and a number of replicas, and rolls a change out by
 * itself, within the workload's maxUnavailable and maxSurge. Different zones of a region may have
 * different drivers.
 *
 * Each zone has one worker thread that calls its driver; a driver needs no locks against itself.
 * Calls have deadlines: a scheduler that hangs costs its own zone only.
 */
#ifndef MOT_DRIVER_H
#define MOT_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/arena.h>
#include <mot/base/err.h>
#include <mot/model/workload.h>

enum instance_phase {
    INSTANCE_PENDING,  /* accepted, not placed */
    INSTANCE_STARTING, /* its process runs, its readiness is not known yet */
    INSTANCE_RUNNING,
    INSTANCE_STOPPING,
    INSTANCE_STOPPED,
    INSTANCE_FAILED, /* ended by itself; waits for its next start */
    INSTANCE_UNKNOWN,
};
const char *
instance_phase_name(enum instance_phase phase); /* "Running", as in schemas/kinds/instance.yaml */

struct observed_port {
    const char *name;
    int port; /* on the host */
};

struct observed_health {
    bool known;
    bool ok;
    const char *probe;   /* "readiness", "liveness" */
    const char *message; /* "HTTP 503" */
    int64_t checked_at;  /* wall clock ms, as all times here */
};

struct observed_instance {
    const char *id; /* unique in its namespace: "<deployment>-<zone>-<8 characters>" */
    const char *host;
    const char *template_hash;
    int64_t revision; /* of the launch it was started for */
    enum instance_phase phase;
    bool ready;         /* passes its readiness probe (or runs, when there is none) */
    int64_t started_at; /* 0: never */
    int restarts;
    const char *reason; /* "" or "CrashLoop", "ExitCode", "OutOfPorts", … */
    const char *message;
    struct observed_port *ports;
    size_t port_count;
    struct observed_health health;
};

/* One workload as the scheduler has it. */
struct observed_app {
    const char *ns;
    const char *name;
    const char *uid;  /* of the RegionalDeployment it was applied from */
    int64_t revision; /* of the launch that was applied last */
    int64_t generation;
    const char *template_hash;
    int replicas;                        /* as applied */
    bool removing;                       /* remove() was called; instances are being stopped */
    int64_t progress_at;                 /* when something last moved towards what was applied */
    struct observed_instance *instances; /* those that are gone are not here */
    size_t instance_count;
};

/* Everything that MoT runs in the zone, at one moment. Complete or an error: never half a list. */
struct observation {
    int64_t observed_at;
    struct observed_app *apps;
    size_t app_count;
};

struct driver;

struct driver_options {
    const char *region;
    const char *zone;
    const char *url;              /* NULL where the driver needs none */
    const char *credentials_file; /* NULL: none */
    const char *data;             /* a folder of the driver's own, exists */
    /* Something may have changed: observe again soon. Any thread, cheap, may be called often. */
    void (*changed)(void *context);
    void *context;
};

struct driver_ops {
    const char *name; /* "local", as in the topology */
    struct driver *(*open)(const struct driver_options *options, struct err *err);
    /* Fills @observation, in @arena. */
    int (*observe)(struct driver *driver, struct arena *arena, struct observation *observation,
                   struct err *err);
    /* Makes the scheduler run @replicas of @workload. Returns once the scheduler has accepted that
     * durably; idempotent; a lower revision than the applied one is refused with ERR_CONFLICT. */
    int (*apply)(struct driver *driver, const struct workload *workload, int replicas,
                 struct err *err);
    /* Stops all instances of it, then forgets it: it disappears from observe() once the last one is
     * gone. Idempotent; what is not there is no error. Another uid than @uid (unless "") is left
     * alone. */
    int (*remove)(struct driver *driver, const char *ns, const char *name, const char *uid,
                  struct err *err);
    /* Leaves everything running, or with @stop_all stops every instance first (`mot up` going
     * down). */
    void (*close)(struct driver *driver, bool stop_all);
};

/* The base of every driver, first member of its struct. */
struct driver {
    const struct driver_ops *ops;
};

/* NULL-terminated table of all drivers; reconcilers/drivers/drivers.c. */
extern const struct driver_ops *const driver_table[];
const struct driver_ops *driver_find(const char *name);

#endif
