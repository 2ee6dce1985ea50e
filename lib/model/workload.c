#include <mot/model/workload.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <mot/base/random.h>
#include <mot/model/json.h>

/* Decoding: the arena, and the JSON that lives until decoding ends. */

static const char *text_at(struct arena *arena, const json_t *value, const char *key,
                           const char *fallback)
{
    const char *text = json_string_value(json_object_get(value, key));
    return arena_strdup(arena, text ? text : fallback);
}

static int64_t int_at(const json_t *value, const char *key, int64_t fallback)
{
    const json_t *number = json_object_get(value, key);
    return json_is_integer(number) ? json_integer_value(number) : fallback;
}

static int small_at(const json_t *value, const char *key, int fallback)
{
    int64_t number = int_at(value, key, fallback);
    if (number < 0)
        return 0;
    return number > INT32_MAX ? INT32_MAX : (int)number;
}

static int64_t seconds_at(const json_t *value, const char *key, int fallback)
{
    return (int64_t)small_at(value, key, fallback) * 1000;
}

static const char *const *texts_at(struct arena *arena, const json_t *value, const char *key)
{
    const json_t *list = json_object_get(value, key);
    size_t count = json_array_size(list), used = 0;
    const char **texts = arena_array(arena, count + 1, sizeof(*texts));
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text)
            texts[used++] = arena_strdup(arena, text);
    }
    return texts;
}

static struct workload_env *pairs_at(struct arena *arena, const json_t *value, const char *key,
                                     size_t *ret_count)
{
    const json_t *list = json_object_get(value, key);
    size_t count = json_array_size(list);
    struct workload_env *pairs = arena_array(arena, count + 1, sizeof(*pairs));
    for (size_t i = 0; i < count; i++) {
        pairs[i].name = text_at(arena, json_array_get(list, i), "name", "");
        pairs[i].value = text_at(arena, json_array_get(list, i), "value", "");
    }
    *ret_count = count;
    return pairs;
}

static struct workload_port *ports_at(struct arena *arena, const json_t *value, size_t *ret_count)
{
    const json_t *list = json_object_get(value, "ports");
    size_t count = json_array_size(list);
    struct workload_port *ports = arena_array(arena, count + 1, sizeof(*ports));
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        ports[i].name = text_at(arena, item, "name", "");
        ports[i].port = small_at(item, "containerPort", 0);
        ports[i].protocol = text_at(arena, item, "protocol", "TCP");
    }
    *ret_count = count;
    return ports;
}

/* "8080" for 8080, "http" for "http". */
static const char *port_text(struct arena *arena, const json_t *port)
{
    if (json_is_integer(port))
        return arena_printf(arena, "%" PRId64, (int64_t)json_integer_value(port));
    return arena_strdup(arena, json_string_value(port));
}

static void decode_probe(struct arena *arena, const json_t *value, struct workload_probe *probe)
{
    const json_t *http = json_object_get(value, "httpGet");
    const json_t *tcp = json_object_get(value, "tcpSocket");
    const json_t *target = json_is_object(http) ? http : tcp;
    probe->type = json_is_object(http) ? PROBE_HTTP : json_is_object(tcp) ? PROBE_TCP : PROBE_NONE;
    probe->path = text_at(arena, http, "path", "/");
    probe->port = port_text(arena, json_object_get(target, "port"));
    probe->headers = pairs_at(arena, http, "httpHeaders", &probe->header_count);
    probe->initial_delay_ms = seconds_at(value, "initialDelaySeconds", 0);
    probe->period_ms = seconds_at(value, "periodSeconds", 10);
    probe->timeout_ms = seconds_at(value, "timeoutSeconds", 1);
    probe->success_threshold = small_at(value, "successThreshold", 1);
    probe->failure_threshold = small_at(value, "failureThreshold", 3);
}

static const char *resources_text(struct arena *arena, const json_t *resources)
{
    if (!json_is_object(resources))
        return "{}";
    char *text = json_text(resources);
    const char *copy = arena_strdup(arena, text);
    free(text);
    return copy;
}

static void decode_container(struct arena *arena, const json_t *value,
                             struct workload_container *container)
{
    container->name = text_at(arena, value, "name", "");
    container->image = text_at(arena, value, "image", "");
    container->command = texts_at(arena, value, "command");
    container->args = texts_at(arena, value, "args");
    container->working_dir = text_at(arena, value, "workingDir", "");
    container->env = pairs_at(arena, value, "env", &container->env_count);
    container->ports = ports_at(arena, value, &container->port_count);
    container->resources = resources_text(arena, json_object_get(value, "resources"));
    decode_probe(arena, json_object_get(value, "readinessProbe"), &container->readiness);
    decode_probe(arena, json_object_get(value, "livenessProbe"), &container->liveness);
}

