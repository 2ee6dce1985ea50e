/*
 * What needs what. Parts that need nothing of each other start side by side:
 *
 *     initdb ← postgresql ← api ← regions (that every region's heartbeat has come in)
 *                         ← controller        also needs the brokers of ours
 *     kafka REGION (with its topics) ← mirror, reconciler REGION
 */
#include "cli/up/parts.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mot/agent/topics.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>
#include <mot/http/client.h>

#include "cli/up/regions.h"

#define TRY_MS    ((int64_t)500)
#define TOPICS_MS ((int64_t)4000)
#define GRACE_MS  ((int64_t)15000)
#define GRACE_LONG_MS                                                                              \
    ((int64_t)40000) /* PostgreSQL's checkpoint, Kafka's logs, an archive of classes */
#define NO_PART SIZE_MAX

/* ---------------------------------------------------------------------------------- making parts
 */

static size_t add_part(struct setup *setup, const char *name, int64_t grace_ms)
{
    mem_grow((void **)&setup->parts, &setup->part_capacity, setup->part_count,
             sizeof(*setup->parts));
    struct part *part = &setup->parts[setup->part_count];
    memset(part, 0, sizeof(*part));
    part->name = mem_strdup(name);
    AUTO_FREE char *file = mem_printf("logs/%s.log", name);
    for (char *c = file; *c; c++)
        if (*c == ' ' || *c == '>')
            *c = '-';
    part->log = file_join(setup->dir, file);
    part->grace_ms = grace_ms;
    part->setup = setup;
    part->pidfd = -1;
    return setup->part_count++;
}

static void add_need(struct setup *setup, size_t part, size_t need)
{
    if (need == NO_PART)
        return;
    struct part *p = &setup->parts[part];
    size_t *needs = mem_resize(p->needs, p->need_count + 1, sizeof(*needs));
    needs[p->need_count++] = need;
    p->needs = needs;
}

static size_t find_part(const struct setup *setup, const char *prefix, const char *region)
{
    AUTO_FREE char *name = mem_printf("%s %s", prefix, region);
    for (size_t i = 0; i < setup->part_count; i++)
        if (strcmp(setup->parts[i].name, name) == 0)
            return i;
    return NO_PART;
}

/* One of our own roles: this executable again. @args ends with NULL. */
static void set_role(struct setup *setup, size_t index, const char *const *args)
{
    struct part *part = &setup->parts[index];
    size_t count = 0;
    while (args[count])
        count++;
    part->argv = mem_array(count + 2, sizeof(char *));
    part->argv[0] = mem_strdup(setup->executable);
    for (size_t i = 0; i < count; i++)
        part->argv[i + 1] = mem_strdup(args[i]);
    part->process = true;
    /* What is meant for `mot up` itself must not become an option of its parts. */
    static const char *const unset[] = {"MOT_DATA",
                                        "MOT_PORT",
                                        "MOT_TOPOLOGY",
                                        "MOT_ONCE",
                                        "MOT_DB",
                                        "MOT_REGION",
                                        "MOT_KAFKA_HOME",
                                        "MOT_PLAIN_HTTP",
                                        "MOT_TLS_CERT_FILE",
                                        "MOT_TLS_PRIVATE_KEY_FILE",
                                        "MOT_CLIENT_CA_FILE",
                                        "MOT_ADDRESS",
                                        NULL};
    part->spec = (struct process_spec){.argv = (const char *const *)part->argv,
                                       .log = part->log,
                                       .unset = unset,
                                       .end_signal = SIGTERM};
}

/* ---------------------------------------------------------------------------------- PostgreSQL */

static int try_postgres(struct probe *probe, void *context, struct err *err)
{
    (void)probe;
    if (postgres_answers(context))
        return 0;
    return err_set(err, ERR_TRANSIENT, "PostgreSQL takes no connections yet");
}

static int prepare_initdb(struct part *part, struct err *err)
{
    return postgres_init_spec(&part->setup->postgres, &part->spec, err);
}

static int finish_initdb(struct part *part, struct err *err)
{
    return postgres_init_done(&part->setup->postgres, err);
}

