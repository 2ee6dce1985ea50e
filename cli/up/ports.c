#include "cli/up/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mot/base/buf.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>

#define FILE_MAX ((size_t)1 << 20)

int ports_load(const char *file, struct port_list *ret_list, struct err *err)
{
    *ret_list = (struct port_list){0};
    struct err local = {0};
    AUTO_FREE char *text = file_read(file, FILE_MAX, NULL, &local);
    if (!text)
        return local.code == ERR_NOT_FOUND ? 0 : err_set(err, local.code, "%s", local.message);
    int number = 1;
    for (const char *line = text; *line; number++) {
        char region[64];
        int port;
        int controller_port;
        if (sscanf(line, "%63s %d %d", region, &port, &controller_port) != 3)
            return err_set(err, ERR_INVALID, "%s:%d: not \"REGION PORT PORT\"", file, number);
        ports_add(ret_list, region, port, controller_port);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return 0;
}

int ports_save(const char *file, const struct port_list *list, struct err *err)
{
    struct buf text;
    buf_init(&text, FILE_MAX);
    for (size_t i = 0; i < list->count; i++)
        buf_addf(&text, "%s %d %d\n", list->items[i].region, list->items[i].port,
                 list->items[i].controller_port);
    int rc = file_write(file, text.data ? text.data : "", text.len, 0600, err);
    buf_release(&text);
    return rc;
}

struct port_pair *ports_find(const struct port_list *list, const char *region)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].region, region) == 0)
            return &list->items[i];
    return NULL;
}

void ports_add(struct port_list *list, const char *region, int port, int controller_port)
{
    mem_grow((void **)&list->items, &list->capacity, list->count, sizeof(*list->items));
    struct port_pair *pair = &list->items[list->count++];
    snprintf(pair->region, sizeof(pair->region), "%s", region);
    pair->port = port;
    pair->controller_port = controller_port;
}

void up_ports_release(struct port_list *list)
{
    free(list->items);
    *list = (struct port_list){0};
}

bool port_is_free(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bool is_free = bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return is_free;
}
