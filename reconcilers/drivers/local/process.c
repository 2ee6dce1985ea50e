/*
 * A child writes its own record before it becomes the program, and it holds the driver's lock file
 * open until then: so whoever gets the lock after the driver was killed finds every process that
 * was started.
 */
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mot/base/file.h>
#include <mot/base/mem.h>

#define STAT_MAX 1024

static pthread_once_t limits_once = PTHREAD_ONCE_INIT;
static struct rlimit given_files; /* before they were raised */

static void raise_limits(void)
{
    struct rlimit more;
    if (getrlimit(RLIMIT_NOFILE, &given_files) < 0)
        return;
    more = given_files;
    more.rlim_cur = more.rlim_max;
    setrlimit(RLIMIT_NOFILE, &more);
}

void process_raise_limits(void)
{
    pthread_once(&limits_once, raise_limits);
}

void process_boot_id(char boot[BOOT_ID_SIZE])
{
    struct err err;
    AUTO_FREE char *text = file_read("/proc/sys/kernel/random/boot_id", 256, NULL, &err);
    snprintf(boot, BOOT_ID_SIZE, "%.*s", text ? (int)strcspn(text, "\n") : 0, text ? text : "");
}

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *process_search(const char *name, const char *path, const char *dir)
{
    if (strchr(name, '/')) {
        char *whole = name[0] == '/' ? mem_strdup(name) : file_join(dir, name);
        if (is_program(whole))
            return whole;
        free(whole);
        return NULL;
    }
    while (path && *path) {
        size_t len = strcspn(path, ":");
        char *whole = mem_printf("%.*s/%s", (int)len, path, name);
        if (len > 0 && is_program(whole))
            return whole;
        free(whole);
        path += len + (path[len] == ':');
    }
    return NULL;
}

/* Field 22 of /proc/PID/stat, and whether the process has ended; the name before it may hold
 * anything. Async-signal-safe. */
static bool parse_stat(const char *text, int64_t *ret_start, bool *ret_ended)
{
    const char *at = strrchr(text, ')');
    if (!at || at[1] != ' ')
        return false;
    *ret_ended = at[2] == 'Z' || at[2] == 'X';
    at += 2;
    for (int field = 3; field < 22; field++) {
        at = strchr(at, ' ');
        if (!at)
            return false;
        at++;
    }
    int64_t number = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (*at - '0');
    *ret_start = number;
    return true;
}

