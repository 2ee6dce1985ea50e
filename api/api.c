#include "api.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>

#include "admit.h"
#include "auth/authorize.h"
#include "auth/gate.h"
#include "auth/record.h"
#include "auth/reviews.h"
#include "auth/roles.h"
#include "compress.h"
#include "documents/documents.h"
#include "health.h"
#include "metrics.h"
#include "missing.h"
#include "namespaces.h"
#include "request.h"
#include "respond.h"
#include "verbs/scale.h"
#include "verbs/verbs.h"
#include "watch/hub.h"

#define SLOW_MS        1000
#define ROLES_WAIT_MS  500
#define LOAD_WAIT_MS   5000
#define MIN_TIMEOUT_MS 1800000

static int make_tables(struct api *api, struct err *err)
{
    size_t count = kinds_count(api->kinds);
    api->tables = mem_array(count + 1, sizeof(struct table *));
    for (size_t i = 0; i < count; i++) {
        api->tables[i] = table_new(kinds_at(api->kinds, i), err);
        if (!api->tables[i])
            return err_wrap(err, "%s", kinds_at(api->kinds, i)->resource);
    }
    return 0;
}

static void free_tables(struct api *api)
{
    for (size_t i = 0; api->tables && api->tables[i]; i++)
        table_free(api->tables[i]);
    free(api->tables);
}

/* The kind of the request and its table. */
static void find_kind(struct request *request)
{
    const struct api *api = request->api;
    const struct route *route = &request->route;
    request->kind = kinds_find(api->kinds, route->group, route->version, route->resource);
    for (size_t i = 0; request->kind && i < kinds_count(api->kinds); i++)
        if (kinds_at(api->kinds, i) == request->kind)
            request->table = api->tables[i];
}

static void on_change(void *authorizer, const char *resource)
{
    const char *group = strchr(resource, '.');
    if (group && strcmp(group + 1, RBAC_GROUP) == 0)
        authorizer_wake(authorizer);
}

/* Without the kinds of RBAC there is nothing to authorize by: GROUP_MASTERS may do everything, and
 * nobody else anything. */
static int start_authorizer(struct api *api, struct err *err)
{
    if (!kinds_find(api->kinds, RBAC_GROUP, "v1", rbac_plural(RBAC_CLUSTER_ROLES)))
        return 0;
    if (roles_ensure_defaults(api->store, api->kinds, err) < 0)
        return -1;
    api->authorizer = authorizer_new(api->store);
    api->roles = roles_start(api->store, api->kinds, api->authorizer);
    if (!authorizer_await(api->authorizer, 1, LOAD_WAIT_MS))
        log_warn("the roles are not loaded yet", LOG_NONE);
    return 0;
}

static int start_hub(struct api *api, const struct api_options *options, struct err *err)
{
    api->hub = hub_new(api, options, err);
    if (!api->hub)
        return -1;
    if (api->authorizer) {
        hub_listen(api->hub, on_change, api->authorizer);
        authorizer_wake(api->authorizer);
    }
    return 0;
}

/* Who may do everything is never left to an oversight. */
static int check_access(const struct api_options *options, struct err *err)
{
    if (options->open_to_all && options->authenticator)
        return err_set(err, ERR_INVALID,
                       "an API with an authenticator can't be open to all as well");
    if (options->open_to_all || options->authenticator)
        return 0;
    return err_set(err, ERR_INVALID,
                   "an API needs an authenticator, or to be told that it is open to all");
}

struct api *api_new(const struct api_options *options, struct err *err)
{
    if (check_access(options, err) < 0)
        return NULL;
    struct api *api = mem_zalloc(sizeof(*api));
    api->store = options->store;
    api->kinds = options->kinds;
    api->authenticator = options->authenticator;
    api->record = record_new(options->audit);
    api->allowed_origins = options->allowed_origins;
    api->min_timeout_ms = options->min_timeout_ms > 0 ? options->min_timeout_ms : MIN_TIMEOUT_MS;
    api->metrics = metrics_new(options->kinds);
    answers_init(&api->answers, options->answer_bytes);
    api->documents = documents_new(options->kinds, err);
    api->scales = scale_kinds(err);
    if (api->scales)
        api->scale_table = table_new(kinds_at(api->scales, 0), err);
    if (api->documents && api->scale_table && make_tables(api, err) == 0 &&
        namespace_ensure_default(api->store, api->kinds, err) == 0 &&
        start_authorizer(api, err) == 0 && start_hub(api, options, err) == 0)
        return api;
    api_free(api);
    return NULL;
}

