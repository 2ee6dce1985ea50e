/* kubectl's annotation of client-side apply: kubectl.kubernetes.io/last-applied-configuration. */
#ifndef MOT_MODEL_MANAGED_LAST_APPLIED_H
#define MOT_MODEL_MANAGED_LAST_APPLIED_H

#include "managers.h"

/*
 * The fields that still have the values that client-side apply gave them; NULL when there are none
 * or the annotation makes no sense. They borrow names from *ret_config, which is the caller's then
 * (it may be NULL).
 */
const struct field_set *last_applied_fields(const struct managed_call *call, const json_t *live,
                                            json_t **ret_config);
/* An object that has the annotation gets @config as its new value. */
void last_applied_renew(json_t *object, const json_t *config);

#endif
