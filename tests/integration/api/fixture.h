/*
 * An API server on a PostgreSQL of its own, called without a socket; and with one, for watches.
 * Every function ends the test when it fails.
 */
#ifndef TESTS_API_FIXTURE_H
#define TESTS_API_FIXTURE_H

#include <jansson.h>
#include <stdbool.h>

#include "api/api.h"

#define THINGS "/apis/mot.dev/v1alpha1/namespaces/default/things"

struct server {
    struct store *store;
    struct kinds *kinds;
    struct api *api;
    struct http_server *http; /* NULL until server_listen() */
    int port;
};

/* One PostgreSQL per test program; a database per test. */
int fixture_begin(void **state);
int fixture_end(void **state);
/* The URL of a database of its own; free() it. */
char *fixture_database(const char *name);
/* PostgreSQL crashes and comes back. */
void fixture_crash(void);
/* It is away until fixture_resume(). */
void fixture_stop(void);
void fixture_resume(void);

/* A server with the kinds Namespace, Thing (namespaced, status, selectable spec.color) and Globe
 * (cluster-wide), or with those of @options, which the server then owns. @options may be NULL; its
 * store is filled in. */
struct server *server_start(const char *url, const struct api_options *options);
void server_listen(struct server *server, const struct http_server_options *options);
void server_stop(struct server *server);

struct answer {
    int code;
    json_t *body; /* NULL when it is no JSON */
    char *text;
    char *headers;
    struct http_charge charge; /* held as if the answer were still to be sent */
};

/* @headers: "name: value\n…" in lower case, or NULL; the Content-Type of a body is JSON unless
 * given. */
struct answer call(struct server *server, const char *method, const char *target,
                   const char *headers, const char *body);
void answer_release(struct answer *answer);
/* Calls and checks the code; returns the body, which the caller frees. */
json_t *expect_call(struct server *server, int code, const char *method, const char *target,
                    const char *body);
/* Calls and checks code and Status.message. */
void expect_failure(struct server *server, int code, const char *method, const char *target,
                    const char *headers, const char *body, const char *message);
/* Borrowed texts and numbers of a body by path. */
const char *text_at(const json_t *body, const char *path);

/* A Thing with spec.color; returns its resourceVersion. */
long long create_thing(struct server *server, const char *name, const char *color);
long long patch_thing(struct server *server, const char *name, const char *patch);
void delete_thing(struct server *server, const char *name);

#endif
