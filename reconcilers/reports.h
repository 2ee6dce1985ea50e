/*
 * Publishes what the zone workers report to mot-<driver>-state. A worker that starts anew reports
 * everything again; what the topic says already, but for the time of observation, is not said
 * twice. What was given up, and everything after the cluster was wiped, is sent again.
 */
#ifndef MOT_RECONCILERS_REPORTS_H
#define MOT_RECONCILERS_REPORTS_H

#include <mot/bus/bus.h>
#include <mot/topology/topology.h>

struct reports;

struct reports_options {
    const struct topology_region *region; /* its own cluster holds the topic */
    const char *driver;
    const char *topic;
    struct bus_producer *producer;
    /* From its thread, before the topic is read: for topics that are missing; an error is tried
     * again. NULL: none. */
    int (*prepare)(void *context, struct err *err);
    void *context;
};

/*
 * Does not wait for the cluster: zones go on without it. What the topic holds is read as soon as
 * that is possible; nothing is sent before. A report of a zone that has left the topology (or has
 * another driver now) is deleted: nobody else would. What @options point to must outlive it.
 */
struct reports *reports_start(const struct reports_options *options, struct err *err) MOT_NODISCARD;
/* Ends its thread, which tries to send what is left; before the producer is closed … */
void reports_stop(struct reports *reports);
/* … and this after it. Both take NULL. */
void reports_free(struct reports *reports);
/* From any thread, never blocks. @key: "<ns>/<name>"; @report NULL: a tombstone. */
void reports_publish(struct reports *reports, const char *zone, const char *key, const char *report,
                     size_t len, int64_t revision);

#endif
