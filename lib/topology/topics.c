/* Which topics exist in a cluster: those that routes and mirrors name there, and those that its
 * agents keep to themselves. Everything of ours is state by key, so everything is compacted. */
#include <stdint.h>

#include <mot/base/map.h>

#include "internal.h"

struct specs {
    struct topic_spec *items;
    size_t count;
    size_t capacity;
    struct map *seen;
    const struct topology_region *cluster;
};

/* Takes @name. */
static void add_topic(struct specs *specs, char *name)
{
    if (map_has(specs->seen, name)) {
        free(name);
        return;
    }
    map_put(specs->seen, name, name);
    mem_grow((void **)&specs->items, &specs->capacity, specs->count, sizeof(*specs->items));
    specs->items[specs->count++] =
        (struct topic_spec){.cluster = specs->cluster, .name = name, .compacted = true};
}

static void add_routed(struct specs *specs, const struct routes *routes)
{
    for (size_t i = 0; i < routes->count; i++) {
        const struct route *route = &routes->items[i];
        if (route->produced_in == specs->cluster)
            add_topic(specs, mem_strdup(route->produced_topic));
        if (route->consumed_in == specs->cluster)
            add_topic(specs, mem_strdup(route->consumed_topic));
    }
    for (size_t i = 0; i < routes->mirror_count; i++) {
        const struct mirror *mirror = &routes->mirrors[i];
        for (size_t t = 0; t < mirror->topic_count; t++) {
            if (mirror->from == specs->cluster)
                add_topic(specs, mem_strdup(mirror->topics[t].from_topic));
            if (mirror->to == specs->cluster)
                add_topic(specs, mem_strdup(mirror->topics[t].to_topic));
        }
    }
}

static void add_source(struct specs *specs, const char *source)
{
    add_topic(specs, mem_printf("mot-%s-state", source));
    add_topic(specs, mem_printf("mot-instance-%s-state", source));
}

static void add_own(struct specs *specs)
{
    const struct topology_region *region = specs->cluster;
    add_topic(specs, mem_strdup(TOPIC_DESIRED));
    for (size_t i = 0; i < region->zone_count; i++) {
        add_source(specs, region->zones[i].driver);
        if (region->zones[i].mesos_url)
            add_source(specs, "mesos");
    }
    if (region->consul_url)
        add_source(specs, "consul");
}

struct topic_spec *topology_topics(const struct topology *topology, const struct routes *routes,
                                   const struct topology_region *cluster, size_t *ret_count)
{
    (void)topology;
    struct specs specs = {.seen = map_new(NULL), .cluster = cluster};
    add_routed(&specs, routes);
    add_own(&specs);
    map_free(specs.seen);
    *ret_count = specs.count;
    return specs.items;
}

void topic_specs_free(struct topic_spec *specs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((void *)(uintptr_t)specs[i].name);
    free(specs);
}
