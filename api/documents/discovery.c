#include "discovery.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

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

static json_t *verbs(const struct kind *kind)
{
    static const char *const all[] = {"delete", "deletecollection", "get",   "list", "patch",
                                      "create", "update",           "watch", NULL};
    static const char *const review[] = {"create", NULL};
    return string_array(kind->is_review ? review : all);
}

/* ---- subresources ---- */

struct subresource {
    const char *name;
    const char *group, *version, *kind; /* of what it speaks */
    const char *const *verbs;
};

#define SUBRESOURCES_MAX 3

static size_t subresources_of(const struct kind *kind, struct subresource list[SUBRESOURCES_MAX])
{
    static const char *const access[] = {"get", "patch", "update", NULL};
    static const char *const update[] = {"update", NULL};
    size_t count = 0;
    if (kind->has_finalize)
        list[count++] =
            (struct subresource){"finalize", kind->group, kind->version, kind->kind, update};
    if (kind->has_status)
        list[count++] =
            (struct subresource){"status", kind->group, kind->version, kind->kind, access};
    if (kind->has_scale)
        list[count++] = (struct subresource){"scale", "autoscaling", "v1", "Scale", access};
    return count;
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

static void add_subresource(json_t *list, const struct kind *kind,
                            const struct subresource *subresource)
{
    bool foreign = strcmp(subresource->group, kind->group) != 0;
    AUTO_FREE char *name = mem_printf("%s/%s", kind->plural, subresource->name);
    json_t *entry = json_pack("{s:s, s:s, s:b}", "name", name, "singularName", "", "namespaced",
                              kind->namespaced);
    if (foreign) {
        json_object_set_new(entry, "group", json_string(subresource->group));
        json_object_set_new(entry, "version", json_string(subresource->version));
    }
    json_object_set_new(entry, "kind", json_string(subresource->kind));
    json_object_set_new(entry, "verbs", string_array(subresource->verbs));
    json_array_append_new(list, entry);
}

static const char *storage_version(const struct kind *kind)
{
    size_t index;
    json_t *version;
    json_array_foreach(json_at(kind->definition, "spec.versions"), index, version)
    {
        const char *name = json_at_text(version, "name");
        if (name && json_at_bool(version, "storage", false))
            return name;
    }
    return kind->version;
}

/* When it changes, tools write all objects anew: so it stands for the version they are stored in.
 */
static json_t *storage_hash(const struct kind *kind)
{
    const struct kind *stored = kind_stored(kind);
    unsigned char digest[SHA256_DIGEST_LENGTH];
    unsigned char text[sizeof("L5NBPiAPJI4=")];
    AUTO_FREE char *name =
        mem_printf("%s/%s/%s", stored->group, storage_version(stored), stored->kind);
    SHA256((const unsigned char *)name, strlen(name), digest);
    EVP_EncodeBlock(text, digest, 8);
    return json_string((const char *)text);
}

static void add_resource(json_t *list, const struct kind *kind)
{
    struct subresource subresources[SUBRESOURCES_MAX];
    size_t count = subresources_of(kind, subresources);
    json_t *entry =
        json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", kind->plural, "singularName", kind->singular,
                  "namespaced", kind->namespaced, "kind", kind->kind, "verbs", verbs(kind));
    add_names(entry, kind);
    if (!kind->is_review)
        json_object_set_new(entry, "storageVersionHash", storage_hash(kind));
    json_array_append_new(list, entry);
    for (size_t i = 0; i < count; i++)
        add_subresource(list, kind, &subresources[i]);
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

static json_t *response_kind(const char *group, const char *version, const char *kind)
{
    return json_pack("{s:s, s:s, s:s}", "group", group, "version", version, "kind", kind);
}

static json_t *aggregated_resource(const struct kind *kind)
{
    struct subresource subresources[SUBRESOURCES_MAX];
    size_t count = subresources_of(kind, subresources);
    json_t *list = json_array();
    json_t *entry = json_pack("{s:s, s:o, s:s, s:s, s:o}", "resource", kind->plural, "responseKind",
                              response_kind(kind->group, kind->version, kind->kind), "scope",
                              kind->namespaced ? "Namespaced" : "Cluster", "singularResource",
                              kind->singular, "verbs", verbs(kind));
    add_names(entry, kind);
    for (size_t i = 0; i < count; i++) {
        const struct subresource *sub = &subresources[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:o, s:o}", "subresource", sub->name, "responseKind",
                                        response_kind(sub->group, sub->version, sub->kind), "verbs",
                                        string_array(sub->verbs)));
    }
    if (count > 0)
        json_object_set(entry, "subresources", list);
    json_decref(list);
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

char *discovery_aggregated(const struct groups *groups, bool core, const char *version)
{
    json_t *items = json_array();
    for (size_t i = 0; i < groups->group_count; i++) {
        if ((*groups->groups[i].name == '\0') == core)
            json_array_append_new(items, aggregated_group(groups, &groups->groups[i]));
    }
    return text_of(json_pack("{s:s, s:s+, s:{}, s:o}", "kind", "APIGroupDiscoveryList",
                             "apiVersion", "apidiscovery.k8s.io/", version, "metadata", "items",
                             items));
}
