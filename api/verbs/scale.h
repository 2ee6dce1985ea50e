/* The scale subresource of kinds that have one: autoscaling/v1 Scale. */
#ifndef MOT_API_SCALE_H
#define MOT_API_SCALE_H

#include "../request.h"

/* The kind Scale itself; kinds_free() it. */
struct kinds *scale_kinds(struct err *err) MOT_NODISCARD;
int scale_get(struct request *request) MOT_NODISCARD;
int scale_update(struct request *request) MOT_NODISCARD;

#endif
