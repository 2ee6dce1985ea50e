/* An authority of a test, and what it issues, as files in a folder of its own. */
#ifndef MOT_TESTS_LIB_CERTIFICATES_H
#define MOT_TESTS_LIB_CERTIFICATES_H

#include <stdint.h>

#include <cli/pki/certificate.h>

struct certificates {
    char dir[64];
    struct keypair *authority;
};

/* With ca.crt, and server.crt and server.key for localhost and 127.0.0.1. Ends the test process
 * when it can't. */
void certificates_make(struct certificates *certificates);
void certificates_remove(struct certificates *certificates);
/* Writes NAME.crt and NAME.key: a client's, of the organizations up to the NULL, valid from an hour
 * ago for @valid_ms from now on (less than 0: over already). */
void certificates_client(struct certificates *certificates, const char *name,
                         const char *common_name, const char *const *organizations,
                         int64_t valid_ms);
/* Another certificate with another key for the server, under the same names. */
void certificates_renew_server(struct certificates *certificates, const char *common_name);
/* DIR/NAME.SUFFIX; free() it. */
char *certificates_file(const struct certificates *certificates, const char *name,
                        const char *suffix);

#endif
