/*
 * /metrics for Prometheus. Requests are counted by what is known beforehand (kinds, verbs,
 * subresources, codes), so that no client can make the answer grow. Counting takes no lock.
 */
#ifndef MOT_API_METRICS_H
#define MOT_API_METRICS_H

#include <stdbool.h>

#include <mot/model/kind.h>

#include "request.h"

struct metrics;
struct metrics *metrics_new(const struct kinds *kinds) MOT_NODISCARD;
void metrics_free(struct metrics *metrics);

/* A request begins to be handled, and is done. */
void metrics_begin(struct metrics *metrics, const struct http_request *request);
void metrics_end(struct metrics *metrics, const struct request *request, int64_t took_us);

int metrics_serve(struct request *request) MOT_NODISCARD;

#endif
