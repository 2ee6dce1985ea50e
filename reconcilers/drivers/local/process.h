/* Processes of the machine: starting one under supervision, finding it again, signalling its group.
 */
#ifndef MOT_LOCAL_PROCESS_H
#define MOT_LOCAL_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <mot/base/err.h>

/* A pid alone is no identity: it is used again. With the time it started it is one until the next
 * boot. */
struct process_id {
    pid_t pid;
    int64_t start_time; /* clock ticks since boot */
};

struct process_spec {
    const char *path; /* of the executable */
    char *const *argv;
    char *const *envp;
    const char *dir;    /* its working folder */
    const char *log;    /* stdout and stderr are appended to it */
    const char *record; /* the child writes its process_id here before it becomes the program */
    const char *boot;   /* process_boot_id() */
};

/* Every process that is watched costs a descriptor: this process may have as many as it can get.
 * Those it starts get what it had. */
void process_raise_limits(void);

#define BOOT_ID_SIZE 40
/* Of the running kernel; "" when there is none. */
void process_boot_id(char boot[BOOT_ID_SIZE]);

/* The file that execve would run: @name itself when it has a slash, else searched for in @path.
 * free() it; NULL when not found. */
char *process_search(const char *name, const char *path, const char *dir) MOT_NODISCARD;
/* In a session and process group of its own, with only 0, 1 and 2 open. */
int process_start(const struct process_spec *spec, struct process_id *ret_id, int *ret_pidfd,
                  struct err *err) MOT_NODISCARD;
/* The process of a record, if it still runs: *ret_pidfd; -1 there when it doesn't. Fails when that
 * can't be told: then nothing may be started in its place. */
int process_adopt(const char *record, const char *boot, struct process_id *ret_id, int *ret_pidfd,
                  struct err *err) MOT_NODISCARD;
/* Readies "exit code 1" or "signal 9" of an ended process and reaps it if it is a child of ours;
 * kills what is left of its group. */
void process_reap(struct process_id id, int pidfd, char *text, size_t size);
/* To the whole group. */
void process_signal(struct process_id id, int pidfd, int signal);

/*
 * Kills every process whose environment says MOT_DRIVER_ID=@driver_id, unless @known(context,
 * MOT_INSTANCE, process group) says that it belongs to something. Returns how many.
 */
int process_kill_strays(const char *driver_id,
                        bool (*known)(void *context, const char *instance, pid_t group),
                        void *context);

#endif
