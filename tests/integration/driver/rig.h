/* What the driver suite stands on: a driver that is being watched, workloads to give it, an HTTP
 * client. No case sleeps. */
#ifndef MOT_TESTS_DRIVER_RIG_H
#define MOT_TESTS_DRIVER_RIG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <mot/base/arena.h>
#include <mot/driver.h>

struct rig {
    const struct driver_ops *ops;
    struct driver *driver;
    char *dir;           /* everything of one case is below it */
    char *data;          /* the driver's folder */
    char *note;          /* the test apps' diary, see testapp.c */
    struct arena *arena; /* of workloads */
    struct arena *seen;  /* of the newest observation */
    struct observation observation;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool changed;
};

/* Opens a new driver in a folder of its own. */
void rig_init(struct rig *rig, const struct driver_ops *ops);
/* Stops everything, and checks that nothing of it is left on the machine. */
void rig_release(struct rig *rig);
void rig_open(struct rig *rig);
void rig_close(struct rig *rig, bool stop_all);

/* What to run; zero means the usual. */
struct spec {
    const char *name;      /* "web" */
    const char *uid;       /* "uid-1" */
    int64_t revision;      /* 1 */
    const char *args;      /* JSON list of arguments of the test app, such as "\"--never-ready\"" */
    const char *version;   /* an environment variable: another one is another template */
    const char *container; /* JSON members that replace command, ports and probe */
    const char *more;      /* a further container, JSON with a leading comma */
    const char
        *probe; /* JSON members after the ports, with a leading comma; NULL: readiness at /ready */
    const char *strategy; /* JSON */
    int grace;            /* seconds; 0: 5 */
};
struct workload *rig_workload(struct rig *rig, const struct spec *spec);
/* Fails the test when the driver refuses. */
void rig_apply(struct rig *rig, const struct spec *spec, int replicas);

/* The newest state of an app; NULL when it isn't there. Valid until the next look. */
const struct observed_app *rig_look(struct rig *rig, const char *name);
/* Waits until @test is true of the app (NULL when it isn't there), and fails with @what after 20 s.
 * @each, if not NULL, is called for every state seen on the way. Returns the app. */
const struct observed_app *rig_wait(struct rig *rig, const char *name, const char *what,
                                    bool (*test)(const struct observed_app *app, int64_t number),
                                    int64_t number,
                                    void (*each)(const struct observed_app *app, void *context),
                                    void *context);

/* Predicates for rig_wait. */
bool all_ready(const struct observed_app *app, int64_t replicas); /* exactly so many, all ready */
bool all_updated(const struct observed_app *app,
                 int64_t replicas); /* … and of the newest template */
bool is_gone(const struct observed_app *app, int64_t unused);

/* GET from 127.0.0.1; the body in the rig's arena, and the status. */
const char *rig_get(struct rig *rig, int port, const char *path, int *ret_status);
/* Lines of the diary that begin with @what ("start", "term"). */
int rig_noted(const struct rig *rig, const char *what);
/* Processes of this machine that were started for this rig. */
int rig_processes(const struct rig *rig);

#endif
