/*
 * What clients read before they do anything: discovery and OpenAPI. All of it follows from the
 * kinds alone, is built once and served as bytes. Immutable after documents_new; any thread.
 */
#ifndef MOT_API_DOCUMENTS_H
#define MOT_API_DOCUMENTS_H

#include <stdbool.h>

#include <mot/base/err.h>
#include <mot/model/kind.h>

#include "../http/server.h"

struct documents;

/* The kinds must live longer. */
struct documents *documents_new(const struct kinds *kinds, struct err *err) MOT_NODISCARD;
void documents_free(struct documents *documents);
/* Is there a document by the path of @request: /api…, /apis…, /openapi/… or /swagger…? */
bool documents_have(const struct documents *documents, const struct http_request *request);
/* Answers a request, as of GET, for one that there is: 200, 301, 304 or 406. */
void documents_serve(const struct documents *documents, const struct http_request *request,
                     struct http_response *response);

#endif
