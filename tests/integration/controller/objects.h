/* Objects of any kind in a store, as users of the API would write them. What goes wrong fails the
 * test. */
#ifndef TESTS_CONTROLLER_OBJECTS_H
#define TESTS_CONTROLLER_OBJECTS_H

#include <jansson.h>
#include <stdbool.h>

#include <controller/garbage/stored.h>
#include <mot/store/store.h>

#define OBJECTS_WAIT_MS 60000

struct objects {
    struct store *store;
    struct kinds *kinds;
    struct stored_kinds stored;
};

void objects_open(struct objects *objects, const char *url);
void objects_close(struct objects *objects);

/* Namespaces get their spec.finalizers. */
void objects_namespace(struct objects *objects, const char *name);

struct owner {
    const char *name; /* of the same resource */
    bool blocks;
};
struct new_object {
    const char *resource;
    const char *ns;
    const char *name;
    struct owner owners[3]; /* ends with one without a name */
    const char *finalizer;  /* NULL: none */
    json_t *references;     /* in place of owners; stolen */
};
/* False: its namespace is not there, or is being deleted. */
bool objects_create(struct objects *objects, struct new_object new);

enum policy { BACKGROUND, FOREGROUND, ORPHAN };
void objects_delete(struct objects *objects, const char *resource, const char *ns, const char *name,
                    enum policy policy);
void objects_remove_finalizer(struct objects *objects, const char *resource, const char *ns,
                              const char *name, const char *finalizer);

/* Decoded, a new reference; NULL when there is none. */
json_t *objects_get(struct objects *objects, const char *resource, const char *ns,
                    const char *name);
int64_t objects_count(struct objects *objects, const char *resource, const char *ns);
void objects_await_count(struct objects *objects, const char *resource, const char *ns,
                         int64_t count);
void objects_await_gone(struct objects *objects, const char *resource, const char *ns,
                        const char *name);
/* Until it has no ownerReferences any more. */
void objects_await_released(struct objects *objects, const char *resource, const char *ns,
                            const char *name, size_t references);
/* Until a condition of its status has the reason. */
void objects_await_reason(struct objects *objects, const char *resource, const char *ns,
                          const char *name, const char *type, const char *reason);
/* The revision at which it was deleted; 0: it was not. */
int64_t objects_deleted_at(struct objects *objects, const char *resource, const char *name);

#endif
