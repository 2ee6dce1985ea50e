/*
 * The worker of one zone: a thread that compares what is desired with what the zone's scheduler
 * runs, calls its driver, and reports. Zones share nothing: a scheduler that hangs holds up its own
 * zone only.
 *
 * What is not asked for explicitly is not removed: a desired key that was never told is left alone.
 */
#ifndef MOT_CONVERGE_ZONE_H
#define MOT_CONVERGE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/err.h>

struct zone;

struct zone_options {
    const char *region;
    const char *name;   /* of the zone */
    const char *driver; /* "local", as in the topology */
    const char *url;    /* NULL where the driver needs none, as the next one */
    const char *credentials_file;
    const char *data; /* a folder of the driver's own; made if missing */
    /*
     * The report of a key ("<ns>/<name>") has changed: a zone report as in docs/records.md, or,
     * with @tombstone (@report is then NULL), that there is none any more: the key's tombstone was
     * desired, or its workload does not name this zone, and nothing of it runs here. From the
     * zone's thread; it may block only shortly.
     */
    void (*report)(void *context, const char *key, const char *report, size_t len, int64_t revision,
                   bool tombstone);
    void *context;
    int64_t unknown_after_ms; /* without an observation for so long, reports say Unknown; 0: 30 s */
    int removes_per_minute;   /* how many deployments are removed at most; 0: 100 */
};

/* Copies its options. Fails only for what will not mend itself, such as an unknown driver. */
struct zone *zone_start(const struct zone_options *options, struct err *err) MOT_NODISCARD;

/*
 * What is desired for @key now: the JSON of a RegionalDeployment with resourceVersion, or NULL for
 * a tombstone: nobody wants it any more, what runs is stopped. Copies. Any thread, never blocks.
 */
void zone_desire(struct zone *zone, const char *key, const char *regional_deployment, size_t len,
                 int64_t revision);
/* Every desired key was told at least once: from now on what runs and nobody asked for is reported,
 * as Unknown. Any thread. */
void zone_restored(struct zone *zone);

struct zone_stats {
    int64_t observed_at; /* wall clock ms; 0: never */
    char error[256];     /* why it can't be observed; "" when it can */
    size_t desired;      /* keys that are not tombstones */
    size_t apps;         /* deployments that run here, as last observed */
    size_t instances;
    size_t orphans; /* of the apps, those nobody asked for */
};
/* Any thread. */
void zone_stats(struct zone *zone, struct zone_stats *ret_stats);

/* Ends the thread; what runs stays, or with @stop_all is stopped first. Frees @zone. */
void zone_stop(struct zone *zone, bool stop_all);

#endif
