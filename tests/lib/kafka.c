#include "kafka.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cli/broker/broker.h>
#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>

#define START_MS 90000

struct kafka {
    struct broker_config config;
    char *dir;
    char *libs;
    char *bootstrap;
    pid_t pid;         /* 0: not running */
    bool make_archive; /* nobody has made one yet */
};

static void fail(const struct kafka *broker, const char *what)
{
    AUTO_FREE char *path = mem_printf("%s/log", broker->dir ? broker->dir : ".");
    struct err ignored;
    AUTO_FREE char *log = file_read(path, (size_t)8 << 20, NULL, &ignored);
    fprintf(stderr, "kafka broker: %s\n%s\n", what, log ? log : "");
    abort();
}

/* In the child, and only calls that are safe there. */
static void become_broker(char **argv, int log, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execvp(argv[0], argv);
    _exit(127);
}

void kafka_begin(struct kafka *broker)
{
    struct err err = {0};
    if (broker_prepare(&broker->config, &err) < 0)
        fail(broker, err.message);
    AUTO_FREE char *path = mem_printf("%s/log", broker->dir);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    char **argv = broker_argv(&broker->config, broker->make_archive);
    pid_t parent = getpid();
    broker->pid = fork();
    if (broker->pid == 0)
        become_broker(argv, log, parent);
    broker_argv_free(argv);
    close(log);
    if (broker->pid < 0)
        fail(broker, strerror(errno));
}

void kafka_await(struct kafka *broker)
{
    int64_t until_ms = clock_ms() + START_MS;
    struct err err = {0};
    while (broker_probe(broker->config.port, 2000, &err) < 0) {
        if (clock_ms() > until_ms)
            fail(broker, err.message);
        if (waitpid(broker->pid, NULL, WNOHANG) == broker->pid)
            fail(broker, "it ended by itself");
        clock_sleep_ms(50);
    }
}

static struct kafka *new_broker(void)
{
    struct err err = {0};
    struct kafka *broker = mem_zalloc(sizeof(*broker));
    const char *tmp = getenv("TMPDIR");
    broker->dir = mem_printf("%s/mot-kafka-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(broker->dir))
        fail(broker, strerror(errno));
    broker->libs = broker_find_libs(NULL, &err);
    if (!broker->libs)
        fail(broker, err.message);
    broker->config = (struct broker_config){.dir = broker->dir, .libs = broker->libs};
    if (broker_pick_ports(&broker->config.port, &broker->config.controller_port, &err) < 0)
        fail(broker, err.message);
    broker->bootstrap = mem_printf("127.0.0.1:%d", broker->config.port);
    return broker;
}

void kafka_start(struct kafka **ret_brokers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ret_brokers[i] = new_broker();
        AUTO_FREE char *archive = broker_archive(ret_brokers[i]->libs);
        ret_brokers[i]->make_archive = i == 0 && access(archive, F_OK) != 0;
        kafka_begin(ret_brokers[i]);
    }
    for (size_t i = 0; i < count; i++)
        kafka_await(ret_brokers[i]);
}

const char *kafka_bootstrap(const struct kafka *broker)
{
    return broker->bootstrap;
}

/* The broker's own thread count can keep it busy for a while after SIGTERM; no test waits longer
 * than this. */
static bool ends_within(pid_t pid, int timeout_ms)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    bool ended = fd >= 0 && poll(&entry, 1, timeout_ms) == 1;
    if (fd >= 0)
        close(fd);
    return ended;
}

static void end(struct kafka *broker, int sig)
{
    if (broker->pid <= 0)
        return;
    kill(broker->pid, sig);
    if (sig != SIGKILL && !ends_within(broker->pid, 30000))
        kill(broker->pid, SIGKILL);
    while (waitpid(broker->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    broker->pid = 0;
}

void kafka_stop(struct kafka *broker)
{
    end(broker, SIGTERM);
    if (broker->make_archive)
        broker_keep_archive(&broker->config);
    broker->make_archive = false;
}

void kafka_kill(struct kafka *broker)
{
    end(broker, SIGKILL);
}

void kafka_wipe(struct kafka *broker)
{
    struct err err = {0};
    kafka_kill(broker);
    AUTO_FREE char *data = file_join(broker->dir, "data");
    if (file_remove_tree(data, &err) < 0)
        fail(broker, err.message);
}

void kafka_free(struct kafka *broker)
{
    struct err ignored;
    if (!broker)
        return;
    if (broker->make_archive)
        kafka_stop(broker);
    kafka_kill(broker);
    if (file_remove_tree(broker->dir, &ignored) < 0)
        fprintf(stderr, "%s\n", ignored.message);
    free(broker->dir);
    free(broker->libs);
    free(broker->bootstrap);
    free(broker);
}
