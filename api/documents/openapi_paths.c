/* The operations on kinds, from tables: what a client may ask, with which parameters. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "openapi.h"

/* Strategic merge must never be listed: clients would use it. */
static const char *const patch_types[] = {"application/json-patch+json",
                                          "application/merge-patch+json",
                                          "application/apply-patch+yaml", NULL};
static const char *const body_types[] = {"application/json", "application/yaml", NULL};

enum {
    FOR_LIST = 1,
    FOR_GET = 2,
    FOR_POST = 4,
    FOR_PUT = 8,
    FOR_PATCH = 16,
    FOR_DELETE = 32,
    FOR_WRITES = FOR_POST | FOR_PUT | FOR_PATCH,
};

static const struct parameter {
    const char *name;
    const char *type;
    const char *description;
    unsigned for_what;
} parameters[] = {
    {"allowWatchBookmarks", "boolean", "Asks for BOOKMARK events in a watch.", FOR_LIST},
    {"continue", "string", "The token of the next page, from the list before.", FOR_LIST},
    {"fieldSelector", "string", "Restricts the objects by their fields.", FOR_LIST},
    {"labelSelector", "string", "Restricts the objects by their labels.", FOR_LIST},
    {"limit", "integer", "The most objects that a page may have.", FOR_LIST},
    {"resourceVersion", "string", "How new the answer must be at least.", FOR_LIST | FOR_GET},
    {"resourceVersionMatch", "string", "How resourceVersion is meant: Exact or NotOlderThan.",
     FOR_LIST},
    {"sendInitialEvents", "boolean", "Begins a watch with the objects that are there.", FOR_LIST},
    {"timeoutSeconds", "integer", "After how long the call ends, whatever happens.", FOR_LIST},
    {"watch", "boolean", "Streams changes instead of a list.", FOR_LIST},
    {"dryRun", "string", "With All nothing is stored; everything else happens.",
     FOR_WRITES | FOR_DELETE},
    {"fieldManager", "string", "The name of who makes the change.", FOR_WRITES},
    {"fieldValidation", "string",
     "What becomes of unknown and duplicate fields: Ignore, Warn or Strict.", FOR_WRITES},
    {"force", "boolean", "Takes fields over from other managers. For apply patches only.",
     FOR_PATCH},
    {"gracePeriodSeconds", "integer", "How long the object may take to go.", FOR_DELETE},
    {"orphanDependents", "boolean", "Deprecated: use propagationPolicy.", FOR_DELETE},
    {"propagationPolicy", "string", "What becomes of dependents: Orphan, Background or Foreground.",
     FOR_DELETE},
};

enum body { BODY_NONE, BODY_OBJECT, BODY_SCALE, BODY_PATCH, BODY_DELETE_OPTIONS };
enum answer { ANSWER_OBJECT, ANSWER_LIST, ANSWER_STATUS, ANSWER_SCALE };

struct operation {
    const char *method;
    const char *action; /* x-kubernetes-action */
    const char *verb;   /* of the operationId */
    unsigned for_what;
    enum body body;
    enum answer answer;
    const char *codes[4];
};

static const struct operation collection_operations[] = {
    {"get", "list", "list", FOR_LIST, BODY_NONE, ANSWER_LIST, {"200"}},
    {"post", "post", "create", FOR_POST, BODY_OBJECT, ANSWER_OBJECT, {"200", "201", "202"}},
    {"delete",
     "deletecollection",
     "deletecollection",
     FOR_LIST | FOR_DELETE,
     BODY_DELETE_OPTIONS,
     ANSWER_STATUS,
     {"200"}},
    {0},
};
static const struct operation review_operations[] = {
    {"post", "post", "create", FOR_POST, BODY_OBJECT, ANSWER_OBJECT, {"200", "201", "202"}},
    {0},
};
static const struct operation all_namespaces_operations[] = {
    {"get", "list", "list", FOR_LIST, BODY_NONE, ANSWER_LIST, {"200"}},
    {0},
};
static const struct operation item_operations[] = {
    {"get", "get", "read", FOR_GET, BODY_NONE, ANSWER_OBJECT, {"200"}},
    {"put", "put", "replace", FOR_PUT, BODY_OBJECT, ANSWER_OBJECT, {"200", "201"}},
    {"delete", "delete", "delete", FOR_DELETE, BODY_DELETE_OPTIONS, ANSWER_STATUS, {"200", "202"}},
    {"patch", "patch", "patch", FOR_PATCH, BODY_PATCH, ANSWER_OBJECT, {"200"}},
    {0},
};
static const struct operation status_operations[] = {
    {"get", "get", "read", FOR_GET, BODY_NONE, ANSWER_OBJECT, {"200"}},
    {"put", "put", "replace", FOR_PUT, BODY_OBJECT, ANSWER_OBJECT, {"200", "201"}},
    {"patch", "patch", "patch", FOR_PATCH, BODY_PATCH, ANSWER_OBJECT, {"200"}},
    {0},
};
static const struct operation scale_operations[] = {
    {"get", "get", "read", FOR_GET, BODY_NONE, ANSWER_SCALE, {"200"}},
    {"put", "put", "replace", FOR_PUT, BODY_SCALE, ANSWER_SCALE, {"200", "201"}},
    {"patch", "patch", "patch", FOR_PATCH, BODY_PATCH, ANSWER_SCALE, {"200"}},
    {0},
};
static const struct operation finalize_operations[] = {
    {"put", "put", "replace", FOR_PUT, BODY_OBJECT, ANSWER_OBJECT, {"200", "201"}},
    {0},
};

