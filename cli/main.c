/*
 * `mot`: one executable for every role and every client verb. main() only picks the command;
 * installed as kubectl-mot it is the same program, so that `kubectl mot status checkout` works.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <mot/base/mem.h>

#include "cli/commands.h"

enum group { GROUP_USE, GROUP_RUN, GROUP_MORE };

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    enum group group;
    const char *summary;
};

static int help_main(int argc, char **argv);

static const struct command commands[] = {
    {"apply", apply_main, GROUP_USE, "Create or change objects as files say"},
    {"get", get_main, GROUP_USE,
     "Show objects: as a table, as YAML or JSON, once or as they change"},
    {"status", status_main, GROUP_USE, "Show a deployment as a tree: regions, zones, instances"},
    {"wait", wait_main, GROUP_USE, "Wait until a deployment has converged, or is gone"},
    {"delete", delete_main, GROUP_USE, "Delete objects"},
    {"kinds", kinds_main, GROUP_USE, "List the kinds of objects"},
    {"up", up_main, GROUP_RUN, "Run everything on this machine"},
    {"api", api_main, GROUP_RUN, "Run the API server"},
    {"controller", controller_main, GROUP_RUN, "Run the central controllers"},
    {"reconciler", reconciler_main, GROUP_RUN, "Run the agents of a region"},
    {"mirror", mirror_main, GROUP_RUN, "Run the mirror between two Kafka clusters"},
    {"demo-server", demo_server_main, GROUP_RUN, "Run a small HTTP server: something to deploy"},
    {"topology", topology_main, GROUP_MORE, "Check a topology file, or explain its routes"},
    {"version", version_main, GROUP_MORE, "Show the versions of this program and of the server"},
    {"help", help_main, GROUP_MORE, "Show this, or the help of a command"},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void print_group(enum group group, const char *title)
{
    printf("\n%s\n", title);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(commands); i++)
        if (commands[i].group == group)
            printf("  %-12s %s\n", commands[i].name, commands[i].summary);
}

static void print_help(void)
{
    printf("mot deploys services to many regions of a hybrid cloud, described once.\n\n"
           "Usage: mot COMMAND [options]\n");
    print_group(GROUP_USE, "Talk to a server (the one of your kubeconfig, as kubectl does):");
    print_group(GROUP_RUN, "Run a part of it:");
    print_group(GROUP_MORE, "And:");
    printf("\n`mot COMMAND --help` says more about a command. Try `mot up --data ./data` first.\n");
}

static int help_main(int argc, char **argv)
{
    const struct command *command = argc > 1 ? find_command(argv[1]) : NULL;
    if (!command || command->run == help_main) {
        print_help();
        return 0;
    }
    char flag[] = "--help";
    char *help_argv[] = {argv[1], flag, NULL};
    return command->run(2, help_argv);
}

/* The edit distance of two short words, for suggestions. */
static size_t distance(const char *a, const char *b)
{
    size_t row[32];
    size_t len = strlen(b);
    if (len >= MOT_ARRAY_SIZE(row))
        return SIZE_MAX;
    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= len; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[len];
}

static int unknown_command(const char *name)
{
    fprintf(stderr, "mot: there is no command \"%s\".", name);
    const char *nearest = NULL;
    size_t best = 3;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(commands) && strlen(name) < 32; i++) {
        size_t d = distance(name, commands[i].name);
        if (d < best) {
            best = d;
            nearest = commands[i].name;
        }
    }
    if (nearest)
        fprintf(stderr, " Did you mean \"%s\"?", nearest);
    fprintf(stderr, " `mot help` lists them.\n");
    return 2;
}

int main(int argc, char **argv)
{
    mem_tune();
    if (argc < 2) {
        print_help();
        return 2;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("mot %s\n", MOT_VERSION);
        return 0;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help();
        return 0;
    }
    const struct command *command = find_command(argv[1]);
    if (!command)
        return unknown_command(argv[1]);
    return command->run(argc - 1, argv + 1);
}