void api_free(struct api *api)
{
    if (!api)
        return;
    hub_free(api->hub);
    roles_stop(api->roles);
    authorizer_free(api->authorizer);
    documents_free(api->documents);
    table_free(api->scale_table);
    kinds_free(api->scales);
    metrics_free(api->metrics);
    record_free(api->record);
    free_tables(api);
    free(api);
}

void api_attach(struct api *api, struct http_server *server)
{
    api->server = server;
}

/* -------------------------------------------------------------------------------- resources */

/* A PUT or PATCH of a whole collection. */
static int fail_nameless(struct request *request)
{
    return fail(request, 400, "BadRequest", "name must be provided");
}

static bool has_subresource(const struct request *request)
{
    const char *name = request->route.subresource;
    if (strcmp(name, "finalize") == 0)
        return namespace_kind(request->kind);
    return (strcmp(name, "status") == 0 && request->kind->has_status) ||
           (strcmp(name, "scale") == 0 && request->kind->has_scale);
}

static bool is_put_or_patch(const struct request *request)
{
    return strcmp(request->http->method, "PUT") == 0 || strcmp(request->http->method, "PATCH") == 0;
}

/* Collections of namespaced kinds may be read over all namespaces; anything else needs the right
 * scope in its path. Paths of custom resources that are used wrongly are none. */
static int check_scope(struct request *request)
{
    const struct route *route = &request->route;
    const struct kind *kind = request->kind;
    bool everywhere = kind->namespaced && !*route->ns;
    bool reads = route->verb == VERB_LIST || route->verb == VERB_WATCH;
    if ((*route->ns && !kind->namespaced) || (everywhere && *route->name))
        return missing_path(request);
    if (everywhere && !reads)
        return admit_is_builtin(kind) ? missing_method(request) : missing_path(request);
    return 0;
}

/* Some things are done otherwise with Kubernetes' own kinds than with custom ones. */
static int check_builtin(struct request *request)
{
    const struct route *route = &request->route;
    if (request->kind->is_review && *route->name)
        return missing_path(request);
    if (strcmp(request->http->method, "HEAD") == 0 || (!*route->name && is_put_or_patch(request)))
        return missing_method(request);
    if (namespace_kind(request->kind) && route->verb == VERB_DELETE_COLLECTION)
        return missing_method(request);
    return 0;
}

static int resolve(struct request *request)
{
    const struct route *route = &request->route;
    find_kind(request);
    if (!request->kind)
        return missing_path(request);
    if (check_scope(request) < 0)
        return -1;
    if (*route->subresource && (route->deeper || !has_subresource(request)))
        return missing_subresource(request);
    if (admit_is_builtin(request->kind) && check_builtin(request) < 0)
        return -1;
    if (route->verb == VERB_NONE && !*route->name && is_put_or_patch(request))
        return fail_nameless(request);
    if (route->verb == VERB_NONE || (*route->subresource && route->verb == VERB_DELETE) ||
        (strcmp(route->subresource, "finalize") == 0 && route->verb != VERB_UPDATE))
        return missing_method(request);
    return 0;
}

static int negotiate(struct request *request)
{
    bool list = request->route.verb == VERB_LIST || request->route.verb == VERB_WATCH ||
                request->route.verb == VERB_DELETE_COLLECTION;
    bool watch = request->route.verb == VERB_WATCH; /* its frames are JSON */
    if (negotiate_accept(http_header(request->http, "accept"), list, &request->output) &&
        !(watch && request->output.media != MEDIA_JSON))
        return 0;
    return fail(request, 406, "NotAcceptable", "only the following media types are accepted: %s",
                watch ? "application/json;stream=watch" : "application/json, application/yaml");
}

