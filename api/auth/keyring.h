/*
 * The key set of an issuer, kept current: a file is read again when it changes; a URL is fetched by
 * a thread of its own, every few minutes, and earlier when a token names a key that is not in the
 * set, but never more often than every ten seconds. What fails changes nothing and is tried again.
 * Any thread.
 */
#ifndef MOT_API_AUTH_KEYRING_H
#define MOT_API_AUTH_KEYRING_H

#include <stdint.h>

#include "jwks.h"

struct keyring;

struct keyring_options {
    const char *source;  /* a file or URL; NULL: the jwks_uri in the issuer's discovery document */
    const char *issuer;  /* for that */
    const char *ca_file; /* of the URLs' servers; NULL: the system's */
    int64_t pause_ms;    /* between two fetches; 0: 10 s */
};

/* A file must be there and good; a URL may be away. */
struct keyring *keyring_open(const struct keyring_options *options, struct err *err) MOT_NODISCARD;
void keyring_free(struct keyring *keyring);

/* The set as it is now, NULL when none was ever fetched; jwks_unref() it. */
struct jwks *keyring_keys(struct keyring *keyring) MOT_NODISCARD;
/*
 * A newer set than @old, after waiting for it for a few seconds at most; NULL when there is none,
 * when the last fetch is not long enough ago, or when as many are waiting as may: unknown keys must
 * not occupy all threads.
 */
struct jwks *keyring_newer(struct keyring *keyring, const struct jwks *old) MOT_NODISCARD;
/* How often the keys have become others; looks at a file, at most once a second. */
uint64_t keyring_changes(struct keyring *keyring);

#endif
