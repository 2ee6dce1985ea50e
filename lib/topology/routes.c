/*
 * Which way each record goes. With R a region:
 *
 *   launch of R, produced in central's cluster as <launch>-R:
 *     R is central, or on central's side of the border:  R polls central's cluster
 *     R across the border, with a pseudo-central:         one mirror carries it there, R polls the
 * pseudo-central R across the border, without:                       R polls central's cluster,
 * over the border inward flow F of R: R is central:                                       F,
 * produced and consumed in place R on central's side:                                F.R, produced
 * in R's cluster, polled from there (rule 3) R across the border:                                F
 * in R's cluster, mirrored to central's as F.R
 */
#include <string.h>

#include "internal.h"

const char *const topology_inward[] = {TOPIC_COMPLETE, TOPIC_DEPLOYMENT_STATE, TOPIC_INSTANCE_STATE,
                                       TOPIC_HEARTBEAT, NULL};

struct owned_routes {
    struct routes routes;
    struct pool pool;
    size_t capacity;
    size_t mirror_capacity;
};

bool topology_across(const struct topology *topology, const struct topology_region *region)
{
    bool behind = strcmp(region->appenv, topology->production) == 0;
    return behind != (strcmp(topology->central->appenv, topology->production) == 0);
}

static void add_route(struct owned_routes *owned, struct route route)
{
    struct routes *routes = &owned->routes;
    mem_grow((void **)&routes->items, &owned->capacity, routes->count, sizeof(*routes->items));
    routes->items[routes->count++] = route;
}

static struct mirror *get_mirror(struct owned_routes *owned, const struct topology_region *from,
                                 const struct topology_region *to)
{
    struct routes *routes = &owned->routes;
    for (size_t i = 0; i < routes->mirror_count; i++) {
        if (routes->mirrors[i].from == from && routes->mirrors[i].to == to)
            return &routes->mirrors[i];
    }
    mem_grow((void **)&routes->mirrors, &owned->mirror_capacity, routes->mirror_count,
             sizeof(*routes->mirrors));
    struct mirror *mirror = &routes->mirrors[routes->mirror_count++];
    *mirror =
        (struct mirror){.name = pool_take(&owned->pool, mem_printf("%s->%s", from->name, to->name)),
                        .from = from,
                        .to = to};
    return mirror;
}

static void add_to_mirror(struct mirror *mirror, const char *from_topic, const char *to_topic)
{
    mirror->topics = mem_resize(mirror->topics, mirror->topic_count + 1, sizeof(*mirror->topics));
    mirror->topics[mirror->topic_count++] =
        (struct mirror_topic){.from_topic = from_topic, .to_topic = to_topic};
}

static void add_launch(struct owned_routes *owned, const struct topology *topology,
                       const struct topology_region *region)
{
    const char *topic = pool_take(&owned->pool, mem_printf("%s-%s", TOPIC_LAUNCH, region->name));
    struct route route = {.flow = TOPIC_LAUNCH,
                          .region = region,
                          .produced_in = topology->central,
                          .produced_topic = topic,
                          .consumed_in = topology->central,
                          .consumed_topic = topic,
                          .consumer = region};
    if (topology->pseudo_central && topology_across(topology, region)) {
        route.consumed_in = topology->pseudo_central;
        add_to_mirror(get_mirror(owned, topology->central, topology->pseudo_central), topic, topic);
    }
    add_route(owned, route);
}

static void add_inward(struct owned_routes *owned, const struct topology *topology,
                       const struct topology_region *region, const char *flow)
{
    struct route route = {.flow = flow,
                          .region = region,
                          .produced_in = region,
                          .produced_topic = flow,
                          .consumed_in = region,
                          .consumed_topic = flow,
                          .consumer = topology->central};
    if (region != topology->central) {
        route.consumed_topic = pool_take(&owned->pool, mem_printf("%s.%s", flow, region->name));
        if (topology_across(topology, region)) {
            route.consumed_in = topology->central;
            add_to_mirror(get_mirror(owned, region, topology->central), flow, route.consumed_topic);
        } else {
            route.produced_topic = route.consumed_topic;
        }
    }
    add_route(owned, route);
}

struct routes *topology_routes(const struct topology *topology)
{
    struct owned_routes *owned = mem_zalloc(sizeof(*owned));
    for (size_t i = 0; i < topology->region_count; i++)
        add_launch(owned, topology, &topology->regions[i]);
    for (size_t i = 0; i < topology->region_count; i++) {
        for (const char *const *flow = topology_inward; *flow; flow++)
            add_inward(owned, topology, &topology->regions[i], *flow);
    }
    return &owned->routes;
}

void routes_free(struct routes *routes)
{
    if (!routes)
        return;
    struct owned_routes *owned = (struct owned_routes *)(void *)routes;
    for (size_t i = 0; i < routes->mirror_count; i++)
        free(routes->mirrors[i].topics);
    free(routes->mirrors);
    free(routes->items);
    pool_release(&owned->pool);
    free(owned);
}

const struct route *routes_find(const struct routes *routes, const char *flow, const char *region)
{
    for (size_t i = 0; i < routes->count; i++) {
        const struct route *route = &routes->items[i];
        if (strcmp(route->flow, flow) == 0 && strcmp(route->region->name, region) == 0)
            return route;
    }
    return NULL;
}

bool topology_may_produce(const struct topology *topology, const char *region, const char *cluster)
{
    return topology_find(topology, cluster) && strcmp(region, cluster) == 0;
}
