/* lib/store's functions that the archive calls, in memory, with faults. */
#ifndef TESTS_PROPERTY_CONTROLLER_MEMORY_STORE_H
#define TESTS_PROPERTY_CONTROLLER_MEMORY_STORE_H

#include <lib/tape.h>
#include <mot/base/map.h>
#include <mot/store/store.h>

struct store {
    struct map *objects;   /* "<resource>\n<ns>/<name>" → struct store_object */
    struct map *positions; /* text */
    struct map *marks;     /* "<scope>\n<key>" → struct store_mark; key and scope in the id */
    int64_t revision;
    struct tape *faults; /* NULL: none */
    int writes;          /* that were done */
};

void memory_store_init(struct store *store);
void memory_store_release(struct store *store);
void memory_store_put(struct store *store, const struct store_key *key, const char *body,
                      const char *selectable);

#endif
