/* The ports of the brokers of `mot up`: chosen once and kept in its data folder, so that a second
 * start uses the same. */
#ifndef MOT_CLI_UP_PORTS_H
#define MOT_CLI_UP_PORTS_H

#include <stdbool.h>
#include <stddef.h>

#include <mot/base/err.h>

struct port_pair {
    char region[64];
    int port;
    int controller_port;
};

struct port_list {
    struct port_pair *items;
    size_t count;
    size_t capacity;
};

/* A file that is not there yet is an empty list. up_ports_release() it, also after an error. */
int ports_load(const char *file, struct port_list *ret_list, struct err *err) MOT_NODISCARD;
int ports_save(const char *file, const struct port_list *list, struct err *err) MOT_NODISCARD;
/* Borrowed until the next ports_add; NULL when there is none. */
struct port_pair *ports_find(const struct port_list *list, const char *region);
void ports_add(struct port_list *list, const char *region, int port, int controller_port);
void up_ports_release(struct port_list *list);

/* Can something listen on this port of 127.0.0.1 now? */
bool port_is_free(int port);

#endif
