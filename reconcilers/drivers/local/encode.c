#include "encode.h"

#include <inttypes.h>
#include <string.h>

#include <mot/base/err.h>
#include <mot/model/json.h>

static json_t *texts(const char *const *items)
{
    json_t *list = json_array();
    for (; *items; items++)
        json_array_append_new(list, json_string(*items));
    return list;
}

static json_t *pairs(const struct workload_env *items, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list,
                              json_pack("{ss ss}", "name", items[i].name, "value", items[i].value));
    return list;
}

static json_t *ports(const struct workload_container *container)
{
    json_t *list = json_array();
    for (size_t i = 0; i < container->port_count; i++) {
        const struct workload_port *port = &container->ports[i];
        json_array_append_new(list, json_pack("{ss si ss}", "name", port->name, "containerPort",
                                              port->port, "protocol", port->protocol));
    }
    return list;
}

static void put_probe(json_t *container, const char *key, const struct workload_probe *probe)
{
    if (probe->type == PROBE_NONE)
        return;
    json_t *value = json_pack(
        "{sI sI sI si si}", "initialDelaySeconds", (json_int_t)(probe->initial_delay_ms / 1000),
        "periodSeconds", (json_int_t)(probe->period_ms / 1000), "timeoutSeconds",
        (json_int_t)(probe->timeout_ms / 1000), "successThreshold", probe->success_threshold,
        "failureThreshold", probe->failure_threshold);
    json_t *target = json_pack("{ss}", "port", probe->port);
    if (probe->type == PROBE_HTTP) {
        json_object_set_new(target, "path", json_string(probe->path));
        json_object_set_new(target, "httpHeaders", pairs(probe->headers, probe->header_count));
    }
    json_object_set_new(value, probe->type == PROBE_HTTP ? "httpGet" : "tcpSocket", target);
    json_object_set_new(container, key, value);
}

static json_t *encode_container(const struct workload_container *container)
{
    struct err err;
    json_t *value = json_pack("{ss ss ss}", "name", container->name, "image", container->image,
                              "workingDir", container->working_dir);
    json_object_set_new(value, "command", texts(container->command));
    json_object_set_new(value, "args", texts(container->args));
    json_object_set_new(value, "env", pairs(container->env, container->env_count));
    json_object_set_new(value, "ports", ports(container));
    json_t *resources = json_parse(container->resources, strlen(container->resources), false, &err);
    if (resources)
        json_object_set_new(value, "resources", resources);
    put_probe(value, "readinessProbe", &container->readiness);
    put_probe(value, "livenessProbe", &container->liveness);
    return value;
}

static json_t *amount(struct int_or_percent value)
{
    return value.percent ? json_sprintf("%d%%", value.value) : json_integer(value.value);
}

static json_t *encode_spec(const struct workload *workload)
{
    json_t *containers = json_array(), *zones = json_array();
    for (size_t i = 0; i < workload->container_count; i++)
        json_array_append_new(containers, encode_container(&workload->containers[i]));
    for (size_t i = 0; i < workload->zone_count; i++)
        json_array_append_new(zones, json_pack("{ss si}", "name", workload->zones[i].name,
                                               "replicas", workload->zones[i].replicas));
    return json_pack(
        "{ss ss so s{s{sI so}} s{so so sI sI}}", "deployment", workload->name, "region",
        workload->region, "zones", zones, "template", "spec", "terminationGracePeriodSeconds",
        (json_int_t)(workload->grace_ms / 1000), "containers", containers, "strategy",
        "maxUnavailable", amount(workload->max_unavailable), "maxSurge",
        amount(workload->max_surge), "minReadySeconds", (json_int_t)(workload->min_ready_ms / 1000),
        "progressDeadlineSeconds", (json_int_t)(workload->progress_deadline_ms / 1000));
}

json_t *workload_encode(const struct workload *workload)
{
    json_t *object = json_pack("{s{ss ss ss sI}}", "metadata", "namespace", workload->ns, "name",
                               workload->object_name, "uid", workload->uid, "generation",
                               (json_int_t)workload->generation);
    json_t *metadata = json_object_get(object, "metadata");
    json_object_set_new(metadata, "resourceVersion", json_sprintf("%" PRId64, workload->revision));
    if (workload->deleting)
        json_object_set_new(metadata, "deletionTimestamp", json_string("1970-01-01T00:00:00Z"));
    json_object_set_new(object, "spec", encode_spec(workload));
    return object;
}
