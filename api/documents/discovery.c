#include "discovery.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

/* Steals @value. */
static char *text_of(json_t *value)
{
    char *text = json_text(value);
    json_decref(value);
    return text;
}

static json_t *string_array(const char *const *texts)
{
    json_t *array = json_array();
    for (; *texts; texts++)
        json_array_append_new(array, json_string(*texts));
    return array;
}

static json_t *verbs(bool subresource)
{
    static const char *const all[] = {"delete", "deletecollection", "get",   "list", "patch",
                                      "create", "update",           "watch", NULL};
    static const char *const few[] = {"get", "patch", "update", NULL};
    return string_array(subresource ? few : all);
}

char *discovery_versions(const struct groups *groups)
{
    json_t *versions = json_array();
    const struct group *core = groups_find(groups, "");
    for (size_t i = 0; core && i < core->count; i++)
        json_array_append_new(versions, json_string(groups->versions[core->first + i].version));
    return text_of(json_pack("{s:s, s:o, s:[{s:s, s:s}]}", "kind", "APIVersions", "versions",
                             versions, "serverAddressByClientCIDRs", "clientCIDR", "0.0.0.0/0",
                             "serverAddress", ""));
}

static json_t *version_entry(const struct group_version *version)
{
    return json_pack("{s:s, s:s}", "groupVersion", version->api_version, "version",
                     version->version);
}

static json_t *group_entry(const struct groups *groups, const struct group *group)
{
    json_t *versions = json_array();
    for (size_t i = 0; i < group->count; i++)
        json_array_append_new(versions, version_entry(&groups->versions[group->first + i]));
    return json_pack("{s:s, s:o, s:o}", "name", group->name, "versions", versions,
                     "preferredVersion", version_entry(&groups->versions[group->first]));
}

char *discovery_groups(const struct groups *groups)
{
    json_t *list = json_array();
    for (size_t i = 0; i < groups->group_count; i++) {
        if (*groups->groups[i].name)
            json_array_append_new(list, group_entry(groups, &groups->groups[i]));
    }
    return text_of(
        json_pack("{s:s, s:s, s:o}", "kind", "APIGroupList", "apiVersion", "v1", "groups", list));
}

char *discovery_group(const struct groups *groups, const struct group *group)
{
    json_t *value = json_pack("{s:s, s:s}", "kind", "APIGroup", "apiVersion", "v1");
    json_object_update_new(value, group_entry(groups, group));
    return text_of(value);
}

/* ---- resources ---- */

static void add_names(json_t *entry, const struct kind *kind)
{
    if (*kind->short_names)
        json_object_set_new(entry, "shortNames", string_array(kind->short_names));
    if (*kind->categories)
        json_object_set_new(entry, "categories", string_array(kind->categories));
}

static void add_resource(json_t *list, const struct kind *kind)
{
    json_t *entry =
        json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", kind->plural, "singularName", kind->singular,
                  "namespaced", kind->namespaced, "kind", kind->kind, "verbs", verbs(false));
    add_names(entry, kind);
    json_array_append_new(list, entry);
    if (!kind->has_status)
        return;
    AUTO_FREE char *name = mem_printf("%s/status", kind->plural);
    json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", name, "singularName",
                                          "", "namespaced", kind->namespaced, "kind", kind->kind,
                                          "verbs", verbs(true)));
}

char *discovery_resources(const struct group_version *version)
{
    json_t *list = json_array();
    for (size_t i = 0; i < version->kind_count; i++)
        add_resource(list, version->kinds[i]);
    return text_of(json_pack("{s:s, s:s, s:s, s:o}", "kind", "APIResourceList", "apiVersion", "v1",
                             "groupVersion", version->api_version, "resources", list));
}

/* ---- aggregated ---- */

static json_t *response_kind(const struct kind *kind)
{
    return json_pack("{s:s, s:s, s:s}", "group", kind->group, "version", kind->version, "kind",
                     kind->kind);
}

static json_t *aggregated_resource(const struct kind *kind)
{
    json_t *entry =
        json_pack("{s:s, s:o, s:s, s:s, s:o}", "resource", kind->plural, "responseKind",
                  response_kind(kind), "scope", kind->namespaced ? "Namespaced" : "Cluster",
                  "singularResource", kind->singular, "verbs", verbs(false));
    add_names(entry, kind);
    if (kind->has_status)
        json_object_set_new(entry, "subresources",
                            json_pack("[{s:s, s:o, s:o}]", "subresource", "status", "responseKind",
                                      response_kind(kind), "verbs", verbs(true)));
    return entry;
}

static json_t *aggregated_version(const struct group_version *version)
{
    json_t *resources = json_array();
    for (size_t i = 0; i < version->kind_count; i++)
        json_array_append_new(resources, aggregated_resource(version->kinds[i]));
    return json_pack("{s:s, s:o, s:s}", "version", version->version, "resources", resources,
                     "freshness", "Current");
}

static json_t *aggregated_group(const struct groups *groups, const struct group *group)
{
    json_t *metadata = json_pack("{s:n}", "creationTimestamp");
    json_t *versions = json_array();
    if (*group->name)
        json_object_set_new(metadata, "name", json_string(group->name));
    for (size_t i = 0; i < group->count; i++)
        json_array_append_new(versions, aggregated_version(&groups->versions[group->first + i]));
    return json_pack("{s:o, s:o}", "metadata", metadata, "versions", versions);
}

char *discovery_aggregated(const struct groups *groups, bool core)
{
    json_t *items = json_array();
    for (size_t i = 0; i < groups->group_count; i++) {
        if ((*groups->groups[i].name == '\0') == core)
            json_array_append_new(items, aggregated_group(groups, &groups->groups[i]));
    }
    return text_of(json_pack("{s:s, s:s, s:{}, s:o}", "kind", "APIGroupDiscoveryList", "apiVersion",
                             "apidiscovery.k8s.io/v2", "metadata", "items", items));
}
