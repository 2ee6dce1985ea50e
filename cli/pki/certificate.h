/*
 * X.509 certificates with P-256 keys, made and read: for `mot up`, which has an authority of its
 * own, and for tests.
 */
#ifndef MOT_CLI_PKI_CERTIFICATE_H
#define MOT_CLI_PKI_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include <mot/base/err.h>

/* A certificate with its private key. */
struct keypair;

struct keypair_spec {
    const char *common_name;
    const char *const *organizations; /* NULL-terminated, or NULL */
    const char *const *names; /* DNS names and IP addresses it is for; NULL-terminated, or NULL */
    bool authority;           /* may sign others; then neither of the next two */
    bool server, client;
    int64_t from_wall_ms, until_wall_ms;
    const struct keypair *issuer; /* NULL: it signs itself */
};

struct keypair *keypair_make(const struct keypair_spec *spec, struct err *err) MOT_NODISCARD;
void keypair_free(struct keypair *pair);

/* PEM; free() it. The key unencrypted, in PKCS 8. */
char *keypair_certificate(const struct keypair *pair) MOT_NODISCARD;
char *keypair_key(const struct keypair *pair) MOT_NODISCARD;
/* From both in PEM. ERR_INVALID when they don't belong together. */
struct keypair *keypair_read(const char *certificate, const char *key,
                             struct err *err) MOT_NODISCARD;
/* In base64, as a kubeconfig has it; free() it. */
char *pem_base64(const char *pem) MOT_NODISCARD;
int64_t keypair_until_wall_ms(const struct keypair *pair);
bool keypair_signed_by(const struct keypair *pair, const struct keypair *issuer);

#endif
