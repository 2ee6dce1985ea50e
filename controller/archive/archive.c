#include "archive.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <mot/base/backoff.h>
#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/stop.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "batch.h"
#include "complain.h"
#include "events/recorder.h"
#include "publish/publisher.h"

#define IDLE_MS         5000
#define CLUSTER_WAIT_MS 2000

/* The agents whose topics stand in one cluster, and their thread. */
struct collector {
    struct archive *archive;
    const struct topology_region *cluster;
    struct archive_agent *agents;
    size_t agent_count;
    struct archive_batch batch;
    char cluster_id[BUS_CLUSTER_ID_SIZE];
    struct complaint complaint, reading;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock; /* guards the pointer, which stop wakes */
    struct bus_consumer *consumer;
};

struct archive {
    struct archive_options options;
    atomic_bool stopping;
    struct collector *collectors;
    size_t collector_count;
};

static const struct {
    const char *flow;
    enum archive_flow kind;
} flows[] = {
    {TOPIC_DEPLOYMENT_STATE, ARCHIVE_STATE},
    {TOPIC_INSTANCE_STATE, ARCHIVE_INSTANCE},
    {TOPIC_COMPLETE, ARCHIVE_COMPLETE},
    {TOPIC_HEARTBEAT, ARCHIVE_HEARTBEAT},
};

static bool is_stopping(const struct collector *collector)
{
    return atomic_load(&collector->archive->stopping) || stop_requested();
}

/* ------------------------------------------------------------------------------------------
 * answers */

static int answer_unknown(void *context, const char *region, const char *key, int64_t revision,
                          struct err *err)
{
    const struct collector *collector = context;
    return publisher_answer_unknown(collector->archive->options.publisher, region, key, revision,
                                    err);
}

/* ------------------------------------------------------------------------------------------
 * stories */

/* Whom an Instance's story is told about: itself, and its Deployment. */
struct telling {
    struct recorder *recorder;
    const json_t *instance;
    json_t *deployment; /* NULL: there is none, or it could not be read */
};

static void tell(void *context, enum event_type type, const char *reason, const char *message)
{
    const struct telling *telling = context;
    recorder_tell(telling->recorder, telling->instance, type, reason, "%s", message);
    if (telling->deployment)
        recorder_tell(telling->recorder, telling->deployment, type, reason, "%s", message);
}

static json_t *read_deployment(struct store *store, const json_t *instance)
{
    struct store_key key = {deployment_kind.resource, object_namespace(instance),
                            json_at_text(instance, "spec.deployment")};
    struct err err = {0};
    AUTO_FREE struct store_object *stored = store_get(store, &key, &err);
    return stored ? object_decode(stored->body, stored->body_len, stored->revision, &err) : NULL;
}

static bool is_worth_telling(const struct instance_facts *before, const json_t *instance)
{
    struct instance_facts now = instance_facts_of(instance);
    return (now.failed && !before->failed) || (now.unhealthy && !before->unhealthy) ||
           now.restarts > before->restarts;
}

static void on_instance(void *context, const struct instance_facts *before, const json_t *instance)
{
    const struct collector *collector = context;
    const struct archive_options *options = &collector->archive->options;
    if (!options->recorder || !is_worth_telling(before, instance))
        return;
    struct telling telling = {options->recorder, instance,
                              read_deployment(options->store, instance)};
    struct story story = {tell, &telling};
    story_instance(&story, before, instance);
    json_decref(telling.deployment);
}

/* ------------------------------------------------------------------------------------------
 * beginning */

