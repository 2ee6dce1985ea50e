/*
 * Publishes what the zone workers report to mot-<driver>-state. A worker that starts anew reports
 * everything again; what the topic says already, but for the time of observation, is not said
 * twice.
 */
#ifndef MOT_RECONCILERS_REPORTS_H
#define MOT_RECONCILERS_REPORTS_H

#include <mot/bus/bus.h>

struct reports;
/* @topic of the region's own cluster. Reads what it holds; waits for the cluster until @deadline_ms
 * (clock_ms). */
struct reports *reports_open(const struct bus_consumer_options *consumer,
                             struct bus_producer *producer, const char *topic, int64_t deadline_ms,
                             struct err *err) MOT_NODISCARD;
void reports_free(struct reports *reports);
/* From a zone's thread. @key: "<ns>/<name>"; @report NULL: a tombstone. */
void reports_publish(struct reports *reports, const char *zone, const char *key, const char *report,
                     size_t len, int64_t revision);

#endif
