#include "rig.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <cli/commands.h>
#include <lib/signals.h>
#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

struct postgres *rig_postgres;
struct kafka *rig_brokers[2];

int rig_servers_start(void **state)
{
    (void)state;
    rig_postgres = postgres_start();
    kafka_start(rig_brokers, 2);
    return 0;
}

int rig_servers_stop(void **state)
{
    (void)state;
    kafka_free(rig_brokers[0]);
    kafka_free(rig_brokers[1]);
    postgres_free(rig_postgres);
    return 0;
}

/* ------------------------------------------------------------------------------------------ worlds
 */

static void create_topics(struct rig *rig, int which, const struct kafka *broker)
{
    size_t count;
    struct topic_spec *specs =
        topology_topics(rig->topology, rig->routes, &rig->topology->regions[which], &count);
    struct bus_topic_config *configs = mem_array(count + 1, sizeof(*configs));
    for (size_t i = 0; i < count; i++)
        configs[i] = (struct bus_topic_config){specs[i].name, 1, 1, true};
    struct err err = {0};
    if (bus_topics_create(rig->regions[which], kafka_bootstrap(broker), configs, count, RIG_WAIT_MS,
                          &err))
        fail_msg("%s", err.message);
    free(configs);
    topic_specs_free(specs, count);
}

void rig_create_topics(struct rig *rig)
{
    create_topics(rig, CENTRAL, rig_brokers[0]);
    create_topics(rig, FAR, rig_brokers[1]);
}

static char *topology_text(const char *name)
{
    return mem_printf("apiVersion: mot.dev/v1alpha1\n"
                      "kind: Topology\n"
                      "central: production-%s-a\n"
                      "pseudoCentral: stage-%s-c\n"
                      "regions:\n"
                      "- name: production-%s-a\n"
                      "  appenv: production\n"
                      "  kafka: {bootstrapServers: \"%s\"}\n"
                      "  zones: [{name: a1, driver: local}]\n"
                      "- name: production-%s-b\n"
                      "  appenv: production\n"
                      "  kafka: {bootstrapServers: \"%s\"}\n"
                      "  zones: [{name: b1, driver: local}, {name: b2, driver: local}]\n"
                      "- name: stage-%s-c\n"
                      "  appenv: stage\n"
                      "  kafka: {bootstrapServers: \"127.0.0.1:1\"}\n"
                      "  zones: [{name: c1, driver: local}]\n",
                      name, name, name, kafka_bootstrap(rig_brokers[0]), name,
                      kafka_bootstrap(rig_brokers[1]), name);
}

/* What the deployments and instances live in; another rig may have made it already. */
static void create_namespace(struct rig *rig)
{
    static const char body[] = "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{"
                               "\"name\":\"" RIG_NS "\",\"uid\":\"of-the-namespace\"},"
                               "\"spec\":{\"finalizers\":[\"kubernetes\"]}}";
    struct store_write write = {
        .operation = STORE_CREATE,
        .key = {"namespaces", "", RIG_NS},
        .uid = "of-the-namespace",
        .body = body,
        .body_len = sizeof(body) - 1,
        .selectable = "{\"fields\":{\"metadata.name\":\"" RIG_NS "\"}}",
    };
    struct err err = {0};
    if (store_write(rig->store, &write, &err) && err.code != ERR_EXISTS)
        fail_msg("%s", err.message);
}

static void open_store(struct rig *rig, const char *name)
{
    struct err err = {0};
    rig->url = postgres_url(rig_postgres, name);
    struct store_options options = {.url = rig->url, .name = "test"};
    rig->store = store_open(&options, &err);
    if (!rig->store)
        fail_msg("%s", err.message);
    create_namespace(rig);
}

static void open_topology(struct rig *rig)
{
    struct err err = {0};
    rig->topology = topology_load(rig->file, &err);
    if (!rig->topology)
        fail_msg("%s", err.message);
    rig->routes = topology_routes(rig->topology);
    for (int i = 0; i < 3; i++)
        rig->regions[i] = rig->topology->regions[i].name;
}

void rig_open(struct rig *rig, const char *name)
{
    *rig = (struct rig){0};
    struct err err = {0};
    rig->file = mem_printf("/tmp/mot-topology-%d-%s.yaml", (int)getpid(), name);
    AUTO_FREE char *text = topology_text(name);
    if (file_write(rig->file, text, strlen(text), 0644, &err))
        fail_msg("%s", err.message);
    open_topology(rig);
    rig_create_topics(rig);
    open_store(rig, name);
}

