/* `mot mirror`: the mirrors of a topology, a thread each. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <cli/commands.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/options.h>
#include <mot/base/stop.h>

#include "mirror.h"

struct settings {
    const char *topology;
    const char *region;
    struct option_list mirrors;
};

struct worker {
    const struct topology *topology;
    const struct mirror *mirror;
    pthread_t thread;
};

static int parse(int argc, char **argv, struct settings *settings, struct err *err)
{
    const struct option_spec options[] = {
        {"topology", "FILE", OPTION_STRING, &settings->topology, "the topology"},
        {"mirror", "NAME", OPTION_LIST, &settings->mirrors,
         "only this mirror (FROM->TO); may be given again"},
        {"region", "NAME", OPTION_STRING, &settings->region,
         "only the mirrors that end in this region"},
        {0}};
    const struct command_spec command = {.name = "mot mirror",
                                         .arguments = "",
                                         .summary = "Copies topics over the production border: "
                                                    "from central to the pseudo-central, and back.",
                                         .details =
                                             "Without --mirror and --region, all mirrors of the "
                                             "topology run in this one process. Where a mirror\n"
                                             "stands is kept in its destination, so it can be "
                                             "stopped, killed and moved at any time.",
                                         .options = options};
    int args = 0;
    int ret = options_parse(&command, argc, argv, &args, err);
    if (ret != 0)
        return ret;
    if (args > 0)
        return err_set(err, ERR_INVALID, "unexpected argument %s", argv[1]);
    return settings->topology ? 0 : err_set(err, ERR_INVALID, "--topology is missing");
}

static bool wanted(const struct settings *settings, const struct mirror *mirror)
{
    if (settings->region && strcmp(settings->region, mirror->to->name) != 0)
        return false;
    for (size_t i = 0; i < settings->mirrors.count; i++) {
        if (strcmp(settings->mirrors.items[i], mirror->name) == 0)
            return true;
    }
    return settings->mirrors.count == 0;
}

static int check_names(const struct settings *settings, const struct routes *routes,
                       struct err *err)
{
    for (size_t i = 0; i < settings->mirrors.count; i++) {
        size_t m = 0;
        while (m < routes->mirror_count &&
               strcmp(routes->mirrors[m].name, settings->mirrors.items[i]) != 0)
            m++;
        if (m == routes->mirror_count)
            return err_set(err, ERR_NOT_FOUND,
                           "the topology has no mirror %s (`mot topology explain` lists them)",
                           settings->mirrors.items[i]);
    }
    return 0;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    copier_run(worker->topology, worker->mirror);
    return NULL;
}

/* Signals are for the main thread. */
static int start(struct worker *worker)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&worker->thread, NULL, work, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

static int run(const struct settings *settings, const struct topology *topology,
               const struct routes *routes, struct err *err)
{
    if (check_names(settings, routes, err) < 0)
        return -1;
    struct worker *workers = mem_array(routes->mirror_count + 1, sizeof(*workers));
    size_t count = 0;
    int ret = 0;
    for (size_t i = 0; ret == 0 && i < routes->mirror_count; i++) {
        if (!wanted(settings, &routes->mirrors[i]))
            continue;
        workers[count] = (struct worker){.topology = topology, .mirror = &routes->mirrors[i]};
        int code = start(&workers[count]);
        if (code != 0)
            ret = err_set(err, ERR_TRANSIENT, "no thread: %s", strerror(code));
        else
            count++;
    }
    if (ret == 0 && count == 0)
        log_info("this topology needs no mirror here", LOG_NONE);
    if (ret < 0)
        stop_request();
    stop_wait(-1);
    for (size_t i = 0; i < count; i++)
        pthread_join(workers[i].thread, NULL);
    free(workers);
    return ret;
}

int mirror_main(int argc, char **argv)
{
    struct settings settings = {0};
    struct err err = {0};
    mem_tune();
    int ret = parse(argc, argv, &settings, &err);
    if (ret > 0)
        return 0;
    struct topology *topology = ret == 0 ? topology_load(settings.topology, &err) : NULL;
    if (topology) {
        log_init("mirror", settings.region);
        stop_install();
        struct routes *routes = topology_routes(topology);
        ret = run(&settings, topology, routes, &err);
        routes_free(routes);
        topology_free(topology);
    } else {
        ret = -1;
    }
    if (ret == 0)
        return 0;
    fprintf(stderr, "mot mirror: %s\n", err.message);
    return 1;
}
