/* What the files of lib/topology share. */
#ifndef MOT_TOPOLOGY_INTERNAL_H
#define MOT_TOPOLOGY_INTERNAL_H

#include <jansson.h>

#include <mot/topology/topology.h>

#include "pool.h"

extern const unsigned char topology_schema_text[];
extern const size_t topology_schema_len;

/* A topology as it was read: the public part comes first, so that one pointer is both. */
struct loaded_topology {
    struct topology topology;
    struct pool pool;
    char *text; /* the file, for the lines of findings */
    size_t text_len;
};

static inline const struct loaded_topology *topology_loaded(const struct topology *topology)
{
    return (const struct loaded_topology *)(const void *)topology;
}

/* The line of a path ("regions[2].zones[0].driver") in the file, or of the nearest parent that is
 * there. */
int topology_line(const char *text, size_t len, const char *path);

/* Checks a document against schemas/topology.yaml: "NAME:LINE: what". */
int topology_check(const char *name, const char *text, size_t len, json_t *document,
                   struct err *err) MOT_NODISCARD;

/* Is @region on the other side of the production border than central? */
bool topology_across(const struct topology *topology, const struct topology_region *region);

/* The inward flows, NULL-terminated. */
extern const char *const topology_inward[];

/* The three rules over a table of routes; findings are appended. Tests call it with tables that
 * break them. */
void topology_lint_routes(const struct topology *topology, const struct routes *routes,
                          struct findings *findings);
void findings_add(struct findings *findings, int line, const char *rule, const char *format, ...)
    MOT_PRINTF(4, 5);
/* Lint, but only what makes a topology unusable: references that lead nowhere, names that are there
 * twice. */
struct findings topology_lint_references(const struct topology *topology);

#endif
