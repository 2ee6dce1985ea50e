#include "issuer.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <mot/base/buf.h>
#include <mot/base/mem.h>

#define KEYS_MAX 16

struct issuer_key {
    char *type, *id;
    EVP_PKEY *key;
    size_t bytes; /* of a coordinate; 0: RSA */
};

static struct issuer_key keys[KEYS_MAX];
static size_t key_count;

static void must(bool ok)
{
    if (!ok)
        abort();
}

struct issuer_key *issuer_key(const char *type, const char *id)
{
    for (size_t i = 0; i < key_count; i++)
        if (strcmp(keys[i].type, type) == 0 && strcmp(keys[i].id, id) == 0)
            return &keys[i];
    must(key_count < KEYS_MAX);
    struct issuer_key *key = &keys[key_count++];
    *key = (struct issuer_key){.type = mem_strdup(type), .id = mem_strdup(id)};
    if (strncmp(type, "RSA", 3) == 0)
        key->key = EVP_RSA_gen(type[3] ? 1024 : 2048);
    else
        key->key = EVP_EC_gen(type);
    must(key->key != NULL);
    if (strncmp(type, "P-", 2) == 0)
        key->bytes = (size_t)((EVP_PKEY_get_bits(key->key) + 7) / 8);
    return key;
}

void issuer_forget(void)
{
    for (size_t i = 0; i < key_count; i++) {
        free(keys[i].type);
        free(keys[i].id);
        EVP_PKEY_free(keys[i].key);
    }
    key_count = 0;
}

char *issuer_base64url(const void *data, size_t len)
{
    char *text = mem_alloc((len + 2) / 3 * 4 + 1);
    EVP_EncodeBlock((unsigned char *)text, data, (int)len);
    for (char *c = text; *c; c++)
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    text[strcspn(text, "=")] = '\0';
    return text;
}

/* A parameter of the key as base64url of @bytes (0: as many as it has). */
static char *number_of(const struct issuer_key *key, const char *name, size_t bytes)
{
    BIGNUM *number = NULL;
    unsigned char data[1024];
    must(EVP_PKEY_get_bn_param(key->key, name, &number) == 1);
    bytes = bytes ? bytes : (size_t)BN_num_bytes(number);
    must(BN_bn2binpad(number, data, (int)bytes) == (int)bytes);
    BN_free(number);
    return issuer_base64url(data, bytes);
}

char *issuer_jwk(const struct issuer_key *key, const char *more)
{
    bool rsa = key->bytes == 0;
    AUTO_FREE char *first =
        number_of(key, rsa ? OSSL_PKEY_PARAM_RSA_N : OSSL_PKEY_PARAM_EC_PUB_X, key->bytes);
    AUTO_FREE char *second =
        number_of(key, rsa ? OSSL_PKEY_PARAM_RSA_E : OSSL_PKEY_PARAM_EC_PUB_Y, key->bytes);
    if (rsa)
        return mem_printf("{\"kty\":\"RSA\",\"kid\":\"%s\",\"n\":\"%s\",\"e\":\"%s\"%s}", key->id,
                          first, second, more);
    return mem_printf("{\"kty\":\"EC\",\"kid\":\"%s\",\"crv\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"%s}",
                      key->id, key->type, first, second, more);
}

char *issuer_jwks(const struct issuer_key *first, ...)
{
    struct buf text;
    va_list more;
    buf_init(&text, 65536);
    buf_adds(&text, "{\"keys\":[");
    va_start(more, first);
    for (const struct issuer_key *key = first; key; key = va_arg(more, const struct issuer_key *)) {
        AUTO_FREE char *jwk = issuer_jwk(key, "");
        buf_addf(&text, "%s%s", key == first ? "" : ",", jwk);
    }
    va_end(more);
    buf_adds(&text, "]}");
    return buf_take(&text);
}

/* r and s side by side. */
static size_t to_raw(const unsigned char *der, size_t len, size_t bytes, unsigned char *raw)
{
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)len);
    must(signature != NULL);
    must(BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, (int)bytes) == (int)bytes);
    must(BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + bytes, (int)bytes) == (int)bytes);
    ECDSA_SIG_free(signature);
    return bytes * 2;
}

/* With the public key in PEM as the secret: the trick against servers that mix up algorithms. */
static size_t sign_by_public_key(const struct issuer_key *key, const char *text, unsigned char *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    unsigned len = 0;
    must(PEM_write_bio_PUBKEY(bio, key->key) == 1);
    long pem_len = BIO_get_mem_data(bio, &pem);
    must(HMAC(EVP_sha256(), pem, (int)pem_len, (const unsigned char *)text, strlen(text), out,
              &len) != NULL);
    BIO_free(bio);
    return len;
}

static size_t sign(const struct issuer_key *key, const char *algorithm, const char *text,
                   unsigned char *out)
{
    AUTO_FREE char *digest = mem_printf("SHA%s", algorithm + 2);
    unsigned char signature[1024];
    size_t len = sizeof(signature);
    EVP_PKEY_CTX *options = NULL;
    if (strncmp(algorithm, "HS", 2) == 0)
        return sign_by_public_key(key, text, out);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(EVP_DigestSignInit_ex(context, &options, digest, NULL, NULL, key->key, NULL) == 1);
    if (strncmp(algorithm, "PS", 2) == 0)
        must(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1);
    must(EVP_DigestSign(context, signature, &len, (const unsigned char *)text, strlen(text)) == 1);
    EVP_MD_CTX_free(context);
    if (key->bytes)
        return to_raw(signature, len, key->bytes, out);
    memcpy(out, signature, len);
    return len;
}

char *issuer_sign(const struct issuer_key *key, const char *algorithm, const char *header,
                  const char *claims)
{
    unsigned char signature[1024];
    AUTO_FREE char *first = issuer_base64url(header, strlen(header));
    AUTO_FREE char *second = issuer_base64url(claims, strlen(claims));
    AUTO_FREE char *text = mem_printf("%s.%s", first, second);
    size_t len = sign(key, algorithm, text, signature);
    AUTO_FREE char *third = issuer_base64url(signature, len);
    return mem_printf("%s.%s", text, third);
}
