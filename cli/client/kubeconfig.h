/*
 * Which server to talk to, from the files that kubectl reads: --kubeconfig, or those of KUBECONFIG
 * (the first that names a context, a cluster or a user wins), or ~/.kube/config; without any,
 * http://127.0.0.1:8080.
 */
#ifndef MOT_CLI_CLIENT_KUBECONFIG_H
#define MOT_CLI_CLIENT_KUBECONFIG_H

#include <stdbool.h>

#include <mot/base/err.h>

/* All texts are owned; NULL where nothing is said. Data is decoded, file names are absolute or as
 * relative as we are. */
struct kubeconfig {
    char *server;
    char *namespace_name;
    char *server_name;
    bool insecure;
    char *ca_file;
    char *ca_data;
    char *cert_file;
    char *cert_data;
    char *key_file;
    char *key_data;
    char *token;
    char *user;
    char *password;
};

struct kubeconfig_query {
    const char *file;    /* --kubeconfig, or NULL */
    const char *list;    /* KUBECONFIG: files separated by colons, or NULL */
    const char *home;    /* $HOME, or NULL */
    const char *context; /* --context, or NULL for the current one */
    const char *server;  /* --server: replaces the cluster's, or NULL */
};

/* kubeconfig_release() it, also after an error. */
int kubeconfig_load(struct kubeconfig *ret_config, const struct kubeconfig_query *query,
                    struct err *err) MOT_NODISCARD;
void kubeconfig_release(struct kubeconfig *config);

#endif