static int open_agents(struct collector *collector, struct err *err)
{
    const struct archive_options *options = &collector->archive->options;
    collector->agents = mem_array(options->routes->count + 1, sizeof(struct archive_agent));
    for (size_t i = 0; i < options->routes->count; i++) {
        const struct route *route = &options->routes->items[i];
        for (size_t f = 0; f < MOT_ARRAY_SIZE(flows); f++) {
            if (strcmp(route->flow, flows[f].flow) != 0 || route->consumed_in != collector->cluster)
                continue;
            struct archive_agent *agent = &collector->agents[collector->agent_count++];
            if (archive_agent_open(agent, flows[f].kind, route, options->topology->partitions,
                                   options->store, err))
                return -1;
        }
    }
    if (archive_batch_init(&collector->batch, options->store, collector->agents,
                           collector->agent_count, err))
        return -1;
    collector->batch.heartbeats =
        (struct heartbeat_rules){options->heartbeat_every_ms, options->stale_after_ms};
    collector->batch.unknown = answer_unknown;
    collector->batch.changed = on_instance;
    collector->batch.context = collector;
    return 0;
}

static void close_agents(struct collector *collector)
{
    if (!collector->agents)
        return;
    if (collector->batch.index)
        archive_batch_release(&collector->batch);
    for (size_t i = 0; i < collector->agent_count; i++)
        archive_agent_release(&collector->agents[i]);
    free(collector->agents);
    collector->agents = NULL;
    collector->agent_count = 0;
    collector->batch = (struct archive_batch){0};
}

static void change_consumer(struct collector *collector, struct bus_consumer *consumer)
{
    pthread_mutex_lock(&collector->lock);
    struct bus_consumer *old = collector->consumer;
    collector->consumer = consumer;
    pthread_mutex_unlock(&collector->lock);
    if (old)
        bus_consumer_close(old);
}

static int assign(struct collector *collector, struct bus_consumer *consumer, struct err *err)
{
    if (!bus_consumer_cluster_id(consumer, CLUSTER_WAIT_MS, collector->cluster_id))
        return err_set(err, ERR_TRANSIENT, "cluster %s does not answer", collector->cluster->name);
    for (size_t i = 0; i < collector->agent_count; i++) {
        const struct archive_agent *agent = &collector->agents[i];
        int partitions;
        if (bus_consumer_partitions(consumer, agent->route->consumed_topic, CLUSTER_WAIT_MS,
                                    &partitions, err))
            return -1;
        for (int p = 0; p < agent->partition_count && p < partitions; p++) {
            if (bus_consumer_assign(consumer, agent->route->consumed_topic, p,
                                    archive_agent_offset(agent, p, collector->cluster_id), err))
                return -1;
        }
    }
    return 0;
}

static int open_consumer(struct collector *collector, struct err *err)
{
    struct bus_consumer_options options = {
        .region = collector->archive->options.topology->central->name,
        .cluster = collector->cluster->name,
        .bootstrap = collector->cluster->bootstrap,
        .name = "mot-archive",
    };
    struct bus_consumer *consumer = bus_consumer_open(&options, err);
    if (!consumer)
        return -1;
    if (assign(collector, consumer, err)) {
        bus_consumer_close(consumer);
        return -1;
    }
    change_consumer(collector, consumer);
    return 0;
}

/* Everything from the store, then the consumer from there. */
static int begin(struct collector *collector, struct err *err)
{
    change_consumer(collector, NULL);
    close_agents(collector);
    return open_agents(collector, err) || open_consumer(collector, err) ? -1 : 0;
}

/* ------------------------------------------------------------------------------------------ going
 * on */

static struct archive_agent *agent_of(struct collector *collector, const struct bus_record *record)
{
    for (size_t i = 0; i < collector->agent_count; i++) {
        if (strcmp(collector->agents[i].route->consumed_topic, record->topic) == 0)
            return &collector->agents[i];
    }
    return NULL;
}

/* Waits for a record, and takes what else is there. */
static int fill(struct collector *collector, struct err *err)
{
    struct bus_record record;
    int n = bus_consume(collector->consumer, IDLE_MS, &record, err);
    while (n > 0) {
        struct archive_agent *agent = agent_of(collector, &record);
        if (agent && record.partition < agent->partition_count)
            archive_batch_add(&collector->batch, agent, &record);
        if (archive_batch_full(&collector->batch))
            break;
        n = bus_consume(collector->consumer, 0, &record, err);
    }
    if (n < 0 && err->code == ERR_TRANSIENT)
        complain(&collector->reading, "archive reads on", collector->cluster->name, err);
    return n < 0 && err->code != ERR_TRANSIENT ? -1 : 0;
}

