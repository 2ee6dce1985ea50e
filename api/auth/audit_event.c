#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "audit.h"

#define TIME_TEXT_SIZE 40
#define MESSAGE_MAX    ((size_t)16 * 1024) /* some repeat values of the body */

/* ,"name":"value"; nothing for an empty one. */
static void add_text(struct buf *buf, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    if (buf->data[buf->len - 1] != '{')
        buf_addc(buf, ',');
    buf_add_json(buf, name);
    buf_addc(buf, ':');
    buf_add_json(buf, value);
}

static void add_key(struct buf *buf, const char *name)
{
    if (buf->data[buf->len - 1] != '{')
        buf_addc(buf, ',');
    buf_add_json(buf, name);
    buf_addc(buf, ':');
}

static void add_identity(struct buf *buf, const char *name, const struct identity *identity)
{
    add_key(buf, name);
    buf_addc(buf, '{');
    add_text(buf, "username", identity->name);
    add_text(buf, "uid", identity->uid);
    if (json_array_size(identity->groups) > 0) {
        add_key(buf, "groups");
        json_write(buf, identity->groups);
    }
    if (json_object_size(identity->extra) > 0) {
        add_key(buf, "extra");
        json_write(buf, identity->extra);
    }
    buf_addc(buf, '}');
}

/* "127.0.0.1:40312" and "[::1]:40312" without the port. */
static void add_peer(struct buf *buf, const char *peer)
{
    const char *colon = peer ? strrchr(peer, ':') : NULL;
    if (!peer || !*peer)
        return;
    size_t len = colon ? (size_t)(colon - peer) : strlen(peer);
    if (len >= 2 && *peer == '[' && peer[len - 1] == ']') {
        peer++;
        len -= 2;
    }
    add_key(buf, "sourceIPs");
    buf_addc(buf, '[');
    buf_add_json_n(buf, peer, len);
    buf_addc(buf, ']');
}

static void add_object(struct buf *buf, const struct caller *caller)
{
    const struct attributes *attributes = &caller->attributes;
    if (!attributes->resource || !*attributes->resource)
        return;
    add_key(buf, "objectRef");
    buf_addc(buf, '{');
    add_text(buf, "resource", attributes->resource);
    add_text(buf, "namespace", attributes->ns);
    add_text(buf, "name", *attributes->name ? attributes->name : caller->object_name);
    add_text(buf, "apiGroup", attributes->group);
    add_text(buf, "apiVersion", attributes->version);
    add_text(buf, "subresource", attributes->subresource);
    buf_addc(buf, '}');
}

/* Thousands of events wait in memory while the disk is slow. */
static void add_message(struct buf *buf, const char *message)
{
    AUTO_FREE char *start = message ? mem_strndup(message, strnlen(message, MESSAGE_MAX)) : NULL;
    add_text(buf, "message", start);
}

static void add_status(struct buf *buf, const struct audit_event *event)
{
    add_key(buf, "responseStatus");
    buf_adds(buf, "{\"metadata\":{}");
    if (event->reason || event->message)
        add_text(buf, "status", "Failure");
    add_message(buf, event->message);
    add_text(buf, "reason", event->reason);
    buf_addf(buf, ",\"code\":%d}", event->code);
}

/* RFC 3339 with microseconds. */
static void add_time(struct buf *buf, const char *name, int64_t us)
{
    char text[TIME_TEXT_SIZE];
    char whole[TIME_TEXT_SIZE - 10];
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    (void)strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text, sizeof(text), "%s.%06dZ", whole, (int)(us % 1000000));
    add_text(buf, name, text);
}

static void add_annotations(struct buf *buf, const struct audit_event *event)
{
    const struct caller *caller = event->caller;
    if (!caller->decision && event->held_back == 0)
        return;
    add_key(buf, "annotations");
    buf_addc(buf, '{');
    if (caller->decision) {
        add_text(buf, "authorization.k8s.io/decision", caller->decision);
        add_key(buf, "authorization.k8s.io/reason");
        buf_add_json(buf, caller->reason ? caller->reason : "");
    }
    if (event->held_back > 0) {
        AUTO_FREE char *count = mem_printf("%" PRIu64, event->held_back);
        add_text(buf, "audit.mot.dev/held-back", count);
    }
    buf_addc(buf, '}');
}

void audit_event_write(struct buf *buf, const struct audit_event *event)
{
    const struct caller *caller = event->caller;
    bool impersonated = caller->impersonator.name != NULL;
    buf_addc(buf, '{');
    add_text(buf, "kind", "Event");
    add_text(buf, "apiVersion", "audit.k8s.io/v1");
    add_text(buf, "level", "Metadata");
    add_text(buf, "auditID", event->id);
    add_text(buf, "stage", event->started ? "ResponseStarted" : "ResponseComplete");
    add_text(buf, "requestURI", event->uri);
    add_text(buf, "verb", caller->verb);
    add_identity(buf, "user", impersonated ? &caller->impersonator : &caller->user);
    if (impersonated)
        add_identity(buf, "impersonatedUser", &caller->user);
    add_peer(buf, event->peer);
    add_text(buf, "userAgent", event->user_agent);
    add_object(buf, caller);
    add_status(buf, event);
    add_time(buf, "requestReceivedTimestamp", event->received_us);
    add_time(buf, "stageTimestamp", event->stage_us);
    add_annotations(buf, event);
    buf_adds(buf, "}\n");
}
