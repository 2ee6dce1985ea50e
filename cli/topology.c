/* `mot topology`: lint and explain. Both only read the file. */
#include <stdio.h>
#include <string.h>

#include <mot/base/file.h>
#include <mot/base/mem.h>
#include <mot/base/options.h>
#include <mot/topology/topology.h>

#include "commands.h"

#define FILE_MAX ((size_t)4 << 20)

static int lint(const char *path, struct err *err)
{
    size_t len;
    AUTO_FREE char *text = file_read(path, FILE_MAX, &len, err);
    struct topology *topology = text ? topology_parse_loose(path, text, len, err) : NULL;
    if (!topology)
        return -1;
    struct findings findings = topology_lint(topology);
    for (size_t i = 0; i < findings.count; i++)
        printf("%s:%d: %s: %s\n", path, findings.items[i].line, findings.items[i].rule,
               findings.items[i].text);
    size_t count = findings.count;
    findings_release(&findings);
    topology_free(topology);
    return count == 0
               ? 0
               : err_set(err, ERR_INVALID, "%s: %zu finding%s", path, count, count == 1 ? "" : "s");
}

/* ------------------------------------------------------------------------------------ explain */

static bool behind_border(const struct topology *topology, const struct topology_region *region)
{
    return strcmp(region->appenv, topology->production) == 0;
}

static bool crosses(const struct topology *topology, const struct topology_region *a,
                    const struct topology_region *b)
{
    return behind_border(topology, a) != behind_border(topology, b);
}

static void print_regions(const struct topology *topology)
{
    printf("REGIONS\n");
    for (size_t i = 0; i < topology->region_count; i++) {
        const struct topology_region *region = &topology->regions[i];
        printf("  %-28s appenv %s, kafka %s%s%s, zones", region->name, region->appenv,
               region->bootstrap ? region->bootstrap : "started by mot up",
               region == topology->central ? ", central" : "",
               region == topology->pseudo_central ? ", pseudo-central" : "");
        for (size_t z = 0; z < region->zone_count; z++)
            printf("%s %s (%s)", z ? "," : "", region->zones[z].name, region->zones[z].driver);
        printf("\n");
    }
}

static void print_routes(const struct topology *topology, const struct routes *routes)
{
    printf("\nROUTES\n");
    for (size_t r = 0; r < topology->region_count; r++) {
        printf("  %s\n", topology->regions[r].name);
        for (size_t i = 0; i < routes->count; i++) {
            const struct route *route = &routes->items[i];
            if (route->region != &topology->regions[r])
                continue;
            printf("    %s\n", route->flow);
            printf("      produced in %s as %s\n", route->produced_in->name, route->produced_topic);
            printf("      consumed by %s from %s as %s%s\n", route->consumer->name,
                   route->consumed_in == route->consumer ? "its own cluster"
                                                         : route->consumed_in->name,
                   route->consumed_topic,
                   route->consumed_in == route->produced_in ? "" : " (mirrored)");
        }
    }
}

static void print_mirrors(const struct routes *routes)
{
    printf("\nMIRRORS\n");
    for (size_t i = 0; i < routes->mirror_count; i++) {
        const struct mirror *mirror = &routes->mirrors[i];
        printf("  %s (runs in %s)\n", mirror->name, mirror->to->name);
        for (size_t t = 0; t < mirror->topic_count; t++)
            printf("    %s -> %s\n", mirror->topics[t].from_topic, mirror->topics[t].to_topic);
    }
    if (routes->mirror_count == 0)
        printf("  none\n");
}

/* Who opens connections to whom over the border; each pair once. */
static void print_border(const struct topology *topology, const struct routes *routes)
{
    size_t count = 0;
    printf("\nACROSS THE PRODUCTION BORDER\n");
    for (size_t i = 0; i < routes->mirror_count; i++) {
        const struct mirror *mirror = &routes->mirrors[i];
        if (!crosses(topology, mirror->from, mirror->to))
            continue;
        printf("  %s connects to kafka of %s (%s): mirror\n", mirror->to->name, mirror->from->name,
               mirror->from->bootstrap ? mirror->from->bootstrap : "started by mot up");
        count++;
    }
    for (size_t i = 0; i < routes->count; i++) {
        const struct route *route = &routes->items[i];
        if (!crosses(topology, route->consumer, route->consumed_in))
            continue;
        printf("  %s connects to kafka of %s (%s): %s\n", route->consumer->name,
               route->consumed_in->name,
               route->consumed_in->bootstrap ? route->consumed_in->bootstrap : "started by mot up",
               route->consumed_topic);
        count++;
    }
    if (count == 0)
        printf("  nothing\n");
}

static int explain(const char *path, struct err *err)
{
    struct topology *topology = topology_load(path, err);
    if (!topology)
        return -1;
    struct routes *routes = topology_routes(topology);
    print_regions(topology);
    print_routes(topology, routes);
    print_mirrors(routes);
    print_border(topology, routes);
    routes_free(routes);
    topology_free(topology);
    return 0;
}

/* ------------------------------------------------------------------------------------ command */

static const struct {
    const char *verb;
    int (*run)(const char *path, struct err *err);
} verbs[] = {{"lint", lint}, {"explain", explain}};

static int run(int argc, char **argv, struct err *err)
{
    const struct option_spec options[] = {{0}};
    const struct command_spec command = {
        .name = "mot topology",
        .arguments = "lint|explain FILE",
        .summary = "Checks a topology, or explains which way its records go.",
        .details =
            "lint prints FILE:LINE: RULE: TEXT for each finding and fails when there is one.\n"
            "explain prints the routes, the mirrors, and who connects to whom over the production "
            "border.",
        .options = options};
    int args = 0;
    int ret = options_parse(&command, argc, argv, &args, err);
    if (ret != 0)
        return ret;
    if (args != 2)
        return err_set(err, ERR_INVALID, "expected lint FILE or explain FILE");
    for (size_t i = 0; i < MOT_ARRAY_SIZE(verbs); i++) {
        if (strcmp(argv[1], verbs[i].verb) == 0)
            return verbs[i].run(argv[2], err);
    }
    return err_set(err, ERR_INVALID, "there is no verb %s: lint or explain", argv[1]);
}

int topology_main(int argc, char **argv)
{
    struct err err = {0};
    if (run(argc, argv, &err) >= 0)
        return 0;
    fprintf(stderr, "mot topology: %s\n", err.message);
    return 1;
}
