#include "cli/up/regions.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>
#include <mot/http/client.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "cli/client/lines.h"
#include "cli/up/parts.h"

#define REGIONS_PATH "/apis/mot.dev/v1alpha1/regions"

struct wait {
    const struct setup *setup;
    struct map *ready; /* by name; the value is not used */
    struct lines lines;
    bool gone; /* the watch is of no more use: list again */
};

bool region_is_ready(const json_t *region, int64_t since_wall_ms)
{
    const json_t *condition = condition_get(json_object_get(region, "status"), "Ready");
    const char *status = condition ? json_at_text(condition, "status") : NULL;
    if (!status || strcmp(status, "True") != 0)
        return false;
    const char *at = json_at_text(region, "status.heartbeatAt");
    int64_t heartbeat = 0;
    /* Whole seconds: what came in the second we began in may be of this run, and its reconciler's
     * epoch tells. */
    if (at && clock_parse(at, &heartbeat, NULL) == 0 && heartbeat >= since_wall_ms)
        return true;
    return json_at_int(region, "status.epoch", 0) >= since_wall_ms;
}

static void note_region(struct wait *wait, const json_t *region)
{
    const char *name = object_name(region);
    if (topology_find(wait->setup->topology, name) &&
        region_is_ready(region, wait->setup->started_wall_ms))
        map_put(wait->ready, name, wait);
    else
        map_remove(wait->ready, name);
}

static bool all_ready(const struct wait *wait)
{
    return map_count(wait->ready) == wait->setup->topology->region_count;
}

static int on_line(void *context, const char *line, size_t len, struct err *err)
{
    struct wait *wait = context;
    json_t *event = json_parse(line, len, false, err);
    if (!event)
        return -1;
    const char *type = json_at_text(event, "type");
    const json_t *object = json_object_get(event, "object");
    if (type && strcmp(type, "ERROR") == 0)
        wait->gone = true;
    else if (type && object && strcmp(type, "BOOKMARK") != 0)
        note_region(wait, object);
    json_decref(event);
    return wait->gone || all_ready(wait) ? 1 : 0;
}

static int on_data(void *context, const char *data, size_t len, struct err *err)
{
    struct wait *wait = context;
    return lines_add(&wait->lines, data, len, on_line, wait, err);
}

/* *ret_revision is free()d by the caller. */
static int list(struct http_client *client, struct wait *wait, char **ret_revision, struct err *err)
{
    struct http_request request = {.path = REGIONS_PATH, .timeout_ms = 5000};
    struct http_response response;
    json_t *body = NULL;
    int rc = http_send(client, &request, &response, err);
    if (rc == 0 && response.status != 200)
        rc = err_set(err, ERR_TRANSIENT, "the list of regions answers %d", response.status);
    if (rc == 0 &&
        !(body = json_parse(http_response_text(&response), response.body.len, false, err)))
        rc = -1;
    http_response_release(&response);
    if (rc != 0)
        return -1;
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(body, "items"), i, item) note_region(wait, item);
    const char *revision = json_at_text(body, "metadata.resourceVersion");
    *ret_revision = mem_strdup(revision);
    json_decref(body);
    return 0;
}

static int watch(struct http_client *client, struct wait *wait, const char *revision,
                 struct err *err)
{
    AUTO_FREE char *path = mem_printf(REGIONS_PATH "?watch=true&resourceVersion=%s", revision);
    struct http_request request = {.path = path, .timeout_ms = 10000};
    struct http_response response;
    int rc = http_stream(client, &request, on_data, wait, &response, err);
    http_response_release(&response);
    return rc;
}

int regions_wait(struct probe *probe, void *context, struct err *err)
{
    struct setup *setup = context;
    struct http_client_options options = setup_client(setup, probe_stop_fd(probe));
    struct http_client *client = http_client_new(&options, err);
    if (!client)
        return -1;
    struct wait wait = {.setup = setup, .ready = map_new(NULL)};
    lines_init(&wait.lines);
    AUTO_FREE char *revision = NULL;
    int rc = list(client, &wait, &revision, err);
    if (rc == 0 && !all_ready(&wait))
        rc = watch(client, &wait, revision, err);
    if (rc == 0 && !all_ready(&wait))
        rc = err_set(err, ERR_TRANSIENT, "%zu of %zu regions are ready", map_count(wait.ready),
                     setup->topology->region_count);
    lines_release(&wait.lines);
    map_free(wait.ready);
    http_client_free(client);
    return rc;
}
