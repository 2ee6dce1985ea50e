/* A broker's command line, its ports, and whether it answers. */
#include "broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

/* ------------------------------------------------------------------------------------ command line
 */

static char *jars_in(const char *folder)
{
    AUTO_FREE char *libs = mem_printf("%s/libs", folder);
    return mem_strdup(access(libs, R_OK | X_OK) == 0 ? libs : folder);
}

char *broker_find_libs(const char *kafka_home, struct err *err)
{
    AUTO_FREE char *usual =
        mem_printf("%s/.cache/mot/kafka-4.3.1", getenv("HOME") ? getenv("HOME") : "");
    const char *folder = kafka_home ? kafka_home : getenv("MOT_KAFKA_HOME");
    if (!folder || !*folder)
        folder = usual;
    if (access(folder, R_OK | X_OK) != 0) {
        err_set(err, ERR_NOT_FOUND,
                "no Kafka in %s: %s (scripts/install-deps fetches it; --kafka-home or "
                "MOT_KAFKA_HOME names another)",
                folder, strerror(errno));
        return NULL;
    }
    return jars_in(folder);
}

char *broker_archive(const char *libs)
{
    return mem_printf("%s/../kafka.jsa", libs);
}

/* Where a broker that makes the archive writes it first: beside it, so that it can be renamed into
 * place. */
static char *archive_draft(const struct broker_config *config)
{
    return mem_printf("%s/../kafka.jsa.%d", config->libs, config->port);
}

static char *archive_option(const struct broker_config *config, bool make_archive)
{
    AUTO_FREE char *archive = broker_archive(config->libs);
    AUTO_FREE char *draft = archive_draft(config);
    if (make_archive)
        return mem_printf("-XX:ArchiveClassesAtExit=%s", draft);
    if (access(archive, R_OK) == 0)
        return mem_printf("-XX:SharedArchiveFile=%s", archive);
    return NULL;
}

char **broker_argv(const struct broker_config *config, bool make_archive)
{
    static const char *const options[] = {"-Xms32m",
                                          "-XX:+UseSerialGC",
                                          "-XX:TieredStopAtLevel=1",
                                          "-Xss512k",
                                          "-XX:ReservedCodeCacheSize=48m",
                                          "-Xlog:disable",
                                          "-Xlog:all=error:stderr",
                                          "-Djava.net.preferIPv4Stack=true",
                                          "-Djava.awt.headless=true",
                                          "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"};
    char **argv = mem_array(MOT_ARRAY_SIZE(options) + 8, sizeof(char *));
    size_t count = 0;
    argv[count++] = mem_strdup("java");
    argv[count++] = mem_printf("-Xmx%dm", config->heap_mb ? config->heap_mb : 256);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(options); i++)
        argv[count++] = mem_strdup(options[i]);
    argv[count] = archive_option(config, make_archive);
    if (argv[count])
        count++;
    argv[count++] = mem_strdup("-cp");
    argv[count++] = mem_printf("%s/*", config->libs);
    argv[count++] = mem_strdup("kafka.Kafka");
    argv[count++] = mem_printf("%s/server.properties", config->dir);
    return argv;
}

void broker_argv_free(char **argv)
{
    for (size_t i = 0; argv && argv[i]; i++)
        free(argv[i]);
    free(argv);
}

void broker_keep_archive(const struct broker_config *config)
{
    AUTO_FREE char *archive = broker_archive(config->libs);
    AUTO_FREE char *draft = archive_draft(config);
    rename(draft, archive);
}

/* ------------------------------------------------------------------------------------ ports */

static int bind_free(int *ret_port, struct err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &len) == 0) {
        *ret_port = ntohs(address.sin_port);
        return fd;
    }
    err_set(err, ERR_TRANSIENT, "no free port on 127.0.0.1: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

int broker_pick_ports(int *ret_port, int *ret_controller_port, struct err *err)
{
    int first = bind_free(ret_port, err);
    int second = first < 0 ? -1 : bind_free(ret_controller_port, err);
    if (first >= 0)
        close(first);
    if (second >= 0)
        close(second);
    return second < 0 ? -1 : 0;
}

/* ------------------------------------------------------------------------------------ probing */

static bool wait_for(int fd, short events, int64_t until_ms)
{
    struct pollfd entry = {.fd = fd, .events = events};
    int64_t left = until_ms - clock_ms();
    return left > 0 && poll(&entry, 1, (int)left) == 1;
}

static int connect_to(int port, int64_t until_ms)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int failure = 0;
    socklen_t len = sizeof(failure);
    if ((connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EINPROGRESS) &&
        wait_for(fd, POLLOUT, until_ms) &&
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) == 0 && failure == 0)
        return fd;
    close(fd);
    return -1;
}

/* Asks for the versions of the API, the one request that every broker answers to anybody. It
 * answers nothing before it has joined its cluster. */
static bool answers(int fd, int64_t until_ms)
{
    static const unsigned char request[] = {0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff};
    unsigned char reply[8];
    if (send(fd, request, sizeof(request), MSG_NOSIGNAL) != (ssize_t)sizeof(request))
        return false;
    if (!wait_for(fd, POLLIN, until_ms))
        return false;
    return recv(fd, reply, sizeof(reply), 0) == (ssize_t)sizeof(reply) && reply[7] == 1;
}

int broker_probe(int port, int64_t timeout_ms, struct err *err)
{
    int64_t until_ms = clock_ms() + timeout_ms;
    int fd = connect_to(port, until_ms);
    bool ready = fd >= 0 && answers(fd, until_ms);
    if (fd >= 0)
        close(fd);
    return ready ? 0
                 : err_set(err, ERR_TRANSIENT,
                           "the Kafka broker on 127.0.0.1:%d does not answer yet", port);
}
