/*
 * `mot reconciler`: the regional layer of one region. One process runs all bundles by default:
 *
 *   launch     the launch agent: reads launch events from central or pseudo-central
 *   converge   one worker per zone, fed by what is desired; publishes zone reports
 *   state      instance, deployment state and launch outcome agents, and the heartbeat
 *
 * They talk through topics of the region's own cluster only, so that they may as well run as
 * several processes.
 */
#include <stdio.h>
#include <string.h>

#include <mot/agent/agent.h>
#include <mot/agent/topics.h>
#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/options.h>
#include <mot/base/stop.h>
#include <mot/topology/topology.h>

#include "agents/agents.h"
#include "cli/commands.h"
#include "converge/zone.h"
#include "heartbeat.h"
#include "reports.h"

#define TOPICS_WAIT_MS    5000
#define PRODUCER_CLOSE_MS 5000

struct settings {
    const char *topology;
    const char *region;
    const char *data;
    struct option_list bundles;
    int heartbeat_ms;
    int unknown_after_ms;
    int removes_per_minute;
    bool stop_instances;
};

/* One zone of the region, its worker, and where its reports go. */
struct zone_slot {
    const struct topology_zone *spec;
    struct reports *reports; /* one per driver, shared by its zones; owned by the first of them */
    bool owns_reports;
    struct zone *worker;
};

struct reconciler {
    struct settings settings;
    struct topology *topology;
    struct routes *routes;
    const struct topology_region *region;
    int64_t epoch;
    struct bus_producer *producer;
    struct bundle_topic *topics;
    size_t topic_count;
    struct region_agents *agents;
    struct zone_slot *zones;
    size_t zone_count;
    struct agent converge_agent;
    const struct agent *launch_table[1];
    const struct agent *converge_table[1];
    const struct agent **state_table;
    struct heartbeat_zone *heartbeat_zones;
    struct heartbeat *heartbeat;
    struct bundle *launch, *converge, *state;
};

/* ------------------------------------------------------------------------------------------
 * settings */

static int parse_settings(struct settings *settings, int argc, char **argv, struct err *err)
{
    const struct option_spec options[] = {
        {"topology", "FILE", OPTION_STRING, &settings->topology, "the topology (required)"},
        {"region", "NAME", OPTION_STRING, &settings->region,
         "the region this process runs in (required)"},
        {"data", "DIR", OPTION_STRING, &settings->data,
         "where drivers keep what they must find again (required)"},
        {"bundle", "NAME", OPTION_LIST, &settings->bundles,
         "run only this bundle: launch, converge or state; may be repeated"},
        {"heartbeat", "MS", OPTION_INT, &settings->heartbeat_ms,
         "how often the region says that it lives (default 5000)"},
        {"unknown-after", "MS", OPTION_INT, &settings->unknown_after_ms,
         "a zone that can't be observed for so long is Unknown (default 30000)"},
        {"removes-per-minute", "N", OPTION_INT, &settings->removes_per_minute,
         "how many deployments a zone may remove in a minute (default 100)"},
        {"stop-instances-on-exit", NULL, OPTION_FLAG, &settings->stop_instances,
         "stop every instance before ending; by default they go on"},
        {0}};
    const struct command_spec command = {
        .name = "mot reconciler",
        .arguments = "",
        .summary =
            "The regional layer: converges the schedulers of one region and reports what they run.",
        .options = options,
    };
    int rest;
    int rc = options_parse(&command, argc, argv, &rest, err);
    if (rc)
        return rc;
    if (rest)
        return err_set(err, ERR_INVALID, "unexpected argument %s", argv[1]);
    if (!settings->topology || !settings->region || !settings->data)
        return err_set(err, ERR_INVALID, "--topology, --region and --data are required");
    for (size_t i = 0; i < settings->bundles.count; i++) {
        const char *name = settings->bundles.items[i];
        if (strcmp(name, "launch") != 0 && strcmp(name, "converge") != 0 &&
            strcmp(name, "state") != 0)
            return err_set(err, ERR_INVALID, "--bundle %s: it is launch, converge or state", name);
    }
    return 0;
}

static bool runs(const struct reconciler *reconciler, const char *bundle)
{
    const struct option_list *bundles = &reconciler->settings.bundles;
    for (size_t i = 0; i < bundles->count; i++) {
        if (strcmp(bundles->items[i], bundle) == 0)
            return true;
    }
    return bundles->count == 0;
}