static struct int_or_percent amount_at(const json_t *strategy, const char *key, int fallback)
{
    struct int_or_percent amount = {.value = small_at(strategy, key, fallback)};
    const char *text = json_string_value(json_object_get(strategy, key));
    if (!text)
        return amount;
    char *end = NULL;
    long number = strtol(text, &end, 10);
    amount.percent = end && *end == '%';
    amount.value = number < 0 ? 0 : number > INT32_MAX ? INT32_MAX : (int)number;
    return amount;
}

/* The whole template counts: an annotation of it, say, is how clients ask for a restart. */
static const char *hash_template(struct arena *arena, const json_t *template)
{
    char *text = json_dumps(template, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    uint64_t hash = hash_text(text ? text : "");
    free(text);
    return arena_printf(arena, "%016" PRIx64, hash);
}

static void decode_zones(struct arena *arena, const json_t *list, struct workload *workload)
{
    workload->zone_count = json_array_size(list);
    workload->zones = arena_array(arena, workload->zone_count + 1, sizeof(*workload->zones));
    for (size_t i = 0; i < workload->zone_count; i++) {
        workload->zones[i].name = text_at(arena, json_array_get(list, i), "name", "");
        workload->zones[i].replicas = small_at(json_array_get(list, i), "replicas", 0);
    }
}

static void decode_metadata(struct arena *arena, const json_t *object, struct workload *workload)
{
    const json_t *metadata = json_object_get(object, "metadata");
    workload->ns = text_at(arena, metadata, "namespace", "");
    workload->object_name = text_at(arena, metadata, "name", "");
    workload->uid = text_at(arena, metadata, "uid", "");
    workload->generation = int_at(metadata, "generation", 0);
    workload->deleting = json_is_string(json_object_get(metadata, "deletionTimestamp"));
    const char *revision = json_string_value(json_object_get(metadata, "resourceVersion"));
    workload->revision = revision ? strtoll(revision, NULL, 10) : 0;
}

static void decode_spec(struct arena *arena, const json_t *spec, struct workload *workload)
{
    const json_t *template = json_object_get(spec, "template");
    const json_t *pod = json_object_get(template, "spec");
    const json_t *containers = json_object_get(pod, "containers");
    const json_t *strategy = json_object_get(spec, "strategy");
    workload->name = text_at(arena, spec, "deployment", "");
    workload->region = text_at(arena, spec, "region", "");
    workload->container_count = json_array_size(containers);
    workload->containers =
        arena_array(arena, workload->container_count + 1, sizeof(*workload->containers));
    for (size_t i = 0; i < workload->container_count; i++)
        decode_container(arena, json_array_get(containers, i), &workload->containers[i]);
    workload->grace_ms = seconds_at(pod, "terminationGracePeriodSeconds", 30);
    workload->template_hash = hash_template(arena, template);
    decode_zones(arena, json_object_get(spec, "zones"), workload);
    workload->max_unavailable = amount_at(strategy, "maxUnavailable", 0);
    workload->max_surge = amount_at(strategy, "maxSurge", 1);
    workload->min_ready_ms = seconds_at(strategy, "minReadySeconds", 0);
    workload->progress_deadline_ms = seconds_at(strategy, "progressDeadlineSeconds", 600);
}

static int check(const struct workload *workload, const json_t *object, struct err *err)
{
    if (!*workload->ns || !*workload->name)
        return err_set(err, ERR_INVALID, "a RegionalDeployment without %s",
                       *workload->ns ? "spec.deployment" : "metadata.namespace");
    if (!json_is_string(json_at(object, "metadata.resourceVersion")))
        return err_set(err, ERR_INVALID, "a RegionalDeployment without metadata.resourceVersion");
    if (workload->container_count == 0)
        return err_set(err, ERR_INVALID, "a RegionalDeployment without containers");
    return 0;
}

struct workload *workload_decode(struct arena *arena, const char *text, size_t len, struct err *err)
{
    json_t *object = json_parse(text, len, false, err);
    if (!object)
        return NULL;
    struct workload *workload = arena_alloc(arena, sizeof(*workload));
    decode_metadata(arena, object, workload);
    decode_spec(arena, json_object_get(object, "spec"), workload);
    int ret = check(workload, object, err);
    json_decref(object);
    return ret < 0 ? NULL : workload;
}

int int_or_percent_of(struct int_or_percent amount, int total, bool round_up)
{
    if (!amount.percent)
        return amount.value;
    int64_t hundredths = (int64_t)amount.value * total + (round_up ? 99 : 0);
    int64_t result = hundredths / 100;
    return result > INT32_MAX ? INT32_MAX : (int)result;
}

int workload_replicas(const struct workload *workload, const char *zone)
{
    for (size_t i = 0; i < workload->zone_count && !workload->deleting; i++) {
        if (strcmp(workload->zones[i].name, zone) == 0)
            return workload->zones[i].replicas;
    }
    return 0;
}
