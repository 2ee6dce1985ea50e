/* The topics of a cluster, as the topology says which there are. */
#ifndef MOT_AGENT_TOPICS_H
#define MOT_AGENT_TOPICS_H

#include <stdint.h>

#include <mot/base/err.h>
#include <mot/topology/topology.h>

/* Creates those that @region's cluster lacks, as bus_topics_create does; waits up to @timeout_ms
 * for the cluster. */
int region_topics_create(const struct topology *topology, const struct routes *routes,
                         const struct topology_region *region, int64_t timeout_ms,
                         struct err *err) MOT_NODISCARD;

#endif