/* ------------------------------------------------------------------------------------------
 * identity */

/* The epoch of this process: the time, but higher than any before it in the same data folder. */
static int take_epoch(struct reconciler *reconciler, struct err *err)
{
    AUTO_FREE char *path = file_join(reconciler->settings.data, "epoch");
    struct err missing = {0};
    AUTO_FREE char *text = file_read(path, 64, NULL, &missing);
    long long before = text ? atoll(text) : 0;
    int64_t wall_ms = clock_wall_ms();
    reconciler->epoch = wall_ms > before ? wall_ms : before + 1;
    char now[24];
    int len = snprintf(now, sizeof(now), "%lld\n", (long long)reconciler->epoch);
    return file_write(path, now, (size_t)len, 0644, err);
}

static int load_topology(struct reconciler *reconciler, struct err *err)
{
    reconciler->topology = topology_load(reconciler->settings.topology, err);
    if (!reconciler->topology)
        return -1;
    reconciler->region = topology_find(reconciler->topology, reconciler->settings.region);
    if (!reconciler->region)
        return err_set(err, ERR_INVALID, "%s: there is no region %s", reconciler->settings.topology,
                       reconciler->settings.region);
    reconciler->routes = topology_routes(reconciler->topology);
    return 0;
}

/* ------------------------------------------------------------------------------------------ topics
 */

static void add_topic(struct reconciler *reconciler, const char *topic, const char *real_name,
                      const struct topology_region *cluster)
{
    reconciler->topics[reconciler->topic_count++] =
        (struct bundle_topic){topic, real_name, cluster->name, cluster->bootstrap};
}

/* Where agents find what they name: launch events where the route says, everything else in the
 * region's own cluster. */
static int place_topics(struct reconciler *reconciler, struct err *err)
{
    static const char *const inward[] = {TOPIC_COMPLETE, TOPIC_DEPLOYMENT_STATE,
                                         TOPIC_INSTANCE_STATE, TOPIC_HEARTBEAT};
    const char *region = reconciler->region->name;
    reconciler->topics = mem_array(MOT_ARRAY_SIZE(inward) + 2 + reconciler->agents->text_count,
                                   sizeof(struct bundle_topic));
    const struct route *launch = routes_find(reconciler->routes, TOPIC_LAUNCH, region);
    if (!launch)
        return err_set(err, ERR_INVALID, "no route brings launch events to %s", region);
    add_topic(reconciler, TOPIC_LAUNCH, launch->consumed_topic, launch->consumed_in);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(inward); i++) {
        const struct route *route = routes_find(reconciler->routes, inward[i], region);
        if (!route)
            return err_set(err, ERR_INVALID, "no route takes %s out of %s", inward[i], region);
        add_topic(reconciler, inward[i], route->produced_topic, reconciler->region);
    }
    add_topic(reconciler, TOPIC_DESIRED, TOPIC_DESIRED, reconciler->region);
    for (size_t i = 0; i < reconciler->agents->text_count; i++)
        add_topic(reconciler, reconciler->agents->texts[i], reconciler->agents->texts[i],
                  reconciler->region);
    return 0;
}

/* The topics of the region's own cluster, where they are missing. */
static int create_topics(void *context, struct err *err)
{
    const struct reconciler *reconciler = context;
    return region_topics_create(reconciler->topology, reconciler->routes, reconciler->region,
                                TOPICS_WAIT_MS, err);
}

static int open_producer(struct reconciler *reconciler, struct err *err)
{
    struct bus_producer_options options = {
        .region = reconciler->region->name,
        .cluster = reconciler->region->name,
        .bootstrap = reconciler->region->bootstrap,
        .epoch = reconciler->epoch,
    };
    reconciler->producer = bus_producer_open(&options, err);
    return reconciler->producer ? 0 : -1;
}

/* ------------------------------------------------------------------------------------------
 * converge */

static void on_report(void *context, const char *key, const char *report, size_t len,
                      int64_t revision, bool tombstone)
{
    struct zone_slot *slot = context;
    reports_publish(slot->reports, slot->spec->name, key, tombstone ? NULL : report, len, revision);
}

