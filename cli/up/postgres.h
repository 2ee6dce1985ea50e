/* The private PostgreSQL of `mot up`: initdb once, a Unix socket only, never as root. */
#ifndef MOT_CLI_UP_POSTGRES_H
#define MOT_CLI_UP_POSTGRES_H

#include <mot/base/err.h>

#include "cli/up/process.h"

struct postgres {
    char *bin;     /* the folder of its programs */
    char *data;    /* its data folder */
    char *fresh;   /* where initdb works; renamed to data once it is done */
    char *sockets; /* the folder of its socket */
    char *log;
    char *url; /* for libpq */
    const char *argv[24];
    const char *init_argv[16];
    char *settings[8];
    struct process_user user;
    bool unreachable; /* the data folder, for that user: it lies below /root, say */
};

/*
 * Finds the programs (MOT_POSTGRES_BIN, Debian's folders, PATH) and the user, and prepares the
 * folders below @dir; what is missing is said with the package to install. postgres_release() it,
 * also after an error.
 */
int postgres_prepare(struct postgres *postgres, const char *dir, const char *log,
                     struct err *err) MOT_NODISCARD;
/* Has the database been created? */
bool postgres_exists(const struct postgres *postgres);
/* What creates it; postgres_init_done() follows when that has ended well. */
int postgres_init_spec(struct postgres *postgres, struct process_spec *ret_spec,
                       struct err *err) MOT_NODISCARD;
int postgres_init_done(const struct postgres *postgres, struct err *err) MOT_NODISCARD;
/* What to run. */
struct process_spec postgres_spec(struct postgres *postgres);
/* Has it written that it takes connections? */
bool postgres_answers(const struct postgres *postgres);
void postgres_release(struct postgres *postgres);

#endif
