#include "tls.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>

#include "certificate.h"

#define FILE_MAX      ((size_t)4 << 20)
#define LOOK_EVERY_MS 1000
#define READ_PIECE    ((size_t)16 * 1024) /* the most that one TLS record carries */

enum { FILE_CERTIFICATE, FILE_KEY, FILE_AUTHORITIES, FILES };

struct tls {
    char *paths[FILES]; /* NULL: none */
    struct file_stamp stamps[FILES];
    int64_t looked_ms;
    bool other_authorities; /* their file has changed, and is not in use yet */
    uint64_t authorities;   /* how often they have changed */
    SSL_CTX *context;
    BIO_METHOD *method;
};

struct tls_session {
    SSL *ssl;
    bool established; /* OpenSSL's own word for it changes with messages after the handshake */
    bool closed;      /* we said that we end */
    uint64_t judged;  /* the authorities that the peer's certificate was held against */
    /* During a call: what it reads from and where it writes to. */
    const char *input;
    size_t input_len;
    struct buf *output;
};

/* ------------------------------------------------------------------------ the files */

/* The first of OpenSSL's reasons; its queue is empty afterwards. */
static int fail_openssl(struct err *err, const char *path, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    err_set(err, ERR_INVALID, "%s: %s%s%s", path, what, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
    return -1;
}

/* BIO_free() it, then free *ret_text. */
static BIO *open_pem(const char *path, char **ret_text, struct err *err)
{
    size_t len = 0;
    *ret_text = file_read(path, FILE_MAX, &len, err);
    return *ret_text ? BIO_new_mem_buf(*ret_text, (int)len) : NULL;
}

/* True when reading ended because there was nothing more, and not in the middle. */
static bool at_end(void)
{
    unsigned long error = ERR_peek_last_error();
    bool end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    if (end)
        ERR_clear_error();
    return end;
}

static int use_certificates(SSL_CTX *context, const char *path, BIO *pem, struct err *err)
{
    X509 *own = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    if (!own || SSL_CTX_use_certificate(context, own) != 1) {
        X509_free(own);
        return fail_openssl(err, path, "it has no certificate in PEM");
    }
    X509_free(own);
    for (X509 *next; (next = PEM_read_bio_X509(pem, NULL, NULL, NULL));) {
        if (SSL_CTX_add0_chain_cert(context, next) != 1) {
            X509_free(next);
            return fail_openssl(err, path, "its chain of certificates can't be used");
        }
    }
    return at_end() ? 0 : fail_openssl(err, path, "a certificate in it is broken");
}

/* An encrypted key is an error, and no reason to ask the terminal for a password. */
static int no_password(char *text, int size, int writing, void *context)
{
    (void)text;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static int use_key(SSL_CTX *context, const char *path, BIO *pem, struct err *err)
{
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, no_password, NULL);
    if (!key)
        return fail_openssl(err, path, "it has no private key in PEM");
    int used = SSL_CTX_use_PrivateKey(context, key);
    EVP_PKEY_free(key);
    if (used != 1 || SSL_CTX_check_private_key(context) != 1)
        return fail_openssl(err, path, "the key is not that of the certificate");
    return 0;
}

static int use_authorities(SSL_CTX *context, const char *path, BIO *pem, struct err *err)
{
    int count = 0;
    for (X509 *next; (next = PEM_read_bio_X509(pem, NULL, NULL, NULL)); count++) {
        /* Their names are a hint to clients that have several certificates. */
        int added = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), next) == 1 &&
                    SSL_CTX_add_client_CA(context, next) == 1;
        X509_free(next);
        if (!added)
            return fail_openssl(err, path, "a certificate in it can't be used");
    }
    if (!at_end() || count == 0)
        return fail_openssl(err, path, "it has no certificates in PEM, or a broken one");
    return 0;
}

typedef int use_file(SSL_CTX *context, const char *path, BIO *pem, struct err *err);

static int load_file(SSL_CTX *context, const char *path, use_file *use, struct err *err)
{
    if (!path)
        return 0;
    AUTO_FREE char *text = NULL;
    BIO *pem = open_pem(path, &text, err);
    if (!pem)
        return -1;
    ERR_clear_error();
    int result = use(context, path, pem, err);
    BIO_free(pem);
    if (text) /* keys shall not lie about in freed memory */
        OPENSSL_cleanse(text, strlen(text));
    return result;
}

/* ------------------------------------------------------------------------ the context */

/* Notes the verdict, which SSL_get_verify_result() tells, and goes on: a request with a certificate
 * that nobody vouches for gets a proper answer. */
