#include "cli/pki/certificate.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <mot/base/buf.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>

#define SERIAL_BYTES 16

struct keypair {
    X509 *x509;
    EVP_PKEY *key;
};

static int fail(struct err *err, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    err_set(err, ERR_INTERNAL, "OpenSSL: %s%s%s", what, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
    return -1;
}

/* ---------------------------------------------------------------------------------- making */

static int set_serial(X509 *x509)
{
    unsigned char bytes[SERIAL_BYTES];
    random_bytes(bytes, sizeof(bytes));
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40); /* positive, and always as long */
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
    BN_free(number);
    return ok ? 0 : -1;
}

static int set_time(ASN1_TIME *time, int64_t wall_ms)
{
    return ASN1_TIME_adj(time, (time_t)(wall_ms / 1000), 0, 0) ? 0 : -1;
}

static int add_to_name(X509_NAME *name, const char *field, const char *text)
{
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)text, -1,
                                      -1, 0) == 1
               ? 0
               : -1;
}

static int set_subject(X509 *x509, const struct keypair_spec *spec)
{
    X509_NAME *name = X509_get_subject_name(x509);
    for (size_t i = 0; spec->organizations && spec->organizations[i]; i++)
        if (add_to_name(name, "O", spec->organizations[i]) < 0)
            return -1;
    return add_to_name(name, "CN", spec->common_name);
}

static int add_extension(X509 *x509, X509V3_CTX *context, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);
    int added = extension ? X509_add_ext(x509, extension, -1) : 0;
    X509_EXTENSION_free(extension);
    return added == 1 ? 0 : -1;
}

/* "DNS:localhost,IP:127.0.0.1" */
static int add_names(X509 *x509, X509V3_CTX *context, const char *const *names)
{
    struct buf list;
    buf_init(&list, 65536);
    for (size_t i = 0; names && names[i]; i++) {
        unsigned char address[16];
        bool ip = inet_pton(AF_INET, names[i], address) == 1 ||
                  inet_pton(AF_INET6, names[i], address) == 1;
        buf_addf(&list, "%s%s:%s", i ? "," : "", ip ? "IP" : "DNS", names[i]);
    }
    int result = list.len > 0 ? add_extension(x509, context, NID_subject_alt_name, list.data) : 0;
    buf_release(&list);
    return result;
}

static int add_extensions(X509 *x509, const struct keypair_spec *spec, X509 *issuer)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    if (add_extension(x509, &context, NID_basic_constraints,
                      spec->authority ? "critical,CA:TRUE" : "critical,CA:FALSE") < 0 ||
        add_extension(x509, &context, NID_key_usage,
                      spec->authority ? "critical,keyCertSign,cRLSign"
                                      : "critical,digitalSignature") < 0 ||
        add_extension(x509, &context, NID_subject_key_identifier, "hash") < 0 ||
        add_extension(x509, &context, NID_authority_key_identifier, "keyid") < 0)
        return -1;
    if (spec->server && add_extension(x509, &context, NID_ext_key_usage, "serverAuth") < 0)
        return -1;
    if (spec->client && add_extension(x509, &context, NID_ext_key_usage, "clientAuth") < 0)
        return -1;
    return add_names(x509, &context, spec->names);
}

static int fill_in(struct keypair *pair, const struct keypair_spec *spec)
{
    X509 *x509 = pair->x509;
    const struct keypair *issuer = spec->issuer ? spec->issuer : pair;
    if (X509_set_version(x509, X509_VERSION_3) != 1 || set_serial(x509) < 0 ||
        set_time(X509_getm_notBefore(x509), spec->from_wall_ms) < 0 ||
        set_time(X509_getm_notAfter(x509), spec->until_wall_ms) < 0 ||
        set_subject(x509, spec) < 0 || X509_set_pubkey(x509, pair->key) != 1 ||
        X509_set_issuer_name(x509, X509_get_subject_name(issuer->x509)) != 1)
        return -1;
    if (add_extensions(x509, spec, issuer->x509) < 0)
        return -1;
    return X509_sign(x509, issuer->key, EVP_sha256()) > 0 ? 0 : -1;
}

struct keypair *keypair_make(const struct keypair_spec *spec, struct err *err)
{
    struct keypair *pair = mem_zalloc(sizeof(*pair));
    pair->key = EVP_EC_gen("P-256");
    pair->x509 = X509_new();
    if (pair->key && pair->x509 && fill_in(pair, spec) == 0)
        return pair;
    fail(err, "a certificate can't be made");
    keypair_free(pair);
    return NULL;
}

void keypair_free(struct keypair *pair)
{
    if (!pair)
        return;
    X509_free(pair->x509);
    EVP_PKEY_free(pair->key);
    free(pair);
}

/* ---------------------------------------------------------------------------------- PEM */

static char *text_of(BIO *bio, int written)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    char *text = mem_strndup(written == 1 && len > 0 ? data : "", written == 1 ? (size_t)len : 0);
    BIO_free(bio);
    return text;
}

char *keypair_certificate(const struct keypair *pair)
{
    BIO *bio = BIO_new(BIO_s_mem());
    return text_of(bio, PEM_write_bio_X509(bio, pair->x509));
}

char *keypair_key(const struct keypair *pair)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    return text_of(bio, PEM_write_bio_PKCS8PrivateKey(bio, pair->key, NULL, NULL, 0, NULL, NULL));
}

struct keypair *keypair_read(const char *certificate, const char *key, struct err *err)
{
    struct keypair *pair = mem_zalloc(sizeof(*pair));
    BIO *first = BIO_new_mem_buf(certificate, -1), *second = BIO_new_mem_buf(key, -1);
    pair->x509 = PEM_read_bio_X509(first, NULL, NULL, NULL);
    pair->key = PEM_read_bio_PrivateKey(second, NULL, NULL, (void *)(uintptr_t) "");
    BIO_free(first);
    BIO_free(second);
    if (pair->x509 && pair->key && X509_check_private_key(pair->x509, pair->key) == 1)
        return pair;
    err_set(err, ERR_INVALID, "a certificate and its private key in PEM are expected");
    ERR_clear_error();
    keypair_free(pair);
    return NULL;
}

char *pem_base64(const char *pem)
{
    size_t len = strlen(pem);
    char *text = mem_alloc((len + 2) / 3 * 4 + 1);
    EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)pem, (int)len);
    return text;
}

int64_t keypair_until_wall_ms(const struct keypair *pair)
{
    struct tm parts;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(pair->x509), &parts) != 1)
        return 0;
    return (int64_t)timegm(&parts) * 1000;
}

bool keypair_signed_by(const struct keypair *pair, const struct keypair *issuer)
{
    bool ok = X509_verify(pair->x509, issuer->key) == 1;
    ERR_clear_error();
    return ok;
}
