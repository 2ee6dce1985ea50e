/*
 * What a watch was allowed by, so that it can be asked again when roles or credentials have
 * changed: a copy of its request, which the gate judges anew.
 */
#ifndef MOT_API_AUTH_PERMIT_H
#define MOT_API_AUTH_PERMIT_H

#include "../request.h"

struct permit;

/* Of a request that has passed the gate. */
struct permit *permit_new(const struct request *request) MOT_NODISCARD;
void permit_free(struct permit *permit);
/* gate_generation() as it was before the request was allowed. */
uint64_t permit_generation(const struct permit *permit);
/*
 * Asks again. False: @ret_status (status_release() it) says why not, 401 or 403, and the audit log
 * has it. One thread at a time; may wait for the keys of an issuer.
 */
bool permit_holds(struct permit *permit, struct status *ret_status) MOT_NODISCARD;

#endif
