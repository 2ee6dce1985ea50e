#include "ports.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mot/base/random.h>

#define FOLDER "/tmp/mot-ports"

static bool can_bind(int type, int port)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    int one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    /* Connections of an earlier server that linger in TIME_WAIT don't count. */
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    bool ok = bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

bool ports_free(int port)
{
    return can_bind(SOCK_STREAM, port) && can_bind(SOCK_DGRAM, port);
}

/* The shared folder, locked; -1 when it can't be used: then only the bind check protects. */
static int lock_folder(void)
{
    if (mkdir(FOLDER, 0777) == 0 && chmod(FOLDER, 01777) < 0)
        return -1;
    int folder = open(FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return -1;
    while (flock(folder, LOCK_EX) < 0) {
        if (errno != EINTR) {
            close(folder);
            return -1;
        }
    }
    return folder;
}

/* False when somebody else has it. Where claims can't be written only the bind check protects. */
static bool write_claim(int folder, const char *name, const char *owner)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno != EEXIST;
    size_t len = strlen(owner);
    bool ok = write(fd, owner, len) == (ssize_t)len;
    close(fd);
    if (!ok)
        unlinkat(folder, name, 0);
    return true;
}

static bool read_claim(int folder, const char *name, char owner[PATH_MAX])
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, owner, PATH_MAX - 1);
    close(fd);
    owner[n > 0 ? n : 0] = '\0';
    return true;
}

static bool claim(int folder, int port, const char *owner)
{
    char name[16], other[PATH_MAX];
    snprintf(name, sizeof(name), "%d", port);
    if (folder < 0 || write_claim(folder, name, owner))
        return true;
    if (!read_claim(folder, name, other))
        return false;
    if (strcmp(other, owner) == 0)
        return true;
    return access(other, F_OK) < 0 && errno == ENOENT && unlinkat(folder, name, 0) == 0 &&
           write_claim(folder, name, owner);
}

int ports_claim(const char *owner, int *ret_port, struct err *err)
{
    int folder = lock_folder();
    int count = PORTS_LAST - PORTS_FIRST + 1;
    int start = (int)random_below((uint64_t)count);
    int found = 0;
    for (int i = 0; i < count && !found; i++) {
        int port = PORTS_FIRST + (start + i) % count;
        if (ports_free(port) && claim(folder, port, owner))
            found = port;
    }
    if (folder >= 0)
        close(folder);
    *ret_port = found;
    return found ? 0
                 : err_set(err, ERR_TRANSIENT, "no port from %d to %d is free", PORTS_FIRST,
                           PORTS_LAST);
}

void ports_keep(const char *owner, int port)
{
    int folder = lock_folder();
    claim(folder, port, owner);
    if (folder >= 0)
        close(folder);
}

void ports_release(const char *owner, int port)
{
    char name[16], other[PATH_MAX];
    int folder = lock_folder();
    if (folder < 0)
        return;
    snprintf(name, sizeof(name), "%d", port);
    if (read_claim(folder, name, other) && strcmp(other, owner) == 0)
        unlinkat(folder, name, 0);
    close(folder);
}
