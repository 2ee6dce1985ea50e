/*
 * The topology: which regions exist, what is in them, and, derived from the three rules of Kafka
 * etiquette, every route that a record takes. topology_routes() is pure; everything else asks it.
 *
 *   1. Never produce to a topic outside your own data centre (mirrors excepted, which exist only
 * between central and pseudo-central, and from non-production regions back to central).
 *   2. Consume from the local cluster whenever possible.
 *   3. A topic that is to be consumed from another data centre carries an identifying suffix.
 */
#ifndef MOT_TOPOLOGY_TOPOLOGY_H
#define MOT_TOPOLOGY_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>

#include <mot/base/err.h>

struct topology_zone {
    const char *name;
    const char *driver; /* "local", … */
    const char *url;    /* NULL where the driver needs none */
    const char *mesos_url;
    const char *credentials_file;
};

struct topology_region {
    const char *name;       /* "test-us-east-1" */
    const char *appenv;     /* "test" */
    const char *location;   /* "us-east-1": the name without "<appenv>-" */
    const char *bootstrap;  /* kafka.bootstrapServers; NULL: `mot up` starts a broker for it */
    const char *consul_url; /* NULL when there is none */
    struct topology_zone *zones;
    size_t zone_count;
    int line; /* in the file */
};

struct topology {
    const char *file;
    const char **appenvs;
    size_t appenv_count;    /* default: test, stage, production */
    const char *production; /* the appenv behind the border: "production" unless said otherwise */
    const struct topology_region *central;        /* never NULL, but for topology_parse_loose */
    const struct topology_region *pseudo_central; /* NULL when there is none */
    const char *central_name;                     /* as the file has them */
    const char *pseudo_central_name;              /* NULL when there is none */
    struct topology_region *regions;
    size_t region_count;
    int replication_factor; /* of topics, default 1 */
    int partitions;         /* of topics, default 1 */
};

/* Reads and checks the file against its schema; errors are "FILE:LINE: what". topology_free() it.
 */
struct topology *topology_load(const char *path, struct err *err) MOT_NODISCARD;
struct topology *topology_parse(const char *name, const char *text, size_t len,
                                struct err *err) MOT_NODISCARD;
/* For lint only: also gives out a topology whose names lead nowhere (central may be NULL then) or
 * are there twice. */
struct topology *topology_parse_loose(const char *name, const char *text, size_t len,
                                      struct err *err) MOT_NODISCARD;
void topology_free(struct topology *topology);
/* NULL when there is none. */
const struct topology_region *topology_find(const struct topology *topology, const char *region);
/* After this, the region's bootstrap is @bootstrap (copied): `mot up` fills in the ports it chose.
 */
void topology_set_bootstrap(struct topology *topology, const char *region, const char *bootstrap);
/* The file again, with everything that was filled in; free() it. */
char *topology_write(const struct topology *topology) MOT_NODISCARD;

/* ---------------------------------------------------------------------------------------- routes
 */

/* The topics of DESIGN that cross regions, and those that stay. The names without suffix. */
#define TOPIC_LAUNCH           "mot-deployment-launch-events" /* + "-<region>" */
#define TOPIC_COMPLETE         "mot-deployment-complete-events"
#define TOPIC_DEPLOYMENT_STATE "mot-deployment-state-change"
#define TOPIC_INSTANCE_STATE   "mot-instance-state-change"
#define TOPIC_HEARTBEAT        "mot-region-heartbeat"
#define TOPIC_DESIRED          "mot-deployment-desired" /* sink of the launch agent, stays in the region */

/* The key under which the publisher says in a launch topic: everything up to revision R stands
 * before this. */
#define MARKER_KEY "mot-marker"

/* One flow of records between two layers for one region. */
struct route {
    const char *flow;                          /* TOPIC_LAUNCH, TOPIC_COMPLETE, … */
    const struct topology_region *region;      /* whose records these are */
    const struct topology_region *produced_in; /* the producer's own cluster */
    const char *produced_topic; /* its name there, with the suffix where rule 3 wants it */
    const struct topology_region *consumed_in; /* the cluster the consumer polls */
    const char *consumed_topic;
    const struct topology_region *consumer; /* where the consumer runs */
};

struct mirror_topic {
    const char *from_topic;
    const char *to_topic;
};

/* One mirror: from one cluster to another, some topics. It runs in the destination region. */
struct mirror {
    const char *name; /* "production-us-east-1->stage-us-east-1" */
    const struct topology_region *from;
    const struct topology_region *to;
    struct mirror_topic *topics;
    size_t topic_count;
};

struct routes {
    struct route *items;
    size_t count;
    struct mirror *mirrors;
    size_t mirror_count;
};

/* Pure. routes_free() it; it borrows from @topology. */
struct routes *topology_routes(const struct topology *topology) MOT_NODISCARD;
void routes_free(struct routes *routes);
/* The route of one flow of one region; NULL when there is none. */
const struct route *routes_find(const struct routes *routes, const char *flow, const char *region);

/* A topic that must exist in a cluster. */
struct topic_spec {
    const struct topology_region *cluster;
    const char *name;
    bool compacted;
};
/* All topics of one cluster (region agents' own included). free() the array with topic_specs_free.
 */
struct topic_spec *topology_topics(const struct topology *topology, const struct routes *routes,
                                   const struct topology_region *cluster,
                                   size_t *ret_count) MOT_NODISCARD;
void topic_specs_free(struct topic_spec *specs, size_t count);

/* May a process of @region produce to @cluster? The one exception is a mirror, for its own
 * destination. */
bool topology_may_produce(const struct topology *topology, const char *region, const char *cluster);

/* ---------------------------------------------------------------------------------------- lint */

struct finding {
    int line;
    const char *rule; /* "rule-1", "duplicate-name", "unreachable", … */
    char *text;
};
struct findings {
    struct finding *items;
    size_t count;
};
struct findings topology_lint(const struct topology *topology);
void findings_release(struct findings *findings);

#endif