#define META  "io.k8s.apimachinery.pkg.apis.meta.v1."
#define SCALE "io.k8s.api.autoscaling.v1.Scale"

static json_t *ref_to(const char *model)
{
    return json_pack("{s:s+}", "$ref", "#/components/schemas/", model);
}

/* Kinds of Kubernetes itself have the names of their Go packages. */
char *openapi_model_name(const struct kind *kind, const char *kind_name)
{
    const char *suffix = strstr(kind->group, ".k8s.io");
    if (*kind->group == '\0')
        return mem_printf("io.k8s.api.core.%s.%s", kind->version, kind_name);
    if (suffix && strcmp(suffix, ".k8s.io") == 0)
        return mem_printf("io.k8s.api.%.*s.%s.%s", (int)strcspn(kind->group, "."), kind->group,
                          kind->version, kind_name);
    struct buf name;
    buf_init(&name, BUF_MAX_DEFAULT);
    const char *end = kind->group + strlen(kind->group);
    while (end > kind->group) {
        const char *dot = memrchr(kind->group, '.', (size_t)(end - kind->group));
        const char *start = dot ? dot + 1 : kind->group;
        buf_add(&name, start, (size_t)(end - start));
        buf_addc(&name, '.');
        end = dot ? dot : kind->group;
    }
    buf_addf(&name, "%s.%s", kind->version, kind_name);
    return buf_take(&name);
}

/* "mot.dev", "v1alpha1" → "MotDevV1alpha1"; core: "CoreV1". */
static char *camel_version(const struct kind *kind)
{
    const char *texts[] = {*kind->group ? kind->group : "core", kind->version};
    struct buf name;
    buf_init(&name, BUF_MAX_DEFAULT);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(texts); i++) {
        bool upper = true;
        for (const char *c = texts[i]; *c; c++) {
            if (!isalnum((unsigned char)*c)) {
                upper = true;
                continue;
            }
            buf_addc(&name, upper ? (char)toupper((unsigned char)*c) : *c);
            upper = false;
        }
    }
    return buf_take(&name);
}

/* "motDev_v1alpha1". */
static char *tag_of(const struct kind *kind)
{
    AUTO_FREE char *camel = camel_version(kind);
    size_t group = strlen(camel) - strlen(kind->version);
    camel[0] = (char)tolower((unsigned char)camel[0]);
    return mem_printf("%.*s_%s", (int)group, camel, kind->version);
}

static json_t *parameter_value(const char *name, const char *where, const char *type,
                               const char *description, bool required)
{
    json_t *value = json_pack("{s:s, s:s, s:s, s:{s:s, s:b}}", "name", name, "in", where,
                              "description", description, "schema", "type", type, "uniqueItems", 1);
    if (required)
        json_object_set_new(value, "required", json_true());
    return value;
}

static json_t *query_parameters(unsigned for_what)
{
    json_t *array = json_array();
    for (size_t i = 0; i < MOT_ARRAY_SIZE(parameters); i++) {
        if (parameters[i].for_what & for_what)
            json_array_append_new(array,
                                  parameter_value(parameters[i].name, "query", parameters[i].type,
                                                  parameters[i].description, false));
    }
    return array;
}

static json_t *content_of(const char *const *types, const char *model)
{
    json_t *content = json_object();
    for (; *types; types++)
        json_object_set_new(content, *types, json_pack("{s:o}", "schema", ref_to(model)));
    return content;
}

static json_t *request_body(enum body body, const char *model)
{
    switch (body) {
    case BODY_NONE:
        return NULL;
    case BODY_OBJECT:
        return json_pack("{s:o, s:b}", "content", content_of(body_types, model), "required", 1);
    case BODY_SCALE:
        return json_pack("{s:o, s:b}", "content", content_of(body_types, SCALE), "required", 1);
    case BODY_PATCH:
        return json_pack("{s:o, s:b}", "content", content_of(patch_types, META "Patch"), "required",
                         1);
    case BODY_DELETE_OPTIONS:
        return json_pack("{s:o}", "content", content_of(body_types, META "DeleteOptions"));
    }
    return NULL;
}

