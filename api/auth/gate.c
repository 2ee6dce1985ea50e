#include "gate.h"

#include <ctype.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/selector.h>

#include "../watch/handshake.h"
#include "authenticate.h"
#include "authorize.h"
#include "impersonate.h"
#include "record.h"

void caller_release(struct caller *caller)
{
    identity_release(&caller->user);
    identity_release(&caller->impersonator);
    free(caller->verb);
    free(caller->path);
    free(caller->name);
    free(caller->reason);
    free(caller->object_name);
    *caller = (struct caller){0};
}

/* -------------------------------------------------------------------------------- refusals */

/* Nothing for a browser to guess a type of. */
static void no_sniffing(struct request *request)
{
    http_response_header(request->response, "X-Content-Type-Options", "nosniff");
}

static int unauthorized(struct request *request)
{
    no_sniffing(request);
    return fail(request, 401, "Unauthorized", "Unauthorized");
}

static int forbid(struct request *request, const char *group, const char *resource,
                  const char *name, const char *why)
{
    no_sniffing(request);
    if (!*resource)
        fail(request, 403, "Forbidden", "forbidden: %s", why);
    else
        fail(request, 403, "Forbidden", "%s%s%s%s%s%s is forbidden: %s", resource,
             *group ? "." : "", group, *name ? " \"" : "", name, *name ? "\"" : "", why);
    request->status.name = mem_strdup(name);
    request->status.group = group;
    request->status.kind = resource;
    request->status.details = true;
    return -1;
}

int gate_forbid(struct request *request, const struct attributes *attributes, const char *reason)
{
    AUTO_FREE char *text = attributes_forbidden_text(attributes);
    AUTO_FREE char *why = mem_printf("%s%s%s", text, reason ? ": " : "", reason ? reason : "");
    return forbid(request, attributes->group, attributes->resource, attributes->name, why);
}

int gate_forbid_object(struct request *request, const char *name, const char *why)
{
    return forbid(request, request->kind->group, request->kind->plural, name, why);
}

/* -------------------------------------------------------------------------------- who */

/* Over plain HTTP whoever reaches the port may do everything, and any web page reaches it through
 * the browser of somebody on this machine: by a request across origins, or as one of its own once
 * its name resolves to 127.0.0.1. The first has a foreign Origin, the second a foreign Host. */
static bool is_of_a_page(const struct http_request *http)
{
    const char *host = http_header(http, "host");
    if (host && !watch_host_is_loopback(host))
        return true;
    /* Where WebSockets may come from is judged when they are opened. */
    return !http->websocket && !watch_origin_allowed(http_header(http, "origin"), NULL, NULL);
}

static int refuse_page(struct request *request)
{
    request->caller.decision = "forbid";
    no_sniffing(request);
    return fail(request, 403, "Forbidden",
                "without TLS only requests to a loopback name are served, and none of a foreign "
                "web page");
}

static int identify(struct request *request)
{
    struct caller *caller = &request->caller;
    struct authenticator *authenticator = request->api->authenticator;
    if (!authenticator) {
        caller->user = identity_new(USER_UNSECURED, "");
        identity_add_group(&caller->user, GROUP_MASTERS);
        identity_add_group(&caller->user, GROUP_AUTHENTICATED);
        return 0;
    }
    struct err err = {0};
    if (authenticate(authenticator, request->http, &caller->user, &err) == 0) {
        bool open = strcmp(caller->user.name, USER_UNSECURED) == 0;
        return open && is_of_a_page(request->http) ? refuse_page(request) : 0;
    }
    if (!request->asked_again)
        record_credentials(request, err.message);
    return unauthorized(request);
}

/* -------------------------------------------------------------------------------- what */

/* Of a resource; upper-case methods that nobody serves have no verb. */
static const char *verb_of(const struct request *request)
{
    const char *method = request->http->method;
    if (request->route.verb != VERB_NONE)
        return verb_name(request->route.verb);
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        return "get";
    if (strcmp(method, "POST") == 0)
        return "create";
    if (strcmp(method, "PUT") == 0)
        return "update";
    if (strcmp(method, "PATCH") == 0)
        return "patch";
    return strcmp(method, "DELETE") == 0 ? "delete" : "";
}