void rig_open_beside(struct rig *rig, const struct rig *other, const char *name)
{
    *rig = (struct rig){.file = mem_strdup(other->file)};
    open_topology(rig);
    open_store(rig, name);
}

void rig_close(struct rig *rig)
{
    store_close(rig->store);
    routes_free(rig->routes);
    topology_free(rig->topology);
    unlink(rig->file);
    free(rig->file);
    free(rig->url);
}

/* ------------------------------------------------------------------------------------------ the
 * controller */

void rig_main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--controller") != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    mem_tune();
    exit(controller_main(argc - 1, argv + 1));
}

static void become_controller(const struct rig *rig, const char *log, const char *const *arguments)
{
    const char *argv[32] = {"test", "--controller", "--topology", rig->file, "--db", rig->url};
    int argc = 6;
    for (int i = 0; arguments && arguments[i]; i++)
        argv[argc++] = arguments[i];
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    dup2(fd, STDERR_FILENO);
    execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
    _exit(127);
}

struct process rig_start(const struct rig *rig, const char *const *arguments)
{
    static int count;
    struct process process = {
        .log = mem_printf("/tmp/mot-controller-%d-%d.log", (int)getpid(), ++count)};
    process.pid = fork();
    if (process.pid == 0)
        become_controller(rig, process.log, arguments);
    assert_true(process.pid > 0);
    return process;
}

static void forget(struct process *process)
{
    process->pid = 0;
    if (!getenv("MOT_KEEP_LOGS"))
        unlink(process->log);
    free(process->log);
    process->log = NULL;
}

void rig_kill(struct process *process)
{
    signal_process(process->pid, SIGKILL);
    waitpid(process->pid, NULL, 0);
    forget(process);
}

int rig_end(struct process *process)
{
    signal_process(process->pid, SIGTERM);
    int rc = rig_await_end(process, RIG_WAIT_MS);
    assert_true(rc >= 0);
    return rc;
}

int rig_await_end(struct process *process, int64_t timeout_ms)
{
    int status;
    for (int64_t until = clock_ms() + timeout_ms; clock_ms() < until; clock_sleep_ms(10)) {
        if (waitpid(process->pid, &status, WNOHANG) != process->pid)
            continue;
        if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) {
            struct err err;
            AUTO_FREE char *log = file_read(process->log, (size_t)8 << 20, NULL, &err);
            fail_msg("the controller ended with status %x:\n%s", (unsigned)status, log ? log : "");
        }
        forget(process);
        return WEXITSTATUS(status);
    }
    return -1;
}

int rig_logged(const struct process *process, const char *text)
{
    struct err err;
    int count = 0;
    AUTO_FREE char *log = file_read(process->log, (size_t)64 << 20, NULL, &err);
    for (const char *at = log; at && (at = strstr(at, text)); at++)
        count++;
    return count;
}

void rig_await_log(const struct process *process, const char *text)
{
    for (int64_t until = clock_ms() + RIG_WAIT_MS; rig_logged(process, text) == 0;) {
        if (clock_ms() > until)
            fail_msg("never logged: %s", text);
        clock_sleep_ms(5);
    }
}

int64_t rig_rss_kb(const struct process *process)
{
    AUTO_FREE char *path = mem_printf("/proc/%d/status", (int)process->pid);
    struct err err;
    AUTO_FREE char *text = file_read(path, 65536, NULL, &err);
    const char *at = text ? strstr(text, "VmRSS:") : NULL;
    return at ? strtoll(at + 6, NULL, 10) : -1;
}

int64_t rig_cpu_us(const struct process *process)
{
    AUTO_FREE char *path = mem_printf("/proc/%d/stat", (int)process->pid);
    struct err err;
    AUTO_FREE char *text = file_read(path, 4096, NULL, &err);
    const char *rest = text ? strrchr(text, ')') : NULL;
    unsigned long user = 0, sys = 0;
    if (!rest ||
        sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) != 2)
        return -1;
    return (int64_t)((user + sys) * 1000000 / (unsigned long)sysconf(_SC_CLK_TCK));
}
