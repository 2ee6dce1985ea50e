/* What is wrong with a topology. Each check is a function of its own; most look at one region. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <mot/base/map.h>

#include "internal.h"

void findings_add(struct findings *findings, int line, const char *rule, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    findings->items = mem_resize(findings->items, findings->count + 1, sizeof(*findings->items));
    findings->items[findings->count++] =
        (struct finding){.line = line, .rule = rule, .text = mem_strdup(text)};
}

void findings_release(struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        free(findings->items[i].text);
    free(findings->items);
    *findings = (struct findings){0};
}

static int line_of(const struct topology *topology, const char *path)
{
    const struct loaded_topology *loaded = topology_loaded(topology);
    return topology_line(loaded->text, loaded->text_len, path);
}

static int line_of_region(const struct topology *topology, const struct topology_region *region,
                          const char *what)
{
    AUTO_FREE char *path = mem_printf("regions[%td].%s", region - topology->regions, what);
    return line_of(topology, path);
}

static int line_of_zone(const struct topology *topology, const struct topology_region *region,
                        size_t zone, const char *what)
{
    AUTO_FREE char *path =
        mem_printf("regions[%td].zones[%zu].%s", region - topology->regions, zone, what);
    return line_of(topology, path);
}

static bool is_appenv(const struct topology *topology, const char *name)
{
    for (size_t i = 0; i < topology->appenv_count; i++) {
        if (strcmp(topology->appenvs[i], name) == 0)
            return true;
    }
    return false;
}

/* ------------------------------------------------------------------------------------ references
 */

static void lint_duplicate_zones(const struct topology *topology,
                                 const struct topology_region *region, struct findings *findings)
{
    struct map *seen = map_new(NULL);
    for (size_t i = 0; i < region->zone_count; i++) {
        const char *name = region->zones[i].name;
        if (map_has(seen, name))
            findings_add(findings, line_of_zone(topology, region, i, "name"), "duplicate-name",
                         "region %s has two zones named %s", region->name, name);
        map_put(seen, name, &region->zones[i]);
    }
    map_free(seen);
}

static void lint_duplicates(const struct topology *topology, struct findings *findings)
{
    struct map *seen = map_new(NULL);
    for (size_t i = 0; i < topology->region_count; i++) {
        struct topology_region *region = &topology->regions[i];
        const struct topology_region *first = map_get(seen, region->name);
        if (first)
            findings_add(findings, region->line, "duplicate-name",
                         "region %s is already at line %d", region->name, first->line);
        else
            map_put(seen, region->name, region);
        lint_duplicate_zones(topology, region, findings);
    }
    map_free(seen);
}

struct findings topology_lint_references(const struct topology *topology)
{
    struct findings findings = {0};
    if (!topology->central)
        findings_add(&findings, line_of(topology, "central"), "unknown-central",
                     "central: there is no region %s", topology->central_name);
    if (topology->pseudo_central_name && !topology->pseudo_central)
        findings_add(&findings, line_of(topology, "pseudoCentral"), "unknown-pseudo-central",
                     "pseudoCentral: there is no region %s", topology->pseudo_central_name);
    if (!is_appenv(topology, topology->production))
        findings_add(&findings, line_of(topology, "productionAppenv"), "unknown-appenv",
                     "productionAppenv: %s is not one of the appenvs", topology->production);
    for (size_t i = 0; i < topology->region_count; i++) {
        const struct topology_region *region = &topology->regions[i];
        if (!is_appenv(topology, region->appenv))
            findings_add(&findings, line_of_region(topology, region, "appenv"), "unknown-appenv",
                         "region %s: %s is not one of the appenvs", region->name, region->appenv);
    }
    lint_duplicates(topology, &findings);
    return findings;
}

/* ------------------------------------------------------------------------------------ one region
 */

static void lint_name(const struct topology *topology, const struct topology_region *region,
                      struct findings *findings)
{
    AUTO_FREE char *expected = mem_printf("%s-%s", region->appenv, region->location);
    if (strcmp(region->name, expected) == 0)
        return;
    findings_add(findings, line_of_region(topology, region, "name"), "region-name",
                 "region %s should be named <appenv>-<location>: %s", region->name,
                 strcmp(region->name, region->location) == 0
                     ? "its name does not begin with its appenv"
                     : expected);
}

