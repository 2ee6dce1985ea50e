/* The last step: an object, a success or a failure onto the wire. */
#ifndef MOT_API_RESPOND_H
#define MOT_API_RESPOND_H

#include "render.h"
#include "request.h"

struct renderer request_renderer(const struct request *request, enum include_object include);
/* One object in the negotiated form; fails only for a wrong includeObject. */
int respond_object(struct request *request, int code, const char *body, size_t len,
                   int64_t revision) MOT_NODISCARD;
/* The Status that a finished delete is answered with. */
int respond_deleted(struct request *request, const char *name, const char *uid) MOT_NODISCARD;
/* Sets status and content type for a body that is written already; turns it into YAML if that was
 * negotiated. */
void respond_json(struct request *request, int code);
/* Audit-Id and Cache-Control. */
void respond_common_headers(struct request *request);
/* The failure in request->status. */
void respond_failure(struct request *request);

#endif
