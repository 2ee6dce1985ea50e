/*
 * `mot controller`: the central loops. Of several processes one works, the holder of the lease; the
 * others wait for it. Losing the lease, or finding that somebody else has moved a position, ends
 * the process: it starts over as one that waits.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/backoff.h>
#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/options.h>
#include <mot/base/stop.h>
#include <mot/bus/bus.h>
#include <mot/store/store.h>
#include <mot/topology/topology.h>

#include "archive/archive.h"
#include "cli/commands.h"
#include "history.h"
#include "lifecycle.h"
#include "publish/publisher.h"
#include "reconcile.h"

#define LEASE             "controller"
#define LEASE_WAIT_MS     2000
#define LEASE_CHECK_MS    500
#define PRODUCER_CLOSE_MS 5000

struct settings {
    const char *topology;
    const char *db;
    const char *history_max_age;
    const char *history_max_bytes;
    const char *event_ttl;
    const char *kinds;
    int64_t event_ttl_ms;
    int64_t history_max_age_ms;
    int64_t history_max_size;
    int stale_after_ms;
    int quiet_ms;
    int heartbeat_every_ms;
};

struct controller {
    struct settings settings;
    struct topology *topology;
    struct routes *routes;
    struct store *store;
    struct store_lease *lease;
    struct bus_producer *producer;
    struct publisher *publisher;
    struct archive *archive;
    struct reconcile *reconcile;
    struct history *history;
    struct lifecycle *lifecycle;
    atomic_bool lost;
};

/* A region must have several chances to be heard before it counts as gone. */
#define BEATS_BEFORE_STALE 3

