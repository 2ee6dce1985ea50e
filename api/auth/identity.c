#include "identity.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

struct identity identity_new(const char *name, const char *uid)
{
    return (struct identity){
        .name = mem_strdup(name), .uid = mem_strdup(uid), .groups = json_array()};
}

void identity_release(struct identity *identity)
{
    free(identity->name);
    free(identity->uid);
    json_decref(identity->groups);
    json_decref(identity->extra);
    memset(identity, 0, sizeof(*identity));
}

struct identity identity_copy(const struct identity *identity)
{
    return (struct identity){.name = mem_strdup(identity->name),
                             .uid = mem_strdup(identity->uid),
                             .groups = json_deep_copy(identity->groups),
                             .extra = json_deep_copy(identity->extra),
                             .until_wall_ms = identity->until_wall_ms};
}

bool identity_in_group(const struct identity *identity, const char *group)
{
    size_t i;
    const json_t *item;
    json_array_foreach(identity->groups, i, item)
    {
        if (strcmp(json_string_value(item), group) == 0)
            return true;
    }
    return false;
}

void identity_add_group(struct identity *identity, const char *group)
{
    if (!identity_in_group(identity, group))
        json_array_append_new(identity->groups, json_string(group));
}

void identity_set_credential(struct identity *identity, const char *kind, const char *id)
{
    AUTO_FREE char *text = mem_printf("%s%s", kind, id);
    if (!identity->extra)
        identity->extra = json_object();
    json_object_set_new(identity->extra, "authentication.kubernetes.io/credential-id",
                        json_pack("[s]", text));
}
