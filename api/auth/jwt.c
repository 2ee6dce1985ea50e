#include "jwt.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "base64url.h"

#define TIME_MAX 253402300799.0 /* the end of the year 9999 */

struct jwt_algorithm {
    const char *name, *digest;
    int ec_bits; /* of the curve it stands for; 0: RSA, PKCS 1 v1.5 */
};

static const struct jwt_algorithm algorithms[] = {
    {"RS256", "SHA256", 0},   {"RS384", "SHA384", 0},   {"RS512", "SHA512", 0},
    {"ES256", "SHA256", 256}, {"ES384", "SHA384", 384}, {"ES512", "SHA512", 521},
};

/* -------------------------------------------------------------------------------- parsing */

static json_t *decode_object(const char *text, size_t len, struct err *err)
{
    struct buf bytes;
    buf_init(&bytes, JWT_MAX);
    json_t *json = NULL;
    if (base64url_decode(text, len, &bytes) == 0 && bytes.len > 0)
        json = json_parse(bytes.data, bytes.len, true, NULL);
    buf_release(&bytes);
    if (json_is_object(json))
        return json;
    json_decref(json);
    err_set(err, ERR_INVALID, "the token is no JSON Web Token");
    return NULL;
}

static int read_header(struct jwt *jwt, const json_t *header, struct err *err)
{
    const char *name = json_string_value(json_object_get(header, "alg"));
    const json_t *key_id = json_object_get(header, "kid");
    for (size_t i = 0; name && i < MOT_ARRAY_SIZE(algorithms); i++)
        if (strcmp(algorithms[i].name, name) == 0)
            jwt->algorithm = &algorithms[i];
    if (!jwt->algorithm)
        return err_set(err, ERR_INVALID, "the token's algorithm is not one of those served");
    if (json_object_get(header, "crit"))
        return err_set(err, ERR_INVALID, "the token has a critical extension");
    if (key_id && !json_is_string(key_id))
        return err_set(err, ERR_INVALID, "the token's key id is no text");
    jwt->key_id = key_id ? mem_strdup(json_string_value(key_id)) : NULL;
    return 0;
}

int jwt_parse(const char *token, struct jwt *ret_jwt, struct err *err)
{
    memset(ret_jwt, 0, sizeof(*ret_jwt));
    buf_init(&ret_jwt->signature, JWT_MAX);
    size_t len = strnlen(token, JWT_MAX + 1);
    const char *first = memchr(token, '.', len);
    const char *second = first ? strchr(first + 1, '.') : NULL;
    if (len > JWT_MAX)
        return err_set(err, ERR_TOO_LARGE, "the token is longer than %zu bytes", JWT_MAX);
    if (!second || strchr(second + 1, '.'))
        return err_set(err, ERR_INVALID, "the token is no JSON Web Token");
    json_t *header = decode_object(token, (size_t)(first - token), err);
    int result = header ? read_header(ret_jwt, header, err) : -1;
    json_decref(header);
    if (result < 0)
        return -1;
    ret_jwt->claims = decode_object(first + 1, (size_t)(second - first - 1), err);
    if (!ret_jwt->claims)
        return -1;
    if (base64url_decode(second + 1, strlen(second + 1), &ret_jwt->signature) < 0 ||
        ret_jwt->signature.len == 0)
        return err_set(err, ERR_INVALID, "the token's signature is malformed");
    ret_jwt->signed_text = mem_strndup(token, (size_t)(second - token));
    return 0;
}

void jwt_release(struct jwt *jwt)
{
    free(jwt->key_id);
    free(jwt->signed_text);
    json_decref(jwt->claims);
    buf_release(&jwt->signature);
    memset(jwt, 0, sizeof(*jwt));
}

/* -------------------------------------------------------------------------------- signatures */

