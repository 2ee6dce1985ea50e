#include "certificates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>

#define HOUR_MS ((int64_t)3600 * 1000)

static void must(bool ok, const struct err *err)
{
    if (ok)
        return;
    fprintf(stderr, "certificates: %s\n", err->message);
    abort();
}

char *certificates_file(const struct certificates *certificates, const char *name,
                        const char *suffix)
{
    return mem_printf("%s/%s.%s", certificates->dir, name, suffix);
}

static void write_text(const struct certificates *certificates, const char *name,
                       const char *suffix, char *text)
{
    struct err err = {0};
    AUTO_FREE char *path = certificates_file(certificates, name, suffix);
    must(file_write(path, text, strlen(text), 0600, &err) == 0, &err);
    free(text);
}

static void issue(struct certificates *certificates, const char *name,
                  const struct keypair_spec *spec)
{
    struct err err = {0};
    struct keypair *pair = keypair_make(spec, &err);
    must(pair != NULL, &err);
    write_text(certificates, name, "key", keypair_key(pair));
    write_text(certificates, name, "crt", keypair_certificate(pair));
    keypair_free(pair);
}

void certificates_renew_server(struct certificates *certificates, const char *common_name)
{
    static const char *const names[] = {"localhost", "127.0.0.1", NULL};
    int64_t now = clock_wall_ms();
    issue(certificates, "server",
          &(struct keypair_spec){.common_name = common_name,
                                 .names = names,
                                 .server = true,
                                 .from_wall_ms = now - HOUR_MS,
                                 .until_wall_ms = now + HOUR_MS,
                                 .issuer = certificates->authority});
}

void certificates_client(struct certificates *certificates, const char *name,
                         const char *common_name, const char *const *organizations,
                         int64_t valid_ms)
{
    int64_t now = clock_wall_ms();
    issue(certificates, name,
          &(struct keypair_spec){.common_name = common_name,
                                 .organizations = organizations,
                                 .client = true,
                                 .from_wall_ms = now - HOUR_MS,
                                 .until_wall_ms = now + valid_ms,
                                 .issuer = certificates->authority});
}

void certificates_make(struct certificates *certificates)
{
    struct err err = {0};
    int64_t now = clock_wall_ms();
    snprintf(certificates->dir, sizeof(certificates->dir), "/tmp/mot-test-pki-XXXXXX");
    if (!mkdtemp(certificates->dir))
        must(false, &err);
    certificates->authority = keypair_make(&(struct keypair_spec){.common_name = "test authority",
                                                                  .authority = true,
                                                                  .from_wall_ms = now - HOUR_MS,
                                                                  .until_wall_ms = now + HOUR_MS},
                                           &err);
    must(certificates->authority != NULL, &err);
    write_text(certificates, "ca", "crt", keypair_certificate(certificates->authority));
    certificates_renew_server(certificates, "server");
}

void certificates_remove(struct certificates *certificates)
{
    struct err err = {0};
    keypair_free(certificates->authority);
    must(file_remove_tree(certificates->dir, &err) == 0, &err);
}
