/*
 * From method, path and query to what is asked for. Pure: it knows the shape of Kubernetes paths
 * and no kinds.
 */
#ifndef MOT_API_ROUTER_H
#define MOT_API_ROUTER_H

#include <stdbool.h>

enum route_type {
    ROUTE_UNKNOWN,   /* no path of ours: 404 */
    ROUTE_MALFORMED, /* a segment can't be decoded: 400 */
    ROUTE_DOCUMENT,  /* discovery and OpenAPI: api/documents answers by path */
    ROUTE_VERSION,
    ROUTE_HEALTH, /* name: "healthz", "livez" or "readyz" */
    ROUTE_METRICS,
    ROUTE_RESOURCE,
};

enum verb {
    VERB_NONE, /* the method isn't served here: 405 */
    VERB_GET,
    VERB_LIST,
    VERB_WATCH,
    VERB_CREATE,
    VERB_UPDATE,
    VERB_PATCH,
    VERB_DELETE,
    VERB_DELETE_COLLECTION,
};

struct route {
    enum route_type type;
    enum verb verb;
    char *group; /* "" for core; these are decoded and owned */
    char *version;
    char *resource;    /* the plural */
    char *ns;          /* "" when the path has none */
    char *name;        /* "" for a collection */
    char *subresource; /* "" */
    bool deeper;       /* the path goes on after that: there is no such thing */
};

/* @query is the raw query string. route_release() in any case. */
void route_parse(const char *method, const char *path, const char *query, struct route *ret_route);
void route_release(struct route *route);
/* "get", "list", … */
const char *verb_name(enum verb verb);

#endif
