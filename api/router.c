#include "router.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include <mot/base/mem.h>

#include "http/server.h"

/* The deepest path is /apis/G/V/watch/namespaces/NS/RESOURCE/NAME/SUBRESOURCE. */
#define SEGMENTS_MAX 10

struct path {
    char *segments[SEGMENTS_MAX];
    size_t count;
    bool malformed;
    bool too_deep;
};

static void path_release(struct path *path)
{
    for (size_t i = 0; i < path->count; i++)
        free(path->segments[i]);
}

/* One slash at the end is forgiven: the Python client asks for /version/. */
static void path_split(const char *text, struct path *path)
{
    if (*text == '/')
        text++;
    while (*text && !path->malformed) {
        size_t len = strcspn(text, "/");
        if (path->count == SEGMENTS_MAX) {
            path->too_deep = true;
            return;
        }
        char *segment = http_decode(text, len);
        if (!segment || !*segment || strchr(segment, '/') || strcmp(segment, ".") == 0 ||
            strcmp(segment, "..") == 0)
            path->malformed = true;
        path->segments[path->count++] = segment ? segment : mem_strdup("");
        text += len;
        if (*text == '/')
            text++;
    }
}

static bool is_health(const char *word)
{
    return strcmp(word, "healthz") == 0 || strcmp(word, "livez") == 0 ||
           strcmp(word, "readyz") == 0;
}

/* "watch", "watch=1" and even "watch=" mean true, as for the real server; "0" and "false" don't. */
static bool asks_watch(const char *query)
{
    struct http_request request = {.query = query};
    AUTO_FREE char *value = http_query(&request, "watch");
    return value && strcmp(value, "0") != 0 && strcasecmp(value, "false") != 0;
}

static enum verb verb_of(const char *method, const char *query, const struct route *route)
{
    bool item = *route->name;
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
        if (!asks_watch(query) || *route->subresource)
            return item ? VERB_GET : VERB_LIST;
        return item ? VERB_GET : VERB_WATCH;
    }
    if (strcmp(method, "POST") == 0)
        return item ? VERB_NONE : VERB_CREATE;
    if (strcmp(method, "PUT") == 0)
        return item ? VERB_UPDATE : VERB_NONE;
    if (strcmp(method, "PATCH") == 0)
        return item ? VERB_PATCH : VERB_NONE;
    if (strcmp(method, "DELETE") == 0)
        return !item ? VERB_DELETE_COLLECTION : *route->subresource ? VERB_NONE : VERB_DELETE;
    return VERB_NONE;
}

static void take(char **target, struct path *path, size_t index)
{
    free(*target);
    *target = path->segments[index];
    path->segments[index] = mem_strdup("");
}

/* "namespaces/NS/RESOURCE/…" is inside a namespace; "namespaces/NS[/status]" is the namespace
 * itself. */
static bool has_namespace(const struct path *path, size_t at)
{
    if (path->count < at + 3 || strcmp(path->segments[at], "namespaces") != 0)
        return false;
    const char *next = path->segments[at + 2];
    return path->count > at + 3 || (strcmp(next, "status") != 0 && strcmp(next, "finalize") != 0);
}

/* What follows /api/v1 or /apis/GROUP/VERSION. */
static void parse_resource(struct path *path, size_t at, const char *method, const char *query,
                           struct route *route)
{
    bool legacy_watch = strcmp(path->segments[at], "watch") == 0;
    if (legacy_watch && ++at == path->count)
        return;
    if (has_namespace(path, at)) {
        take(&route->ns, path, at + 1);
        at += 2;
    }
    size_t left = path->count - at;
    if (left < 1)
        return;
    take(&route->resource, path, at);
    if (left > 1)
        take(&route->name, path, at + 1);
    if (left > 2)
        take(&route->subresource, path, at + 2);
    route->deeper = left > 3;
    route->type = ROUTE_RESOURCE;
    route->verb = verb_of(method, query, route);
    if (legacy_watch)
        route->verb = strcmp(method, "GET") == 0 && left < 3 ? VERB_WATCH : VERB_NONE;
}

static void parse_api(struct path *path, const char *method, const char *query, struct route *route)
{
    bool core = strcmp(path->segments[0], "api") == 0;
    size_t before = core ? 2 : 3;
    if (path->count <= before) {
        route->type = ROUTE_DOCUMENT;
        return;
    }
    if (!core)
        take(&route->group, path, 1);
    take(&route->version, path, before - 1);
    parse_resource(path, before, method, query, route);
}

static void parse_other(struct path *path, struct route *route)
{
    const char *first = path->segments[0];
    if (strcmp(first, "openapi") == 0 || strncmp(first, "swagger", strlen("swagger")) == 0)
        route->type = ROUTE_DOCUMENT;
    else if (strcmp(first, "version") == 0 && path->count == 1)
        route->type = ROUTE_VERSION;
    else if (strcmp(first, "metrics") == 0 && path->count == 1)
        route->type = ROUTE_METRICS;
    else if (is_health(first) && path->count <= 2) {
        route->type = ROUTE_HEALTH;
        take(&route->name, path, 0);
        if (path->count == 2)
            take(&route->subresource, path, 1);
    }
}

void route_parse(const char *method, const char *path, const char *query, struct route *ret_route)
{
    *ret_route = (struct route){.group = mem_strdup(""),
                                .version = mem_strdup(""),
                                .resource = mem_strdup(""),
                                .ns = mem_strdup(""),
                                .name = mem_strdup(""),
                                .subresource = mem_strdup("")};
    struct path parts = {0};
    path_split(path, &parts);
    if (parts.malformed)
        ret_route->type = ROUTE_MALFORMED;
    else if (parts.too_deep || parts.count == 0)
        ret_route->type = ROUTE_UNKNOWN;
    else if (strcmp(parts.segments[0], "api") == 0 || strcmp(parts.segments[0], "apis") == 0)
        parse_api(&parts, method, query, ret_route);
    else
        parse_other(&parts, ret_route);
    path_release(&parts);
}

void route_release(struct route *route)
{
    free(route->group);
    free(route->version);
    free(route->resource);
    free(route->ns);
    free(route->name);
    free(route->subresource);
    *route = (struct route){0};
}

const char *verb_name(enum verb verb)
{
    switch (verb) {
    case VERB_NONE:
        return "none";
    case VERB_GET:
        return "get";
    case VERB_LIST:
        return "list";
    case VERB_WATCH:
        return "watch";
    case VERB_CREATE:
        return "create";
    case VERB_UPDATE:
        return "update";
    case VERB_PATCH:
        return "patch";
    case VERB_DELETE:
        return "delete";
    case VERB_DELETE_COLLECTION:
        return "deletecollection";
    }
    return "none";
}
