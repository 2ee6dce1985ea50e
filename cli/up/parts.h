/* The parts that `mot up` runs, made from the topology: what each needs, what to run, how it
 * answers. */
#ifndef MOT_CLI_UP_PARTS_H
#define MOT_CLI_UP_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <mot/base/err.h>
#include <mot/http/client.h>
#include <mot/topology/topology.h>

#include "cli/broker/broker.h"
#include "cli/pki/pki.h"
#include "cli/up/ports.h"
#include "cli/up/postgres.h"
#include "cli/up/probe.h"
#include "cli/up/process.h"
#include "cli/up/supervise.h"

struct setup;

struct part {
    char *name; /* "kafka test-us-east-1" */
    char *log;
    size_t *needs;
    size_t need_count;
    int64_t grace_ms;
    bool process; /* false: there is only something to wait for */
    bool once;    /* its process does something and ends: that is its answer */
    struct process_spec spec;
    char **argv;        /* owned; what spec.argv shows */
    probe_try *attempt; /* NULL: ready as soon as it is started */
    void *context;
    const char *watch[3];
    char detail[160]; /* behind the name: "127.0.0.1:41001" */
    const struct topology_region *region;
    struct setup *setup;
    /* Before each start and after a good end of a once part; may be NULL. */
    int (*prepare)(struct part *part, struct err *err);
    int (*finish)(struct part *part, struct err *err);

    /* While it runs. */
    pid_t pid;
    int pidfd;
    struct probe *probe;
    bool announced; /* its first answer was shown */
};

/* Everything the parts refer to. */
struct setup {
    char *dir;
    char *executable;
    char *topology_file;
    int port;
    bool plain_http;
    char *url;      /* of the API */
    struct pki pki; /* empty with plain_http */
    int64_t started_wall_ms;
    struct topology *topology;
    struct routes *routes;
    struct port_list ports;
    char *libs;                    /* of Kafka; NULL when no broker of ours is needed */
    struct broker_config *brokers; /* one per region, those of ours have a dir */
    struct postgres postgres;
    struct part *parts;
    size_t part_count;
    size_t part_capacity;
};

/* Adds all parts. The setup's fields above `parts` are filled in. */
void parts_make(struct setup *setup);
void parts_release(struct setup *setup);
/* How the administrator talks to the API. */
struct http_client_options setup_client(const struct setup *setup, int stop_fd);

#endif
