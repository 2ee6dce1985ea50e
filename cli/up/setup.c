#include "cli/up/setup.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>

#include "cli/pki/certificate.h"
#include "cli/up/demo_topology.h"

#define PATH_SIZE        4096
#define EARLIER_GRACE_MS ((int64_t)30000)
/* Below the range from which the kernel takes ports for outgoing connections: such a port stays
 * free between two runs. */
#define PORT_FIRST 20000
#define PORT_COUNT 12000

/* ---------------------------------------------------------------------------------- the folder */

/* One of ours, for its owner alone; an earlier version made it for all to read. */
static int own_folder(const struct setup *setup, const char *name, struct err *err)
{
    AUTO_FREE char *path = file_join(setup->dir, name);
    if (file_mkdirs(path, 0700, err) != 0)
        return -1;
    if (chmod(path, 0700) != 0)
        return err_set(err, ERR_FORBIDDEN, "cannot close %s to others: %s", path, strerror(errno));
    return 0;
}

/* They are no part of what `mot up` keeps, so they are as open as usual. */
static int make_parents(const char *folder, struct err *err)
{
    AUTO_FREE char *copy = mem_strdup(folder);
    return file_mkdirs(dirname(copy), 0755, err);
}

/* As root, PostgreSQL runs as somebody else, who must get to its own folders in there. One that is
 * there already has the mode that somebody chose. */
static int open_folder(struct setup *setup, const char *data, struct err *err)
{
    if (make_parents(data, err) != 0 || file_mkdirs(data, geteuid() == 0 ? 0711 : 0700, err) != 0)
        return -1;
    char *full = realpath(data, NULL);
    if (!full)
        return err_set(err, ERR_INVALID, "cannot resolve %s", data);
    setup->dir = full;
    AUTO_FREE char *lock = file_join(full, "lock");
    int fd;
    struct err local = {0};
    if (file_lock(lock, &fd, &local) != 0) {
        if (local.code == ERR_CONFLICT)
            return err_set(err, ERR_CONFLICT, "%s is in use by another `mot up`", full);
        return err_set(err, local.code, "%s", local.message);
    }
    static const char *const folders[] = {"logs", "kafka", "regions"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(folders); i++)
        if (own_folder(setup, folders[i], err) != 0)
            return -1;
    return 0;
}

/* An earlier `mot up` that was killed may have left parts that are still ending. */
static void await_earlier(const struct setup *setup)
{
    AUTO_FREE char *notes = file_join(setup->dir, "parts");
    process_await_earlier(notes, EARLIER_GRACE_MS);
}

static char *own_path(void)
{
    char path[PATH_SIZE];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (len > 0) {
        path[len] = '\0';
        if (access(path, X_OK) == 0)
            return mem_strdup(path);
    }
    return mem_strdup("/proc/self/exe"); /* the file was replaced meanwhile */
}

/* ---------------------------------------------------------------------------------- the topology
 */

static int load_topology(struct setup *setup, const char *given, struct err *err)
{
    if (given)
        setup->topology = topology_load(given, err);
    else if (access(setup->topology_file, F_OK) == 0)
        setup->topology = topology_load(setup->topology_file, err);
    else
        setup->topology = topology_parse("demo.yaml", demo_topology, demo_topology_len, err);
    return setup->topology ? 0 : -1;
}

static int pick_port(int not_this, struct err *err)
{
    int start = (int)random_below(PORT_COUNT);
    for (int i = 0; i < PORT_COUNT; i++) {
        int port = PORT_FIRST + (start + i) % PORT_COUNT;
        if (port != not_this && port_is_free(port))
            return port;
    }
    return err_set(err, ERR_TRANSIENT, "no port of 127.0.0.1 is free");
}

/* The ports this region's broker had before, or new ones when somebody else has taken them. */
static int choose_ports(struct setup *setup, const char *region, struct port_pair **ret_pair,
                        struct err *err)
{
    struct port_pair *pair = ports_find(&setup->ports, region);
    if (pair && port_is_free(pair->port) && port_is_free(pair->controller_port)) {
        *ret_pair = pair;
        return 0;
    }
    int port = pick_port(0, err);
    int controller_port = port < 0 ? -1 : pick_port(port, err);
    if (controller_port < 0)
        return -1;
    if (!pair) {
        ports_add(&setup->ports, region, port, controller_port);
        pair = ports_find(&setup->ports, region);
    }
    pair->port = port;
    pair->controller_port = controller_port;
    *ret_pair = pair;
    return 0;
}

/* Regions without bootstrap servers, and those for which we had a broker before when the topology
 * is the one we wrote. */
static bool is_ours(const struct setup *setup, const struct topology_region *region, bool resumed)
{
    return !region->bootstrap || (resumed && ports_find(&setup->ports, region->name));
}

static int plan_broker(struct setup *setup, size_t index, struct err *err)
{
    const char *region = setup->topology->regions[index].name;
    struct port_pair *pair;
    if (choose_ports(setup, region, &pair, err) != 0)
        return -1;
    AUTO_FREE char *folder = mem_printf("%s/kafka/%s", setup->dir, region);
    if (file_mkdirs(folder, 0700, err) != 0)
        return -1;
    setup->brokers[index] = (struct broker_config){.dir = mem_take(&folder),
                                                   .libs = setup->libs,
                                                   .port = pair->port,
                                                   .controller_port = pair->controller_port};
    AUTO_FREE char *bootstrap = mem_printf("127.0.0.1:%d", pair->port);
    topology_set_bootstrap(setup->topology, region, bootstrap);
    return 0;
}

