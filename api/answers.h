/*
 * What large answers may hold together: a reader that is slow, or stops, keeps its answer in memory
 * until the last byte of it is sent. The first bytes of every answer are free, so that ordinary
 * requests are served whatever large lists are under way. Any thread.
 */
#ifndef MOT_API_ANSWERS_H
#define MOT_API_ANSWERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "http/server.h"

struct answers {
    atomic_size_t held; /* bytes beyond what is free */
    size_t max;
};

/* 0: 512 MiB. */
void answers_init(struct answers *answers, size_t max);
/*
 * Sees to it that @response may hold @bytes; the server gives them back when it was sent. False:
 * the others hold too much.
 */
bool answers_cover(struct answers *answers, struct http_response *response,
                   size_t bytes) MOT_NODISCARD;
/* It holds no more than @bytes now. */
void answers_reduce(struct answers *answers, struct http_response *response, size_t bytes);

#endif
