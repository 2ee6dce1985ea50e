/*
 * JSON Web Tokens (RFC 7519) in the compact form, signed with RS256, RS384, RS512, ES256, ES384 or
 * ES512. No other algorithm is known, so neither "none" nor a key used for another algorithm gets
 * anywhere. Pure.
 */
#ifndef MOT_API_AUTH_JWT_H
#define MOT_API_AUTH_JWT_H

#include <jansson.h>
#include <stdint.h>

#include <mot/base/buf.h>
#include <mot/base/err.h>

#include "jwks.h"

#define JWT_MAX ((size_t)32 * 1024) /* a longer token is none */

struct jwt {
    const struct jwt_algorithm *algorithm;
    char *key_id;   /* NULL: none */
    json_t *claims; /* an object; not to be believed before jwt_verify() */
    char *signed_text;
    struct buf signature;
};

/* Three parts with a header and claims that are JSON objects without duplicate names. jwt_release()
 * it, also after an error. */
int jwt_parse(const char *token, struct jwt *ret_jwt, struct err *err) MOT_NODISCARD;
void jwt_release(struct jwt *jwt);

enum jwt_verdict { JWT_VALID, JWT_INVALID, JWT_UNKNOWN_KEY };
/* A token that names a key is checked by that one alone. JWT_UNKNOWN_KEY: it names one that is not
 * in the set. */
enum jwt_verdict jwt_verify(const struct jwt *jwt, const struct jwks *keys);

struct jwt_rules {
    const char *issuer;   /* "iss" */
    const char *audience; /* one of "aud" */
    int64_t leeway_ms;    /* by how much clocks may differ */
};
/* When they end, since 1970; 0: they don't say. */
int64_t jwt_expiry_wall_ms(const json_t *claims);
/* "iss" and "aud" as @rules say, "exp" in the future, "nbf" and "iat" (if any) in the past. */
int jwt_check_claims(const json_t *claims, const struct jwt_rules *rules, int64_t now_wall_ms,
                     struct err *err) MOT_NODISCARD;

#endif