static int verify_and_go_on(X509_STORE_CTX *store, void *context)
{
    (void)context;
    if (X509_verify_cert(store) != 1 && X509_STORE_CTX_get_error(store) == X509_V_OK)
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
    ERR_clear_error();
    return 1;
}

static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *context)
{
    (void)ssl;
    (void)context;
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void set_policy(SSL_CTX *context, bool ask_for_certificate)
{
    static const unsigned char id[] = "mot";
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL);
    /* Tickets keep the state of a session with the client. Their key is the context's own, so none
     * outlives a change of the authorities. */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(context, id, sizeof(id) - 1);
    SSL_CTX_set_num_tickets(context, 1);
    if (!ask_for_certificate)
        return;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context, verify_and_go_on, NULL);
    X509_STORE_set_flags(SSL_CTX_get_cert_store(context), X509_V_FLAG_PARTIAL_CHAIN);
}

static SSL_CTX *load(const struct tls *tls, struct err *err)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context) {
        err_set(err, ERR_INTERNAL, "OpenSSL makes no TLS context");
        return NULL;
    }
    set_policy(context, tls->paths[FILE_AUTHORITIES] != NULL);
    if (load_file(context, tls->paths[FILE_CERTIFICATE], use_certificates, err) == 0 &&
        load_file(context, tls->paths[FILE_KEY], use_key, err) == 0 &&
        load_file(context, tls->paths[FILE_AUTHORITIES], use_authorities, err) == 0)
        return context;
    SSL_CTX_free(context);
    return NULL;
}

/* Before the files are read: what changes meanwhile is a change for the next look. */
static bool stamps_changed(struct tls *tls)
{
    bool changed = false;
    for (int i = 0; i < FILES; i++) {
        if (!tls->paths[i])
            continue;
        bool renewed = file_stamp_renew(&tls->stamps[i], tls->paths[i]);
        changed = changed || renewed;
        tls->other_authorities = tls->other_authorities || (renewed && i == FILE_AUTHORITIES);
    }
    return changed;
}

void tls_refresh(struct tls *tls, int64_t now_ms)
{
    if (now_ms < tls->looked_ms + LOOK_EVERY_MS)
        return;
    tls->looked_ms = now_ms;
    if (!stamps_changed(tls))
        return;
    struct err err = {0};
    SSL_CTX *context = load(tls, &err);
    if (!context) {
        log_warn("changed TLS files can't be used: the server goes on with what it has",
                 LOG_S("why", err.message));
        return;
    }
    SSL_CTX_free(tls->context); /* sessions hold on to it */
    tls->context = context;
    tls->authorities += tls->other_authorities;
    tls->other_authorities = false;
    log_info("read the changed TLS files", LOG_S("certificate", tls->paths[FILE_CERTIFICATE]));
}

uint64_t tls_authorities(const struct tls *tls)
{
    return tls->authorities;
}

/* ------------------------------------------------------------------------ OpenSSL's side of bytes
 */

static int read_input(BIO *bio, char *data, int size)
{
    struct tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (session->input_len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = session->input_len < (size_t)size ? session->input_len : (size_t)size;
    memcpy(data, session->input, n);
    session->input += n;
    session->input_len -= n;
    return (int)n;
}

static int write_output(BIO *bio, const char *data, int len)
{
    struct tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (!session->output)
        return -1;
    buf_add(session->output, data, (size_t)len);
    return buf_failed(session->output) ? -1 : len;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *make_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mot");
    if (!method)
        return NULL;
    BIO_meth_set_read(method, read_input);
    BIO_meth_set_write(method, write_output);
    BIO_meth_set_ctrl(method, control);
    return method;
}

struct tls *tls_new(const struct http_tls_files *files, struct err *err)
{
    struct tls *tls = mem_zalloc(sizeof(*tls));
    const char *paths[FILES] = {files->certificate, files->key, files->client_authorities};
    if (!files->certificate || !files->key) {
        err_set(err, ERR_INVALID, "TLS needs a certificate and its key");
        tls_free(tls);
        return NULL;
    }
    for (int i = 0; i < FILES && paths[i]; i++) {
        tls->paths[i] = mem_strdup(paths[i]);
        tls->stamps[i] = file_stamp(paths[i]);
    }
    tls->looked_ms = clock_ms();
    tls->method = make_method();
    tls->context = load(tls, err);
    if (tls->method && tls->context)
        return tls;
    tls_free(tls);
    return NULL;
}

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->context);
    BIO_meth_free(tls->method);
    for (int i = 0; i < FILES; i++)
        free(tls->paths[i]);
    free(tls);
}

