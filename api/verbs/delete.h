/* Deleting one object, for DELETE of an object and of a collection. */
#ifndef MOT_API_DELETE_H
#define MOT_API_DELETE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "../query.h"
#include "../request.h"

struct delete_options {
    struct write_options write;
    char *uid; /* preconditions; NULL: none */
    char *revision;
    char *policy;    /* propagationPolicy; NULL: none */
    bool has_orphan; /* orphanDependents, the older way to say "Orphan" */
    bool orphan;
    /* Of a collection: what the selectors no longer match, as somebody was faster, stays as it is.
     * NULL: no matter. Borrowed. */
    const struct list_options *only;
};
/* From the body if there is one, else from the query. delete_options_release() in any case. */
int delete_options_read(struct request *request, struct delete_options *ret_options) MOT_NODISCARD;
void delete_options_release(struct delete_options *options);

/*
 * Makes @object its own next state: with the finalizers that the garbage collector waits for, as
 * the options say. *ret_gone: nothing holds it, it is to be removed; else it is marked as being
 * deleted. False when it is so already.
 */
bool delete_mark(const struct request *request, const struct delete_options *options,
                 json_t *object, bool *ret_gone);

struct deleted {
    bool gone; /* false: finalizers keep it, marked as being deleted */
    char *uid;
    json_t *object; /* the last state */
    int64_t revision;
};
/* The object that request->route names. deleted_release() in any case. */
int delete_object(struct request *request, const struct delete_options *options,
                  struct deleted *ret_deleted) MOT_NODISCARD;
void deleted_release(struct deleted *deleted);

#endif
