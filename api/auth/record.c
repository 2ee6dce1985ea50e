#include "record.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/limit.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>

#include "audit.h"
#include "gate.h"

/* Lines about strangers: so many at once, then one in a while. */
#define AUDIT_BURST    500
#define AUDIT_PAUSE_MS 50
#define LOG_BURST      20
#define LOG_PAUSE_MS   1000
#define TARGET_MAX     ((size_t)4096) /* of what is refused for its length, too */

struct record {
    struct audit *audit;          /* may be NULL */
    struct rate_limit strangers;  /* lines of the audit log */
    struct rate_limit complaints; /* lines of the server's log */
    atomic_ullong credentials;
};

struct record *record_new(struct audit *audit)
{
    struct record *record = mem_zalloc(sizeof(*record));
    record->audit = audit;
    rate_limit_init(&record->strangers, AUDIT_BURST, AUDIT_PAUSE_MS);
    rate_limit_init(&record->complaints, LOG_BURST, LOG_PAUSE_MS);
    return record;
}

void record_free(struct record *record)
{
    if (!record)
        return;
    rate_limit_destroy(&record->strangers);
    rate_limit_destroy(&record->complaints);
    free(record);
}

struct record_counts record_counts(struct record *record)
{
    return (struct record_counts){.credentials = atomic_load(&record->credentials),
                                  .held_back = rate_limit_held(&record->strangers)};
}

/* -------------------------------------------------------------------------------- answered */

/* What somebody asks about the server itself, and may, is no deed. */
static bool is_worth_an_audit(const struct request *request)
{
    return request->route.type == ROUTE_RESOURCE || request->response->status >= 400;
}

/* free() it. */
static char *line_of(const struct audit_event *event)
{
    struct buf line;
    buf_init(&line, BUF_MAX_DEFAULT);
    audit_event_write(&line, event);
    return buf_take(&line);
}

static struct audit_event event_of(const struct request *request)
{
    return (struct audit_event){.id = request->audit_id,
                                .uri = request->http->target,
                                .caller = &request->caller,
                                .peer = request->http->peer,
                                .user_agent = http_header(request->http, "user-agent"),
                                .code = request->response->status,
                                .reason = request->status.reason,
                                .message = request->status.message,
                                .stage_us = clock_wall_ms() * 1000};
}

/* Nobody has said who it is, as far as we know: whatever the answer, such lines cost nothing to
 * cause. Over plain HTTP only web pages are refused for who they are. */
static bool is_of_a_stranger(const struct request *request)
{
    const struct caller *caller = &request->caller;
    int code = request->response->status;
    const char *sender = caller->impersonator.name ? caller->impersonator.name : caller->user.name;
    if (code == 401 || !sender)
        return true;
    return (code >= 400 && strcmp(sender, USER_ANONYMOUS) == 0) ||
           (code == 403 && strcmp(sender, USER_UNSECURED) == 0);
}

void record_request(const struct request *request, int64_t began_wall_ms)
{
    struct record *record = request->api->record;
    if (!record->audit || !is_worth_an_audit(request))
        return;
    struct audit_event event = event_of(request);
    event.started = request->response->stream != NULL;
    event.received_us = began_wall_ms * 1000;
    if (is_of_a_stranger(request) &&
        !rate_limit_pass(&record->strangers, clock_ms(), &event.held_back))
        return;
    audit_write(record->audit, line_of(&event));
}

void record_withdrawn(const struct request *request)
{
    struct record *record = request->api->record;
    if (!record->audit)
        return;
    struct audit_event event = event_of(request);
    event.code = request->status.code;
    event.received_us = event.stage_us;
    audit_offer(record->audit, line_of(&event));
}

void record_credentials(const struct request *request, const char *why)
{
    struct record *record = request->api->record;
    uint64_t held_back = 0;
    atomic_fetch_add(&record->credentials, 1);
    if (!rate_limit_pass(&record->complaints, clock_ms(), &held_back))
        return;
    if (held_back == 0)
        log_info("credentials were refused", LOG_S("peer", request->http->peer), LOG_S("why", why));
    else
        log_info("credentials were refused", LOG_S("peer", request->http->peer), LOG_S("why", why),
                 LOG_I("held-back", held_back));
}

/* -------------------------------------------------------------------------------- refused */

/* What the request was for, as far as that is known. */
static void describe(struct request *request, const struct http_refusal *refusal)
{
    struct caller *caller = &request->caller;
    if (refusal->request) {
        route_parse(refusal->request->method, refusal->request->path, refusal->request->query,
                    &request->route);
        gate_describe(request);
    } else if (refusal->method) {
        caller->verb = mem_strdup(refusal->method);
        for (char *at = caller->verb; *at; at++)
            *at = (char)tolower((unsigned char)*at);
    }
}

/* The private key of a certificate that its authorities vouch for is no stranger's. */
static bool is_known(const struct http_refusal *refusal)
{
    const struct http_certificate *certificate =
        refusal->request ? refusal->request->certificate : NULL;
    return certificate && !certificate->refused;
}

void record_refusal(void *context, const struct http_refusal *refusal)
{
    struct api *api = context;
    struct record *record = api->record;
    struct request request = {.api = api, .http = refusal->request};
    char id[UUID_TEXT_SIZE];
    uint64_t held_back = 0;
    if (!record->audit ||
        (!is_known(refusal) && !rate_limit_pass(&record->strangers, clock_ms(), &held_back)))
        return;
    describe(&request, refusal);
    AUTO_FREE char *target =
        refusal->target ? mem_strndup(refusal->target, strnlen(refusal->target, TARGET_MAX)) : NULL;
    int64_t now_us = clock_wall_ms() * 1000;
    const struct audit_event event = {
        .id = random_uuid(id),
        .uri = target,
        .caller = &request.caller,
        .peer = refusal->peer,
        .user_agent = refusal->request ? http_header(refusal->request, "user-agent") : NULL,
        .code = refusal->status,
        .reason = refusal->reason,
        .message = refusal->message,
        .received_us = now_us,
        .stage_us = now_us,
        .held_back = held_back};
    audit_offer(record->audit, line_of(&event));
    caller_release(&request.caller);
    route_release(&request.route);
}
