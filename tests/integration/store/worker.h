/*
 * A process of the load tests: this program again, with arguments. Each of its threads creates an
 * object of its own and updates it, one update after the other, and notes each write that was
 * acknowledged in a file. It checks what the store promised: after ERR_TRANSIENT nothing was
 * written, so the same write must succeed later; after ERR_TIMEOUT the object tells.
 */
#ifndef TESTS_STORE_WORKER_H
#define TESTS_STORE_WORKER_H

#include <stdint.h>
#include <sys/types.h>

struct note {
    int64_t revision;
    int64_t counter; /* of the object's body: 1, 2, … */
    char name[32];
};

struct worker {
    pid_t pid;
    char *notes_path;
};

/* Started as `program --worker …`: never returns then. */
void worker_main(int argc, char **argv);

/* @name is the prefix of the object names; @writes per thread, -1: until killed. */
void worker_start(struct worker *worker, const char *url, const char *name, int threads,
                  int64_t writes);
/* Holds the lease "leader" until killed. */
void worker_start_holder(struct worker *worker, const char *url);
/* The exit status must be 0. */
void worker_wait(struct worker *worker);
void worker_kill(struct worker *worker);
/* All that was noted; free() it. */
struct note *worker_notes(const struct worker *worker, size_t *ret_count);
void worker_release(struct worker *worker);

#endif
