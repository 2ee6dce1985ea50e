/* The one kind the server itself must know: what lives in a namespace needs it to be there. */
#ifndef MOT_API_NAMESPACES_H
#define MOT_API_NAMESPACES_H

#include <jansson.h>
#include <stdbool.h>

#include "request.h"

bool namespace_kind(const struct kind *kind);
/* What the server adds to a new namespace: its name as a label; the finalizer that keeps it until
 * it is empty, and the phase. */
void namespace_label(json_t *object);
void namespace_prepare(json_t *object);
/* 404 when the request's namespace is missing, 403 when it is being deleted. @object_name: what is
 * to be created in it. */
int namespace_check(struct request *request, const char *object_name) MOT_NODISCARD;
int namespace_fail_terminating(struct request *request, const char *object_name);
/* 403 for "default". */
int namespace_check_delete(struct request *request, const char *name) MOT_NODISCARD;
/* As object_mark_deleted(), and in the phase Terminating. */
bool namespace_mark_deleted(json_t *object);
/* Creates the namespace "default" unless it exists. */
int namespace_ensure_default(struct store *store, const struct kinds *kinds,
                             struct err *err) MOT_NODISCARD;

#endif
