/* The documents of discovery, as JSON text; free() each. */
#ifndef MOT_API_DOCUMENTS_DISCOVERY_H
#define MOT_API_DOCUMENTS_DISCOVERY_H

#include "groups.h"

/* APIVersions, of /api. */
char *discovery_versions(const struct groups *groups);
/* APIGroupList, of /apis. */
char *discovery_groups(const struct groups *groups);
/* APIGroup, of /apis/GROUP. */
char *discovery_group(const struct groups *groups, const struct group *group);
/* APIResourceList, of /api/v1 and /apis/GROUP/VERSION. */
char *discovery_resources(const struct group_version *version);
/* APIGroupDiscoveryList, of /api (@core) or /apis; @version: "v2" or "v2beta1", which differ in
 * nothing else. */
char *discovery_aggregated(const struct groups *groups, bool core, const char *version);

#endif
