/*
 * Reviews: questions in the form of objects, that are answered and never stored. Kinds with
 * mot.dev/review: "true" in their definition.
 */
#ifndef MOT_API_AUTH_REVIEWS_H
#define MOT_API_AUTH_REVIEWS_H

#include "../request.h"

/* POST of request->kind: 201 with the status filled in. */
int review_answer(struct request *request) MOT_NODISCARD;

#endif
