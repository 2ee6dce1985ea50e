/* The kinds by group and version, in the order in which discovery names them. */
#ifndef MOT_API_DOCUMENTS_GROUPS_H
#define MOT_API_DOCUMENTS_GROUPS_H

#include <stddef.h>

#include <mot/model/kind.h>

struct group_version {
    const char *group; /* "" for core */
    const char *version;
    const char *api_version;
    const struct kind **kinds;
    size_t kind_count;
};

struct group {
    const char *name;
    size_t first; /* its versions in groups.versions, the preferred one first */
    size_t count;
};

struct groups {
    struct group_version *versions;
    size_t version_count;
    struct group *groups;
    size_t group_count;
};

void api_groups_init(struct groups *groups, const struct kinds *kinds);
void api_groups_release(struct groups *groups);
const struct group *groups_find(const struct groups *groups, const char *name);
/* As Kubernetes orders versions: v2, v1, v1beta2, v1alpha1, others by name. */
int compare_versions(const char *a, const char *b);

#endif
