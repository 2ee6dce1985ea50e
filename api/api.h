/*
 * The API server without its sockets: Kubernetes API machinery over the store, the same for all
 * kinds.
 */
#ifndef MOT_API_API_H
#define MOT_API_API_H

#include <stdbool.h>
#include <stddef.h>

#include <mot/base/err.h>
#include <mot/model/kind.h>
#include <mot/store/store.h>

#include "http/server.h"

struct audit;
struct authenticator;

struct api_options {
    struct store *store; /* borrowed, as the next three */
    const struct kinds *kinds;
    struct authenticator *authenticator; /* NULL only where it is open to all */
    /* Instead of an authenticator: everybody is USER_UNSECURED and may do everything. One of both
     * must be said. */
    bool open_to_all;
    struct audit *audit; /* NULL: no audit log */
    /* A watch that does not say how long ends after this time to twice of it, at random; one that
     * asks for more than twice of it, too. 0: half an hour. */
    int64_t min_timeout_ms;
    size_t window_events; /* of the watch window; 0: 50000 */
    size_t window_bytes;  /* 0: 16 MiB */
    int64_t window_ms;    /* and how long it keeps them; 0: a minute */
    int loaders;          /* threads for initial lists and catching up of watches; 0: 3 */
    int pumps;            /* threads that feed live watches; 0: 1 */
    int64_t bookmark_ms;  /* 0: a minute */
    int64_t full_ms;      /* how long a watcher may refuse to read; 0: 30 s */
    /* Foreign origins whose pages may open WebSockets: "https://ui.example"; NULL-terminated, may
     * be NULL; borrowed. */
    const char *const *allowed_origins;
    size_t answer_bytes; /* what large answers may hold together; 0: 512 MiB */
};

struct api;
/* Creates the namespace "default" and, when the kinds of RBAC are served, the default roles if they
 * are missing; starts the feed of the watches and the authorizer. */
struct api *api_new(const struct api_options *options, struct err *err) MOT_NODISCARD;
/* Ends what watches are left; call after http_server_stop(). */
void api_free(struct api *api);

/* The server in front of it, for its numbers; it must end before the API does. */
void api_attach(struct api *api, struct http_server *server);

/* An http_handler; @api is a struct api. */
void api_handle(void *api, const struct http_request *request, struct http_response *response);

#endif
