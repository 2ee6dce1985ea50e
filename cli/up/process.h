/* Child processes of `mot up`: each with a group and a log of its own, and none that outlives its
 * parent. */
#ifndef MOT_CLI_UP_PROCESS_H
#define MOT_CLI_UP_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <mot/base/err.h>

/* Who a process runs as, when we are root and it must not be. */
struct process_user {
    bool change; /* false: as we are */
    uid_t uid;
    gid_t gid;
};

struct process_spec {
    const char *const *argv;
    const char *log;    /* output is appended there; for its owner alone */
    const char *dir;    /* working folder; NULL: ours */
    const char *handed; /* a folder that it gets opened, as descriptor 3; NULL for none */
    const char *const
        *unset; /* environment variables it must not see, NULL-terminated; may be NULL */
    struct process_user user;
    int end_signal; /* what asks it to end; also sent by the kernel when we die */
};

/*
 * Starts it. From the main thread only: the kernel sends the end signal when the *thread* that
 * started it ends. *ret_pidfd becomes readable when it has ended.
 */
int part_process_start(const struct process_spec *spec, pid_t *ret_pid, int *ret_pidfd,
                       struct err *err) MOT_NODISCARD;
/* After its pidfd became readable: "exit 1", "signal 9 (Killed)". */
void part_process_reap(pid_t pid, char *text, size_t size, bool *ret_ok);

/* The last line of a log that says something, cut to @size; "" if there is none. */
void process_last_words(const char *log, char *text, size_t size);

/* The full path of a program of PATH, free() it; NULL when there is none. */
char *process_find(const char *program);

/*
 * The processes of a run are written to a file, so that the next run on the same folder can tell
 * which of them are still there (the earlier `mot up` was killed): those are given @patience_ms to
 * end, then killed.
 */
void process_note(const char *file, const pid_t *pids, const char *const *names, size_t count);
void process_await_earlier(const char *file, int64_t patience_ms);

#endif
