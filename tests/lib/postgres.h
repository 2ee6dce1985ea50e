/*
 * A PostgreSQL of its own for a test: a temporary folder with a Unix socket, no TCP. It ends with
 * the test, also when the test is killed. All functions end the test with a message when they fail.
 */
#ifndef TESTS_LIB_POSTGRES_H
#define TESTS_LIB_POSTGRES_H

#include <stdint.h>
#include <sys/types.h>

struct postgres;

/* fsync is on: what it acknowledges survives a crash. */
struct postgres *postgres_start(void);
/* Stops it and removes its folder. */
void postgres_free(struct postgres *postgres);

/* "host=/tmp/… dbname=…": of a database of its own when @name is not NULL (created if missing). */
char *postgres_url(struct postgres *postgres, const char *name);

/* Runs statements with psql, in the database postgres. */
void postgres_sql(struct postgres *postgres, const char *sql);

/* "immediate" is a crash: no checkpoint, recovery from the log. "fast" ends the sessions properly.
 */
void postgres_stop(struct postgres *postgres, const char *mode);
/* After postgres_stop; returns when it answers. */
void postgres_resume(struct postgres *postgres);
void postgres_restart(struct postgres *postgres, const char *mode);
/* SIGSTOP and SIGCONT for all its processes: it is there and doesn't answer. */
void postgres_freeze(struct postgres *postgres, int frozen);

/* User and system time of all its processes since they were started, in microseconds. */
int64_t postgres_cpu_us(struct postgres *postgres);

#endif
