#include "permit.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

#include "gate.h"
#include "record.h"

struct permit {
    struct api *api;
    struct http_request *http;
    char audit_id[AUDIT_ID_MAX + 1];
    uint64_t generation;
};

struct permit *permit_new(const struct request *request)
{
    struct permit *permit = mem_zalloc(sizeof(*permit));
    permit->api = request->api;
    permit->http = http_request_copy(request->http);
    permit->generation = request->caller.generation;
    memcpy(permit->audit_id, request->audit_id, sizeof(permit->audit_id));
    return permit;
}

void permit_free(struct permit *permit)
{
    if (!permit)
        return;
    free(permit->http);
    free(permit);
}

uint64_t permit_generation(const struct permit *permit)
{
    return permit->generation;
}

/* Roles that can't be asked for now are no reason to end it. */
static bool is_refusal(const struct status *status)
{
    return status->code == 401 || status->code == 403;
}

bool permit_holds(struct permit *permit, struct status *ret_status)
{
    struct http_response response = {0};
    struct request request = {.api = permit->api, .http = permit->http, .response = &response};
    memcpy(request.audit_id, permit->audit_id, sizeof(permit->audit_id));
    request.asked_again = true;
    route_parse(permit->http->method, permit->http->path, permit->http->query, &request.route);
    bool refused = gate_pass(&request) < 0 && is_refusal(&request.status);
    if (refused) {
        record_withdrawn(&request);
        /* What a Status borrows would end with the request. */
        *ret_status = (struct status){.code = request.status.code,
                                      .reason = request.status.reason,
                                      .message = mem_strdup(request.status.message)};
    }
    buf_release(&response.headers);
    buf_release(&response.body);
    status_release(&request.status);
    caller_release(&request.caller);
    route_release(&request.route);
    return !refused;
}