/* ES256 and its like put r and s side by side, OpenSSL wants DER. */
static unsigned char *to_der(const struct buf *raw, int ec_bits, int *ret_len)
{
    size_t half = ((size_t)ec_bits + 7) / 8;
    if (raw->len != half * 2)
        return NULL;
    const unsigned char *data = (const unsigned char *)raw->data;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(data, (int)half, NULL), *s = BN_bin2bn(data + half, (int)half, NULL);
    unsigned char *der = NULL;
    if (signature && r && s && ECDSA_SIG_set0(signature, r, s) == 1) {
        *ret_len = i2d_ECDSA_SIG(signature, &der);
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(signature);
    return der;
}

static bool verify_by(const struct jwt *jwt, const struct jwk *jwk)
{
    int len = (int)jwt->signature.len;
    unsigned char *der = NULL;
    const unsigned char *signature = (const unsigned char *)jwt->signature.data;
    if (jwt->algorithm->ec_bits) {
        der = to_der(&jwt->signature, jwt->algorithm->ec_bits, &len);
        if (!der || len <= 0)
            return false;
        signature = der;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool valid =
        context &&
        EVP_DigestVerifyInit_ex(context, NULL, jwt->algorithm->digest, NULL, NULL, jwk->key,
                                NULL) == 1 &&
        EVP_DigestVerify(context, signature, (size_t)len, (const unsigned char *)jwt->signed_text,
                         strlen(jwt->signed_text)) == 1;
    EVP_MD_CTX_free(context);
    OPENSSL_free(der);
    ERR_clear_error();
    return valid;
}

static bool fits(const struct jwk *jwk, const struct jwt *jwt)
{
    return jwk->ec_bits == jwt->algorithm->ec_bits &&
           (!jwk->algorithm || strcmp(jwk->algorithm, jwt->algorithm->name) == 0);
}

enum jwt_verdict jwt_verify(const struct jwt *jwt, const struct jwks *keys)
{
    bool known = !jwt->key_id;
    for (size_t i = 0; i < jwks_count(keys); i++) {
        const struct jwk *jwk = jwks_at(keys, i);
        if (jwt->key_id && (!jwk->id || strcmp(jwk->id, jwt->key_id) != 0))
            continue;
        known = true;
        if (fits(jwk, jwt) && verify_by(jwt, jwk))
            return JWT_VALID;
    }
    return known ? JWT_INVALID : JWT_UNKNOWN_KEY;
}

/* -------------------------------------------------------------------------------- claims */

static bool has_audience(const json_t *claim, const char *audience)
{
    size_t i;
    const json_t *item;
    if (json_is_string(claim))
        return strcmp(json_string_value(claim), audience) == 0;
    json_array_foreach(claim, i, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), audience) == 0)
            return true;
    }
    return false;
}

/* 1: there it is, 0: there is none, -1: it is no time. */
static int read_time(const json_t *claims, const char *name, int64_t *ret_wall_ms)
{
    const json_t *claim = json_object_get(claims, name);
    double seconds = json_number_value(claim);
    if (!claim)
        return 0;
    if (!json_is_number(claim) || !(seconds >= 0 && seconds <= TIME_MAX))
        return -1;
    *ret_wall_ms = (int64_t)(seconds * 1000);
    return 1;
}

int64_t jwt_expiry_wall_ms(const json_t *claims)
{
    int64_t expires = 0;
    return read_time(claims, "exp", &expires) > 0 ? expires : 0;
}

static int check_times(const json_t *claims, int64_t leeway_ms, int64_t now, struct err *err)
{
    int64_t expires = 0, begins = 0, issued = 0;
    int has_end = read_time(claims, "exp", &expires);
    int has_begin = read_time(claims, "nbf", &begins);
    int has_issue = read_time(claims, "iat", &issued);
    if (has_end < 0 || has_begin < 0 || has_issue < 0)
        return err_set(err, ERR_INVALID, "a time of the token is no number of seconds");
    if (!has_end)
        return err_set(err, ERR_INVALID, "the token never expires");
    if (now >= expires + leeway_ms)
        return err_set(err, ERR_INVALID, "the token is expired");
    if (has_begin && now < begins - leeway_ms)
        return err_set(err, ERR_INVALID, "the token is not valid yet");
    if (has_issue && now < issued - leeway_ms)
        return err_set(err, ERR_INVALID, "the token comes from the future");
    return 0;
}

int jwt_check_claims(const json_t *claims, const struct jwt_rules *rules, int64_t now_wall_ms,
                     struct err *err)
{
    const char *issuer = json_string_value(json_object_get(claims, "iss"));
    if (!issuer || strcmp(issuer, rules->issuer) != 0)
        return err_set(err, ERR_INVALID, "the token is of another issuer");
    if (!has_audience(json_object_get(claims, "aud"), rules->audience))
        return err_set(err, ERR_INVALID, "the token is for another audience");
    return check_times(claims, rules->leeway_ms, now_wall_ms, err);
}
