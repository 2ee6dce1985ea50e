/*
 * `mot up`: everything on one machine. The main thread starts, watches and stops the parts as
 * supervise_decide() says; it sleeps until a part ends (pidfd), one answers (a pipe from its
 * probe), a stop is asked for, or a back-off is over.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>
#include <mot/base/options.h>
#include <mot/base/stop.h>

#include "cli/commands.h"
#include "cli/up/setup.h"

#define DEFAULT_PORT  8080
#define START_TIMEOUT 180
#define ONCE_TRIES    3 /* of what must succeed once; nothing will change by trying on */

struct up {
    struct up_settings settings;
    struct setup setup;
    struct part_rule *rules;
    struct part_state *states;
    enum supervise_action *actions;
    struct pollfd *fds;
    int answers[2]; /* pipe: indices of parts that answer */
    int64_t begun_ms;
    bool ready;
    bool stopping;
    int status; /* of our own exit */
};

static void say(const struct up *up, const char *format, ...) MOT_PRINTF(2, 3);

static void say(const struct up *up, const char *format, ...)
{
    va_list args;
    printf("%6.1f s  ", (double)(clock_ms() - up->begun_ms) / 1000);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

/* ---------------------------------------------------------------------------------- what happens
 * to parts */

/* The processes that are there, for the next start and for people: "PID START NAME" is not promised
 * to programs. */
static void note_processes(const struct up *up)
{
    pid_t *pids = mem_array(up->setup.part_count, sizeof(*pids));
    const char **names = mem_array(up->setup.part_count, sizeof(*names));
    for (size_t i = 0; i < up->setup.part_count; i++) {
        pids[i] = up->setup.parts[i].pid;
        names[i] = up->setup.parts[i].name;
    }
    AUTO_FREE char *file = file_join(up->setup.dir, "parts");
    process_note(file, pids, names, up->setup.part_count);
    free(pids);
    free(names);
}

/* A part that dies again and again is reported less and less often. */
static bool worth_a_line(const struct part_state *state)
{
    return state->failures < 4 || (state->failures & (state->failures - 1)) == 0;
}

static void answered(struct up *up, size_t index)
{
    struct part *part = &up->setup.parts[index];
    struct part_state *state = &up->states[index];
    int64_t now = clock_ms();
    if (state->phase != PART_STARTING)
        return;
    double took = (double)(now - state->since_ms) / 1000;
    supervise_answered(state, now);
    if (part->announced && !part->attempt && !worth_a_line(state))
        return;
    const char *word = part->attempt || part->once ? "ready" : "started";
    say(up, "%-32s %s%s%s%s, after %.1f s", part->name, part->announced ? "again " : "", word,
        part->detail[0] ? ": " : "", part->detail, took);
    part->announced = true;
}

static void start(struct up *up, size_t index)
{
    struct part *part = &up->setup.parts[index];
    struct part_state *state = &up->states[index];
    struct err err = {0};
    supervise_started(state, clock_ms());
    if ((part->prepare && part->prepare(part, &err) != 0) ||
        (part->process && part_process_start(&part->spec, &part->pid, &part->pidfd, &err) != 0)) {
        supervise_died(state, up->stopping, clock_ms());
        say(up, "%-32s could not be started: %s", part->name, err.message);
        return;
    }
    if (part->process)
        note_processes(up);
    if (part->attempt)
        part->probe =
            part_probe_start(index, part->attempt, part->context, part->watch, up->answers[1]);
    else if (!part->once)
        answered(up, index);
}

static void end_probe(struct part *part)
{
    probe_end(part->probe);
    part->probe = NULL;
}

static void report_death(const struct up *up, size_t index, const char *how)
{
    const struct part *part = &up->setup.parts[index];
    char words[512];
    process_last_words(part->log, words, sizeof(words));
    say(up, "%-32s died: %s; again in %.1f s%s%s (%s)", part->name, how,
        (double)supervise_backoff_ms(up->states[index].failures) / 1000, words[0] ? ": " : "",
        words, part->log);
}

static void ended(struct up *up, size_t index)
{
    struct part *part = &up->setup.parts[index];
    struct part_state *state = &up->states[index];
    struct err err = {0};
    char how[128];
    bool ok;
    part_process_reap(part->pid, how, sizeof(how), &ok);
    kill(-part->pid, SIGKILL); /* what it may have left in its group */
    close(part->pidfd);
    part->pidfd = -1;
    part->pid = 0;
    end_probe(part);
    note_processes(up);
    if (part->once && ok && !up->stopping) {
        if (part->finish(part, &err) == 0) {
            answered(up, index);
            return;
        }
        snprintf(how, sizeof(how), "%.120s", err.message);
    } else if (part->finish && !part->once && part->finish(part, &err) != 0) {
        say(up, "%s: %s", part->name, err.message);
    }
    supervise_died(state, up->stopping, clock_ms());
    if (!up->stopping && worth_a_line(state))
        report_death(up, index, how);
    if (part->once && state->failures == ONCE_TRIES && !up->stopping) {
        fprintf(stderr, "mot up: %s fails; stopping\n", part->name);
        up->status = 1;
        stop_request();
    }
}

static void end_part(struct up *up, size_t index, bool by_force)
{
    struct part *part = &up->setup.parts[index];
    supervise_asked_to_end(&up->states[index], by_force, clock_ms());
    if (part->pid > 0) {
        if (by_force) {
            say(up, "%-32s does not end: killed", part->name);
            kill(-part->pid, SIGKILL);
        } else {
            kill(part->pid, part->spec.end_signal);
        }
    } else {
        end_probe(part);
        supervise_died(&up->states[index], true, clock_ms());
    }
}

static void act(struct up *up, size_t index, enum supervise_action action)
{
    switch (action) {
    case SUPERVISE_NONE:
        break;
    case SUPERVISE_START:
        start(up, index);
        break;
    case SUPERVISE_TERM:
        end_part(up, index, false);
        break;
    case SUPERVISE_KILL:
        end_part(up, index, true);
        break;
    }
}

/* ---------------------------------------------------------------------------------- the loop */

static void report_ready(struct up *up)
{
    up->ready = true;
    printf("ready in %.1f s: %s, kubeconfig %s/kubeconfig\n",
           (double)(clock_ms() - up->begun_ms) / 1000, up->setup.url, up->setup.dir);
    fflush(stdout);
    if (up->settings.once)
        stop_request();
}

static void report_late(struct up *up)
{
    for (size_t i = 0; i < up->setup.part_count; i++) {
        char why[512] = "";
        if (up->states[i].phase == PART_READY)
            continue;
        if (up->setup.parts[i].probe)
            probe_last_error(up->setup.parts[i].probe, why, sizeof(why));
        const struct part *part = &up->setup.parts[i];
        fprintf(stderr, "mot up: %s is not ready%s%s%s%s\n", part->name, why[0] ? ": " : "", why,
                part->process ? "; see " : "", part->process ? part->log : "");
    }
    fprintf(stderr, "mot up: not ready after %d s; stopping\n", up->settings.start_timeout_s);
    up->status = 1;
    stop_request();
}

static void begin_stopping(struct up *up)
{
    up->stopping = true;
    say(up, "stopping");
}

/* Sleeps until something happens, and takes note of it. */
static void wait_for_events(struct up *up, int64_t wake_at_ms)
{
    nfds_t count = 0;
    up->fds[count++] = (struct pollfd){.fd = up->stopping ? -1 : stop_fd(), .events = POLLIN};
    up->fds[count++] = (struct pollfd){.fd = up->answers[0], .events = POLLIN};
    for (size_t i = 0; i < up->setup.part_count; i++)
        up->fds[count++] = (struct pollfd){.fd = up->setup.parts[i].pidfd, .events = POLLIN};
    int64_t left = wake_at_ms < 0 ? -1 : wake_at_ms - clock_ms();
    int timeout = wake_at_ms < 0 ? -1 : left < 0 ? 0 : left > 60000 ? 60000 : (int)left + 1;
    if (poll(up->fds, count, timeout) <= 0)
        return;
    if (up->fds[0].revents)
        begin_stopping(up);
    size_t index;
    while (read(up->answers[0], &index, sizeof(index)) == sizeof(index))
        if (up->setup.parts[index].probe) {
            end_probe(&up->setup.parts[index]);
            answered(up, index);
        }
    for (size_t i = 0; i < up->setup.part_count; i++)
        if (up->fds[i + 2].revents && up->setup.parts[i].pidfd >= 0)
            ended(up, i);
}

static void supervise(struct up *up)
{
    int64_t late_at = up->begun_ms + (int64_t)up->settings.start_timeout_s * 1000;
    for (;;) {
        struct supervise_input in = {.rules = up->rules,
                                     .states = up->states,
                                     .count = up->setup.part_count,
                                     .now_ms = clock_ms(),
                                     .stopping = up->stopping};
        struct supervise_plan plan = {.actions = up->actions};
        supervise_decide(&in, &plan);
        if (up->stopping && plan.all_ended)
            return;
        if (!up->stopping && !up->ready && plan.all_ready)
            report_ready(up);
        bool acted = false;
        for (size_t i = 0; i < up->setup.part_count; i++) {
            acted = acted || plan.actions[i] != SUPERVISE_NONE;
            act(up, i, plan.actions[i]);
        }
        if (acted)
            continue;
        if (!up->ready && !up->stopping) {
            if (clock_ms() >= late_at && !stop_requested())
                report_late(up);
            if (plan.wake_at_ms < 0 || plan.wake_at_ms > late_at)
                plan.wake_at_ms = late_at;
        }
        wait_for_events(up, plan.wake_at_ms);
    }
}

/* So that a deployment may say `mot demo-server`, wherever this program stands. */
static void add_own_folder_to_path(const char *executable)
{
    const char *path = getenv("PATH");
    const char *slash = strrchr(executable, '/');
    if (!slash || strncmp(executable, "/proc/", 6) == 0)
        return;
    AUTO_FREE char *longer = mem_printf("%.*s%s%s", (int)(slash - executable), executable,
                                        path ? ":" : "", path ? path : "");
    setenv("PATH", longer, 1);
}

static int run(struct up *up, struct err *err)
{
    if (setup_make(&up->setup, &up->settings, err) != 0)
        return -1;
    add_own_folder_to_path(up->setup.executable);
    size_t count = up->setup.part_count;
    up->rules = mem_array(count, sizeof(*up->rules));
    up->states = mem_array(count, sizeof(*up->states));
    up->actions = mem_array(count, sizeof(*up->actions));
    up->fds = mem_array(count + 2, sizeof(*up->fds));
    if (pipe2(up->answers, O_CLOEXEC | O_NONBLOCK) != 0)
        return err_set(err, ERR_INTERNAL, "pipe: %s", strerror(errno));
    for (size_t i = 0; i < count; i++) {
        const struct part *part = &up->setup.parts[i];
        up->rules[i] = (struct part_rule){
            .needs = part->needs, .need_count = part->need_count, .grace_ms = part->grace_ms};
    }
    say(up, "%zu regions, %zu parts; data in %s, logs in %s/logs", up->setup.topology->region_count,
        count, up->setup.dir, up->setup.dir);
    supervise(up);
    say(up, "stopped");
    return 0;
}

static const char details[] = "It runs a private PostgreSQL, a small Kafka broker for each region "
                              "that has no bootstrapServers, the API server, the\n"
                              "controller, the mirrors, and a reconciler per region; restarts what "
                              "dies; and stops everything on Ctrl-C. DIR keeps\n"
                              "the data: a second start on it goes on where the first one ended. "
                              "In DIR: kubeconfig (an administrator's), pki/\n"
                              "(the authority behind it), topology.yaml (with every port filled "
                              "in), logs/.\n"
                              "\n"
                              "    mot up --data ./data\n"
                              "    export KUBECONFIG=./data/kubeconfig\n"
                              "    kubectl apply -f manifests/examples";

int up_main(int argc, char **argv)
{
    static struct up up = {.settings = {.port = DEFAULT_PORT, .start_timeout_s = START_TIMEOUT}};
    const struct option_spec options[] = {
        {"data", "DIR", OPTION_STRING, &up.settings.data, "where everything is kept (required)"},
        {"topology", "FILE", OPTION_STRING, &up.settings.topology,
         "the regions; by default those of the last start, or four for a demo"},
        {"port", "N", OPTION_INT, &up.settings.port, "the API's port on 127.0.0.1 (default 8080)"},
        {"plain-http", NULL, OPTION_FLAG, &up.settings.plain_http,
         "no TLS: whoever reaches the port on this machine may do everything"},
        {"kafka-home", "DIR", OPTION_STRING, &up.settings.kafka_home,
         "Kafka's folder; by default the one of scripts/install-deps"},
        {"start-timeout", "SECONDS", OPTION_INT, &up.settings.start_timeout_s,
         "give up when not ready by then (default 180)"},
        {"once", NULL, OPTION_FLAG, &up.settings.once, "stop everything as soon as it is ready"},
        {0}};
    const struct command_spec command = {.name = "mot up",
                                         .summary = "Runs everything on this machine.",
                                         .details = details,
                                         .options = options};
    struct err err = {0};
    int args = 0;
    int rc = options_parse(&command, argc, argv, &args, &err);
    if (rc > 0)
        return 0;
    if (rc == 0 && args > 0)
        rc = err_set(&err, ERR_INVALID, "it takes no argument such as \"%s\"", argv[1]);
    if (rc == 0 && !up.settings.data)
        rc = err_set(&err, ERR_INVALID, "--data is missing: the folder to keep everything in");
    if (rc < 0) {
        fprintf(stderr, "mot up: %s\n", err.message);
        return 2;
    }
    stop_install();
    up.begun_ms = clock_ms();
    if (run(&up, &err) != 0) {
        fprintf(stderr, "mot up: %s\n", err.message);
        up.status = 1;
    }
    setup_release(&up.setup);
    free(up.rules);
    free(up.states);
    free(up.actions);
    free(up.fds);
    return up.status;
}
