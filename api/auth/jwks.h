/* The public keys of an issuer of tokens: a JSON Web Key Set (RFC 7517). Never changes; any thread.
 */
#ifndef MOT_API_AUTH_JWKS_H
#define MOT_API_AUTH_JWKS_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>

#include <mot/base/err.h>

#define JWKS_KEYS_MAX 100

struct jwk {
    char *id;        /* NULL: none */
    char *algorithm; /* the only one it may be used with; NULL: any of its type */
    EVP_PKEY *key;
    int ec_bits; /* of its curve, 256, 384 or 521; 0: it is an RSA key */
};

struct jwks;

/*
 * Keys that are not for signatures, of a sort that no algorithm of ours uses, broken, or weak (RSA
 * below 2048 bits) are passed over. NULL for what is no key set, and for one without any key that
 * is left.
 */
struct jwks *jwks_parse(const char *text, size_t len, struct err *err) MOT_NODISCARD;
struct jwks *jwks_ref(struct jwks *jwks);
void jwks_unref(struct jwks *jwks);
size_t jwks_count(const struct jwks *jwks);
/* The same keys in the same order; false when either is NULL. */
bool jwks_same(const struct jwks *a, const struct jwks *b);
const struct jwk *jwks_at(const struct jwks *jwks, size_t index);

#endif
