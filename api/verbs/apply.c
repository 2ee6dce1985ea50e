/* Server-side apply: who may change which field is decided in mot/model/managed.h. */
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>
#include <mot/model/schema.h>
#include <mot/model/yaml.h>

#include "../auth/gate.h"
#include "patch.h"
#include "write.h"

#define TRIES 5

struct config {
    json_t *value;
    struct texts duplicates; /* `line 4: key "image" already set in map` */
};

static void config_release(struct config *config)
{
    json_decref(config->value);
    texts_release(&config->duplicates);
}

/* -------------------------------------------------------------------------------- the body */

/* A body in JSON is YAML as well; the JSON parser is faster, and only YAML's knows the lines of
 * duplicates. */
static json_t *decode_config(const struct http_request *http, struct texts *duplicates,
                             struct err *err)
{
    json_t *value = NULL;
    if (http->body_len > 0 && http->body[0] == '{')
        value = json_parse(http->body, http->body_len, true, err);
    return value ? value : yaml_parse_first(http->body, http->body_len, duplicates, err);
}

static int read_config(struct request *request, struct config *config)
{
    struct err err = {0};
    config->value = decode_config(request->http, &config->duplicates, &err);
    if (!config->value)
        return fail(request, 400, "BadRequest",
                    "error decoding YAML: error converting YAML to JSON: %s", err.message);
    if (json_is_null(config->value)) {
        json_decref(config->value);
        config->value = json_object();
    }
    if (json_is_object(config->value))
        return 0;
    return fail(request, 400, "BadRequest",
                "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot "
                "unmarshal %s into Go value of type map[string]interface {}",
                admit_go_type(config->value));
}

/* "t.dev/v2, Kind=Thing", as Go prints a GroupVersionKind. */
static int check_type(struct request *request, const json_t *config)
{
    const char *version = json_at_text(config, "apiVersion");
    const char *kind = json_at_text(config, "kind");
    version = version ? version : "";
    kind = kind ? kind : "";
    if (strcmp(version, request->kind->api_version) == 0 && strcmp(kind, request->kind->kind) == 0)
        return 0;
    return fail(request, 400, "BadRequest", "invalid object type: %s%s, Kind=%s",
                strchr(version, '/') ? "" : "/", version, kind);
}

static int check_config(struct request *request, const json_t *config)
{
    if (check_type(request, config) < 0)
        return -1;
    const json_t *managers = json_at(config, "metadata.managedFields");
    if (managers && !json_is_null(managers))
        return fail(request, 400, "BadRequest", "metadata.managedFields must be nil");
    return 0;
}

/* -------------------------------------------------------------------------------- the merge */

static int fail_conflicts(struct request *request, const struct managed_conflicts *conflicts)
{
    AUTO_FREE char *message = managed_conflicts_message(conflicts);
    fail(request, 409, "Conflict", "%s", message);
    for (size_t i = 0; i < conflicts->count; i++)
        field_errors_add(&request->status.causes, conflicts->items[i].field, "FieldManagerConflict",
                         "conflict with %s", conflicts->items[i].manager);
    return -1;
}

/* What does not fit the schema is no Status of its own kind: 500 without a reason. */
static int merge(struct request *request, const struct write_options *options, const json_t *live,
                 const json_t *config, json_t **ret_object)
{
    struct writer writer;
    write_writer(request, options, &writer);
    struct managed_conflicts conflicts = {0};
    struct err err = {0};
    bool changed = false;
    int result = managed_apply(&writer.managed, live, config, options->force, ret_object, &changed,
                               &conflicts, &err);
    if (result < 0)
        result = err.code == ERR_CONFLICT ? fail_conflicts(request, &conflicts)
                                          : fail(request, 500, NULL, "%s",
                                                 conflicts.misfit ? conflicts.misfit : err.message);
    managed_conflicts_release(&conflicts);
    if (result == 0 && changed)
        admit_default(request->kind, *ret_object);
    return result;
}

/* Duplicate keys are judged only after the merge has gone well. */
static int judge_duplicates(struct request *request, const struct write_options *options,
                            const struct texts *duplicates)
{
    struct buf all;
    buf_init(&all, BUF_MAX_DEFAULT);
    for (size_t i = 0; i < duplicates->count; i++) {
        buf_addf(&all, "\n  %s", duplicates->items[i]);
        if (options->validation == VALIDATION_WARN)
            warn(request, duplicates->items[i]);
    }
    AUTO_FREE char *text = buf_take(&all);
    if (duplicates->count == 0 || options->validation != VALIDATION_STRICT)
        return 0;
    return fail(request, 400, "BadRequest",
                "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal "
                "errors:%s",
                text);
}

/* -------------------------------------------------------------------------------- the outcome */

/* Who may patch may not therefore create. */
static int check_may_create(struct request *request)
{
    struct attributes attributes = request->caller.attributes;
    AUTO_FREE char *reason = NULL;
    attributes.verb = "create";
    if (gate_allows(request->api, &attributes, &reason))
        return 0;
    return gate_forbid(request, &attributes, reason);
}

static enum outcome create(struct request *request, const struct write_options *options,
                           json_t *object)
{
    if (check_may_create(request) < 0)
        return OUTCOME_FAILED;
    const char *uid = object_uid(object);
    if (*uid) {
        AUTO_FREE char *why = mem_printf("uid mismatch: the provided object specified uid %s, and "
                                         "no existing object was found",
                                         uid);
        return (enum outcome)fail_conflict(request, request->route.name, why);
    }
    if (write_settle_namespace(request, object) < 0 || write_check_identity(request, object) < 0)
        return OUTCOME_FAILED;
    return create_object(request, options, object, MANAGERS_OF_OBJECT);
}

static enum outcome apply_once(struct request *request, const struct write_options *options,
                               const struct config *config)
{
    struct live live;
    json_t *object = NULL;
    enum outcome outcome = OUTCOME_FAILED;
    buf_clear(&request->response->headers);
    bool sub = *request->route.subresource;
    if ((sub ? live_read(request, &live) : live_find(request, &live)) == 0 &&
        merge(request, options, live.object, config->value, &object) == 0 &&
        judge_duplicates(request, options, &config->duplicates) == 0)
        outcome = live.object ? write_update(request, options, &live, object, MANAGERS_OF_OBJECT)
                              : create(request, options, object);
    json_decref(object);
    live_release(&live);
    return outcome;
}

int apply_object(struct request *request, const struct write_options *options)
{
    struct config config = {0};
    enum outcome outcome = OUTCOME_FAILED;
    if (read_config(request, &config) == 0 && check_config(request, config.value) == 0)
        outcome = OUTCOME_CONFLICT;
    for (int n = 0; n < TRIES && outcome == OUTCOME_CONFLICT; n++)
        outcome = apply_once(request, options, &config);
    config_release(&config);
    return outcome == OUTCOME_CONFLICT ? fail_modified(request, request->route.name) : (int)outcome;
}

int apply_to_scale(struct request *request, const struct write_options *options,
                   const json_t *scale)
{
    struct config config = {0};
    json_t *merged = NULL;
    if (read_config(request, &config) == 0 && check_config(request, config.value) == 0 &&
        merge(request, options, scale, config.value, &merged) == 0)
        fail(request, 500, NULL,
             "failed to convert new object (%s/%s; autoscaling/v1, Kind=Scale) to proper version: "
             "request to convert CR to an invalid group/version: autoscaling/v1",
             object_namespace(config.value), object_name(config.value));
    json_decref(merged);
    config_release(&config);
    return -1;
}