static bool read_stat(const char *path, int64_t *ret_start, bool *ret_ended)
{
    char text[STAT_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    return parse_stat(text, ret_start, ret_ended);
}

/* ------------------------------------------------------------------ the child, between vfork and
 * execve */

struct child {
    const struct process_spec *spec;
    int log_fd, null_fd;
    pid_t pid;
    int64_t start_time;
    const char *failed; /* what the child could not do */
    int number;         /* errno of that */
};

static char *put_number(char *at, int64_t number)
{
    char digits[24];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

static bool write_record(struct child *child)
{
    char text[64 + BOOT_ID_SIZE];
    bool ended;
    if (!read_stat("/proc/self/stat", &child->start_time, &ended))
        return false;
    char *at = put_number(text, child->pid);
    *at++ = ' ';
    at = put_number(at, child->start_time);
    *at++ = ' ';
    size_t boot = strlen(child->spec->boot);
    memcpy(at, child->spec->boot, boot);
    at += boot;
    *at++ = '\n';
    int fd = open(child->spec->record, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    ssize_t n = write(fd, text, (size_t)(at - text));
    close(fd);
    return n == at - text;
}

static void reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int i = 1; i < NSIG; i++) {
        if (i != SIGKILL && i != SIGSTOP)
            sigaction(i, &action, NULL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Shares the parent's memory, which stands still meanwhile: async-signal-safe calls only. */
__attribute__((noreturn)) static void run_child(struct child *child)
{
    const struct process_spec *spec = child->spec;
    child->pid = getpid();
    child->failed = "write its record";
    if (setsid() >= 0 && write_record(child)) {
        child->failed = "enter its working folder";
        dup2(child->null_fd, 0);
        dup2(child->log_fd, 1);
        dup2(child->log_fd, 2);
        if (chdir(spec->dir) == 0) {
            close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
            reset_signals();
            if (given_files.rlim_max > 0)
                setrlimit(RLIMIT_NOFILE, &given_files);
            child->failed = "execute the program";
            execve(spec->path, spec->argv, spec->envp);
        }
    }
    child->number = errno ? errno : EIO;
    _exit(126);
}

/* A function of its own: what a vfork child leaves on the stack is nobody else's. */
__attribute__((noinline)) static pid_t start_child(struct child *child)
{
    pid_t pid = vfork();
    if (pid == 0)
        run_child(child);
    return pid;
}

static pid_t start_blocked(struct child *child)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = start_child(child);
    int number = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = number;
    return pid;
}

static int start_opened(struct child *child, struct process_id *ret_id, int *ret_pidfd,
                        struct err *err)
{
    char text[128];
    pid_t pid = start_blocked(child);
    if (pid < 0)
        return err_set(err, ERR_TRANSIENT, "cannot fork: %s",
                       strerror_r(errno, text, sizeof(text)));
    if (child->number != 0) {
        waitpid(pid, NULL, 0);
        return err_set(err, ERR_INVALID, "cannot %s: %s", child->failed,
                       strerror_r(child->number, text, sizeof(text)));
    }
    int fd = pidfd_open(pid, 0);
    if (fd < 0) {
        kill(-pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return err_set(err, ERR_TRANSIENT, "cannot watch a process: %s",
                       strerror_r(errno, text, sizeof(text)));
    }
    bool ended;
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    /* Where vfork is a fork (under ThreadSanitizer) the child could not tell. */
    if (child->start_time == 0 && !read_stat(path, &child->start_time, &ended))
        child->start_time = 0;
    *ret_id = (struct process_id){pid, child->start_time};
    *ret_pidfd = fd;
    return 0;
}

int process_start(const struct process_spec *spec, struct process_id *ret_id, int *ret_pidfd,
                  struct err *err)
{
    char text[128];
    struct child child = {.spec = spec};
    child.log_fd = open(spec->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (child.log_fd < 0)
        return err_set(err, ERR_TRANSIENT, "cannot open %s: %s", spec->log,
                       strerror_r(errno, text, sizeof(text)));
    child.null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int ret = start_opened(&child, ret_id, ret_pidfd, err);
    close(child.log_fd);
    if (child.null_fd >= 0)
        close(child.null_fd);
    return ret;
}

/* ------------------------------------------------------------------ later */

/* errno says why when nothing is there. */
static bool is_running(struct process_id id)
{
    char path[64];
    int64_t start = 0;
    bool ended = true;
    snprintf(path, sizeof(path), "/proc/%d/stat", id.pid);
    errno = 0;
    return read_stat(path, &start, &ended) && start == id.start_time && !ended;
}

/* The last call said that there is no such process, or that it is another one. */
static bool is_gone(void)
{
    return errno == 0 || errno == ESRCH || errno == ENOENT || errno == EINVAL;
}

static int adopt(struct process_id id, int *ret_pidfd, struct err *err)
{
    char text[128];
    int fd = pidfd_open(id.pid, 0);
    if (fd >= 0 && is_running(id)) {
        *ret_pidfd = fd;
        return 0;
    }
    int ret = is_gone() ? 0
                        : err_set(err, ERR_TRANSIENT, "cannot tell whether process %d runs: %s",
                                  id.pid, strerror_r(errno, text, sizeof(text)));
    if (fd >= 0)
        close(fd);
    return ret;
}

int process_adopt(const char *record, const char *boot, struct process_id *ret_id, int *ret_pidfd,
                  struct err *err)
{
    struct err why = {0};
    char recorded[BOOT_ID_SIZE] = "";
    AUTO_FREE char *text = file_read(record, 256, NULL, &why);
    *ret_pidfd = -1;
    if (!text && why.code != ERR_NOT_FOUND)
        return err_set(err, why.code, "%s", why.message);
    *ret_id = (struct process_id){0};
    if (!text ||
        sscanf(text, "%d %" SCNd64 " %39s", &ret_id->pid, &ret_id->start_time, recorded) < 2 ||
        ret_id->pid <= 1 || strcmp(recorded, boot) != 0)
        return 0;
    return adopt(*ret_id, ret_pidfd, err);
}

/* While the leader is there, as a zombie at least, its id is not used again; nor is it while the
 * group has a member. */
static bool owns_group(struct process_id id)
{
    char path[64];
    int64_t start = 0;
    bool ended;
    snprintf(path, sizeof(path), "/proc/%d/stat", id.pid);
    return !read_stat(path, &start, &ended) || start == id.start_time;
}

void process_signal(struct process_id id, int pidfd, int signal)
{
    if (!owns_group(id) || kill(-id.pid, signal) < 0)
        pidfd_send_signal(pidfd, signal, NULL, 0);
}

void process_reap(struct process_id id, int pidfd, char *text, size_t size)
{
    if (owns_group(id))
        kill(-id.pid, SIGKILL);
    siginfo_t info = {0};
    snprintf(text, size, "it ended");
    if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
        return; /* adopted: somebody else's child */
    if (info.si_code == CLD_EXITED)
        snprintf(text, size, "exit code %d", info.si_status);
    else
        snprintf(text, size, "signal %d", info.si_status);
}

/* ------------------------------------------------------------------ strays */

/* The value in a block of NUL-separated texts; NULL when it isn't there. */
static const char *environ_get(const char *block, size_t len, const char *name)
{
    size_t name_len = strlen(name);
    for (const char *at = block; at < block + len; at += strlen(at) + 1) {
        if (strncmp(at, name, name_len) == 0 && at[name_len] == '=')
            return at + name_len + 1;
    }
    return NULL;
}

struct stray_search {
    const char *driver_id;
    bool (*known)(void *context, const char *instance, pid_t group);
    void *context;
};

static bool kill_if_stray(const struct stray_search *search, pid_t pid)
{
    struct err err;
    char path[64];
    size_t len = 0;
    snprintf(path, sizeof(path), "/proc/%d/environ", pid);
    AUTO_FREE char *block = file_read(path, (size_t)4 << 20, &len, &err);
    const char *id = block ? environ_get(block, len, "MOT_DRIVER_ID") : NULL;
    if (!id || strcmp(id, search->driver_id) != 0)
        return false;
    const char *instance = environ_get(block, len, "MOT_INSTANCE");
    if (search->known(search->context, instance ? instance : "", getpgid(pid)))
        return false;
    int fd = pidfd_open(pid, 0);
    if (fd < 0)
        return false;
    pidfd_send_signal(fd, SIGKILL, NULL, 0);
    close(fd);
    return true;
}

int process_kill_strays(const char *driver_id,
                        bool (*known)(void *context, const char *instance, pid_t group),
                        void *context)
{
    struct stray_search search = {driver_id, known, context};
    DIR *proc = opendir("/proc");
    int killed = 0;
    for (const struct dirent *entry; proc && (entry = readdir(proc));) {
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid > 1 && pid != getpid())
            killed += kill_if_stray(&search, (pid_t)pid);
    }
    if (proc)
        closedir(proc);
    return killed;
}
