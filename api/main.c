/* mot api: the API server as a process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/options.h>
#include <mot/base/stop.h>

#include "../cli/commands.h"
#include "api.h"
#include "auth/audit.h"
#include "auth/authenticate.h"
#include "auth/record.h"

#define STOP_GRACE_MS 5000

struct audit_settings {
    const char *path;
    int max_megabytes, backups;
};

struct settings {
    const char *db;
    const char *address;
    const char *port_file;
    const char *kinds;
    int port, workers, readers, min_request_timeout_s;
    struct option_list allowed_origins;
    struct audit_settings audit;
    struct http_tls_files tls;
    struct authenticator_options authentication;
};

static void parse_error(const struct err *err)
{
    fprintf(stderr, "mot api: %s\n", err->message);
}

/* The chosen port for those who asked for a free one. */
static int write_port(const char *path, int port, struct err *err)
{
    if (!path)
        return 0;
    FILE *file = fopen(path, "we");
    if (!file || fprintf(file, "%d\n", port) < 0 || fclose(file) != 0)
        return err_set(err, ERR_INVALID, "can't write the port to %s", path);
    return 0;
}

static int serve(const struct settings *settings, struct api *api, struct err *err)
{
    struct http_server_options options = {.address = settings->address,
                                          .tls = settings->tls,
                                          .port = settings->port,
                                          .workers = settings->workers,
                                          .handler = api_handle,
                                          .on_refused = record_refusal,
                                          .context = api};
    struct http_server *server = http_server_start(&options, err);
    if (!server)
        return -1;
    api_attach(api, server);
    int result = write_port(settings->port_file, http_server_port(server), err);
    if (result == 0) {
        log_info("serving", LOG_S("protocol", settings->tls.certificate ? "https" : "http"),
                 LOG_S("address", settings->address), LOG_I("port", http_server_port(server)));
        stop_wait(-1);
        log_info("stopping", LOG_NONE);
    }
    http_server_stop(server, STOP_GRACE_MS);
    return result;
}

/* Each item may be several with commas, for an environment variable is only one. */
static char **split_origins(const struct option_list *list)
{
    AUTO_FREE char *all = mem_strdup("");
    for (size_t i = 0; i < list->count; i++) {
        char *longer = mem_printf("%s%s,", all, list->items[i]);
        free(all);
        all = longer;
    }
    size_t count = 0;
    char **origins = mem_zalloc((strlen(all) + 1) * sizeof(*origins));
    for (char *rest = all, *origin; (origin = strtok_r(rest, ", ", &rest));)
        origins[count++] = mem_strdup(origin);
    return origins;
}

static void free_origins(char **origins)
{
    for (size_t i = 0; origins[i]; i++)
        free(origins[i]);
    free(origins);
}

static int run_api(const struct settings *settings, struct api_options *options, struct err *err)
{
    char **origins = split_origins(&settings->allowed_origins);
    options->allowed_origins = (const char *const *)origins;
    struct api *api = api_new(options, err);
    int result = api ? serve(settings, api, err) : -1;
    api_free(api);
    free_origins(origins);
    return result;
}

/* The log gets the last line before it is closed. */
static int run_with_audit(const struct settings *settings, struct api_options *options,
                          struct err *err)
{
    if (!settings->audit.path)
        return run_api(settings, options, err);
    const struct audit_options audit = {.path = settings->audit.path,
                                        .max_bytes =
                                            (int64_t)settings->audit.max_megabytes * 1024 * 1024,
                                        .backups = settings->audit.backups};
    options->audit = audit_open(&audit, err);
    if (!options->audit)
        return -1;
    int result = run_api(settings, options, err);
    audit_close(options->audit);
    return result;
}

static int run_with_authenticator(const struct settings *settings, struct api_options *options,
                                  struct err *err)
{
    options->authenticator = authenticator_new(&settings->authentication, err);
    if (!options->authenticator)
        return -1;
    int result = run_with_audit(settings, options, err);
    authenticator_free(options->authenticator);
    return result;
}

static int run_with_store(const struct settings *settings, struct store *store, struct err *err)
{
    struct kinds *kinds = kinds_load_folder(settings->kinds, err);
    if (!kinds)
        return -1;
    struct api_options options = {.store = store,
                                  .kinds = kinds,
                                  .min_timeout_ms =
                                      (int64_t)settings->min_request_timeout_s * 1000};
    int result = run_with_authenticator(settings, &options, err);
    kinds_free(kinds);
    return result;
}

static int run(const struct settings *settings, struct err *err)
{
    struct store_options options = {
        .url = settings->db, .name = "mot-api", .readers = settings->readers};
    struct store *store = store_open(&options, err);
    if (!store)
        return -1;
    int result = run_with_store(settings, store, err);
    store_close(store);
    return result;
}

/* Plain HTTP by mistake would be a server that lets everybody do everything. */
static int check_protocol(const struct settings *settings, struct err *err)
{
    const struct http_tls_files *tls = &settings->tls;
    bool any = tls->certificate || tls->key || tls->client_authorities;
    if (settings->authentication.plain_http && any)
        return err_set(err, ERR_INVALID, "--plain-http and TLS files don't go together");
    if (settings->authentication.plain_http || (tls->certificate && tls->key))
        return 0;
    return err_set(err, ERR_INVALID,
                   "there is no TLS: give --tls-cert-file and --tls-private-key-file, or "
                   "--plain-http to let everybody on this machine do everything");
}