static void lint_drivers(const struct topology *topology, const struct topology_region *region,
                         struct findings *findings)
{
    static const char *const known[] = {"local", "nomad", "marathon", "kubernetes"};
    for (size_t i = 0; i < region->zone_count; i++) {
        const struct topology_zone *zone = &region->zones[i];
        size_t k = 0;
        while (k < MOT_ARRAY_SIZE(known) && strcmp(known[k], zone->driver) != 0)
            k++;
        if (k == MOT_ARRAY_SIZE(known))
            findings_add(findings, line_of_zone(topology, region, i, "driver"), "unknown-driver",
                         "zone %s of %s: there is no driver %s", zone->name, region->name,
                         zone->driver);
        else if (strcmp(zone->driver, "local") != 0 && !zone->url)
            findings_add(findings, line_of_zone(topology, region, i, "driver"), "unreachable",
                         "zone %s of %s: driver %s needs a url", zone->name, region->name,
                         zone->driver);
    }
}

static bool is_loopback(const char *bootstrap)
{
    return strncmp(bootstrap, "127.", 4) == 0 || strncmp(bootstrap, "localhost", 9) == 0 ||
           strncmp(bootstrap, "[::1]", 5) == 0;
}

/* A region whose cluster others can't find: no address although others have one, or an address that
 * means another machine to everybody else. */
static void lint_reachable(const struct topology *topology, const struct topology_region *region,
                           struct findings *findings)
{
    const struct topology_region *addressed = NULL;
    const struct topology_region *remote = NULL;
    for (size_t i = 0; i < topology->region_count; i++) {
        const struct topology_region *other = &topology->regions[i];
        if (other->bootstrap)
            addressed = other;
        if (other->bootstrap && !is_loopback(other->bootstrap))
            remote = other;
    }
    if (!region->bootstrap && addressed)
        findings_add(
            findings, region->line, "unreachable",
            "region %s has no kafka.bootstrapServers, while %s has one: nobody can reach it",
            region->name, addressed->name);
    else if (region->bootstrap && is_loopback(region->bootstrap) && remote)
        findings_add(
            findings, line_of_region(topology, region, "kafka.bootstrapServers"), "unreachable",
            "region %s: %s is a loopback address, nobody on another machine (%s) can reach it",
            region->name, region->bootstrap, remote->name);
}

/* ------------------------------------------------------------------------------------ the border
 */

static void lint_border(const struct topology *topology, struct findings *findings)
{
    const struct topology_region *pseudo = topology->pseudo_central;
    if (pseudo == topology->central)
        findings_add(findings, line_of(topology, "pseudoCentral"), "pseudo-central",
                     "pseudoCentral: %s is central itself", pseudo->name);
    else if (pseudo && !topology_across(topology, pseudo))
        findings_add(findings, line_of(topology, "pseudoCentral"), "pseudo-central",
                     "pseudoCentral: %s is on central's side of the border (appenv %s)",
                     pseudo->name, pseudo->appenv);
    size_t across = 0;
    const struct topology_region *last = NULL;
    for (size_t i = 0; i < topology->region_count; i++) {
        if (topology_across(topology, &topology->regions[i])) {
            across++;
            last = &topology->regions[i];
        }
    }
    if (!pseudo && across > 1)
        findings_add(findings, last->line, "border",
                     "%zu regions across the production border (%s is one) and no pseudoCentral: "
                     "each of them would "
                     "poll central's cluster over the border",
                     across, last->name);
}

/* Does @list (host:port,host:port) hold one address of @other? */
static bool shares_address(const char *list, const char *other)
{
    AUTO_FREE char *copy = mem_strdup(list);
    char *rest = NULL;
    for (char *host = strtok_r(copy, ", ", &rest); host; host = strtok_r(NULL, ", ", &rest)) {
        size_t len = strlen(host);
        for (const char *at = strstr(other, host); at; at = strstr(at + 1, host)) {
            bool begins = at == other || at[-1] == ',' || at[-1] == ' ';
            if (begins && (at[len] == '\0' || at[len] == ',' || at[len] == ' '))
                return true;
        }
    }
    return false;
}

/* Two regions on one cluster: whatever one produces there, it produces outside its own data centre.
 */
static void lint_shared_clusters(const struct topology *topology, struct findings *findings)
{
    for (size_t i = 0; i < topology->region_count; i++) {
        const struct topology_region *region = &topology->regions[i];
        for (size_t j = 0; region->bootstrap && j < i; j++) {
            const struct topology_region *other = &topology->regions[j];
            if (other->bootstrap && shares_address(region->bootstrap, other->bootstrap))
                findings_add(findings, line_of_region(topology, region, "kafka.bootstrapServers"),
                             "shared-cluster",
                             "regions %s and %s share a Kafka cluster (%s): one of them would "
                             "produce outside its own "
                             "data centre (rule 1)",
                             other->name, region->name, region->bootstrap);
        }
    }
}

