/* /version and the health checks. */
#ifndef MOT_API_HEALTH_H
#define MOT_API_HEALTH_H

#include "request.h"

int health_version(struct request *request) MOT_NODISCARD;
/* "ok" as text, or 500 with the list of checks; the list also with ?verbose. ?exclude=NAME leaves a
 * check out; /readyz/NAME is one alone. */
int health_check(struct request *request) MOT_NODISCARD;

#endif
