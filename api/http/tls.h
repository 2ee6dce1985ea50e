/*
 * TLS as bytes in, bytes out: knows no sockets. OpenSSL does the protocol; libwebsockets, which
 * could do it too, keeps a connection's handshake and its time limits to itself. TLS 1.2 and
 * newer, HTTP/1.1 only, no renegotiation; sessions are resumed by tickets.
 *
 * A client certificate is asked for when there are authorities to check it by. One that can't be
 * verified does not end the handshake: whoever answers the requests says what is wrong.
 *
 * Loop thread only, but for certificate_unref().
 */
#ifndef MOT_API_HTTP_TLS_H
#define MOT_API_HTTP_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include <mot/base/buf.h>
#include <mot/base/err.h>

#include "server.h"

/* A piece of ciphertext for the peer is never larger than that of so much plaintext. */
#define TLS_OVERHEAD ((size_t)4096)

struct tls;
struct tls_session;

/* NULL with an error that names the file which can't be used. */
struct tls *tls_new(const struct http_tls_files *files, struct err *err) MOT_NODISCARD;
void tls_free(struct tls *tls);
/*
 * Looks at the files, at most once a second, and reads them again if one was changed. What can't
 * be used is logged once, and what was read before stays.
 */
void tls_refresh(struct tls *tls, int64_t now_ms);
/* How often the authorities of clients have changed. */
uint64_t tls_authorities(const struct tls *tls);

/* Of a new connection; NULL when there is no memory. It keeps what was read at that time. */
struct tls_session *tls_session_new(struct tls *tls);
void tls_session_free(struct tls_session *session);
/*
 * Takes bytes of the peer; adds the plaintext to @plain and what must be sent to @cipher. 1 when
 * the peer said that it will send nothing more, -1 when it broke the protocol (@cipher may have an
 * alert for it).
 */
int tls_session_receive(struct tls_session *session, const char *data, size_t len,
                        struct buf *plain, struct buf *cipher) MOT_NODISCARD;
/* Only once it is established. */
int tls_session_send(struct tls_session *session, const char *data, size_t len,
                     struct buf *cipher) MOT_NODISCARD;
/* Says that nothing more will be sent; nothing the second time. */
void tls_session_close(struct tls_session *session, struct buf *cipher);
bool tls_session_established(const struct tls_session *session);
/* The peer's, a reference for the caller; NULL when it showed none. */
struct certificate *tls_session_certificate(const struct tls_session *session);
/*
 * The same, held against the authorities of now; NULL when they have not changed since the last
 * time, or there is none. A resumed session no longer knows what lay between its certificate
 * and an authority: then it may be refused where a new connection is not.
 */
struct certificate *tls_session_judge(const struct tls *tls, struct tls_session *session);

/* The request's certificate with its owner. Any thread. */
struct certificate *certificate_ref(struct certificate *certificate);
void certificate_unref(struct certificate *certificate);
const struct http_certificate *certificate_view(const struct certificate *certificate);

#endif
