#include "cli/client/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/base/stop.h>
#include <mot/model/json.h>

#define TRIES_MAX    4
#define RETRY_MAX_S  ((int64_t)5)
#define CALL_TIMEOUT ((int64_t)60000)

/* ---------------------------------------------------------------------------------- opening */

/* As kubectl: what proves who we are does not travel in the clear. */
static int connect_to(struct session *session, struct err *err)
{
    const struct kubeconfig *config = &session->config;
    bool secure = strncmp(config->server, "https://", 8) == 0;
    struct http_client_options options = {.base_url = config->server,
                                          .token = secure ? config->token : NULL,
                                          .user = secure ? config->user : NULL,
                                          .password = secure ? config->password : NULL,
                                          .ca_file = config->ca_file,
                                          .ca_data = config->ca_data,
                                          .cert_file = config->cert_file,
                                          .cert_data = config->cert_data,
                                          .key_file = config->key_file,
                                          .key_data = config->key_data,
                                          .server_name = config->server_name,
                                          .insecure = config->insecure,
                                          .stop_fd = stop_fd()};
    session->http = http_client_new(&options, err);
    return session->http ? 0 : -1;
}

int session_open(struct session *session, const struct session_options *options, struct err *err)
{
    memset(session, 0, sizeof(*session));
    struct kubeconfig_query query = {.file = options->kubeconfig,
                                     .list = getenv("KUBECONFIG"),
                                     .home = getenv("HOME"),
                                     .context = options->context,
                                     .server = options->server};
    if (kubeconfig_load(&session->config, &query, err) != 0 || connect_to(session, err) != 0)
        return -1;
    session->namespace_given = options->namespace_name != NULL;
    session->namespace_name = options->namespace_name          ? options->namespace_name
                              : session->config.namespace_name ? session->config.namespace_name
                                                               : "default";
    session->kinds = kinds_load(err);
    return session->kinds ? 0 : -1;
}

void session_close(struct session *session)
{
    http_client_free(session->http);
    if (session->kinds)
        kinds_free(session->kinds);
    kubeconfig_release(&session->config);
}

/* ---------------------------------------------------------------------------------- calls */

static enum err_code code_of(int http_status, const char *reason)
{
    if (reason && strcmp(reason, "AlreadyExists") == 0)
        return ERR_EXISTS;
    switch (http_status) {
    case 401:
    case 403:
        return ERR_FORBIDDEN;
    case 404:
        return ERR_NOT_FOUND;
    case 405:
    case 406:
    case 415:
        return ERR_UNSUPPORTED;
    case 409:
        return ERR_CONFLICT;
    case 410:
        return ERR_GONE;
    case 413:
        return ERR_TOO_LARGE;
    case 429:
        return ERR_TRANSIENT;
    default:
        return http_status >= 500 ? ERR_TRANSIENT : ERR_INVALID;
    }
}

int session_status_error(int http_status, const json_t *status, const char *text, struct err *err)
{
    const char *message = status ? json_at_text(status, "message") : NULL;
    const char *reason = status ? json_at_text(status, "reason") : NULL;
    enum err_code code = code_of(http_status, reason);
    if (message)
        return err_set(err, code, "%s", message);
    return err_set(err, code, "the server answers %d: %.300s", http_status, text);
}

static int call_once(struct session *session, const struct http_request *request, json_t **ret_body,
                     int64_t *ret_retry_s, struct err *err)
{
    struct http_response response;
    int rc = http_send(session->http, request, &response, err);
    *ret_body = NULL;
    *ret_retry_s = -1;
    if (rc == 0) {
        const char *text = http_response_text(&response);
        bool is_good = response.status >= 200 && response.status < 300;
        *ret_body = json_parse(text, response.body.len, false, is_good ? err : NULL);
        if (!is_good)
            rc = session_status_error(response.status, *ret_body, text, err);
        else if (!*ret_body)
            rc = err_wrap(err, "the answer of %s is no JSON", http_client_url(session->http));
        if (response.status == 429 || response.status == 503)
            *ret_retry_s = response.retry_after_s;
    }
    http_response_release(&response);
    return rc;
}

int session_call(struct session *session, const struct call *call, json_t **ret_body,
                 struct err *err)
{
    AUTO_FREE char *body = call->body ? json_text(call->body) : NULL;
    struct http_request request = {.method = call->method,
                                   .path = call->path,
                                   .accept = call->accept,
                                   .content_type = call->content_type,
                                   .body = body,
                                   .body_len = body ? strlen(body) : 0,
                                   .timeout_ms = CALL_TIMEOUT};
    for (int attempt = 1;; attempt++) {
        int64_t retry_s;
        int rc = call_once(session, &request, ret_body, &retry_s, err);
        if (rc == 0 || retry_s < 0 || attempt == TRIES_MAX)
            return rc;
        json_decref(*ret_body);
        *ret_body = NULL;
        if (stop_wait((retry_s < RETRY_MAX_S ? retry_s : RETRY_MAX_S) * 1000 + 50))
            return rc;
    }
}

/* ---------------------------------------------------------------------------------- verbs */

int verb_main(const struct verb *verb, int argc, char **argv)
{
    struct err err = {0};
    int args = 0;
    int rc = options_parse(&verb->command, argc, argv, &args, &err);
    if (rc > 0)
        return 0;
    if (rc < 0) {
        fprintf(stderr, "%s: %s\n", verb->command.name, err.message);
        return 2;
    }
    stop_install();
    struct session session;
    rc = session_open(&session, verb->options, &err);
    if (rc == 0)
        rc = verb->run(&session, args + 1, argv, &err);
    session_close(&session);
    if (rc < 0 && err.message[0])
        fprintf(stderr, "%s: %s\n", verb->command.name, err.message);
    if (fflush(stdout) != 0)
        rc = -1;
    return rc == 0 ? 0 : 1;
}
