/* An issuer of tokens: its keys, its key set, and what it signs. */
#ifndef MOT_TESTS_AUTH_ISSUER_H
#define MOT_TESTS_AUTH_ISSUER_H

#include <stddef.h>

struct issuer_key;

/* "RSA" (of 2048 bits), "RSA1024", "P-256", "P-384", "P-521". Kept, and the same for the same id
 * until issuer_forget(). */
struct issuer_key *issuer_key(const char *type, const char *id);
void issuer_forget(void);

/* The key in a JSON Web Key Set; @more: further members with their comma, or "". free() it. */
char *issuer_jwk(const struct issuer_key *key, const char *more);
/* {"keys":[…]} of those, up to the NULL; free() it. */
char *issuer_jwks(const struct issuer_key *first, ...);

/*
 * HEADER.CLAIMS.SIGNATURE of two JSON texts, signed as @algorithm ("RS256", "ES384", …) says,
 * whatever the header says; "HS256" takes the public key for a secret. free() it.
 */
char *issuer_sign(const struct issuer_key *key, const char *algorithm, const char *header,
                  const char *claims);
/* free() it. */
char *issuer_base64url(const void *data, size_t len);

#endif