static int find_kafka(struct setup *setup, const char *kafka_home, struct err *err)
{
    setup->libs = broker_find_libs(kafka_home, err);
    if (!setup->libs)
        return -1;
    AUTO_FREE char *java = process_find("java");
    if (!java)
        return err_set(
            err, ERR_NOT_FOUND,
            "Java was not found, and Kafka needs it: install it with `scripts/install-deps` or "
            "`apt-get install openjdk-17-jre-headless`");
    return 0;
}

static int plan_brokers(struct setup *setup, const struct up_settings *settings, bool resumed,
                        struct err *err)
{
    AUTO_FREE char *ports_file = file_join(setup->dir, "ports");
    if (ports_load(ports_file, &setup->ports, err) != 0)
        return -1;
    setup->brokers = mem_array(setup->topology->region_count, sizeof(*setup->brokers));
    for (size_t i = 0; i < setup->topology->region_count; i++) {
        if (!is_ours(setup, &setup->topology->regions[i], resumed))
            continue;
        if ((!setup->libs && find_kafka(setup, settings->kafka_home, err) != 0) ||
            plan_broker(setup, i, err) != 0)
            return -1;
    }
    return ports_save(ports_file, &setup->ports, err);
}

/* ---------------------------------------------------------------------------------- what is
 * written */

static int write_topology(const struct setup *setup, struct err *err)
{
    AUTO_FREE char *text = topology_write(setup->topology);
    return file_write(setup->topology_file, text, strlen(text), 0600, err);
}

/* Of a file of the PKI, in base64; free() it. */
static char *data_of(const char *path, struct err *err)
{
    AUTO_FREE char *pem = file_read(path, (size_t)1 << 20, NULL, err);
    return pem ? pem_base64(pem) : NULL;
}

/* What the cluster and the user are besides the server's URL; free() both. */
static int describe_tls(const struct setup *setup, char **ret_cluster, char **ret_user,
                        struct err *err)
{
    AUTO_FREE char *authority = data_of(setup->pki.authority, err);
    AUTO_FREE char *certificate = authority ? data_of(setup->pki.admin, err) : NULL;
    AUTO_FREE char *key = certificate ? data_of(setup->pki.admin_key, err) : NULL;
    if (!key)
        return -1;
    *ret_cluster = mem_printf("    certificate-authority-data: %s\n", authority);
    *ret_user = mem_printf("  user:\n"
                           "    client-certificate-data: %s\n"
                           "    client-key-data: %s\n",
                           certificate, key);
    return 0;
}

static int write_kubeconfig(const struct setup *setup, struct err *err)
{
    AUTO_FREE char *path = file_join(setup->dir, "kubeconfig");
    AUTO_FREE char *cluster = NULL, *user = NULL;
    if (setup->plain_http) {
        cluster = mem_strdup("");
        user = mem_strdup("  user: {}\n");
    } else if (describe_tls(setup, &cluster, &user, err) < 0) {
        return -1;
    }
    AUTO_FREE char *text = mem_printf("apiVersion: v1\n"
                                      "kind: Config\n"
                                      "clusters:\n"
                                      "- name: mot\n"
                                      "  cluster:\n"
                                      "    server: \"%s\"\n"
                                      "%s"
                                      "contexts:\n"
                                      "- name: mot\n"
                                      "  context: {cluster: mot, user: mot, namespace: default}\n"
                                      "users:\n"
                                      "- name: mot\n"
                                      "%s"
                                      "current-context: mot\n",
                                      setup->url, cluster, user);
    return file_write(path, text, strlen(text), 0600, err);
}

static int prepare_pki(struct setup *setup, struct err *err)
{
    AUTO_FREE char *dir = file_join(setup->dir, "pki");
    return setup->plain_http ? 0 : pki_prepare(&setup->pki, dir, clock_wall_ms(), err);
}

int setup_make(struct setup *setup, const struct up_settings *settings, struct err *err)
{
    memset(setup, 0, sizeof(*setup));
    setup->port = settings->port;
    setup->plain_http = settings->plain_http;
    setup->url = mem_printf("%s://127.0.0.1:%d", setup->plain_http ? "http" : "https", setup->port);
    setup->executable = own_path();
    if (open_folder(setup, settings->data, err) != 0)
        return -1;
    await_earlier(setup);
    setup->started_wall_ms = clock_wall_ms();
    setup->topology_file = file_join(setup->dir, "topology.yaml");
    if (!port_is_free(setup->port))
        return err_set(err, ERR_CONFLICT, "port %d is taken: choose another with --port",
                       setup->port);
    AUTO_FREE char *log = file_join(setup->dir, "logs/postgresql.log");
    if (load_topology(setup, settings->topology, err) != 0 ||
        plan_brokers(setup, settings, !settings->topology, err) != 0 ||
        postgres_prepare(&setup->postgres, setup->dir, log, err) != 0)
        return -1;
    setup->routes = topology_routes(setup->topology);
    if (write_topology(setup, err) != 0 || prepare_pki(setup, err) != 0 ||
        write_kubeconfig(setup, err) != 0)
        return -1;
    parts_make(setup);
    return 0;
}

void setup_release(struct setup *setup)
{
    parts_release(setup);
    for (size_t i = 0; setup->brokers && i < setup->topology->region_count; i++)
        free((char *)(uintptr_t)setup->brokers[i].dir);
    free(setup->brokers);
    routes_free(setup->routes);
    topology_free(setup->topology);
    postgres_release(&setup->postgres);
    up_ports_release(&setup->ports);
    pki_release(&setup->pki);
    free(setup->url);
    free(setup->libs);
    free(setup->executable);
    free(setup->topology_file);
    free(setup->dir);
}
