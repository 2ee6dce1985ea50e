#include "cli/up/process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>

#define LOG_MAX_BYTES ((off_t)16 << 20)
#define TAIL_BYTES    ((off_t)4096)

extern char **environ;

/* ---------------------------------------------------------------------------------- starting */

static int open_log(const char *path, const struct process_user *user, struct err *err)
{
    struct stat status;
    if (stat(path, &status) == 0 && status.st_size > LOG_MAX_BYTES) {
        AUTO_FREE char *older = mem_printf("%s.1", path);
        (void)rename(path, older);
    }
    /* An earlier version made it for all to read. */
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || fchmod(fd, 0600) != 0) {
        int failure = errno;
        if (fd >= 0)
            close(fd);
        return err_set(err, ERR_FORBIDDEN, "cannot open %s: %s", path, strerror(failure));
    }
    if (user->change && fchown(fd, user->uid, user->gid) != 0) {
        close(fd);
        return err_set(err, ERR_FORBIDDEN, "cannot chown %s: %s", path, strerror(errno));
    }
    return fd;
}

/* A copy of the environment without @unset; free() the array. */
static char **environment_without(const char *const *unset)
{
    size_t count = 0;
    while (environ[count])
        count++;
    char **copy = mem_array(count + 1, sizeof(*copy));
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool drop = false;
        for (size_t j = 0; unset && unset[j]; j++) {
            size_t len = strlen(unset[j]);
            drop = drop || (strncmp(environ[i], unset[j], len) == 0 && environ[i][len] == '=');
        }
        if (!drop)
            copy[kept++] = environ[i];
    }
    return copy;
}

/* In the child, between fork and exec: only calls that are safe in a copy of a threaded process. */
static void become(const struct process_spec *spec, char **environment, int log, pid_t parent)
{
    setpgid(0, 0);
    /* As who we are: the other user may not be able to get there. */
    if (spec->dir && chdir(spec->dir) != 0)
        _exit(124);
    int handed = spec->handed ? open(spec->handed, O_PATH | O_DIRECTORY) : -1;
    if (spec->user.change) {
        /* Before prctl: changing the user clears the death signal. */
        if (setgroups(0, NULL) != 0 || setgid(spec->user.gid) != 0 || setuid(spec->user.uid) != 0)
            _exit(126);
    }
    prctl(PR_SET_PDEATHSIG, spec->end_signal);
    if (getppid() != parent)
        _exit(125);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(log, 1);
    dup2(log, 2);
    if (handed >= 0)
        dup2(handed, 3);
    close_range(handed >= 0 ? 4 : 3, ~0U, 0);
    environ = environment;
    execvp(spec->argv[0], (char *const *)(uintptr_t)spec->argv);
    dprintf(2, "cannot run %s: %s\n", spec->argv[0], strerror(errno));
    _exit(127);
}

int part_process_start(const struct process_spec *spec, pid_t *ret_pid, int *ret_pidfd,
                       struct err *err)
{
    int log = open_log(spec->log, &spec->user, err);
    if (log < 0)
        return -1;
    char **environment = environment_without(spec->unset);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(spec, environment, log, parent);
    int failure = errno;
    free(environment);
    close(log);
    if (pid < 0)
        return err_set(err, ERR_TRANSIENT, "cannot start %s: %s", spec->argv[0], strerror(failure));
    int fd = pidfd_open(pid, 0);
    if (fd < 0) {
        failure = errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return err_set(err, ERR_INTERNAL, "pidfd_open: %s", strerror(failure));
    }
    *ret_pid = pid;
    *ret_pidfd = fd;
    return 0;
}

void part_process_reap(pid_t pid, char *text, size_t size, bool *ret_ok)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    *ret_ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (WIFSIGNALED(status))
        snprintf(text, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(text, size, "exit %d", WEXITSTATUS(status));
}

/* ---------------------------------------------------------------------------------- logs, programs
 */

void process_last_words(const char *log, char *text, size_t size)
{
    text[0] = '\0';
    int fd = open(log, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    char tail[TAIL_BYTES + 1];
    off_t end = lseek(fd, 0, SEEK_END);
    off_t from = end > TAIL_BYTES ? end - TAIL_BYTES : 0;
    ssize_t len = pread(fd, tail, (size_t)TAIL_BYTES, from);
    close(fd);
    while (len > 0 && isspace((unsigned char)tail[len - 1]))
        len--;
    if (len <= 0)
        return;
    tail[len] = '\0';
    const char *line = strrchr(tail, '\n');
    snprintf(text, size, "%s", line ? line + 1 : tail);
}

char *process_find(const char *program)
{
    const char *path = getenv("PATH");
    if (!path)
        path = "/usr/local/bin:/usr/bin:/bin";
    while (*path) {
        size_t len = strcspn(path, ":");
        char *candidate = mem_printf("%.*s/%s", (int)len, path, program);
        if (len > 0 && access(candidate, X_OK) == 0)
            return candidate;
        free(candidate);
        path += len + (path[len] == ':');
    }
    return NULL;
}

/* ---------------------------------------------------------------------------------- an earlier run
 */

/* When a process began, in ticks since boot: with the pid it names one process for ever. 0: not
 * there. */
static uint64_t start_time(pid_t pid)
{
    AUTO_FREE char *path = mem_printf("/proc/%d/stat", (int)pid);
    AUTO_FREE char *text = file_read(path, 4096, NULL, NULL);
    const char *at = text ? strrchr(text, ')') : NULL;
    /* Field 22; the one after the name is field 3. */
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

void process_note(const char *file, const pid_t *pids, const char *const *names, size_t count)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < count; i++)
        if (pids[i] > 0)
            buf_addf(&text, "%d %" PRIu64 " %s\n", (int)pids[i], start_time(pids[i]), names[i]);
    /* Only a help for the next start: a failure is no reason to stop. */
    if (file_write(file, text.len ? text.data : "", text.len, 0600, NULL) != 0)
        (void)unlink(file);
    buf_release(&text);
}

static void await_end(pid_t pid, uint64_t started, int64_t deadline_ms)
{
    int fd = pidfd_open(pid, 0);
    if (fd < 0)
        return;
    if (start_time(pid) == started) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t left = deadline_ms - clock_ms();
        if (poll(&wait, 1, left > 0 ? (int)left : 0) == 0)
            kill(pid, SIGKILL);
    }
    close(fd);
}

void process_await_earlier(const char *file, int64_t patience_ms)
{
    AUTO_FREE char *text = file_read(file, 1 << 20, NULL, NULL);
    int64_t deadline = clock_ms() + patience_ms;
    for (const char *at = text; at && *at;) {
        char *rest;
        long pid = strtol(at, &rest, 10);
        uint64_t started = strtoull(rest, &rest, 10);
        if (pid > 1 && started > 0)
            await_end((pid_t)pid, started, deadline);
        at = strchr(rest, '\n');
        at = at ? at + 1 : NULL;
    }
}
