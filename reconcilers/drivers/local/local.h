/*
 * The local scheduler's inside: apps have instances, an instance has one process per container. One
 * thread runs everything; the driver's functions take the lock, change what is wanted and wake it.
 *
 * On disk, below the driver's folder:
 *     lock  id
 *     apps/<ns>/<name>/app.json                 what was applied last
 *     apps/<ns>/<name>/template-<hash>.json     an older app.json, as long as instances of that
 * template are there apps/<ns>/<name>/i-<suffix>/instance.json its template, ports, restarts,
 * whether it is being stopped apps/<ns>/<name>/i-<suffix>/<container>.pid, <container>.log,
 * <container>/
 */
#ifndef MOT_LOCAL_LOCAL_H
#define MOT_LOCAL_LOCAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/arena.h>
#include <mot/base/map.h>
#include <mot/driver.h>
#include <mot/model/workload.h>

#include "probe.h"
#include "process.h"
#include "timers.h"

#define SUFFIX_LEN 8

/* A workload as it was applied once; instances of its template hold it. */
struct launch {
    unsigned refs;
    struct arena *arena;
    struct workload *workload;
};
struct launch *launch_new(void);
struct launch *launch_ref(struct launch *launch);
void launch_unref(struct launch *launch);

struct instance;

struct task {
    struct instance *instance;
    const struct workload_container *container;
    bool up;
    struct process_id id;
    struct source exit; /* its pidfd */
    struct timer timer; /* up: settled, or to be killed; see instance.c */
    struct probe readiness, liveness;
    bool settled;       /* without a readiness probe: has run for a moment */
    bool starting;      /* chosen by instance_start */
    bool ending;        /* was sent SIGTERM by us */
    int64_t kill_at;    /* while ending */
    int64_t started;    /* clock_ms() */
    int64_t started_at; /* wall; 0: never */
    int64_t retry_at;   /* while down: clock_ms(), or PLAN_NEVER */
    unsigned failures;  /* in a row */
    int restarts;
    const char *reason;
    char message[160];
};

struct assigned_port {
    size_t container;
    const char *name; /* of the launch */
    int inner;        /* containerPort */
    int port;
};

struct instance {
    struct app *app;
    struct launch *launch;
    char suffix[SUFFIX_LEN + 1];
    char *id; /* "<deployment>-<zone>-<suffix>" */
    char *dir;
    char *hash;         /* of its template */
    int64_t revision;   /* it was started for */
    int64_t created_at; /* wall */
    bool stopping;
    int64_t stopping_since; /* wall */
    bool ready;
    int64_t ready_since; /* clock_ms() */
    struct assigned_port *ports;
    size_t port_count;
    struct task *tasks;
    size_t task_count;
};

struct app {
    struct local *local;
    char *ns, *name, *key; /* key: "<ns>/<name>" */
    char *uid;
    char *dir;
    struct launch *launch;
    int64_t revision, generation;
    int replicas;
    bool removing;
    bool done;           /* the plan said so */
    bool dirty;          /* to be planned */
    bool busy;           /* apply() is writing it: its plan waits */
    bool settled;        /* was done since it was applied; kept on disk */
    int64_t applied_at;  /* wall */
    int64_t progress;    /* clock_ms() */
    int64_t progress_at; /* the same moment, wall */
    struct timer timer;  /* its plan's next look */
    struct instance **instances;
    size_t instance_count;
    size_t instance_capacity;
};

struct local {
    struct driver base;
    char *region, *zone, *data;
    void (*changed)(void *context);
    void *context;
    char boot[BOOT_ID_SIZE];
    char id[24]; /* marks this folder's processes */
    int lock_fd;
    pthread_mutex_t mutex; /* of everything below */
    pthread_t thread;
    struct reactor reactor;
    struct source wake; /* an eventfd */
    struct timer sweep; /* of the logs */
    struct map *apps;   /* by key */
    int64_t opened;     /* clock_ms(); 0 once what was found running has been probed */
    bool any_dirty;
    bool news; /* changed() is due */
    bool closing, stopping_all;
};

/* instance.c */
struct instance *instance_new(struct app *app, struct launch *launch, const char *suffix);
/* A new one: ports, folder, processes. What fails is in its tasks. */
void instance_create(struct app *app);
/* From what state_load found: adopts the processes that run. */
int instance_resume(struct instance *instance, struct err *err);
/* Starts the tasks that are down and due. */
void instance_start(struct instance *instance, int64_t now);
void instance_stop(struct instance *instance, const char *why);
bool instance_down(const struct instance *instance, int64_t *ret_retry_at);
/* Out of its app; its folder and ports too. */
void instance_discard(struct instance *instance);
void instance_free(struct instance *instance);
/* Any process there at all? */
bool instance_ended(const struct instance *instance);
/* Cuts logs that have grown too large. */
void instance_trim_logs(const struct instance *instance);
const struct assigned_port *instance_port(const struct instance *instance, size_t container,
                                          const char *port);

/* How long ago; a clock that was set back does not make that less than nothing. */
int64_t wall_age(int64_t wall_ms);

/* state.c */
struct workload *state_copy_workload(struct arena *arena, const struct workload *workload,
                                     struct err *err);
int state_open(struct local *local, struct err *err);
/* Durable when it returns. */
int state_write_app(const struct app *app, const struct workload *workload, int replicas,
                    bool removing, struct err *err);
void state_mark_settled(const struct app *app);
bool state_write_instance(const struct instance *instance);
/* Forgets templates that no instance has. */
void state_drop_templates(const struct app *app);
/* A folder goes in one step. */
void state_discard(const struct local *local, const char *dir);
/* Reads everything; instances are not adopted yet. */
int state_load(struct local *local, struct err *err);

/* loop.c */
void *loop_main(void *local);
void loop_interrupt(struct local *local);
void app_touch(struct app *app);
void app_progress(struct app *app);
struct app *app_new(struct local *local, const char *ns, const char *name);
void app_free(void *app);

#endif