static size_t add_postgres(struct setup *setup)
{
    struct postgres *postgres = &setup->postgres;
    size_t init = NO_PART;
    if (!postgres_exists(postgres)) {
        init = add_part(setup, "initdb", GRACE_MS);
        struct part *part = &setup->parts[init];
        part->process = true;
        part->once = true;
        free(part->log);
        part->log = mem_strdup(postgres->log);
        part->prepare = prepare_initdb;
        part->finish = finish_initdb;
    }
    size_t index = add_part(setup, "postgresql", GRACE_LONG_MS);
    struct part *part = &setup->parts[index];
    part->process = true;
    part->spec = postgres_spec(postgres);
    part->attempt = try_postgres;
    part->context = postgres;
    part->watch[0] = part->log;
    part->watch[1] = postgres->data;
    snprintf(part->detail, sizeof(part->detail), "socket in %s", postgres->sockets);
    add_need(setup, index, init);
    return index;
}

/* ---------------------------------------------------------------------------------- Kafka */

static const struct broker_config *broker_of(const struct setup *setup,
                                             const struct topology_region *region)
{
    return &setup->brokers[region - setup->topology->regions];
}

static int try_kafka(struct probe *probe, void *context, struct err *err)
{
    (void)probe;
    const struct part *part = context;
    if (part->process && broker_probe(broker_of(part->setup, part->region)->port, TRY_MS, err) != 0)
        return -1;
    return region_topics_create(part->setup->topology, part->setup->routes, part->region, TOPICS_MS,
                                err);
}

static int prepare_broker(struct part *part, struct err *err)
{
    return broker_prepare(broker_of(part->setup, part->region), err);
}

/* The first broker of the first run leaves an archive of classes behind: later ones start faster.
 */
static bool makes_archive(const struct setup *setup)
{
    for (size_t i = 0; i < setup->part_count; i++)
        if (strncmp(setup->parts[i].name, "kafka ", 6) == 0)
            return false;
    AUTO_FREE char *archive = broker_archive(setup->libs);
    return access(archive, R_OK) != 0;
}

static int keep_archive(struct part *part, struct err *err)
{
    (void)err;
    broker_keep_archive(broker_of(part->setup, part->region));
    return 0;
}

static void add_kafka(struct setup *setup, const struct topology_region *region)
{
    const struct broker_config *broker = broker_of(setup, region);
    AUTO_FREE char *name = mem_printf("%s %s", broker->dir ? "kafka" : "topics", region->name);
    bool archive = broker->dir && makes_archive(setup);
    size_t index = add_part(setup, name, GRACE_LONG_MS);
    struct part *part = &setup->parts[index];
    part->region = region;
    part->attempt = try_kafka;
    snprintf(part->detail, sizeof(part->detail), "%s", region->bootstrap);
    if (!broker->dir)
        return;
    part->process = true;
    part->argv = broker_argv(broker, archive);
    part->prepare = prepare_broker;
    part->finish = archive ? keep_archive : NULL;
    part->watch[0] = part->log;
    part->spec = (struct process_spec){.argv = (const char *const *)part->argv,
                                       .log = part->log,
                                       .dir = broker->dir,
                                       .end_signal = SIGTERM};
}

/* ---------------------------------------------------------------------------------- our roles */

struct http_client_options setup_client(const struct setup *setup, int stop_fd)
{
    return (struct http_client_options){.base_url = setup->url,
                                        .ca_file = setup->pki.authority,
                                        .cert_file = setup->pki.admin,
                                        .key_file = setup->pki.admin_key,
                                        .stop_fd = stop_fd};
}

static int try_api(struct probe *probe, void *context, struct err *err)
{
    const struct setup *setup = context;
    struct http_client_options options = setup_client(setup, probe_stop_fd(probe));
    struct http_client *client = http_client_new(&options, err);
    if (!client)
        return -1;
    struct http_request request = {.path = "/readyz", .accept = "*/*", .timeout_ms = 2000};
    struct http_response response;
    int rc = http_send(client, &request, &response, err);
    if (rc == 0 && response.status != 200)
        rc = err_set(err, ERR_TRANSIENT, "/readyz answers %d: %.200s", response.status,
                     http_response_text(&response));
    http_response_release(&response);
    http_client_free(client);
    return rc;
}

