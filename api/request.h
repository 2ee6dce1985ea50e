/*
 * One request on its way through the server, and how its steps fail: a step returns 0, or -1 after
 * one of the fail functions has said why; api_handle() turns that into a Status.
 */
#ifndef MOT_API_REQUEST_H
#define MOT_API_REQUEST_H

#include <stdatomic.h>

#include <mot/model/kind.h>
#include <mot/store/store.h>

#include "answers.h"
#include "api.h"
#include "auth/caller.h"
#include "http/server.h"
#include "negotiate.h"
#include "router.h"
#include "status.h"

struct authorizer;
struct hub;
struct record;
struct roles;

#define AUDIT_ID_MAX 64

struct api {
    struct store *store;
    const struct kinds *kinds;
    struct documents *documents;
    struct kinds *scales; /* the kind of scale subresources */
    struct table *scale_table;
    struct table **tables; /* one per kind, in the order of kinds_at() */
    struct hub *hub;
    struct authenticator *authenticator; /* NULL: open to all */
    struct authorizer *authorizer;       /* NULL: the kinds of RBAC are not served */
    struct roles *roles;                 /* NULL with it */
    struct record *record;
    struct answers answers;
    struct metrics *metrics;
    struct http_server *server;         /* NULL until there is one */
    const char *const *allowed_origins; /* of WebSockets; may be NULL */
    atomic_int awaiting;                /* requests that wait for a revision */
    int64_t min_timeout_ms;             /* of watches */
};

struct request {
    struct api *api;
    const struct http_request *http;
    struct http_response *response;
    char audit_id[AUDIT_ID_MAX + 1];
    struct route route;
    struct caller caller;
    const struct kind *kind;
    const struct table *table;
    struct output output;
    struct status status; /* filled in by the fail functions */
    bool asked_again;     /* of a watch under way: nobody shows credentials just now */
};

/* All return -1. */
int fail(struct request *request, int code, const char *reason, const char *format, ...)
    MOT_PRINTF(4, 5);
/* By the code of @err. */
int fail_err(struct request *request, const struct err *err);
/* 405: "update is not supported on resources of kind …". */
int fail_action(struct request *request, const char *action);
/* 500 with the text as its one cause. */
int fail_internal(struct request *request, const char *format, ...) MOT_PRINTF(2, 3);
int fail_not_found(struct request *request, const char *name);
/* @deleting: whether what has the name is on its way out. */
int fail_exists(struct request *request, const char *name, bool deleting);
/* "Operation cannot be fulfilled on …: WHY" */
int fail_conflict(struct request *request, const char *name, const char *why);
int fail_modified(struct request *request, const char *name);
/* 422 about an object; takes over what @errors holds. */
int fail_invalid(struct request *request, const char *name, struct field_errors *errors);
/* 422: the body says that it is an object of another @kind. */
int fail_other_kind(struct request *request, const char *name, const char *kind);
/* The same for a single field. */
int fail_field(struct request *request, const char *name, const char *field, const char *reason,
               const char *format, ...) MOT_PRINTF(5, 6);
/* 422 that names the resource where others name the kind. */
int fail_invalid_resource(struct request *request, const char *name, struct field_errors *errors);
/* 422 about query options: @options is "CreateOptions", … */
int fail_options(struct request *request, const char *options, struct field_errors *errors);

/* The key of an object of this request in the store. */
struct store_key request_key(const struct request *request, const char *name);

#endif
