#include "cli/pki/pki.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/file.h>
#include <mot/base/mem.h>

#include "cli/pki/certificate.h"

#define FILE_MAX     ((size_t)1 << 20)
#define DAY_MS       ((int64_t)24 * 3600 * 1000)
#define YEAR_MS      (365 * DAY_MS)
#define RENEW_MS     (30 * DAY_MS)
#define BACKDATED_MS ((int64_t)5 * 60 * 1000) /* clocks differ, also on one machine: containers */

static int write_private(const char *path, char *text, struct err *err)
{
    int result = file_write(path, text, strlen(text), 0600, err);
    free(text);
    return result;
}

/* NULL when there is none that can be used. */
static struct keypair *read_pair(const char *certificate, const char *key)
{
    AUTO_FREE char *first = file_read(certificate, FILE_MAX, NULL, NULL);
    AUTO_FREE char *second = file_read(key, FILE_MAX, NULL, NULL);
    return first && second ? keypair_read(first, second, NULL) : NULL;
}

static bool still_good(const struct keypair *pair, const struct keypair *issuer, int64_t now)
{
    return pair && keypair_until_wall_ms(pair) - now >= RENEW_MS &&
           keypair_signed_by(pair, issuer ? issuer : pair);
}

/* The pair of those files, made anew if need be. */
static struct keypair *ensure(const char *certificate, const char *key,
                              const struct keypair_spec *spec, int64_t now, struct err *err)
{
    struct keypair *pair = read_pair(certificate, key);
    if (still_good(pair, spec->issuer, now))
        return pair;
    keypair_free(pair);
    pair = keypair_make(spec, err);
    if (pair && write_private(key, keypair_key(pair), err) == 0 &&
        write_private(certificate, keypair_certificate(pair), err) == 0)
        return pair;
    keypair_free(pair);
    return NULL;
}

static int ensure_leafs(const struct pki *pki, const struct keypair *authority, int64_t now,
                        struct err *err)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "::1", NULL};
    static const char *const masters[] = {"system:masters", NULL};
    const struct keypair_spec server = {.common_name = "mot api",
                                        .names = names,
                                        .server = true,
                                        .from_wall_ms = now - BACKDATED_MS,
                                        .until_wall_ms = now + YEAR_MS,
                                        .issuer = authority};
    const struct keypair_spec admin = {.common_name = "admin",
                                       .organizations = masters,
                                       .client = true,
                                       .from_wall_ms = now - BACKDATED_MS,
                                       .until_wall_ms = now + YEAR_MS,
                                       .issuer = authority};
    struct keypair *first = ensure(pki->server, pki->server_key, &server, now, err);
    struct keypair *second = first ? ensure(pki->admin, pki->admin_key, &admin, now, err) : NULL;
    int result = second ? 0 : -1;
    keypair_free(first);
    keypair_free(second);
    return result;
}

int pki_prepare(struct pki *ret_pki, const char *dir, int64_t now_wall_ms, struct err *err)
{
    *ret_pki = (struct pki){.authority = file_join(dir, "ca.crt"),
                            .authority_key = file_join(dir, "ca.key"),
                            .server = file_join(dir, "server.crt"),
                            .server_key = file_join(dir, "server.key"),
                            .admin = file_join(dir, "admin.crt"),
                            .admin_key = file_join(dir, "admin.key")};
    const struct keypair_spec authority = {.common_name = "mot up",
                                           .authority = true,
                                           .from_wall_ms = now_wall_ms - BACKDATED_MS,
                                           .until_wall_ms = now_wall_ms + 10 * YEAR_MS};
    if (file_mkdirs(dir, 0700, err) != 0)
        return -1;
    struct keypair *pair =
        ensure(ret_pki->authority, ret_pki->authority_key, &authority, now_wall_ms, err);
    int result = pair ? ensure_leafs(ret_pki, pair, now_wall_ms, err) : -1;
    keypair_free(pair);
    return result;
}

void pki_release(struct pki *pki)
{
    char *paths[] = {pki->authority,  pki->authority_key, pki->server,
                     pki->server_key, pki->admin,         pki->admin_key};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(paths); i++)
        free(paths[i]);
    memset(pki, 0, sizeof(*pki));
}