/* It was wiped: positions in the one before mean nothing. */
static bool cluster_changed(struct collector *collector)
{
    char id[BUS_CLUSTER_ID_SIZE];
    return bus_consumer_cluster_id(collector->consumer, 0, id) &&
           strcmp(id, collector->cluster_id) != 0;
}

static int step(struct collector *collector, struct err *err)
{
    if (collector->batch.taken == 0 && fill(collector, err))
        return -1;
    if (cluster_changed(collector))
        return err_set(err, ERR_INTERNAL, "the cluster is another one now");
    if (collector->batch.taken == 0)
        return 0;
    return archive_batch_commit(&collector->batch, collector->agents, collector->agent_count,
                                collector->cluster_id, err);
}

static void *run(void *argument)
{
    struct collector *collector = argument;
    struct backoff backoff = BACKOFF_INIT(50, 5000);
    bool begun = false;
    while (!is_stopping(collector)) {
        struct err err = {0};
        int rc = begun ? step(collector, &err) : begin(collector, &err);
        if (rc == 0) {
            begun = true;
            collector->complaint.next_ms = 0;
            backoff_reset(&backoff);
            continue;
        }
        if (err.code == ERR_CONFLICT) {
            log_error("another archive has taken over", LOG_S("cluster", collector->cluster->name));
            collector->archive->options.lost(collector->archive->options.context);
            return NULL;
        }
        complain(&collector->complaint, "the archive waits", collector->cluster->name, &err);
        /* The outcome of a commit may be unknown: what the store says counts. */
        begun = begun && err.code == ERR_TRANSIENT;
        stop_wait(backoff_next(&backoff));
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------ life
 */

static struct collector *collector_for(struct archive *archive,
                                       const struct topology_region *cluster)
{
    for (size_t i = 0; i < archive->collector_count; i++) {
        if (archive->collectors[i].cluster == cluster)
            return &archive->collectors[i];
    }
    struct collector *collector = &archive->collectors[archive->collector_count++];
    collector->archive = archive;
    collector->cluster = cluster;
    pthread_mutex_init(&collector->lock, NULL);
    return collector;
}

struct archive *archive_start(const struct archive_options *options, struct err *err)
{
    struct archive *archive = mem_zalloc(sizeof(*archive));
    archive->options = *options;
    archive->collectors = mem_array(options->topology->region_count + 1, sizeof(struct collector));
    for (size_t i = 0; i < options->routes->count; i++) {
        if (strcmp(options->routes->items[i].flow, TOPIC_LAUNCH) != 0)
            collector_for(archive, options->routes->items[i].consumed_in);
    }
    for (size_t i = 0; i < archive->collector_count; i++) {
        int rc = pthread_create(&archive->collectors[i].thread, NULL, run, &archive->collectors[i]);
        if (rc) {
            err_set(err, ERR_INTERNAL, "no thread for the archive: %s", strerror(rc));
            archive_stop(archive);
            return NULL;
        }
        archive->collectors[i].started = true;
    }
    return archive;
}

void archive_stop(struct archive *archive)
{
    if (!archive)
        return;
    atomic_store(&archive->stopping, true);
    for (size_t i = 0; i < archive->collector_count; i++) {
        struct collector *collector = &archive->collectors[i];
        pthread_mutex_lock(&collector->lock);
        if (collector->consumer)
            bus_consumer_wake(collector->consumer);
        pthread_mutex_unlock(&collector->lock);
        if (collector->started)
            pthread_join(collector->thread, NULL);
        change_consumer(collector, NULL);
        close_agents(collector);
        pthread_mutex_destroy(&collector->lock);
    }
    free(archive->collectors);
    free(archive);
}
