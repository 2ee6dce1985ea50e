/*
 * The persistence layer: archival agents, one per region and state topic, over the cluster and
 * under the name that the route says. Agents of one cluster share a consumer and a thread.
 *
 * The Kafka positions of a batch are committed with what came of it, in one transaction, and so is
 * the (epoch, sequence) of the newest record of each key. So a record that was replayed, duplicated
 * or overtaken changes nothing, and a process that is killed anywhere goes on where the database
 * says.
 */
#ifndef MOT_CONTROLLER_ARCHIVE_H
#define MOT_CONTROLLER_ARCHIVE_H

#include <mot/bus/bus.h>
#include <mot/store/store.h>
#include <mot/topology/topology.h>

struct archive;
struct publisher;
struct recorder;

struct archive_options {
    struct store *store;
    const struct topology *topology;
    const struct routes *routes;
    struct publisher *publisher; /* for answers to unknown deployments; outlives the archive */
    struct recorder *recorder;   /* for what happens to Instances; NULL: nobody is told */
    int64_t heartbeat_every_ms;  /* a heartbeat with no other news is written this often */
    int64_t stale_after_ms;      /* as for the regions */
    void (*lost)(void *context); /* another archive has taken over: the process must end */
    void *context;
};

/* Starts a thread per cluster. */
struct archive *archive_start(const struct archive_options *options, struct err *err) MOT_NODISCARD;
void archive_stop(struct archive *archive);

#endif
