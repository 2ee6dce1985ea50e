#include "tls.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <mot/base/mem.h>

#include "certificate.h"

#define ORGANIZATIONS_MAX 256 /* groups of one client */

struct certificate {
    atomic_size_t refs;
    struct http_certificate view;
    char *common_name;
    char *organizations[ORGANIZATIONS_MAX];
    char fingerprint[EVP_MAX_MD_SIZE * 2 + 1];
    char *refused;
};

/* free() it; NULL when it is no text, or one with a NUL: that would end it for us, and not for
 * whoever signed it. */
static char *text_of(const X509_NAME_ENTRY *entry)
{
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
    char *text = NULL;
    if (len >= 0 && !memchr(utf8, '\0', (size_t)len))
        text = mem_strndup((const char *)utf8, (size_t)len);
    OPENSSL_free(utf8);
    return text;
}

static void refuse(struct certificate *certificate, const char *why)
{
    if (!certificate->refused)
        certificate->refused = mem_strdup(why);
}

static void take_subject(struct certificate *certificate, const X509 *x509)
{
    const X509_NAME *subject = X509_get_subject_name(x509);
    for (int i = 0; i < X509_NAME_entry_count(subject); i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
        int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
        if (nid != NID_commonName && nid != NID_organizationName)
            continue;
        char *text = text_of(entry);
        if (!text) {
            refuse(certificate, "its subject can't be read");
        } else if (nid == NID_commonName) {
            free(certificate->common_name);
            certificate->common_name = text;
        } else if (certificate->view.organization_count < ORGANIZATIONS_MAX) {
            certificate->organizations[certificate->view.organization_count++] = text;
        } else {
            free(text);
            refuse(certificate, "it names too many organizations");
        }
    }
}

static void take_fingerprint(struct certificate *certificate, const X509 *x509)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (X509_digest(x509, EVP_sha256(), digest, &len) != 1)
        refuse(certificate, "it has no fingerprint");
    for (unsigned i = 0; i < len; i++)
        snprintf(certificate->fingerprint + (size_t)i * 2, 3, "%02x", digest[i]);
}

static int64_t wall_ms_of(const ASN1_TIME *time)
{
    struct tm parts;
    if (ASN1_TIME_to_tm(time, &parts) != 1)
        return 0;
    return (int64_t)timegm(&parts) * 1000;
}

struct certificate *certificate_new(const X509 *x509, long verify_result)
{
    struct certificate *certificate = mem_zalloc(sizeof(*certificate));
    atomic_init(&certificate->refs, 1);
    if (verify_result != X509_V_OK)
        refuse(certificate, X509_verify_cert_error_string(verify_result));
    take_subject(certificate, x509);
    take_fingerprint(certificate, x509);
    certificate->view.fingerprint = certificate->fingerprint;
    certificate->view.common_name = certificate->common_name ? certificate->common_name : "";
    certificate->view.organizations = (const char *const *)certificate->organizations;
    certificate->view.until_wall_ms = wall_ms_of(X509_get0_notAfter(x509));
    certificate->view.refused = certificate->refused;
    return certificate;
}

struct certificate *certificate_ref(struct certificate *certificate)
{
    if (certificate)
        atomic_fetch_add_explicit(&certificate->refs, 1, memory_order_relaxed);
    return certificate;
}

void certificate_unref(struct certificate *certificate)
{
    if (!certificate || atomic_fetch_sub_explicit(&certificate->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < certificate->view.organization_count; i++)
        free(certificate->organizations[i]);
    free(certificate->common_name);
    free(certificate->refused);
    free(certificate);
}

const struct http_certificate *certificate_view(const struct certificate *certificate)
{
    return certificate ? &certificate->view : NULL;
}