int api_main(int argc, char **argv)
{
    static struct settings settings = {.address = "127.0.0.1",
                                       .port = 8080,
                                       .readers = 8,
                                       .min_request_timeout_s = 1800,
                                       .audit = {.max_megabytes = 100, .backups = 10}};
    struct authenticator_options *auth = &settings.authentication;
    const struct option_spec options[] = {
        {"db", "URL", OPTION_STRING, &settings.db, "the PostgreSQL database (libpq URL or DSN)"},
        {"port", "N", OPTION_INT, &settings.port, "the port to listen on; 0: a free one (8080)"},
        {"address", "IP", OPTION_STRING, &settings.address,
         "the address to listen on, IPv4 or IPv6 (\"::\" is all of both); with --plain-http a "
         "loopback one (127.0.0.1)"},
        {"port-file", "FILE", OPTION_STRING, &settings.port_file,
         "a file the chosen port is written to"},
        {"tls-cert-file", "FILE", OPTION_STRING, &settings.tls.certificate,
         "the server's certificate in PEM, with those between it and the root"},
        {"tls-private-key-file", "FILE", OPTION_STRING, &settings.tls.key, "its private key"},
        {"plain-http", NULL, OPTION_FLAG, &auth->plain_http,
         "no TLS, and everybody may do everything: only on a loopback address"},
        {"client-ca-file", "FILE", OPTION_STRING, &settings.tls.client_authorities,
         "the authorities of client certificates: their CN is the user, each O a group"},
        {"token-auth-file", "FILE", OPTION_STRING, &auth->token_file,
         "bearer tokens, lines of token,user,uid,\"group1,group2\""},
        {"oidc-issuer-url", "URL", OPTION_STRING, &auth->oidc.issuer,
         "accept JSON Web Tokens of this issuer"},
        {"oidc-client-id", "ID", OPTION_STRING, &auth->oidc.audience, "their audience"},
        {"oidc-jwks", "FILE|URL", OPTION_STRING, &auth->oidc.jwks,
         "the issuer's keys (by default where its discovery document says)"},
        {"oidc-ca-file", "FILE", OPTION_STRING, &auth->oidc.ca_file,
         "the authorities of the issuer's server (by default the system's)"},
        {"oidc-username-claim", "CLAIM", OPTION_STRING, &auth->oidc.username_claim,
         "the claim that names the user (sub)"},
        {"oidc-username-prefix", "TEXT", OPTION_STRING, &auth->oidc.username_prefix,
         "what is put before it; -: nothing (the issuer's URL and #, but for email)"},
        {"oidc-groups-claim", "CLAIM", OPTION_STRING, &auth->oidc.groups_claim,
         "the claim that names groups, a text or an array of texts"},
        {"oidc-groups-prefix", "TEXT", OPTION_STRING, &auth->oidc.groups_prefix,
         "what is put before each"},
        {"kinds", "DIR", OPTION_STRING, &settings.kinds,
         "a folder of CRD files (*.yaml) to serve besides the built-in kinds, for trying out a "
         "kind"},
        {"allowed-origin", "URL", OPTION_LIST, &settings.allowed_origins,
         "a foreign origin whose pages may open WebSockets, e.g. https://ui.example; may be given "
         "again, or with commas"},
        {"audit-log-path", "FILE", OPTION_STRING, &settings.audit.path,
         "where the audit log goes, one JSON object per line; -: standard output (none)"},
        {"audit-log-maxsize", "MB", OPTION_INT, &settings.audit.max_megabytes,
         "the file is set aside when it is larger; 0: never (100)"},
        {"audit-log-maxbackup", "N", OPTION_INT, &settings.audit.backups,
         "how many files that were set aside are kept (10)"},
        {"min-request-timeout", "SECONDS", OPTION_INT, &settings.min_request_timeout_s,
         "a watch that does not say how long, or longer than twice of it, ends after this time to "
         "twice of it (1800)"},
        {"workers", "N", OPTION_INT, &settings.workers, "threads that serve requests (32)"},
        {"readers", "N", OPTION_INT, &settings.readers, "database connections for reads (8)"},
        {0}};
    const struct command_spec command = {.name = "mot api",
                                         .arguments = "",
                                         .summary =
                                             "Serves the Kubernetes-style API over PostgreSQL.",
                                         .options = options};
    struct err err = {0};
    int args = 0;
    int parsed = options_parse(&command, argc, argv, &args, &err);
    if (parsed == 1)
        return 0;
    if (parsed == 0 && args > 0)
        parsed = err_set(&err, ERR_INVALID, "unexpected argument: %s", argv[1]);
    if (parsed == 0 && !settings.db)
        parsed = err_set(&err, ERR_INVALID, "--db is missing");
    if (parsed == 0)
        parsed = check_protocol(&settings, &err);
    if (parsed == 0 && settings.min_request_timeout_s < 1)
        parsed = err_set(&err, ERR_INVALID, "--min-request-timeout must be a second at least");
    if (parsed < 0) {
        parse_error(&err);
        return 2;
    }
    mem_tune();
    stop_install();
    log_init("api", NULL);
    if (run(&settings, &err) == 0)
        return 0;
    log_error("the API server failed", LOG_S("why", err.message));
    return 1;
}
