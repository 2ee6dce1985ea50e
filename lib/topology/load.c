#include <string.h>

#include <mot/base/file.h>
#include <mot/model/json.h>
#include <mot/model/yaml.h>

#include "internal.h"

#define TOPOLOGY_MAX_BYTES ((size_t)4 << 20)

static void read_appenvs(struct loaded_topology *loaded, const json_t *document)
{
    static const char *const usual[] = {"test", "stage", "production"};
    struct topology *topology = &loaded->topology;
    const json_t *list = json_object_get(document, "appenvs");
    topology->appenv_count = list ? json_array_size(list) : MOT_ARRAY_SIZE(usual);
    topology->appenvs = mem_array(topology->appenv_count, sizeof(*topology->appenvs));
    for (size_t i = 0; i < topology->appenv_count; i++)
        topology->appenvs[i] =
            pool_add(&loaded->pool, list ? json_string_value(json_array_get(list, i)) : usual[i]);
}

static void read_zones(struct loaded_topology *loaded, struct topology_region *region,
                       const json_t *zones)
{
    struct pool *pool = &loaded->pool;
    region->zone_count = json_array_size(zones);
    region->zones = mem_array(region->zone_count ? region->zone_count : 1, sizeof(*region->zones));
    for (size_t i = 0; i < region->zone_count; i++) {
        const json_t *from = json_array_get(zones, i);
        region->zones[i] = (struct topology_zone){
            .name = pool_add(pool, json_at_text(from, "name")),
            .driver = pool_add(pool, json_at_text(from, "driver")),
            .url = pool_add(pool, json_at_text(from, "url")),
            .mesos_url = pool_add(pool, json_at_text(from, "mesosUrl")),
            .credentials_file = pool_add(pool, json_at_text(from, "credentialsFile")),
        };
    }
}

/* "us-east-1" out of "test-us-east-1"; the whole name when it does not begin with the appenv. */
static const char *default_location(const char *name, const char *appenv)
{
    size_t len = strlen(appenv);
    bool prefixed = strncmp(name, appenv, len) == 0 && name[len] == '-' && name[len + 1];
    return prefixed ? name + len + 1 : name;
}

static void read_region(struct loaded_topology *loaded, size_t index, const json_t *from)
{
    struct pool *pool = &loaded->pool;
    struct topology_region *region = &loaded->topology.regions[index];
    AUTO_FREE char *path = mem_printf("regions[%zu].name", index);
    region->name = pool_add(pool, json_at_text(from, "name"));
    region->appenv = pool_add(pool, json_at_text(from, "appenv"));
    region->location = pool_add(pool, json_at_text(from, "location"));
    if (!region->location)
        region->location = default_location(region->name, region->appenv);
    region->bootstrap = pool_add(pool, json_at_text(from, "kafka.bootstrapServers"));
    region->consul_url = pool_add(pool, json_at_text(from, "consul.url"));
    region->line = topology_line(loaded->text, loaded->text_len, path);
    read_zones(loaded, region, json_object_get(from, "zones"));
}

static void read_document(struct loaded_topology *loaded, const json_t *document)
{
    struct topology *topology = &loaded->topology;
    struct pool *pool = &loaded->pool;
    read_appenvs(loaded, document);
    topology->production = pool_add(pool, json_at_text(document, "productionAppenv"));
    if (!topology->production)
        topology->production = "production";
    topology->replication_factor = (int)json_at_int(document, "topics.replicationFactor", 1);
    topology->partitions = (int)json_at_int(document, "topics.partitions", 1);
    const json_t *regions = json_object_get(document, "regions");
    topology->region_count = json_array_size(regions);
    topology->regions = mem_array(topology->region_count, sizeof(*topology->regions));
    for (size_t i = 0; i < topology->region_count; i++)
        read_region(loaded, i, json_array_get(regions, i));
    topology->central_name = pool_add(pool, json_at_text(document, "central"));
    topology->pseudo_central_name = pool_add(pool, json_at_text(document, "pseudoCentral"));
    topology->central = topology_find(topology, topology->central_name);
    if (topology->pseudo_central_name)
        topology->pseudo_central = topology_find(topology, topology->pseudo_central_name);
}

static struct topology *read_checked(const char *name, const char *text, size_t len,
                                     json_t *document, struct err *err)
{
    if (!json_is_object(document)) {
        err_set(err, ERR_INVALID, "%s:1: a topology is a mapping", name);
        return NULL;
    }
    if (topology_check(name, text, len, document, err) < 0)
        return NULL;
    struct loaded_topology *loaded = mem_zalloc(sizeof(*loaded));
    loaded->text = mem_strndup(text, len);
    loaded->text_len = len;
    loaded->topology.file = pool_add(&loaded->pool, name);
    read_document(loaded, document);
    return &loaded->topology;
}

struct topology *topology_parse_loose(const char *name, const char *text, size_t len,
                                      struct err *err)
{
    struct yaml_documents documents = {0};
    if (yaml_parse(name, text, len, &documents, err) < 0)
        return NULL;
    struct topology *topology = NULL;
    if (documents.count != 1)
        err_set(err, ERR_INVALID, "%s:1: expected one document, found %zu", name, documents.count);
    else
        topology = read_checked(name, text, len, documents.items[0].value, err);
    yaml_documents_release(&documents);
    return topology;
}

struct topology *topology_parse(const char *name, const char *text, size_t len, struct err *err)
{
    struct topology *topology = topology_parse_loose(name, text, len, err);
    if (!topology)
        return NULL;
    struct findings findings = topology_lint_references(topology);
    bool sound = findings.count == 0;
    if (!sound)
        err_set(err, ERR_INVALID, "%s:%d: %s", name, findings.items[0].line,
                findings.items[0].text);
    findings_release(&findings);
    if (sound)
        return topology;
    topology_free(topology);
    return NULL;
}

struct topology *topology_load(const char *path, struct err *err)
{
    size_t len;
    AUTO_FREE char *text = file_read(path, TOPOLOGY_MAX_BYTES, &len, err);
    return text ? topology_parse(path, text, len, err) : NULL;
}

void topology_free(struct topology *topology)
{
    if (!topology)
        return;
    struct loaded_topology *loaded = (struct loaded_topology *)(void *)topology;
    for (size_t i = 0; i < topology->region_count; i++)
        free(topology->regions[i].zones);
    free(topology->regions);
    free(topology->appenvs);
    free(loaded->text);
    pool_release(&loaded->pool);
    free(loaded);
}

const struct topology_region *topology_find(const struct topology *topology, const char *region)
{
    for (size_t i = 0; region && i < topology->region_count; i++) {
        if (strcmp(topology->regions[i].name, region) == 0)
            return &topology->regions[i];
    }
    return NULL;
}

void topology_set_bootstrap(struct topology *topology, const char *region, const char *bootstrap)
{
    struct loaded_topology *loaded = (struct loaded_topology *)(void *)topology;
    for (size_t i = 0; i < topology->region_count; i++) {
        if (strcmp(topology->regions[i].name, region) == 0)
            topology->regions[i].bootstrap = pool_add(&loaded->pool, bootstrap);
    }
}
