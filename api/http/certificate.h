/* From OpenSSL's certificates to those that handlers see; for tls.c. */
#ifndef MOT_API_HTTP_CERTIFICATE_H
#define MOT_API_HTTP_CERTIFICATE_H

#include <openssl/x509.h>

#include <mot/base/err.h>

/* @verify_result: of SSL_get_verify_result(). certificate_unref() it. */
struct certificate *certificate_new(const X509 *x509, long verify_result) MOT_NODISCARD;

#endif