static int serve_resource(struct request *request)
{
    if (resolve(request) < 0 || negotiate(request) < 0)
        return -1;
    if (request->kind->is_review)
        return request->route.verb == VERB_CREATE ? review_answer(request)
                                                  : missing_method(request);
    switch (request->route.verb) {
    case VERB_NONE:
        return missing_method(request);
    case VERB_GET:
        return verb_get(request);
    case VERB_LIST:
        return verb_list(request);
    case VERB_WATCH:
        return verb_watch(request);
    case VERB_CREATE:
        return verb_create(request);
    case VERB_UPDATE:
        return verb_update(request);
    case VERB_PATCH:
        return verb_patch(request);
    case VERB_DELETE:
        return verb_delete(request);
    case VERB_DELETE_COLLECTION:
        return verb_delete_collection(request);
    }
    return missing_method(request);
}

/* -------------------------------------------------------------------------------- dispatch */

/* Most of them are read by whatever method. */
static int serve_document(struct request *request)
{
    const struct documents *documents = request->api->documents;
    if (!documents_have(documents, request->http))
        return missing_path(request);
    if (strcmp(request->http->method, "GET") != 0 && missing_is_strict(request))
        return missing_method(request);
    documents_serve(documents, request->http, request->response);
    return 0;
}

static int serve(struct request *request)
{
    switch (request->route.type) {
    case ROUTE_UNKNOWN:
        break;
    case ROUTE_MALFORMED:
        return fail(request, 400, "BadRequest", "the path holds a segment that can't be decoded");
    case ROUTE_DOCUMENT:
        return serve_document(request);
    case ROUTE_VERSION:
        return health_version(request);
    case ROUTE_HEALTH:
        return health_check(request);
    case ROUTE_METRICS:
        return metrics_serve(request);
    case ROUTE_RESOURCE:
        return serve_resource(request);
    }
    return missing_path(request);
}

static void finish(struct request *request, int64_t took_us)
{
    int64_t took = took_us / 1000;
    int code = request->response->status;
    if (code >= 500)
        log_warn("request failed", LOG_S("method", request->http->method),
                 LOG_S("path", request->http->path), LOG_I("code", code),
                 LOG_S("reason", request->status.message), LOG_I("ms", took));
    else if (took >= SLOW_MS)
        log_info("request was slow", LOG_S("method", request->http->method),
                 LOG_S("path", request->http->path), LOG_I("code", code), LOG_I("ms", took));
    metrics_end(request->api->metrics, request, took_us);
}

/* A client may number its requests itself. */
static void choose_audit_id(struct request *request)
{
    const char *given = http_header(request->http, "audit-id");
    char fresh[UUID_TEXT_SIZE];
    if (!given || !*given || strlen(given) > AUDIT_ID_MAX)
        given = random_uuid(fresh);
    memcpy(request->audit_id, given, strlen(given) + 1);
}

/* Who has written a role sees it hold. */
static void await_roles(const struct request *request)
{
    struct authorizer *authorizer = request->api->authorizer;
    const struct route *route = &request->route;
    bool reads = route->verb == VERB_GET || route->verb == VERB_LIST || route->verb == VERB_WATCH;
    struct err err = {0};
    int64_t revision;
    if (authorizer && !reads && strcmp(route->group, RBAC_GROUP) == 0 &&
        request->response->status < 300 &&
        store_revision(request->api->store, &revision, &err) == 0 &&
        !authorizer_await(authorizer, revision, ROLES_WAIT_MS))
        log_warn("a change of roles does not hold yet", LOG_I("revision", revision));
}

void api_handle(void *api, const struct http_request *http, struct http_response *response)
{
    struct request request = {.api = api, .http = http, .response = response};
    int64_t began_us = clock_us();
    int64_t began_wall_ms = clock_wall_ms();
    metrics_begin(request.api->metrics, http);
    choose_audit_id(&request);
    route_parse(http->method, http->path, http->query, &request.route);
    /* The head of a stream leaves before it returns; other steps may drop the head they began. */
    bool streams = request.route.verb == VERB_WATCH;
    if (streams)
        respond_common_headers(&request);
    if (gate_pass(&request) < 0 || serve(&request) < 0)
        respond_failure(&request);
    if (!streams)
        respond_common_headers(&request);
    await_roles(&request);
    compress_answer(&request);
    record_request(&request, began_wall_ms);
    finish(&request, clock_us() - began_us);
    status_release(&request.status);
    caller_release(&request.caller);
    route_release(&request.route);
}
