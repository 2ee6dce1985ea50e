/*
 * A private authority in a folder, with what it issues for one API server on this machine and for
 * the one who administers it: ca.crt, ca.key, server.crt, server.key, admin.crt, admin.key. All of
 * them are for the folder's owner alone.
 */
#ifndef MOT_CLI_PKI_PKI_H
#define MOT_CLI_PKI_PKI_H

#include <stdint.h>

#include <mot/base/err.h>

struct pki {
    char *authority, *authority_key; /* paths */
    char *server, *server_key;       /* for localhost, 127.0.0.1 and ::1 */
    char *admin, *admin_key;         /* CN=admin, O=system:masters */
};

/*
 * Makes what is missing, broken, of another authority, or over within 30 days of @now_wall_ms: the
 * authority for ten years (and then everything else anew), the others for one. pki_release() it,
 * also after an error.
 */
int pki_prepare(struct pki *ret_pki, const char *dir, int64_t now_wall_ms,
                struct err *err) MOT_NODISCARD;
void pki_release(struct pki *pki);

#endif
