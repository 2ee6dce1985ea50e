#include <mot/agent/topics.h>

#include <mot/base/mem.h>
#include <mot/bus/bus.h>

int region_topics_create(const struct topology *topology, const struct routes *routes,
                         const struct topology_region *region, int64_t timeout_ms, struct err *err)
{
    size_t count = 0;
    struct topic_spec *specs = topology_topics(topology, routes, region, &count);
    struct bus_topic_config *configs = mem_array(count + 1, sizeof(*configs));
    for (size_t i = 0; i < count; i++)
        configs[i] = (struct bus_topic_config){.name = specs[i].name,
                                               .partitions = topology->partitions,
                                               .replication_factor = topology->replication_factor,
                                               .compacted = specs[i].compacted};
    int rc = bus_topics_create(region->name, region->bootstrap, configs, count, timeout_ms, err);
    free(configs);
    topic_specs_free(specs, count);
    return rc;
}
