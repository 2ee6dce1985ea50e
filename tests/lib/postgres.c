/*
 * PostgreSQL refuses to run as root, so its processes get the user postgres or nobody then. The
 * server gets a guard of its own: a process that is told by the kernel when the test ends
 * (PR_SET_PDEATHSIG would be lost by the change of user in the server itself), and kills the
 * server.
 */
#include "lib/postgres.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>

#define START_MS 60000

struct postgres {
    char *bin;
    char *folder;
    char *data;
    char *log;
    const char *user; /* NULL: as we are */
    uid_t uid;
    gid_t gid;
    pid_t server;
    pid_t guard;
};

static int64_t for_each_process(const struct postgres *postgres, int signal_number);
static void fatal(const char *format, ...) MOT_PRINTF(1, 2) __attribute__((noreturn));

static void fatal(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)fprintf(stderr, "postgres fixture: ");
    (void)vfprintf(stderr, format, args);
    (void)fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

/* ------------------------------------------------------------------------------- finding it */

static char *from_pg_config(void)
{
    char line[512] = "";
    FILE *pipe = popen("pg_config --bindir 2>/dev/null", "r");

    if (pipe == NULL)
        return NULL;
    if (fgets(line, sizeof(line), pipe) == NULL)
        line[0] = '\0';
    (void)pclose(pipe);
    line[strcspn(line, "\n")] = '\0';
    return mem_strdup(line);
}

static char *find_bin(void)
{
    char *bin = from_pg_config();
    AUTO_FREE char *initdb = bin != NULL ? file_join(bin, "initdb") : NULL;
    glob_t found;

    if (initdb != NULL && access(initdb, X_OK) == 0)
        return bin;
    free(bin);
    if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) != 0 || found.gl_pathc == 0)
        fatal("no initdb: is PostgreSQL installed?");
    bin = mem_strdup(found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
    return bin;
}

static void find_user(struct postgres *postgres)
{
    static const char *const names[] = {"postgres", "nobody"};

    if (geteuid() != 0)
        return;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(names); i++) {
        const struct passwd *entry = getpwnam(names[i]);

        if (entry == NULL)
            continue;
        postgres->user = names[i];
        postgres->uid = entry->pw_uid;
        postgres->gid = entry->pw_gid;
        return;
    }
    fatal("running as root, and there is no user to run PostgreSQL as");
}

/* ------------------------------------------------------------------------------- running it */

static void become(const struct postgres *postgres)
{
    int log = open(postgres->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)dup2(null, 0);
    (void)dup2(log, 1);
    (void)dup2(log, 2);
    if (postgres->user != NULL &&
        (setgroups(0, NULL) != 0 || setgid(postgres->gid) != 0 || setuid(postgres->uid) != 0))
        _exit(126);
    /* The sanitizers' runtime of a test must not go into PostgreSQL. */
    (void)unsetenv("LD_PRELOAD");
    (void)setenv("LC_ALL", "C", 1);
    if (chdir(postgres->folder) != 0)
        _exit(126);
}

