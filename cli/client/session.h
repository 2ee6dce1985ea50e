/* What every client verb has: the options that pick a server, the connection to it, the kinds, and
 * calls whose errors are those of the server's Status. */
#ifndef MOT_CLI_CLIENT_SESSION_H
#define MOT_CLI_CLIENT_SESSION_H

#include <jansson.h>
#include <stdbool.h>

#include <mot/base/options.h>
#include <mot/http/client.h>
#include <mot/model/kind.h>

#include "cli/client/kubeconfig.h"

struct session_options {
    const char *kubeconfig;
    const char *context;
    const char *server;
    const char *namespace_name;
};

/* The rows for a verb's table of options. */
#define SESSION_OPTIONS(o_)                                                                        \
    {"namespace|n", "NAME", OPTION_STRING, &(o_)->namespace_name,                                  \
     "the namespace (default: the context's)"},                                                    \
        {"kubeconfig", "FILE", OPTION_STRING, &(o_)->kubeconfig,                                   \
         "in place of KUBECONFIG or ~/.kube/config"},                                              \
        {"context", "NAME", OPTION_STRING, &(o_)->context, "in place of the current context"},     \
    {                                                                                              \
        "server|s", "URL", OPTION_STRING, &(o_)->server, "in place of the context's server"        \
    }

struct session {
    struct kubeconfig config;
    struct http_client *http;
    struct kinds *kinds;
    const char *namespace_name; /* of the options, the context, or "default" */
    bool namespace_given;       /* by the options */
};

/* session_close() it, also after an error. */
int session_open(struct session *session, const struct session_options *options,
                 struct err *err) MOT_NODISCARD;
void session_close(struct session *session);

struct call {
    const char *method; /* NULL: GET */
    const char *path;
    const char *accept;       /* NULL: application/json */
    const char *content_type; /* NULL: application/json */
    const json_t *body;       /* NULL for none */
};

/*
 * 0: the answer was 2xx, and *ret_body is what it had. -1: *ret_body is the server's Status if it
 * sent one, else NULL. The caller decref()s it in both cases. 429 and 503 are tried again as
 * Retry-After says, a few times.
 */
int session_call(struct session *session, const struct call *call, json_t **ret_body,
                 struct err *err) MOT_NODISCARD;

/* From an answer that was no success. Returns -1. */
int session_status_error(int http_status, const json_t *status, const char *text, struct err *err);

/* Parses the options of a verb, opens the session and runs it; prints errors as "mot VERB: …". The
 * exit status. */
struct verb {
    struct command_spec command;
    const struct session_options *options;
    int (*run)(struct session *session, int argc, char **argv,
               struct err *err); /* argv[1…]: what is no option */
};
int verb_main(const struct verb *verb, int argc, char **argv);

#endif