static json_t *responses(const struct operation *operation, const char *model)
{
    static const char *const texts[] = {"OK", "Created", "Accepted"};
    json_t *result = json_object();
    for (size_t i = 0; i < MOT_ARRAY_SIZE(operation->codes) && operation->codes[i]; i++) {
        const char *code = operation->codes[i];
        json_object_set_new(result, code,
                            json_pack("{s:s, s:o}", "description", texts[code[2] - '0'], "content",
                                      content_of(body_types, model)));
    }
    json_object_set_new(result, "401", json_pack("{s:s}", "description", "Unauthorized"));
    return result;
}

static json_t *build_operation(const struct operation *operation, const struct kind *kind,
                               const char *suffix)
{
    AUTO_FREE char *camel = camel_version(kind);
    AUTO_FREE char *tag = tag_of(kind);
    AUTO_FREE char *model = openapi_model_name(kind, kind->kind);
    AUTO_FREE char *list_model = openapi_model_name(kind, kind->list_kind);
    bool all = strcmp(suffix, "ForAllNamespaces") == 0;
    AUTO_FREE char *id =
        mem_printf("%s%s%s%s%s", operation->verb, camel,
                   kind->namespaced && !all ? "Namespaced" : "", kind->kind, suffix);
    AUTO_FREE char *description = mem_printf("%s %s", operation->verb, kind->kind);
    const char *const answers[] = {[ANSWER_OBJECT] = model,
                                   [ANSWER_LIST] = list_model,
                                   [ANSWER_STATUS] = META "Status",
                                   [ANSWER_SCALE] = SCALE};
    const char *answer = answers[operation->answer];
    json_t *result =
        json_pack("{s:[s], s:s, s:s, s:o}", "tags", tag, "description", description, "operationId",
                  id, "parameters", query_parameters(operation->for_what));
    json_t *body = request_body(operation->body, model);
    if (body)
        json_object_set_new(result, "requestBody", body);
    json_object_set_new(result, "responses", responses(operation, answer));
    json_object_set_new(result, "x-kubernetes-action", json_string(operation->action));
    json_object_set_new(result, "x-kubernetes-group-version-kind",
                        json_pack("{s:s, s:s, s:s}", "group", kind->group, "version", kind->version,
                                  "kind", kind->kind));
    return result;
}

static json_t *path_parameters(const struct kind *kind, const char *path)
{
    AUTO_FREE char *name = mem_printf("name of the %s", kind->kind);
    json_t *array = json_array();
    if (strstr(path, "{name}"))
        json_array_append_new(array, parameter_value("name", "path", "string", name, true));
    if (strstr(path, "{namespace}"))
        json_array_append_new(array, parameter_value("namespace", "path", "string",
                                                     "the namespace of the object", true));
    json_array_append_new(
        array, parameter_value("pretty", "query", "string", "Accepted and ignored.", false));
    return array;
}

/* Takes @path. */
static void add_path(json_t *paths, char *path, const struct operation *operations,
                     const struct kind *kind, const char *suffix)
{
    json_t *item = json_object();
    for (; operations->method; operations++)
        json_object_set_new(item, operations->method, build_operation(operations, kind, suffix));
    json_object_set_new(item, "parameters", path_parameters(kind, path));
    json_object_set_new(paths, path, item);
    free(path);
}

static void add_kind(json_t *paths, const struct kind *kind)
{
    AUTO_FREE char *base = mem_printf("%s/%s", *kind->group ? "/apis" : "/api", kind->api_version);
    const char *scope = kind->namespaced ? "/namespaces/{namespace}" : "";
    if (kind->is_review) {
        add_path(paths, mem_printf("%s%s/%s", base, scope, kind->plural), review_operations, kind,
                 "");
        return;
    }
    if (kind->namespaced)
        add_path(paths, mem_printf("%s/%s", base, kind->plural), all_namespaces_operations, kind,
                 "ForAllNamespaces");
    add_path(paths, mem_printf("%s%s/%s", base, scope, kind->plural), collection_operations, kind,
             "");
    add_path(paths, mem_printf("%s%s/%s/{name}", base, scope, kind->plural), item_operations, kind,
             "");
    if (kind->has_status)
        add_path(paths, mem_printf("%s%s/%s/{name}/status", base, scope, kind->plural),
                 status_operations, kind, "Status");
    if (kind->has_scale)
        add_path(paths, mem_printf("%s%s/%s/{name}/scale", base, scope, kind->plural),
                 scale_operations, kind, "Scale");
    if (kind->has_finalize)
        add_path(paths, mem_printf("%s%s/%s/{name}/finalize", base, scope, kind->plural),
                 finalize_operations, kind, "Finalize");
}

json_t *openapi_paths(const struct group_version *version)
{
    json_t *paths = json_object();
    for (size_t i = 0; i < version->kind_count; i++)
        add_kind(paths, version->kinds[i]);
    return paths;
}
