#include "cli/client/kubeconfig.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/file.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/yaml.h>

#define FILE_MAX       ((size_t)4 << 20)
#define TOKEN_MAX      ((size_t)64 << 10)
#define FILES_MAX      32
#define DEFAULT_SERVER "http://127.0.0.1:8080"

struct source {
    char *path;
    struct yaml_documents documents;
};

struct sources {
    struct source items[FILES_MAX];
    size_t count;
};

/* ---------------------------------------------------------------------------------- the files */

/* A file that isn't there is no error, unless it was named by --kubeconfig. */
static int add_source(struct sources *sources, const char *path, bool required, struct err *err)
{
    if (sources->count == FILES_MAX)
        return err_set(err, ERR_TOO_LARGE, "KUBECONFIG names more than %d files", FILES_MAX);
    struct err local = {0};
    size_t len = 0;
    AUTO_FREE char *text = file_read(path, FILE_MAX, &len, &local);
    if (!text && local.code == ERR_NOT_FOUND && !required)
        return 0;
    if (!text)
        return err_set(err, local.code, "%s", local.message);
    struct source *source = &sources->items[sources->count];
    if (yaml_parse(path, text, len, &source->documents, err) != 0)
        return -1;
    source->path = mem_strdup(path);
    sources->count++;
    return 0;
}

static int add_sources(struct sources *sources, const struct kubeconfig_query *query,
                       struct err *err)
{
    if (query->file)
        return add_source(sources, query->file, true, err);
    if (query->list && query->list[0]) {
        for (const char *at = query->list; *at;) {
            size_t len = strcspn(at, ":");
            AUTO_FREE char *path = mem_strndup(at, len);
            if (len > 0 && add_source(sources, path, false, err) != 0)
                return -1;
            at += len + (at[len] == ':');
        }
        return 0;
    }
    if (!query->home)
        return 0;
    AUTO_FREE char *path = file_join(query->home, ".kube/config");
    return add_source(sources, path, false, err);
}

static void release_sources(struct sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        free(sources->items[i].path);
        yaml_documents_release(&sources->items[i].documents);
    }
}

static const json_t *root_of(const struct source *source)
{
    return source->documents.count > 0 ? source->documents.items[0].value : NULL;
}

/* The entry of @list ("contexts") with that name, in the first file that has one; its @member
 * ("context"). */
static const json_t *find_entry(const struct sources *sources, const char *list, const char *member,
                                const char *name, const struct source **ret_source)
{
    for (size_t i = 0; i < sources->count; i++) {
        const json_t *entries = json_object_get(root_of(&sources->items[i]), list);
        size_t j;
        const json_t *entry;
        json_array_foreach(entries, j, entry)
        {
            const char *entry_name = json_at_text(entry, "name");
            if (entry_name && strcmp(entry_name, name) == 0) {
                if (ret_source)
                    *ret_source = &sources->items[i];
                return json_object_get(entry, member);
            }
        }
    }
    return NULL;
}

/* ---------------------------------------------------------------------------------- values */

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* What is no digit (line breaks, padding) is passed over; NULL when nothing comes out. */
static char *decode_base64(const char *text)
{
    struct buf out;
    buf_init(&out, FILE_MAX);
    unsigned bits = 0;
    int have = 0;
    for (; *text; text++) {
        int digit = base64_digit(*text);
        if (digit < 0)
            continue;
        bits = bits << 6 | (unsigned)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_addc(&out, (char)(bits >> have & 0xff));
        }
    }
    if (out.len == 0) {
        buf_release(&out);
        return NULL;
    }
    return buf_take(&out);
}

static char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text && *text ? mem_strdup(text) : NULL;
}

static char *data_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? decode_base64(text) : NULL;
}

/* Relative names are relative to the file they stand in. */
static char *file_of(const struct source *source, const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    const char *slash = strrchr(source->path, '/');
    if (!text || !*text)
        return NULL;
    if (text[0] == '/' || !slash)
        return mem_strdup(text);
    return mem_printf("%.*s/%s", (int)(slash - source->path), source->path, text);
}