static size_t add_api(struct setup *setup, size_t postgres)
{
    size_t index = add_part(setup, "api", GRACE_MS);
    AUTO_FREE char *port = mem_printf("%d", setup->port);
    AUTO_FREE char *audit = file_join(setup->dir, "logs/audit.log");
    const struct pki *pki = &setup->pki;
    const char *args[16] = {"api", "--db", setup->postgres.url, "--port", port, "--audit-log-path",
                            audit};
    const char *const tls[] = {"--tls-cert-file", pki->server,        "--tls-private-key-file",
                               pki->server_key,   "--client-ca-file", pki->authority};
    if (setup->plain_http)
        args[7] = "--plain-http";
    else
        memcpy(args + 7, tls, sizeof(tls));
    set_role(setup, index, args);
    struct part *part = &setup->parts[index];
    part->attempt = try_api;
    part->context = setup;
    part->watch[0] = part->log;
    snprintf(part->detail, sizeof(part->detail), "%s", setup->url);
    add_need(setup, index, postgres);
    return index;
}

static void add_controller(struct setup *setup, size_t postgres)
{
    size_t index = add_part(setup, "controller", GRACE_MS);
    const char *args[] = {"controller", "--topology",        setup->topology_file,
                          "--db",       setup->postgres.url, NULL};
    set_role(setup, index, args);
    add_need(setup, index, postgres);
    for (size_t i = 0; i < setup->topology->region_count; i++)
        add_need(setup, index, find_part(setup, "kafka", setup->topology->regions[i].name));
}

static void add_mirror(struct setup *setup, const struct mirror *mirror)
{
    AUTO_FREE char *name = mem_printf("mirror %s", mirror->name);
    size_t index = add_part(setup, name, GRACE_MS);
    const char *args[] = {"mirror",   "--topology", setup->topology_file,
                          "--mirror", mirror->name, NULL};
    set_role(setup, index, args);
    add_need(setup, index, find_part(setup, "kafka", mirror->from->name));
    add_need(setup, index, find_part(setup, "kafka", mirror->to->name));
}

static void add_reconciler(struct setup *setup, const struct topology_region *region)
{
    AUTO_FREE char *name = mem_printf("reconciler %s", region->name);
    AUTO_FREE char *folder = mem_printf("%s/regions/%s", setup->dir, region->name);
    size_t index = add_part(setup, name, GRACE_LONG_MS);
    const char *args[] = {
        "reconciler", "--topology", setup->topology_file,       "--region", region->name,
        "--data",     folder,       "--stop-instances-on-exit", NULL};
    set_role(setup, index, args);
    add_need(setup, index, find_part(setup, "kafka", region->name));
    const struct route *launches = routes_find(setup->routes, TOPIC_LAUNCH, region->name);
    if (launches && launches->consumed_in != region)
        add_need(setup, index, find_part(setup, "kafka", launches->consumed_in->name));
}

static void add_regions(struct setup *setup, size_t api)
{
    size_t index = add_part(setup, "regions", GRACE_MS);
    struct part *part = &setup->parts[index];
    part->attempt = regions_wait;
    part->context = setup;
    snprintf(part->detail, sizeof(part->detail), "%zu heartbeats seen",
             setup->topology->region_count);
    add_need(setup, index, api);
}

void parts_make(struct setup *setup)
{
    size_t postgres = add_postgres(setup);
    for (size_t i = 0; i < setup->topology->region_count; i++)
        add_kafka(setup, &setup->topology->regions[i]);
    size_t api = add_api(setup, postgres);
    add_controller(setup, postgres);
    for (size_t i = 0; i < setup->routes->mirror_count; i++)
        add_mirror(setup, &setup->routes->mirrors[i]);
    for (size_t i = 0; i < setup->topology->region_count; i++)
        add_reconciler(setup, &setup->topology->regions[i]);
    add_regions(setup, api);
    /* The array stands still from now on. */
    for (size_t i = 0; i < setup->part_count; i++)
        if (setup->parts[i].attempt == try_kafka)
            setup->parts[i].context = &setup->parts[i];
}

void parts_release(struct setup *setup)
{
    for (size_t i = 0; i < setup->part_count; i++) {
        struct part *part = &setup->parts[i];
        for (size_t j = 0; part->argv && part->argv[j]; j++)
            free(part->argv[j]);
        free(part->argv);
        free(part->name);
        free(part->log);
        free(part->needs);
    }
    free(setup->parts);
    setup->parts = NULL;
    setup->part_count = 0;
}
