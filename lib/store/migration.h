/* The numbered files of schemas/sql, built in, and what applies them. */
#ifndef STORE_MIGRATION_H
#define STORE_MIGRATION_H

#include <stdint.h>

#include <mot/base/err.h>

struct pg;

struct migration {
    int version;
    const char *name;
    const char *sql;
};

/* In order of version; ends with a row without name. */
extern const struct migration migrations[];

/* Applies what is missing, in one transaction. One process at a time does so, the others wait. */
int migrate(struct pg *pg, int64_t deadline, struct err *err) MOT_NODISCARD;

#endif
