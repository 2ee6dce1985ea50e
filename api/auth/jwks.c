#include "jwks.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <mot/base/buf.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "base64url.h"

#define NUMBER_MAX   ((size_t)2048) /* bytes of an RSA modulus */
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192

struct jwks {
    atomic_size_t refs;
    struct jwk keys[JWKS_KEYS_MAX];
    size_t count;
};

static const struct curve {
    const char *name, *group;
    size_t bytes; /* of a coordinate */
    int bits;
} curves[] = {
    {"P-256", "P-256", 32, 256}, {"P-384", "P-384", 48, 384}, {"P-521", "P-521", 66, 521}};

/* -------------------------------------------------------------------------------- one key */

static int read_number(const json_t *key, const char *name, struct buf *number)
{
    const char *text = json_string_value(json_object_get(key, name));
    buf_init(number, NUMBER_MAX);
    return text && base64url_decode(text, strlen(text), number) == 0 && number->len > 0 ? 0 : -1;
}

static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *builder)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (!params || !context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return key;
}

/* On the curve, not at infinity, an odd exponent, … */
static bool is_sound(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool sound = context && EVP_PKEY_public_check(context) == 1;
    EVP_PKEY_CTX_free(context);
    return sound;
}

static EVP_PKEY *read_rsa(const json_t *json)
{
    struct buf n, e;
    EVP_PKEY *key = NULL;
    int result = read_number(json, "n", &n);
    if (read_number(json, "e", &e) < 0 || e.len > 8)
        result = -1;
    if (result == 0) {
        OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
        BIGNUM *modulus = BN_bin2bn((const unsigned char *)n.data, (int)n.len, NULL);
        BIGNUM *exponent = BN_bin2bn((const unsigned char *)e.data, (int)e.len, NULL);
        if (builder && modulus && exponent && BN_num_bits(modulus) >= RSA_BITS_MIN &&
            BN_num_bits(modulus) <= RSA_BITS_MAX &&
            OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
            OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
            key = make_key("RSA", builder);
        OSSL_PARAM_BLD_free(builder);
        BN_free(modulus);
        BN_free(exponent);
    }
    buf_release(&n);
    buf_release(&e);
    return key;
}

static EVP_PKEY *read_ec(const json_t *json, const struct curve *curve)
{
    struct buf x, y, point;
    EVP_PKEY *key = NULL;
    int result = read_number(json, "x", &x);
    if (read_number(json, "y", &y) < 0 || x.len != curve->bytes || y.len != curve->bytes)
        result = -1;
    buf_init(&point, NUMBER_MAX);
    if (result == 0) {
        OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
        buf_addc(&point, 4); /* uncompressed */
        buf_add(&point, x.data, x.len);
        buf_add(&point, y.data, y.len);
        if (builder &&
            OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) ==
                1 &&
            OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.data,
                                             point.len) == 1)
            key = make_key("EC", builder);
        OSSL_PARAM_BLD_free(builder);
    }
    buf_release(&x);
    buf_release(&y);
    buf_release(&point);
    return key;
}

static const struct curve *find_curve(const char *name)
{
    for (size_t i = 0; name && i < MOT_ARRAY_SIZE(curves); i++)
        if (strcmp(curves[i].name, name) == 0)
            return &curves[i];
    return NULL;
}

static char *copy_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text ? mem_strdup(text) : NULL;
}

/* True when it was taken. */
static bool read_key(struct jwk *jwk, const json_t *json)
{
    const char *type = json_at_text(json, "kty");
    const char *use = json_at_text(json, "use");
    const struct curve *curve = find_curve(json_at_text(json, "crv"));
    if (!type || (use && strcmp(use, "sig") != 0))
        return false;
    if (strcmp(type, "RSA") == 0)
        jwk->key = read_rsa(json);
    else if (strcmp(type, "EC") == 0 && curve)
        jwk->key = read_ec(json, curve);
    bool sound = jwk->key && is_sound(jwk->key);
    ERR_clear_error();
    if (!sound) {
        EVP_PKEY_free(jwk->key);
        jwk->key = NULL;
        return false;
    }
    jwk->ec_bits = strcmp(type, "EC") == 0 ? curve->bits : 0;
    jwk->id = copy_of(json, "kid");
    jwk->algorithm = copy_of(json, "alg");
    return true;
}

/* -------------------------------------------------------------------------------- the set */

static int read_keys(struct jwks *jwks, const json_t *keys, struct err *err)
{
    size_t i;
    const json_t *json;
    if (!json_is_array(keys))
        return err_set(err, ERR_INVALID, "a key set has an array \"keys\"");
    json_array_foreach(keys, i, json)
    {
        if (jwks->count == JWKS_KEYS_MAX)
            return err_set(err, ERR_TOO_LARGE, "more than %d keys", JWKS_KEYS_MAX);
        jwks->count += read_key(&jwks->keys[jwks->count], json);
    }
    if (jwks->count == 0)
        return err_set(err, ERR_INVALID, "the set has no sound RSA or EC key for signatures");
    return 0;
}

struct jwks *jwks_parse(const char *text, size_t len, struct err *err)
{
    json_t *json = json_parse(text, len, true, err);
    if (!json)
        return NULL;
    struct jwks *jwks = mem_zalloc(sizeof(*jwks));
    atomic_init(&jwks->refs, 1);
    int result = read_keys(jwks, json_object_get(json, "keys"), err);
    json_decref(json);
    if (result == 0)
        return jwks;
    jwks_unref(jwks);
    return NULL;
}

struct jwks *jwks_ref(struct jwks *jwks)
{
    if (jwks)
        atomic_fetch_add_explicit(&jwks->refs, 1, memory_order_relaxed);
    return jwks;
}

void jwks_unref(struct jwks *jwks)
{
    if (!jwks || atomic_fetch_sub_explicit(&jwks->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < jwks->count; i++) {
        EVP_PKEY_free(jwks->keys[i].key);
        free(jwks->keys[i].id);
        free(jwks->keys[i].algorithm);
    }
    free(jwks);
}

size_t jwks_count(const struct jwks *jwks)
{
    return jwks->count;
}

const struct jwk *jwks_at(const struct jwks *jwks, size_t index)
{
    return &jwks->keys[index];
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool jwks_same(const struct jwks *a, const struct jwks *b)
{
    if (!a || !b || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!same_text(a->keys[i].id, b->keys[i].id) ||
            !same_text(a->keys[i].algorithm, b->keys[i].algorithm) ||
            EVP_PKEY_eq(a->keys[i].key, b->keys[i].key) != 1)
            return false;
    return true;
}
