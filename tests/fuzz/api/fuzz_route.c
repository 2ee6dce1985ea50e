/*
 * "METHOD PATH?QUERY": whatever the path is, a read is never taken for a write, and what is found
 * in a path is found again in the path that is written from it.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/buf.h>
#include <mot/base/mem.h>

#include <api/router.h>
#include <lib/must.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_segment(const char *text)
{
    must(text && !strchr(text, '/') && strcmp(text, ".") != 0 && strcmp(text, "..") != 0);
}

static bool is_read(enum verb verb)
{
    return verb == VERB_GET || verb == VERB_LIST || verb == VERB_WATCH;
}

static void check_verb(const char *method, enum verb verb)
{
    must(*verb_name(verb));
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    must(verb == VERB_NONE || is_read(verb) == reads);
}

static void add_segment(struct buf *path, const char *text)
{
    buf_addc(path, '/');
    for (; *text; text++) {
        if (isalnum((unsigned char)*text))
            buf_addc(path, *text);
        else
            buf_addf(path, "%%%02X", (unsigned char)*text);
    }
}

static void add_path(struct buf *path, const struct route *route)
{
    buf_adds(path, *route->group ? "/apis" : "/api");
    if (*route->group)
        add_segment(path, route->group);
    add_segment(path, route->version);
    if (*route->ns) {
        buf_adds(path, "/namespaces");
        add_segment(path, route->ns);
    }
    add_segment(path, route->resource);
    if (*route->name)
        add_segment(path, route->name);
    if (*route->subresource)
        add_segment(path, route->subresource);
}

static void check_resource(const char *method, const struct route *route)
{
    must(*route->version && *route->resource && (*route->name || !*route->subresource));
    check_verb(method, route->verb);
    /* A path with this one is about the old way to watch. */
    if (!*route->ns && strcmp(route->resource, "watch") == 0)
        return;
    struct route again;
    struct buf path;
    buf_init(&path, BUF_MAX_DEFAULT);
    add_path(&path, route);
    route_parse(method, path.data, "", &again);
    must(again.type == ROUTE_RESOURCE && strcmp(again.group, route->group) == 0);
    must(strcmp(again.version, route->version) == 0 && strcmp(again.ns, route->ns) == 0);
    must(strcmp(again.resource, route->resource) == 0 && strcmp(again.name, route->name) == 0);
    must(strcmp(again.subresource, route->subresource) == 0);
    route_release(&again);
    buf_release(&path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = mem_strndup((const char *)data, size);
    size_t method_len = strcspn(text, " ");
    AUTO_FREE char *method = mem_strndup(text, method_len);
    char *path = text + method_len + (text[method_len] == ' ');
    char *mark = strchr(path, '?');
    if (mark)
        *mark = '\0';
    struct route route;
    route_parse(method, path, mark ? mark + 1 : "", &route);
    must_be_segment(route.group);
    must_be_segment(route.version);
    must_be_segment(route.resource);
    must_be_segment(route.ns);
    must_be_segment(route.name);
    must_be_segment(route.subresource);
    if (route.type == ROUTE_RESOURCE)
        check_resource(method, &route);
    else
        must(route.verb == VERB_NONE);
    route_release(&route);
    return 0;
}
