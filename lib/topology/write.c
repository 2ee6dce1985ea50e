/* A topology as a file again. */
#include <mot/model/json.h>
#include <mot/model/yaml.h>

#include "internal.h"

static void set_text(json_t *object, const char *path, const char *text)
{
    if (text)
        json_put(object, path, json_string(text));
}

static json_t *zone_value(const struct topology_zone *zone)
{
    json_t *value = json_object();
    set_text(value, "name", zone->name);
    set_text(value, "driver", zone->driver);
    set_text(value, "url", zone->url);
    set_text(value, "mesosUrl", zone->mesos_url);
    set_text(value, "credentialsFile", zone->credentials_file);
    return value;
}

static json_t *region_value(const struct topology_region *region)
{
    json_t *value = json_object();
    set_text(value, "name", region->name);
    set_text(value, "appenv", region->appenv);
    set_text(value, "location", region->location);
    set_text(value, "kafka.bootstrapServers", region->bootstrap);
    set_text(value, "consul.url", region->consul_url);
    json_t *zones = json_array();
    for (size_t i = 0; i < region->zone_count; i++)
        json_array_append_new(zones, zone_value(&region->zones[i]));
    json_object_set_new(value, "zones", zones);
    return value;
}

char *topology_write(const struct topology *topology)
{
    json_t *value = json_object();
    set_text(value, "apiVersion", "mot.dev/v1alpha1");
    set_text(value, "kind", "Topology");
    set_text(value, "central", topology->central_name);
    set_text(value, "pseudoCentral", topology->pseudo_central_name);
    set_text(value, "productionAppenv", topology->production);
    json_t *appenvs = json_array();
    for (size_t i = 0; i < topology->appenv_count; i++)
        json_array_append_new(appenvs, json_string(topology->appenvs[i]));
    json_object_set_new(value, "appenvs", appenvs);
    json_put(value, "topics.replicationFactor", json_integer(topology->replication_factor));
    json_put(value, "topics.partitions", json_integer(topology->partitions));
    json_t *regions = json_array();
    for (size_t i = 0; i < topology->region_count; i++)
        json_array_append_new(regions, region_value(&topology->regions[i]));
    json_object_set_new(value, "regions", regions);
    char *text = yaml_write(value);
    json_decref(value);
    return text;
}