static void take_cluster(struct kubeconfig *config, const struct source *source,
                         const json_t *cluster)
{
    config->server = text_of(cluster, "server");
    config->server_name = text_of(cluster, "tls-server-name");
    config->insecure = json_is_true(json_object_get(cluster, "insecure-skip-tls-verify"));
    config->ca_file = file_of(source, cluster, "certificate-authority");
    config->ca_data = data_of(cluster, "certificate-authority-data");
}

static int take_token(struct kubeconfig *config, const struct source *source, const json_t *user,
                      struct err *err)
{
    config->token = text_of(user, "token");
    AUTO_FREE char *file = file_of(source, user, "tokenFile");
    if (!file || config->token)
        return 0;
    config->token = file_read(file, TOKEN_MAX, NULL, err);
    if (!config->token)
        return -1;
    config->token[strcspn(config->token, "\r\n")] = '\0';
    return 0;
}

static int take_user(struct kubeconfig *config, const struct source *source, const json_t *user,
                     const char *name, struct err *err)
{
    config->cert_file = file_of(source, user, "client-certificate");
    config->cert_data = data_of(user, "client-certificate-data");
    config->key_file = file_of(source, user, "client-key");
    config->key_data = data_of(user, "client-key-data");
    config->user = text_of(user, "username");
    config->password = text_of(user, "password");
    bool by_program = json_object_get(user, "exec") || json_object_get(user, "auth-provider");
    if (by_program && !config->cert_file && !config->cert_data && !json_object_get(user, "token"))
        return err_set(
            err, ERR_UNSUPPORTED,
            "%s: user \"%s\" gets its credentials from a program, which mot does not do: give it a "
            "token, a tokenFile or a client certificate",
            source->path, name);
    return take_token(config, source, user, err);
}

/* ---------------------------------------------------------------------------------- all of it */

static const char *current_context(const struct sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        const char *name = json_at_text(root_of(&sources->items[i]), "current-context");
        if (name && *name)
            return name;
    }
    return NULL;
}

static int take_context(struct kubeconfig *config, const struct sources *sources, const char *name,
                        struct err *err)
{
    const json_t *context = find_entry(sources, "contexts", "context", name, NULL);
    if (!context)
        return err_set(err, ERR_NOT_FOUND, "the kubeconfig has no context \"%s\"", name);
    config->namespace_name = text_of(context, "namespace");
    const struct source *source = NULL;
    const char *cluster_name = json_at_text(context, "cluster");
    const json_t *cluster =
        cluster_name ? find_entry(sources, "clusters", "cluster", cluster_name, &source) : NULL;
    if (!cluster)
        return err_set(err, ERR_NOT_FOUND,
                       "the kubeconfig has no cluster \"%s\" for its context \"%s\"",
                       cluster_name ? cluster_name : "", name);
    take_cluster(config, source, cluster);
    const char *user_name = json_at_text(context, "user");
    const json_t *user =
        user_name ? find_entry(sources, "users", "user", user_name, &source) : NULL;
    return user ? take_user(config, source, user, user_name, err) : 0;
}

int kubeconfig_load(struct kubeconfig *ret_config, const struct kubeconfig_query *query,
                    struct err *err)
{
    memset(ret_config, 0, sizeof(*ret_config));
    struct sources sources = {.count = 0};
    int rc = add_sources(&sources, query, err);
    const char *context = query->context ? query->context : current_context(&sources);
    if (rc == 0 && context)
        rc = take_context(ret_config, &sources, context, err);
    release_sources(&sources);
    if (rc != 0)
        return -1;
    if (query->server) {
        free(ret_config->server);
        ret_config->server = strstr(query->server, "://") ? mem_strdup(query->server)
                                                          : mem_printf("http://%s", query->server);
    }
    if (!ret_config->server)
        ret_config->server = mem_strdup(DEFAULT_SERVER);
    return 0;
}

void kubeconfig_release(struct kubeconfig *config)
{
    char *texts[] = {config->server,    config->namespace_name, config->server_name,
                     config->ca_file,   config->ca_data,        config->cert_file,
                     config->cert_data, config->key_file,       config->key_data,
                     config->token,     config->user,           config->password};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(texts); i++)
        free(texts[i]);
    memset(config, 0, sizeof(*config));
}
