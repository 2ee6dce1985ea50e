/*
 * How errors travel. A function that can fail returns 0 or -1 (or a pointer, NULL on error)
 * and takes a `struct err *` as its last argument. The error is built where it is known,
 * wrapped on the way up, and logged or answered once at the top. Nothing is allocated.
 *
 * The code says what the caller can do about it, not where it happened.
 */
#ifndef MOT_BASE_ERR_H
#define MOT_BASE_ERR_H

#include <stdint.h>

#define MOT_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define MOT_NODISCARD    __attribute__((warn_unused_result))

enum err_code {
    ERR_NONE = 0,
    ERR_INVALID,   /* the input is wrong: saying it again will not help */
    ERR_FORBIDDEN, /* a rule of ours refuses it */
    ERR_NOT_FOUND,
    ERR_EXISTS,
    ERR_CONFLICT,    /* somebody was faster: read again, decide again */
    ERR_GONE,        /* the asked-for history is no longer kept */
    ERR_TOO_LARGE,   /* over a limit of ours */
    ERR_UNSUPPORTED, /* understood, and not served */
    ERR_TRANSIENT,   /* the other side is away or busy: retry with a back-off */
    ERR_TIMEOUT,     /* a deadline passed; it is unknown whether the call took effect */
    ERR_INTERNAL,    /* a bug of ours */
};

struct err {
    enum err_code code;
    int64_t floor; /* ERR_GONE: the oldest position that is still kept; else 0 */
    char message[1024];
};

/* Both return -1, so that `return err_set(err, …)` reads well. @err may be NULL. */
int err_set(struct err *err, enum err_code code, const char *format, ...) MOT_PRINTF(3, 4);
/* ERR_GONE with its floor. */
int err_set_gone(struct err *err, int64_t floor, const char *format, ...) MOT_PRINTF(3, 4);
/* Puts "prefix: " before the message and keeps the code. */
int err_wrap(struct err *err, const char *format, ...) MOT_PRINTF(2, 3);

/* "Invalid", "NotFound", … : one word per code, for logs. */
const char *err_code_name(enum err_code code);

#endif
