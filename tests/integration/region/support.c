#include "support.h"

#include <dirent.h>
#include <limits.h>
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
#include <mot/agent/restore.h>
#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>
#include <mot/bus/bus.h>
#include <mot/model/json.h>
#include <mot/topology/topology.h>

#define REGION  "production-us-east-1"
#define WAIT_MS 60000

struct kafka *broker;

static char *folder;
static pid_t child;

void region_set_zones(int count)
{
    struct err err = {0};
    AUTO_FREE char *path = file_join(folder, "topology.yaml");
    AUTO_FREE char *text = mem_printf("apiVersion: mot.dev/v1alpha1\n"
                                      "kind: Topology\n"
                                      "central: " REGION "\n"
                                      "regions:\n"
                                      "- name: " REGION "\n"
                                      "  appenv: production\n"
                                      "  kafka: {bootstrapServers: \"%s\"}\n"
                                      "  zones:\n"
                                      "  - {name: us-east-1a, driver: local}\n"
                                      "%s",
                                      kafka_bootstrap(broker),
                                      count > 1 ? "  - {name: us-east-1b, driver: local}\n" : "");
    if (file_write(path, text, strlen(text), 0644, &err))
        fail_msg("%s", err.message);
}

void region_begin(void)
{
    const char *tmp = getenv("TMPDIR");
    kafka_start(&broker, 1);
    folder = mem_printf("%s/mot-region-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(folder));
    region_set_zones(2);
    launch_topic_create();
}

void region_end(void)
{
    struct err err = {0};
    if (child > 0)
        reconciler_stop();
    kafka_free(broker);
    if (file_remove_tree(folder, &err))
        print_message("%s\n", err.message);
    free(folder);
}

/* ---------------------------------------------------------------------------------- process */

void reconciler_start(void)
{
    char self[] = "/proc/self/exe";
    char flag[] = "--reconciler";
    char *argv[] = {self, flag, folder, NULL};
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execv(self, argv);
        _exit(127);
    }
}

int reconciler_child(const char *data)
{
    char name[] = "mot reconciler", topology[] = "--topology", region[] = "--region",
         region_name[] = REGION, data_flag[] = "--data", heartbeat[] = "--heartbeat", ms[] = "500",
         stop[] = "--stop-instances-on-exit";
    AUTO_FREE char *path = file_join(data, "topology.yaml");
    AUTO_FREE char *own = file_join(data, "data");
    char *argv[] = {name, topology,  path, region, region_name, data_flag,
                    own,  heartbeat, ms,   stop,   NULL};
    return reconciler_main(10, argv);
}

void reconciler_kill(void)
{
    signal_process(child, SIGKILL);
    waitpid(child, NULL, 0);
    child = 0;
}

int reconciler_stop(void)
{
    int status = 0;
    signal_process(child, SIGTERM);
    waitpid(child, &status, 0);
    child = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Its working folder is below ours. */
static bool is_ours(const char *pid)
{
    char link[64], path[PATH_MAX];
    AUTO_FREE char *data = file_join(folder, "data");
    snprintf(link, sizeof(link), "/proc/%.32s/cwd", pid);
    ssize_t len = readlink(link, path, sizeof(path) - 1);
    if (len < 0)
        return false;
    path[len] = '\0';
    return strncmp(path, data, strlen(data)) == 0;
}

int region_processes(bool kill_one)
{
    int count = 0;
    DIR *proc = opendir("/proc");
    for (const struct dirent *entry; (entry = readdir(proc));) {
        int pid = atoi(entry->d_name);
        if (pid <= 1 || !is_ours(entry->d_name))
            continue;
        if (count == 0 && kill_one)
            signal_process(pid, SIGKILL);
        count++;
    }
    closedir(proc);
    return count;
}

/* ---------------------------------------------------------------------------------- topics */

void launch_topic_create(void)
{
    struct err err = {0};
    const struct bus_topic_config config = {TOPIC_LAUNCH "-" REGION, 1, 1, true};
    if (bus_topics_create(REGION, kafka_bootstrap(broker), &config, 1, WAIT_MS, &err))
        fail_msg("%s", err.message);
}

void launch(const char *key, const char *value, int64_t revision)
{
    struct err err = {0};
    const struct bus_producer_options options = {.region = REGION,
                                                 .cluster = REGION,
                                                 .bootstrap = kafka_bootstrap(broker),
                                                 .epoch = clock_wall_ms()};
    const struct bus_message message = {.topic = TOPIC_LAUNCH "-" REGION,
                                        .partition = -1,
                                        .key = key,
                                        .value = value,
                                        .value_len = value ? strlen(value) : 0,
                                        .revision = revision};
    struct bus_producer *producer = bus_producer_open(&options, &err);
    if (!producer || bus_produce(producer, &message, WAIT_MS, NULL, NULL, &err) ||
        bus_flush(producer, WAIT_MS, &err))
        fail_msg("%s", err.message);
    bus_producer_close(producer, WAIT_MS);
}

static struct bus_consumer_options consumer_options(void)
{
    return (struct bus_consumer_options){
        .region = REGION, .cluster = REGION, .bootstrap = kafka_bootstrap(broker), .name = "test"};
}

struct newest {
    const char *key;
    json_t *value;
};

static void keep(void *context, const struct bus_record *record)
{
    struct newest *newest = context;
    struct err err;
    if (strcmp(record->key, newest->key) != 0)
        return;
    json_decref(newest->value);
    newest->value = record->value ? json_parse(record->value, record->value_len, true, &err) : NULL;
    if (record->value)
        assert_non_null(newest->value);
}

/* A topic that is not there yet says nothing. */
json_t *value_of(const char *topic, const char *key)
{
    struct err err = {0};
    struct newest newest = {.key = key};
    struct bus_consumer_options options = consumer_options();
    struct patience patience = {.deadline_ms = clock_ms() + WAIT_MS};
    if (restore_topic(&options, topic, &patience, keep, &newest, &err) && err.code != ERR_NOT_FOUND)
        fail_msg("%s", err.message);
    return newest.value;
}

int64_t records_of(const char *topic)
{
    struct err err = {0};
    int64_t low = 0, high = 0;
    struct bus_consumer_options options = consumer_options();
    struct bus_consumer *consumer = bus_consumer_open(&options, &err);
    if (bus_consumer_watermarks(consumer, topic, 0, WAIT_MS, &low, &high, &err))
        fail_msg("%s", err.message);
    bus_consumer_close(consumer);
    return high;
}

json_t *wait_value(const char *topic, const char *key,
                   bool (*holds)(const json_t *value, int64_t number), int64_t number)
{
    for (int64_t until = clock_ms() + WAIT_MS;;) {
        json_t *value = value_of(topic, key);
        if (holds(value, number))
            return value;
        if (clock_ms() > until) {
            AUTO_FREE char *text = value ? json_text(value) : mem_strdup("nothing");
            fail_msg("%s %s: %s", topic, key, text);
        }
        json_decref(value);
        clock_sleep_ms(100);
    }
}
