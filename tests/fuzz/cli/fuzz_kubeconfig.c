/* A kubeconfig file: a server comes out, the same by either way to name the file, or a refusal that
 * says why. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mot/base/mem.h>

#include <cli/client/kubeconfig.h>
#include <lib/must.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/mot-fuzz-kubeconfig-XXXXXX";
static char path[sizeof(folder) + 16];

static void remove_folder(void)
{
    unlink(path);
    rmdir(folder);
}

static void write_file(const uint8_t *data, size_t size)
{
    if (!*path) {
        must(mkdtemp(folder) != NULL);
        snprintf(path, sizeof(path), "%s/config", folder);
        atexit(remove_folder);
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0);
    must(write(fd, data, size) == (ssize_t)size);
    close(fd);
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_config(const struct kubeconfig *a, const struct kubeconfig *b)
{
    return same(a->server, b->server) && same(a->namespace_name, b->namespace_name) &&
           same(a->server_name, b->server_name) && a->insecure == b->insecure &&
           same(a->ca_file, b->ca_file) && same(a->ca_data, b->ca_data) &&
           same(a->cert_file, b->cert_file) && same(a->cert_data, b->cert_data) &&
           same(a->key_file, b->key_file) && same(a->key_data, b->key_data) &&
           same(a->token, b->token) && same(a->user, b->user) && same(a->password, b->password);
}

/* True when there is a configuration, which is then to be released as well. */
static bool load(const struct kubeconfig_query *query, struct kubeconfig *config)
{
    struct err err = {0};
    bool loaded = kubeconfig_load(config, query, &err) == 0;
    if (loaded)
        must(config->server && *config->server);
    else
        must_explain(&err);
    return loaded;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kubeconfig config, listed, other;
    write_file(data, size);
    bool loaded = load(&(struct kubeconfig_query){.file = path}, &config);
    AUTO_FREE char *list = mem_printf(":/nowhere/at/all:%s:%s", path, path);
    must(load(&(struct kubeconfig_query){.list = list}, &listed) == loaded);
    must(!loaded || same_config(&config, &listed));
    if (load(&(struct kubeconfig_query){.file = path, .server = "h:1", .context = "c"}, &other))
        must(strcmp(other.server, "http://h:1") == 0);
    kubeconfig_release(&config);
    kubeconfig_release(&listed);
    kubeconfig_release(&other);
    return 0;
}