/* A list or watch of metadata.name=x is one of that object: rules with names hold for it. */
static char *selected_name(const struct request *request)
{
    const struct route *route = &request->route;
    const struct kind *kind =
        kinds_find(request->api->kinds, route->group, route->version, route->resource);
    AUTO_FREE char *text = http_query(request->http, "fieldSelector");
    struct err err = {0};
    if (!kind || !text || !*text)
        return mem_strdup("");
    struct selector *selector = selector_parse_fields(text, kind->selectable_fields, &err);
    const char *name = selector ? selector_exact(selector, "metadata.name") : NULL;
    char *copy = mem_strdup(name);
    selector_free(selector);
    return copy;
}

static void describe_resource(struct request *request)
{
    struct caller *caller = &request->caller;
    const struct route *route = &request->route;
    bool many = route->verb == VERB_LIST || route->verb == VERB_WATCH;
    caller->path = mem_strdup("");
    caller->verb = mem_strdup(verb_of(request));
    caller->name = many && !*route->name ? selected_name(request) : mem_strdup(route->name);
    caller->attributes = (struct attributes){.user = &caller->user,
                                             .verb = caller->verb,
                                             .path = caller->path,
                                             .group = route->group,
                                             .version = route->version,
                                             .resource = route->resource,
                                             .subresource = route->subresource,
                                             .ns = route->ns,
                                             .name = caller->name};
    /* Whoever is let into a namespace may be let see it. */
    if (!*route->group && strcmp(route->resource, "namespaces") == 0)
        caller->attributes.ns = route->name;
}

static void describe_path(struct request *request)
{
    struct caller *caller = &request->caller;
    const char *path = request->http->path;
    char *decoded = http_decode(path, strlen(path));
    caller->path = decoded ? decoded : mem_strdup(path);
    caller->verb = mem_strdup(request->http->method);
    for (char *at = caller->verb; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    caller->attributes = attributes_of(&caller->user, caller->verb, "", "", "", "");
    caller->attributes.path = caller->path;
}

void gate_describe(struct request *request)
{
    if (request->route.type == ROUTE_RESOURCE)
        describe_resource(request);
    else
        describe_path(request);
}

/* -------------------------------------------------------------------------------- whether */

bool gate_allows(struct api *api, const struct attributes *attributes, char **ret_reason)
{
    if (api->authorizer)
        return authorizer_allows(api->authorizer, attributes, ret_reason);
    if (ret_reason)
        *ret_reason = NULL;
    return identity_in_group(attributes->user, GROUP_MASTERS);
}

uint64_t gate_generation(struct api *api)
{
    uint64_t generation = api->authorizer ? authorizer_changes(api->authorizer) : 0;
    return generation + (api->authenticator ? authenticator_changes(api->authenticator) : 0);
}

static bool is_anonymous(const struct caller *caller)
{
    return !caller->impersonator.name && strcmp(caller->user.name, USER_ANONYMOUS) == 0;
}

static int authorize(struct request *request)
{
    struct caller *caller = &request->caller;
    struct api *api = request->api;
    if (gate_allows(api, &caller->attributes, &caller->reason)) {
        caller->decision = "allow";
        return 0;
    }
    if (api->authorizer && !authorizer_ready(api->authorizer)) {
        fail(request, 503, "ServiceUnavailable", "the roles have not been loaded yet");
        request->status.retry_after = 1;
        return -1;
    }
    caller->decision = "forbid";
    if (is_anonymous(caller))
        return unauthorized(request);
    return gate_forbid(request, &caller->attributes, caller->reason);
}

int gate_pass(struct request *request)
{
    /* Before anything is decided: what changes meanwhile is asked about again. */
    if (request->route.verb == VERB_WATCH)
        request->caller.generation = gate_generation(request->api);
    int result = identify(request);
    gate_describe(request);
    if (result < 0 || impersonate(request) < 0)
        return -1;
    return authorize(request);
}