/* ------------------------------------------------------------------------------------ the three
 * rules */

static bool ends_with(const char *text, const char *suffix)
{
    size_t len = strlen(text);
    size_t suffix_len = strlen(suffix);
    return len >= suffix_len && strcmp(text + len - suffix_len, suffix) == 0;
}

static bool mirrored_to(const struct routes *routes, const struct route *route,
                        const struct topology_region *to)
{
    for (size_t i = 0; i < routes->mirror_count; i++) {
        const struct mirror *mirror = &routes->mirrors[i];
        if (mirror->from != route->produced_in || mirror->to != to)
            continue;
        for (size_t t = 0; t < mirror->topic_count; t++) {
            if (strcmp(mirror->topics[t].from_topic, route->produced_topic) == 0)
                return true;
        }
    }
    return false;
}

static void lint_route(const struct topology *topology, const struct routes *routes,
                       const struct route *route, struct findings *findings)
{
    const struct topology_region *producer =
        strcmp(route->flow, TOPIC_LAUNCH) == 0 ? topology->central : route->region;
    int line = route->region->line;
    if (route->produced_in != producer)
        findings_add(findings, line, "rule-1", "%s of %s is produced by %s in the cluster of %s",
                     route->flow, route->region->name, producer->name, route->produced_in->name);
    if (route->consumed_in != route->produced_in && !mirrored_to(routes, route, route->consumed_in))
        findings_add(findings, line, "unreachable", "%s of %s never reaches the cluster of %s",
                     route->flow, route->region->name, route->consumed_in->name);
    if (route->consumed_in != route->consumer && mirrored_to(routes, route, route->consumer))
        findings_add(findings, line, "rule-2",
                     "%s of %s is polled from %s although it is mirrored to %s", route->flow,
                     route->region->name, route->consumed_in->name, route->consumer->name);
    if (route->produced_in != route->consumer &&
        !ends_with(route->consumed_topic, route->region->name))
        findings_add(findings, line, "rule-3",
                     "%s of %s crosses to %s without the region in its name (%s)", route->flow,
                     route->region->name, route->consumer->name, route->consumed_topic);
}

static void lint_mirror(const struct topology *topology, const struct mirror *mirror,
                        struct findings *findings)
{
    bool outward = mirror->from == topology->central && mirror->to == topology->pseudo_central;
    bool inward = mirror->to == topology->central && topology_across(topology, mirror->from);
    if (!outward && !inward)
        findings_add(findings, mirror->to->line, "rule-1",
                     "mirror %s: mirrors exist only from central to the pseudo-central, and back "
                     "to central over the "
                     "border",
                     mirror->name);
}

void topology_lint_routes(const struct topology *topology, const struct routes *routes,
                          struct findings *findings)
{
    for (size_t i = 0; i < routes->count; i++)
        lint_route(topology, routes, &routes->items[i], findings);
    for (size_t i = 0; i < routes->mirror_count; i++)
        lint_mirror(topology, &routes->mirrors[i], findings);
    for (size_t i = 0; i < topology->region_count; i++) {
        const char *name = topology->regions[i].name;
        bool reached = routes_find(routes, TOPIC_LAUNCH, name) != NULL;
        for (const char *const *flow = topology_inward; *flow; flow++)
            reached = reached && routes_find(routes, *flow, name);
        if (!reached)
            findings_add(findings, topology->regions[i].line, "unreachable",
                         "no route leads to or from region %s", name);
    }
}

struct findings topology_lint(const struct topology *topology)
{
    struct findings findings = topology_lint_references(topology);
    for (size_t i = 0; i < topology->region_count; i++) {
        lint_name(topology, &topology->regions[i], &findings);
        lint_drivers(topology, &topology->regions[i], &findings);
        lint_reachable(topology, &topology->regions[i], &findings);
    }
    lint_shared_clusters(topology, &findings);
    if (!topology->central)
        return findings; /* without it there are no routes */
    lint_border(topology, &findings);
    struct routes *routes = topology_routes(topology);
    topology_lint_routes(topology, routes, &findings);
    routes_free(routes);
    return findings;
}
