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
    char *policy; /* propagationPolicy; NULL: none */
};
/* From the query, and the body if there is one. delete_options_release() in any case. */
int delete_options_read(struct request *request, struct delete_options *ret_options) MOT_NODISCARD;
void delete_options_release(struct delete_options *options);

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
