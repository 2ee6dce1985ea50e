/*
 * Publishes what the zone workers report to mot-<driver>-state. A worker that starts anew reports
 * everything again; what the topic says already, but for the time of observation, is not said
 * twice. What was given up, and everything after the cluster was wiped, is sent again.
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
/* Ends its thread, which tries to send what is left; before the producer is closed … */
void reports_stop(struct reports *reports);
/* … and this after it. Both take NULL. */
void reports_free(struct reports *reports);
/* From any thread, never blocks. @key: "<ns>/<name>"; @report NULL: a tombstone. */
void reports_publish(struct reports *reports, const char *zone, const char *key, const char *report,
                     size_t len, int64_t revision);

#endif