/* "1073741824", "512MiB", "16GiB"; 0 is no bound. */
static int parse_bytes(const char *text, int64_t *ret_bytes, struct err *err)
{
    static const struct {
        const char *name;
        int shift;
    } units[] = {{"", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
    char *unit = NULL;
    errno = 0;
    int64_t number = strtoll(text, &unit, 10);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(units); i++) {
        if (strcmp(unit, units[i].name) != 0 || unit == text || errno != 0 || number < 0 ||
            number > INT64_MAX >> units[i].shift)
            continue;
        *ret_bytes = number << units[i].shift;
        return 0;
    }
    return err_set(err, ERR_INVALID, "%s is no size such as 512MiB or 16GiB", text);
}

static int check_history(struct settings *settings, struct err *err)
{
    if (clock_parse_duration(settings->history_max_age, &settings->history_max_age_ms, err))
        return err_wrap(err, "--history-max-age");
    if (settings->history_max_age_ms <= 0)
        return err_set(err, ERR_INVALID, "--history-max-age must be above 0");
    if (parse_bytes(settings->history_max_bytes, &settings->history_max_size, err))
        return err_wrap(err, "--history-max-bytes");
    return 0;
}

static int check_event_ttl(struct settings *settings, struct err *err)
{
    if (clock_parse_duration(settings->event_ttl, &settings->event_ttl_ms, err))
        return err_wrap(err, "--event-ttl");
    if (settings->event_ttl_ms <= 0)
        return err_set(err, ERR_INVALID, "--event-ttl must be above 0");
    return 0;
}

static int check_settings(struct settings *settings, struct err *err)
{
    if (!settings->topology || !settings->db)
        return err_set(err, ERR_INVALID, "--topology and --db are required");
    if (settings->stale_after_ms <= 0 || settings->quiet_ms <= 0 ||
        settings->heartbeat_every_ms <= 0)
        return err_set(err, ERR_INVALID,
                       "--stale-after, --marker-after and --heartbeat-every must be above 0");
    if (settings->heartbeat_every_ms > settings->stale_after_ms / BEATS_BEFORE_STALE)
        settings->heartbeat_every_ms = settings->stale_after_ms / BEATS_BEFORE_STALE;
    return check_history(settings, err) || check_event_ttl(settings, err) ? -1 : 0;
}

static int parse_settings(struct settings *settings, int argc, char **argv, struct err *err)
{
    const struct option_spec options[] = {
        {"topology", "FILE", OPTION_STRING, &settings->topology, "the topology (required)"},
        {"db", "URL", OPTION_STRING, &settings->db, "the database, as libpq takes it (required)"},
        {"stale-after", "MS", OPTION_INT, &settings->stale_after_ms,
         "a region whose heartbeat is older is Unknown (default 30000)"},
        {"marker-after", "MS", OPTION_INT, &settings->quiet_ms,
         "without a launch for so long, regions are told how far they have come (default 1000)"},
        {"heartbeat-every", "MS", OPTION_INT, &settings->heartbeat_every_ms,
         "how often a heartbeat without other news is stored (default 10000, at most a third of "
         "--stale-after)"},
        {"history-max-age", "DURATION", OPTION_STRING, &settings->history_max_age,
         "how far back a watch may start (default 168h)"},
        {"history-max-bytes", "SIZE", OPTION_STRING, &settings->history_max_bytes,
         "what the history may take in the database, e.g. 512MiB; 0: no bound (default 16GiB)"},
        {"event-ttl", "DURATION", OPTION_STRING, &settings->event_ttl,
         "how long Events are kept after they were seen last (default 1h)"},
        {"kinds", "DIR", OPTION_STRING, &settings->kinds,
         "a folder of CRD files (*.yaml) besides the built-in kinds, as for mot api"},
        {0}};
    const struct command_spec command = {
        .name = "mot controller",
        .arguments = "",
        .summary = "Places deployments into regions, publishes launch events, archives what "
                   "regions report.",
        .options = options,
    };
    int rest;
    int rc = options_parse(&command, argc, argv, &rest, err);
    if (rc)
        return rc;
    if (rest)
        return err_set(err, ERR_INVALID, "unexpected argument %s", argv[1]);
    return check_settings(settings, err);
}

static void on_lost(void *context)
{
    struct controller *controller = context;
    atomic_store(&controller->lost, true);
    stop_request();
}

/* Waits for the database as long as it takes. */
static int open_store(struct controller *controller, struct err *err)
{
    struct store_options options = {.url = controller->settings.db, .name = "mot-controller"};
    struct backoff backoff = BACKOFF_INIT(100, 5000);
    while (!stop_requested()) {
        controller->store = store_open(&options, err);
        if (controller->store)
            return 0;
        if (err->code != ERR_TRANSIENT && err->code != ERR_TIMEOUT)
            return -1;
        log_warn("waiting for the database", LOG_S("error", err->message));
        stop_wait(backoff_next(&backoff));
    }
    return err_set(err, ERR_TRANSIENT, "asked to stop");
}

static int become_leader(struct controller *controller, struct err *err)
{
    bool told = false;
    struct backoff backoff = BACKOFF_INIT(100, 5000);
    while (!stop_requested()) {
        controller->lease = store_lease_acquire(controller->store, LEASE, LEASE_WAIT_MS, err);
        if (controller->lease)
            return 0;
        if (err->code != ERR_TIMEOUT) {
            log_warn("lease not to be had", LOG_S("error", err->message));
            stop_wait(backoff_next(&backoff));
        } else if (!told) {
            log_info("another controller leads, waiting", LOG_S("lease", LEASE));
            told = true;
        }
    }
    return err_set(err, ERR_TRANSIENT, "asked to stop");
}

static int start_publisher(struct controller *controller, struct err *err)
{
    const struct topology_region *central = controller->topology->central;
    struct bus_producer_options producer = {
        .region = central->name,
        .cluster = central->name,
        .bootstrap = central->bootstrap,
        .epoch = clock_wall_ms(),
        .delivery_timeout_ms = -1,
    };
    controller->producer = bus_producer_open(&producer, err);
    if (!controller->producer)
        return -1;
    struct publisher_options publisher = {
        .store = controller->store,
        .topology = controller->topology,
        .routes = controller->routes,
        .producer = controller->producer,
        .quiet_ms = controller->settings.quiet_ms,
        .lost = on_lost,
        .context = controller,
    };
    controller->publisher = publisher_start(&publisher, err);
    return controller->publisher ? 0 : -1;
}

static int start_lifecycle(struct controller *controller, struct err *err)
{
    struct lifecycle_options options = {
        .store = controller->store,
        .kinds = controller->settings.kinds,
        .event_ttl_ms = controller->settings.event_ttl_ms,
    };
    controller->lifecycle = lifecycle_start(&options, err);
    return controller->lifecycle ? 0 : -1;
}

static int start_work(struct controller *controller, struct err *err)
{
    if (start_lifecycle(controller, err))
        return -1;
    struct reconcile_options reconcile = {
        .store = controller->store,
        .topology = controller->topology,
        .kinds = lifecycle_kinds(controller->lifecycle),
        .stale_after_ms = controller->settings.stale_after_ms,
        .recorder = lifecycle_recorder(controller->lifecycle),
    };
    controller->reconcile = reconcile_start(&reconcile, err);
    if (!controller->reconcile || start_publisher(controller, err))
        return -1;
    struct archive_options archive = {
        .store = controller->store,
        .topology = controller->topology,
        .routes = controller->routes,
        .publisher = controller->publisher,
        .recorder = lifecycle_recorder(controller->lifecycle),
        .heartbeat_every_ms = controller->settings.heartbeat_every_ms,
        .stale_after_ms = controller->settings.stale_after_ms,
        .lost = on_lost,
        .context = controller,
    };
    controller->archive = archive_start(&archive, err);
    if (!controller->archive)
        return -1;
    struct history_options history = {
        .store = controller->store,
        .max_age_ms = controller->settings.history_max_age_ms,
        .max_bytes = controller->settings.history_max_size,
    };
    controller->history = history_start(&history, err);
    return controller->history ? 0 : -1;
}

static void watch_lease(struct controller *controller)
{
    while (!stop_wait(LEASE_CHECK_MS)) {
        if (store_lease_held(controller->lease))
            continue;
        log_error("the lease is lost", LOG_S("lease", LEASE));
        atomic_store(&controller->lost, true);
        stop_request();
    }
}

static void stop_all(struct controller *controller)
{
    history_stop(controller->history);
    archive_stop(controller->archive);
    publisher_stop(controller->publisher);
    reconcile_stop(controller->reconcile);
    lifecycle_stop(controller->lifecycle);
    if (controller->producer)
        bus_producer_close(controller->producer, PRODUCER_CLOSE_MS);
    if (controller->lease)
        store_lease_release(controller->lease);
    if (controller->store)
        store_close(controller->store);
    routes_free(controller->routes);
    topology_free(controller->topology);
}

static int run(struct controller *controller, struct err *err)
{
    controller->topology = topology_load(controller->settings.topology, err);
    if (!controller->topology)
        return -1;
    controller->routes = topology_routes(controller->topology);
    if (open_store(controller, err) || become_leader(controller, err))
        return stop_requested() ? 0 : -1;
    log_info("leading", LOG_S("lease", LEASE));
    if (start_work(controller, err))
        return -1;
    watch_lease(controller);
    return 0;
}

int controller_main(int argc, char **argv)
{
    struct controller controller = {.settings = {.history_max_age = "168h",
                                                 .history_max_bytes = "16GiB",
                                                 .event_ttl = "1h",
                                                 .stale_after_ms = 30000,
                                                 .quiet_ms = 1000,
                                                 .heartbeat_every_ms = 10000}};
    struct err err = {0};
    int rc = parse_settings(&controller.settings, argc, argv, &err);
    if (rc < 0)
        fprintf(stderr, "mot controller: %s\n", err.message);
    if (rc)
        return rc < 0 ? 2 : 0;
    log_init("controller", NULL);
    stop_install();
    rc = run(&controller, &err);
    if (rc)
        log_error("the controller ends", LOG_S("error", err.message));
    stop_all(&controller);
    return rc || atomic_load(&controller.lost) ? 1 : 0;
}