/* From the converge bundle's thread: what is desired goes to every zone. */
static void on_desired(void *context, const struct agent_group *group)
{
    struct reconciler *reconciler = context;
    if (strcmp(group->name, MARKER_KEY) == 0)
        return;
    const struct agent_input *input = group->input_count ? &group->inputs[0] : NULL;
    for (size_t i = 0; i < reconciler->zone_count; i++)
        zone_desire(reconciler->zones[i].worker, group->name, input ? input->value : NULL,
                    input ? input->value_len : 0, input ? input->revision : 0);
}

/* From the converge bundle's thread: everything desired was told. */
static void on_restored(void *context)
{
    struct reconciler *reconciler = context;
    for (size_t i = 0; i < reconciler->zone_count; i++)
        zone_restored(reconciler->zones[i].worker);
}

static struct reports *reports_of_driver(const struct reconciler *reconciler, const char *driver)
{
    for (size_t i = 0; i < reconciler->zone_count; i++) {
        if (strcmp(reconciler->zones[i].spec->driver, driver) == 0)
            return reconciler->zones[i].reports;
    }
    return NULL;
}

/* Of the driver's zones; @spec is the first of them. */
static struct reports *start_reports(struct reconciler *reconciler,
                                     const struct topology_zone *spec, struct err *err)
{
    AUTO_FREE char *topic = driver_state_topic(spec->driver);
    const struct bundle_topic *placed = reconciler->topics;
    while (strcmp(placed->topic, topic) != 0)
        placed++;
    const struct reports_options options = {
        .region = reconciler->region,
        .driver = spec->driver,
        .topic = placed->real_name,
        .producer = reconciler->producer,
        .prepare = create_topics,
        .context = reconciler,
    };
    return reports_start(&options, err);
}

static int start_zone(struct reconciler *reconciler, const struct topology_zone *spec,
                      struct err *err)
{
    struct zone_slot *slot = &reconciler->zones[reconciler->zone_count];
    slot->spec = spec;
    slot->reports = reports_of_driver(reconciler, spec->driver);
    if (!slot->reports) {
        slot->reports = start_reports(reconciler, spec, err);
        slot->owns_reports = true;
    }
    if (!slot->reports)
        return -1;
    AUTO_FREE char *zones = file_join(reconciler->settings.data, "zones");
    AUTO_FREE char *data = file_join(zones, spec->name);
    struct zone_options options = {
        .region = reconciler->region->name,
        .name = spec->name,
        .driver = spec->driver,
        .url = spec->url,
        .credentials_file = spec->credentials_file,
        .data = data,
        .report = on_report,
        .context = slot,
        .unknown_after_ms = reconciler->settings.unknown_after_ms,
        .removes_per_minute = reconciler->settings.removes_per_minute,
    };
    slot->worker = zone_start(&options, err);
    reconciler->zone_count++;
    return slot->worker ? 0 : -1;
}

static int start_converge(struct reconciler *reconciler, struct err *err)
{
    static const char *const sources[] = {TOPIC_DESIRED, NULL};
    reconciler->zones = mem_array(reconciler->region->zone_count + 1, sizeof(struct zone_slot));
    for (size_t i = 0; i < reconciler->region->zone_count; i++) {
        if (start_zone(reconciler, &reconciler->region->zones[i], err))
            return -1;
    }
    reconciler->converge_agent = (struct agent){
        .name = "converge", .sources = sources, .changed = on_desired, .context = reconciler};
    reconciler->converge_table[0] = &reconciler->converge_agent;
    return 0;
}

/* ------------------------------------------------------------------------------------------
 * bundles */

static struct bundle *start_bundle(struct reconciler *reconciler, const char *name,
                                   const struct agent *const *agents, size_t count,
                                   void (*restored)(void *), struct err *err)
{
    struct bundle_options options = {
        .name = name,
        .region = reconciler->region->name,
        .topics = reconciler->topics,
        .topic_count = reconciler->topic_count,
        .agents = agents,
        .agent_count = count,
        .producer = reconciler->producer,
        .prepare = create_topics,
        .restored = restored,
        .context = reconciler,
    };
    return bundle_start(&options, err);
}

