/* The verbs. Each answers the request (0), or fails it (-1, see request.h). */
#ifndef MOT_API_VERBS_H
#define MOT_API_VERBS_H

#include "../request.h"

int verb_get(struct request *request) MOT_NODISCARD;
int verb_list(struct request *request) MOT_NODISCARD;
int verb_watch(struct request *request) MOT_NODISCARD;
int verb_create(struct request *request) MOT_NODISCARD;
int verb_update(struct request *request) MOT_NODISCARD;
int verb_patch(struct request *request) MOT_NODISCARD;
int verb_delete(struct request *request) MOT_NODISCARD;
int verb_delete_collection(struct request *request) MOT_NODISCARD;

#endif
