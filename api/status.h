/* metav1.Status: what every failure, and a finished delete, is answered with. */
#ifndef MOT_API_STATUS_H
#define MOT_API_STATUS_H

#include <stdbool.h>

#include <mot/base/buf.h>
#include <mot/base/err.h>
#include <mot/model/schema.h>

struct status {
    int code;           /* 0: nothing has failed */
    const char *reason; /* static; NULL: none */
    char *message;
    char *name; /* details: the object's, NULL if there are no details of an object */
    const char *group;
    const char *kind; /* the plural, or the Kind where the real server says so */
    char *kind_text;  /* owned: what @kind points to when it comes from a body; else NULL */
    char *uid;
    struct field_errors causes;
    int retry_after;      /* seconds; 0: none */
    char *continue_token; /* of an expired list */
    bool details;         /* "details":{} even when there is nothing to say in it */
    bool page; /* it is answered with a text, as HTTP servers answer who asks for a page */
};

void status_release(struct status *status);
/* The JSON; @success for a delete. */
void status_write(struct buf *buf, const struct status *status, bool success);

/* The one table from error codes to HTTP: code, reason, whether a client should come back. */
struct status_class {
    int code;
    const char *reason;
    int retry_after;
};
const struct status_class *status_class_of(enum err_code code);

#endif
