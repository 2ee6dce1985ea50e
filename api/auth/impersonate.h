/* Impersonate-User, -Group, -Uid and -Extra-*: acting as somebody else, with the verb "impersonate"
 * on each of them. */
#ifndef MOT_API_AUTH_IMPERSONATE_H
#define MOT_API_AUTH_IMPERSONATE_H

#include "../request.h"

/* Exchanges request->caller.user if the request asks for it. Fails with 400 or 403. */
int impersonate(struct request *request) MOT_NODISCARD;

#endif
