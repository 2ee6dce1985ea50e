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
    const char **heard_at; /* the newest heartbeat; "" for never */
    bool *stale;           /* its heartbeat is overdue: what the Region's Ready condition says */
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
/* The name of a part: "<deployment>.<region>", shortened where that would be too long. free() it.
 */
char *part_name(const char *deployment, const char *region);
/* What stands for @text in a label, whose value has an end. A new reference. */
json_t *label_value(const char *text);
/* Does the part refer to this very deployment; or, with NULL, to any? */
bool part_is_owned(const json_t *part, const json_t *deployment);
/* Are spec, owner, finalizer and labels what the deployment and its placement want? */
bool part_is_as_wanted(const json_t *part, const json_t *deployment, const char *region,
                       const json_t *spec);
void part_renew(json_t *part, const json_t *deployment, const char *region, json_t *spec);
/* A new reference. */
json_t *part_new(const json_t *deployment, const char *region, json_t *spec);

#define PART_FINALIZER       "mot.dev/region"
#define DEPLOYMENT_FINALIZER "mot.dev/regions"
#define LABEL_DEPLOYMENT     "mot.dev/deployment"
#define LABEL_REGION         "mot.dev/region"
#define LABEL_ZONE           "mot.dev/zone"

#endif
