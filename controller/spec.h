/*
 * Between the objects and the placement decision: what a Deployment's placement rules say, and what
 * a part's spec must be.
 */
#ifndef MOT_CONTROLLER_SPEC_H
#define MOT_CONTROLLER_SPEC_H

#include <jansson.h>

#include "decide/placement.h"
#include "informer.h"

/* The regions of the informer, decoded, by name. Lives in @arena but for the label objects, which
 * the struct owns. */
struct region_table {
    struct placement_region *items;
    json_t **labels;       /* owned */
    int64_t *heartbeat_at; /* wall clock ms; 0: never */
    size_t count;
};
void region_table_build(struct region_table *table, struct arena *arena,
                        const struct informer *informer);
void region_table_release(struct region_table *table);

/* The rules of a deployment; a selector that can't be read selects nothing. In @arena. */
struct placement_rule *placement_rules(struct arena *arena, const json_t *deployment,
                                       const struct region_table *regions, size_t *ret_count);

/* The spec of a part: the deployment's template with the rule's overrides, and its zones. A new
 * reference. */
json_t *part_spec(const json_t *deployment, const struct placed_region *placed);
/* Equal but for the generation it was made from: then the region need not be told. */
bool part_spec_same(const json_t *a, const json_t *b);
/* A new part: metadata, labels, owner, finalizer. A new reference. */
json_t *part_new(const json_t *deployment, const struct placed_region *placed);

#define PART_FINALIZER       "mot.dev/region"
#define DEPLOYMENT_FINALIZER "mot.dev/regions"
#define LABEL_DEPLOYMENT     "mot.dev/deployment"
#define LABEL_REGION         "mot.dev/region"
#define LABEL_ZONE           "mot.dev/zone"

#endif
