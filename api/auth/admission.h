/*
 * What the schemas of Role, ClusterRole and their bindings leave open: defaults that depend on
 * another field, which fields a rule and a subject need, and who may write them. Nobody gives away
 * more than they have themselves, unless they have the verb "escalate" on the role, or "bind" on
 * the role that is bound. Other kinds pass.
 */
#ifndef MOT_API_AUTH_ADMISSION_H
#define MOT_API_AUTH_ADMISSION_H

#include <jansson.h>

#include <mot/model/kind.h>

#include "../request.h"

/* The API group of subjects. */
void admission_default(const struct kind *kind, json_t *object);
/* @old: NULL on a create. */
void admission_validate(const struct kind *kind, const json_t *object, const json_t *old,
                        struct field_errors *errors);
/* 403 when the request would give away too much, 404 when the bound role is missing. Called before
 * the object is validated. Also remembers the object's name for the audit log, whatever the kind.
 */
int admission_check(struct request *request, const json_t *object, const json_t *old) MOT_NODISCARD;

#endif
