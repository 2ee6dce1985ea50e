/*
 * A controller with everything around it: a PostgreSQL, two Kafka clusters, and regions that answer
 * on the topics as a region would. The controller is this program again, so that it can be killed.
 *
 * Three regions per test, with names of their own, so that tests can share the clusters: central
 * (says nothing), far (its own cluster) and stage (whose records a mirror would have brought to
 * central).
 */
#ifndef TESTS_CONTROLLER_RIG_H
#define TESTS_CONTROLLER_RIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <lib/kafka.h>
#include <lib/postgres.h>
#include <mot/base/map.h>
#include <mot/bus/bus.h>
#include <mot/store/store.h>
#include <mot/topology/topology.h>

#define RIG_WAIT_MS 60000
#define RIG_NS      "shop"

enum { CENTRAL, FAR, STAGE };

extern struct postgres *rig_postgres;
extern struct kafka *rig_brokers[2]; /* central's, far's */

struct rig {
    char *url;
    char *file; /* the topology */
    struct topology *topology;
    struct routes *routes;
    struct store *store;
    const char *regions[3];
};

/* Group setup and teardown: the servers. */
int rig_servers_start(void **state);
int rig_servers_stop(void **state);

/* @name: short, lower case; a database, topics and region names of its own. */
void rig_open(struct rig *rig, const char *name);
void rig_create_topics(struct rig *rig);
/* A second world with the same names of regions and topics, but a database of its own. */
void rig_open_beside(struct rig *rig, const struct rig *other, const char *name);
void rig_close(struct rig *rig);

/* ---- the controller ---- */

struct process {
    pid_t pid;
    char *log; /* its stderr */
};

/* In main(), first: runs the controller when that is what this process is for. */
void rig_main(int argc, char **argv);
/* @arguments: more of them, ends with NULL; may be NULL. */
struct process rig_start(const struct rig *rig, const char *const *arguments);
void rig_kill(struct process *process); /* -9 */
/* Asks it to end, and returns its exit status. */
int rig_end(struct process *process);
/* The exit status of one that ends by itself; -1: not within @timeout_ms. */
int rig_await_end(struct process *process, int64_t timeout_ms);
/* How many lines of its log have this in them. */
int rig_logged(const struct process *process, const char *text);
void rig_await_log(const struct process *process, const char *text);
/* VmRSS in KiB; user and system time in microseconds. */
int64_t rig_rss_kb(const struct process *process);
int64_t rig_cpu_us(const struct process *process);

/* ---- the store, as a user of the API would have it ---- */

/* Creates a Deployment that is placed in these regions (bits 1 << FAR, …); its revision. */
int64_t rig_create(struct rig *rig, const char *name, unsigned regions);
/* Calls @change on the newest state, until it can be written; its revision. */
typedef void rig_change(json_t *object, const void *context);
int64_t rig_update(struct rig *rig, const char *resource, const char *ns, const char *name,
                   rig_change *change, const void *context);
void rig_set_image(json_t *deployment, const void *image);
void rig_delete(struct rig *rig, const char *name);
/* Decoded; NULL when there is none. */
json_t *rig_get(struct rig *rig, const char *resource, const char *ns, const char *name);
int64_t rig_count(struct rig *rig, const char *resource);
int64_t rig_revision(struct rig *rig);

/* Waits until status.conditions has it. */
void rig_await_condition(struct rig *rig, const char *resource, const char *ns, const char *name,
                         const char *type, const char *status);
/* Waits until @path of the object (NULL: the object itself) is there, or isn't. */
void rig_await(struct rig *rig, const char *resource, const char *ns, const char *name,
               const char *path, bool there);
void rig_await_count(struct rig *rig, const char *resource, int64_t count);

/* ---- a region ---- */

struct region;

struct region_options {
    bool answers;     /* launches with Converged, deletions with gone */
    int heartbeat_ms; /* 0: none */
};

struct region *region_start(struct rig *rig, int which, struct region_options options);
void region_set(struct region *region, struct region_options options);
void region_stop(struct region *region);
/* What it has read of its launch topic: records of that key (NULL: all but markers), markers, and
 * revisions of a key that did not rise. */
int region_launches(struct region *region, const char *key);
int region_tombstones(struct region *region, const char *key);
int region_markers(struct region *region);
int region_reordered(struct region *region);
/* When the newest record of the key came (clock_us); 0: not yet. */
int64_t region_heard(struct region *region, const char *key);
/* The generation of the newest launch of the key; 0: none. */
int64_t region_last(struct region *region, const char *key);

/* Produces to the place where the controller reads this flow of the region. */
void rig_produce(struct rig *rig, int which, struct bus_producer *producer, const char *flow,
                 const char *key, const char *value);
struct bus_producer *rig_producer(struct rig *rig, int which, int64_t epoch);
/* The state that a region answers to a launch event; free() it. */
char *rig_state(const json_t *launch, const char *state);

#endif