/* ------------------------------------------------------------------------ sessions */

struct tls_session *tls_session_new(struct tls *tls)
{
    struct tls_session *session = mem_zalloc(sizeof(*session));
    session->judged = tls->authorities;
    session->ssl = SSL_new(tls->context);
    BIO *bio = BIO_new(tls->method);
    if (!session->ssl || !bio) {
        BIO_free(bio);
        tls_session_free(session);
        ERR_clear_error();
        return NULL;
    }
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(session->ssl, bio, bio);
    SSL_set_accept_state(session->ssl);
    return session;
}

void tls_session_free(struct tls_session *session)
{
    if (!session)
        return;
    SSL_free(session->ssl);
    free(session);
}

enum outcome { GO_ON, MORE_BYTES, ENDED, BROKEN };

static enum outcome outcome_of(const struct tls_session *session, int result)
{
    int error = SSL_get_error(session->ssl, result);
    ERR_clear_error();
    if (error == SSL_ERROR_NONE)
        return GO_ON;
    if (error == SSL_ERROR_WANT_READ)
        return MORE_BYTES;
    return error == SSL_ERROR_ZERO_RETURN ? ENDED : BROKEN;
}

static enum outcome read_all(struct tls_session *session, struct buf *plain)
{
    for (;;) {
        size_t n = 0;
        char *place = buf_reserve(plain, READ_PIECE);
        if (!place)
            return BROKEN;
        int result = SSL_read_ex(session->ssl, place, READ_PIECE, &n);
        plain->len += n;
        if (n == 0)
            return outcome_of(session, result);
    }
}

int tls_session_receive(struct tls_session *session, const char *data, size_t len,
                        struct buf *plain, struct buf *cipher)
{
    session->input = data;
    session->input_len = len;
    session->output = cipher;
    ERR_clear_error();
    enum outcome outcome = GO_ON;
    if (!session->established) {
        outcome = outcome_of(session, SSL_do_handshake(session->ssl));
        session->established = outcome == GO_ON;
    }
    if (outcome == GO_ON)
        outcome = read_all(session, plain);
    session->output = NULL;
    return outcome == BROKEN ? -1 : outcome == ENDED ? 1 : 0;
}

int tls_session_send(struct tls_session *session, const char *data, size_t len, struct buf *cipher)
{
    size_t n = 0;
    session->output = cipher;
    ERR_clear_error();
    int result = SSL_write_ex(session->ssl, data, len, &n);
    session->output = NULL;
    ERR_clear_error();
    return result == 1 && n == len ? 0 : -1;
}

void tls_session_close(struct tls_session *session, struct buf *cipher)
{
    if (session->closed || !session->established)
        return;
    session->closed = true;
    session->output = cipher;
    SSL_shutdown(session->ssl);
    session->output = NULL;
    ERR_clear_error();
}

bool tls_session_established(const struct tls_session *session)
{
    return session->established;
}

struct certificate *tls_session_certificate(const struct tls_session *session)
{
    const X509 *x509 = SSL_get0_peer_certificate(session->ssl);
    return x509 ? certificate_new(x509, SSL_get_verify_result(session->ssl)) : NULL;
}

/* As in a handshake. What lies between the two is what the peer sent in its own. */
static long verify_anew(const struct tls *tls, const struct tls_session *session, X509 *x509)
{
    long verdict = X509_V_ERR_UNSPECIFIED;
    X509_STORE_CTX *store = X509_STORE_CTX_new();
    if (store && X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(tls->context), x509,
                                     SSL_get_peer_cert_chain(session->ssl)) == 1) {
        X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(store),
                                         SSL_get_security_level(session->ssl));
        X509_STORE_CTX_set_default(store, "ssl_client");
        bool good = X509_verify_cert(store) == 1;
        int error = X509_STORE_CTX_get_error(store);
        verdict = good ? X509_V_OK : error != X509_V_OK ? error : verdict;
    }
    X509_STORE_CTX_free(store);
    ERR_clear_error();
    return verdict;
}

struct certificate *tls_session_judge(const struct tls *tls, struct tls_session *session)
{
    if (!session->established || session->judged == tls->authorities)
        return NULL;
    session->judged = tls->authorities;
    X509 *x509 = SSL_get0_peer_certificate(session->ssl);
    return x509 ? certificate_new(x509, verify_anew(tls, session, x509)) : NULL;
}