static int start_state(struct reconciler *reconciler, struct err *err)
{
    reconciler->heartbeat_zones =
        mem_array(reconciler->region->zone_count + 1, sizeof(struct heartbeat_zone));
    for (size_t i = 0; i < reconciler->region->zone_count; i++)
        reconciler->heartbeat_zones[i] = (struct heartbeat_zone){
            reconciler->region->zones[i].name, reconciler->region->zones[i].driver,
            i < reconciler->zone_count ? reconciler->zones[i].worker : NULL};
    struct heartbeat_options options = {
        .region = reconciler->region->name,
        .topic = routes_find(reconciler->routes, TOPIC_HEARTBEAT, reconciler->region->name)
                     ->produced_topic,
        .epoch = reconciler->epoch,
        .interval_ms = reconciler->settings.heartbeat_ms,
        .producer = reconciler->producer,
        .zones = reconciler->heartbeat_zones,
        .zone_count = reconciler->region->zone_count,
    };
    reconciler->heartbeat = heartbeat_new(&options);
    size_t count = reconciler->agents->count;
    reconciler->state_table = mem_array(count + 1, sizeof(*reconciler->state_table));
    memcpy(reconciler->state_table, reconciler->agents->items,
           count * sizeof(*reconciler->state_table));
    reconciler->state_table[count] = heartbeat_agent(reconciler->heartbeat);
    reconciler->state =
        start_bundle(reconciler, "state", reconciler->state_table, count + 1, NULL, err);
    if (!reconciler->state)
        return -1;
    return heartbeat_start(reconciler->heartbeat, reconciler->state, reconciler->launch, err);
}

static int start_all(struct reconciler *reconciler, struct err *err)
{
    if (file_mkdirs(reconciler->settings.data, 0755, err) || take_epoch(reconciler, err) ||
        load_topology(reconciler, err))
        return -1;
    reconciler->agents = region_agents_new(reconciler->region);
    if (place_topics(reconciler, err) || open_producer(reconciler, err))
        return -1;
    if (runs(reconciler, "converge") && start_converge(reconciler, err))
        return -1;
    reconciler->launch_table[0] = &launch_agent;
    if (runs(reconciler, "launch")) {
        reconciler->launch =
            start_bundle(reconciler, "launch", reconciler->launch_table, 1, NULL, err);
        if (!reconciler->launch)
            return -1;
    }
    if (runs(reconciler, "converge")) {
        reconciler->converge =
            start_bundle(reconciler, "converge", reconciler->converge_table, 1, on_restored, err);
        if (!reconciler->converge)
            return -1;
    }
    return runs(reconciler, "state") ? start_state(reconciler, err) : 0;
}

/* Readers first, then the workers, then what they publish through. */
static void stop_all(struct reconciler *reconciler)
{
    heartbeat_stop(reconciler->heartbeat);
    bundle_stop(reconciler->launch);
    bundle_stop(reconciler->converge);
    for (size_t i = 0; i < reconciler->zone_count; i++) {
        if (reconciler->zones[i].worker)
            zone_stop(reconciler->zones[i].worker, reconciler->settings.stop_instances);
    }
    bundle_stop(reconciler->state);
    heartbeat_free(reconciler->heartbeat);
    for (size_t i = 0; i < reconciler->zone_count; i++) {
        if (reconciler->zones[i].owns_reports)
            reports_stop(reconciler->zones[i].reports);
    }
    bus_producer_close(reconciler->producer, PRODUCER_CLOSE_MS);
    for (size_t i = 0; i < reconciler->zone_count; i++) {
        if (reconciler->zones[i].owns_reports)
            reports_free(reconciler->zones[i].reports);
    }
    region_agents_free(reconciler->agents);
    routes_free(reconciler->routes);
    topology_free(reconciler->topology);
    free(reconciler->zones);
    free(reconciler->topics);
    free(reconciler->state_table);
    free(reconciler->heartbeat_zones);
}

int reconciler_main(int argc, char **argv)
{
    struct reconciler reconciler = {.settings = {.heartbeat_ms = 5000}};
    struct err err = {0};
    int rc = parse_settings(&reconciler.settings, argc, argv, &err);
    if (rc < 0)
        fprintf(stderr, "mot reconciler: %s\n", err.message);
    if (rc)
        return rc < 0 ? 2 : 0;
    log_init("reconciler", reconciler.settings.region);
    stop_install();
    rc = start_all(&reconciler, &err);
    if (rc) {
        log_error("the reconciler can't start", LOG_S("error", err.message));
    } else {
        log_info("reconciler started", LOG_I("epoch", reconciler.epoch),
                 LOG_I("zones", reconciler.region->zone_count));
        stop_wait(-1);
        log_info("reconciler stops", LOG_I("epoch", reconciler.epoch));
    }
    stop_all(&reconciler);
    return rc ? 1 : 0;
}