static void run_initdb(const struct postgres *postgres)
{
    AUTO_FREE char *path = file_join(postgres->bin, "initdb");
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        become(postgres);
        (void)execl(path, "initdb", "--no-sync", "--auth=trust", "--username=mot",
                    "--encoding=UTF8", "--locale=C", "-D", postgres->data, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        fatal("initdb failed, see %s", postgres->log);
}

/* What the test would have done. */
static void clean_up(const struct postgres *postgres)
{
    int64_t deadline = clock_ms() + 5000;

    (void)for_each_process(postgres, SIGCONT);
    (void)kill(postgres->server, SIGQUIT);
    while (kill(postgres->server, 0) == 0 && clock_ms() < deadline)
        clock_sleep_ms(20);
    if (file_remove_tree(postgres->folder, NULL) < 0)
        _exit(1);
}

static void guard_server(const struct postgres *postgres, pid_t test)
{
    sigset_t set;
    int number;

    (void)setpgid(0, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGUSR1);
    if (getppid() == test)
        (void)sigwait(&set, &number);
    else
        number = SIGUSR1;
    if (number == SIGUSR1)
        clean_up(postgres);
    _exit(0);
}

static void launch(struct postgres *postgres)
{
    AUTO_FREE char *path = file_join(postgres->bin, "postgres");
    pid_t test = getpid();

    postgres->server = fork();
    if (postgres->server == 0) {
        sigset_t none;

        sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        become(postgres);
        (void)setpgid(0, 0);
        (void)execl(path, "postgres", "-D", postgres->data, "-k", postgres->folder, "-c",
                    "listen_addresses=", "-c", "max_connections=100", "-c", "shared_buffers=128MB",
                    "-c", "log_min_messages=warning", (char *)NULL);
        _exit(127);
    }
    if (postgres->server < 0)
        fatal("fork: %s", strerror(errno));
    postgres->guard = fork();
    if (postgres->guard == 0)
        guard_server(postgres, test);
}

static int answers(const struct postgres *postgres)
{
    AUTO_FREE char *path = file_join(postgres->bin, "pg_isready");
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        become(postgres);
        (void)execl(path, "pg_isready", "-q", "-h", postgres->folder, (char *)NULL);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

void postgres_resume(struct postgres *postgres)
{
    int64_t deadline = clock_ms() + START_MS;

    launch(postgres);
    while (!answers(postgres)) {
        if (waitpid(postgres->server, NULL, WNOHANG) == postgres->server)
            fatal("the server ended, see %s", postgres->log);
        if (clock_ms() > deadline)
            fatal("the server doesn't answer, see %s", postgres->log);
        clock_sleep_ms(20);
    }
}

struct postgres *postgres_start(void)
{
    struct postgres *postgres = mem_zalloc(sizeof(*postgres));
    char folder[] = "/tmp/mot-pg-XXXXXX";

    find_user(postgres);
    postgres->bin = find_bin();
    if (mkdtemp(folder) == NULL)
        fatal("mkdtemp: %s", strerror(errno));
    postgres->folder = mem_strdup(folder);
    postgres->data = file_join(folder, "data");
    postgres->log = file_join(folder, "log");
    (void)chmod(folder, 0711);
    if (postgres->user != NULL && chown(folder, postgres->uid, postgres->gid) != 0)
        fatal("chown: %s", strerror(errno));
    run_initdb(postgres);
    postgres_resume(postgres);
    return postgres;
}

void postgres_stop(struct postgres *postgres, const char *mode)
{
    int number = strcmp(mode, "immediate") == 0 ? SIGQUIT : SIGINT;

    if (postgres->server <= 0)
        return;
    (void)kill(postgres->server, number);
    (void)waitpid(postgres->server, NULL, 0);
    (void)kill(postgres->guard, SIGTERM);
    (void)waitpid(postgres->guard, NULL, 0);
    postgres->server = 0;
}

void postgres_restart(struct postgres *postgres, const char *mode)
{
    postgres_stop(postgres, mode);
    postgres_resume(postgres);
}

void postgres_free(struct postgres *postgres)
{
    struct err err;

    if (postgres == NULL)
        return;
    postgres_stop(postgres, "immediate");
    if (file_remove_tree(postgres->folder, &err) < 0)
        (void)fprintf(stderr, "postgres fixture: %s\n", err.message);
    free(postgres->bin);
    free(postgres->folder);
    free(postgres->data);
    free(postgres->log);
    free(postgres);
}

void postgres_sql(struct postgres *postgres, const char *sql)
{
    AUTO_FREE char *command =
        mem_printf("%s/psql -q -v ON_ERROR_STOP=1 -o /dev/null -h %s -U mot postgres",
                   postgres->bin, postgres->folder);
    FILE *pipe = popen(command, "w");

    if (pipe == NULL || fputs(sql, pipe) < 0 || fputs("\n", pipe) < 0 || pclose(pipe) != 0)
        fatal("psql failed: %s", sql);
}

char *postgres_url(struct postgres *postgres, const char *name)
{
    if (name != NULL) {
        AUTO_FREE char *sql =
            mem_printf("SELECT 'CREATE DATABASE %s' WHERE NOT EXISTS (SELECT FROM pg_database"
                       " WHERE datname = '%s') \\gexec",
                       name, name);

        postgres_sql(postgres, sql);
    }
    return mem_printf("host=%s user=mot dbname=%s", postgres->folder,
                      name != NULL ? name : "postgres");
}

/* ------------------------------------------------------------------------------- its processes */

struct process {
    int parent;
    unsigned long user, sys;
    unsigned long ended_user, ended_sys; /* of its children that have ended */
};

/* -1 when it is gone. */
static int read_stat(pid_t pid, struct process *ret)
{
    AUTO_FREE char *path = mem_printf("/proc/%d/stat", (int)pid);
    AUTO_FREE char *text = file_read(path, 4096, NULL, NULL);
    const char *rest = text != NULL ? strrchr(text, ')') : NULL;

    if (rest == NULL ||
        sscanf(rest + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu",
               &ret->parent, &ret->user, &ret->sys, &ret->ended_user, &ret->ended_sys) != 5)
        return -1;
    return 0;
}

static int64_t for_each_process(const struct postgres *postgres, int signal_number)
{
    DIR *proc = opendir("/proc");
    int64_t total = 0;

    if (proc == NULL)
        fatal("no /proc");
    for (const struct dirent *entry; (entry = readdir(proc)) != NULL;) {
        pid_t pid = (pid_t)atoi(entry->d_name);
        struct process process;

        if (pid <= 0 || read_stat(pid, &process) < 0 ||
            (pid != postgres->server && process.parent != postgres->server))
            continue;
        total += (int64_t)(process.user + process.sys);
        if (pid == postgres->server)
            total += (int64_t)(process.ended_user + process.ended_sys);
        if (signal_number != 0)
            (void)kill(pid, signal_number);
    }
    (void)closedir(proc);
    return total;
}

void postgres_freeze(struct postgres *postgres, int frozen)
{
    (void)for_each_process(postgres, frozen ? SIGSTOP : SIGCONT);
}

int64_t postgres_cpu_us(struct postgres *postgres)
{
    return for_each_process(postgres, 0) * (1000000 / sysconf(_SC_CLK_TCK));
}
