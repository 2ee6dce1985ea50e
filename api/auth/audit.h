/*
 * The audit log: who did what, with the outcome. Events in the form of audit.k8s.io/v1 (level
 * Metadata), one JSON object per line, written by a thread.
 *
 * A request whose line does not fit into the queue waits up to AUDIT_WAIT_MS for room; after that
 * the line is lost, and counted in the log of the server: a disk that hangs slows the server down,
 * and does not stop it. A line that can't be written is lost and counted, too.
 */
#ifndef MOT_API_AUTH_AUDIT_H
#define MOT_API_AUTH_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include <mot/base/buf.h>
#include <mot/base/err.h>

#include "caller.h"

#define AUDIT_WAIT_MS 2000

/* A request that has been decided or answered. Texts are borrowed; NULL where there is nothing. */
struct audit_event {
    const char *id;
    bool started; /* a stream begins (ResponseStarted); otherwise the answer is complete */
    const char *uri;
    const struct caller *caller;
    const char *peer; /* "127.0.0.1:40312" */
    const char *user_agent;
    int code;
    const char *reason, *message; /* of a failure */
    int64_t received_us;          /* since 1970 */
    int64_t stage_us;
    uint64_t held_back; /* lines that were not written before this one, for being too many */
};
/* The line, with its '\n'. */
void audit_event_write(struct buf *buf, const struct audit_event *event);

struct audit_options {
    const char *path;  /* "-": standard output */
    int64_t max_bytes; /* the file is set aside when it grows beyond; 0: never */
    int backups; /* how many are kept that were set aside, as PATH.1 (newest), …; 0: all go */
    size_t queue_max; /* lines; 0: 8192 */
};

struct audit;
/* The file is opened for appending, and anew when it was renamed or removed. */
struct audit *audit_open(const struct audit_options *options, struct err *err) MOT_NODISCARD;
/* Writes what is queued first. */
void audit_close(struct audit *audit);
/* Takes ownership of @line (malloc). Any thread. */
void audit_write(struct audit *audit, char *line);
/* The same without waiting for room: without it the line is lost at once. */
void audit_offer(struct audit *audit, char *line);

#endif
