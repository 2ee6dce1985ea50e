#include "wire.h"

#include <string.h>

#include <http_parser.h>

#include <mot/base/mem.h>

#define HEADERS_MAX ((size_t)64 * 1024)

const char *wire_reason(int status)
{
    const char *text = http_status_str((enum http_status)status);
    return strcmp(text, "<unknown>") == 0 ? "Status" : text;
}

bool wire_text_valid(const char *text)
{
    for (; *text; text++) {
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
            return false;
    }
    return true;
}

void http_response_header(struct http_response *response, const char *name, const char *value)
{
    if (!wire_text_valid(name) || !wire_text_valid(value) || strpbrk(name, ": \t"))
        return;
    if (response->headers.max == 0)
        buf_init(&response->headers, HEADERS_MAX);
    buf_addf(&response->headers, "%s: %s\r\n", name, value);
}

static bool has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

void wire_head(struct buf *out, const struct http_response *response, enum wire_body body,
               bool close)
{
    buf_addf(out, "HTTP/1.1 %d %s\r\n", response->status, wire_reason(response->status));
    if (response->content_type)
        buf_addf(out, "Content-Type: %s\r\n", response->content_type);
    if (response->headers.len)
        buf_add(out, response->headers.data, response->headers.len);
    if (body == WIRE_CHUNKED)
        buf_adds(out, "Transfer-Encoding: chunked\r\n");
    else if (body == WIRE_LENGTH && has_body(response->status))
        buf_addf(out, "Content-Length: %zu\r\n", response->body.len);
    if (close || body == WIRE_RAW)
        buf_adds(out, "Connection: close\r\n");
    buf_adds(out, "\r\n");
}

/* The reasons that Kubernetes clients know, and for the rest the words of the status line. */
const char *wire_status_reason(int status)
{
    switch (status) {
    case 400:
        return "BadRequest";
    case 405:
        return "MethodNotAllowed";
    case 408:
        return "Timeout";
    case 413:
        return "RequestEntityTooLarge";
    case 414:
        return "URITooLong";
    case 417:
        return "ExpectationFailed";
    case 426:
        return "UpgradeRequired";
    case 429:
        return "TooManyRequests";
    case 431:
        return "RequestHeaderFieldsTooLarge";
    case 500:
        return "InternalError";
    case 501:
        return "NotImplemented";
    case 503:
        return "ServiceUnavailable";
    case 505:
        return "HTTPVersionNotSupported";
    default:
        return "";
    }
}

void wire_status(struct http_response *response, const struct fault *fault)
{
    wire_response_release(response);
    response->status = fault->status;
    response->content_type = "application/json";
    buf_adds(&response->body,
             "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
             "\"message\":");
    buf_add_json(&response->body, fault->message);
    buf_adds(&response->body, ",\"reason\":");
    buf_add_json(&response->body, wire_status_reason(fault->status));
    if (fault->status == 429 || fault->status == 503) {
        buf_adds(&response->body, ",\"details\":{\"retryAfterSeconds\":1}");
        http_response_header(response, "Retry-After", "1");
    }
    if (fault->status == 426)
        http_response_header(response, "Sec-WebSocket-Version", "13");
    buf_addf(&response->body, ",\"code\":%d}\n", fault->status);
}

void wire_fault(struct buf *out, const struct fault *fault, bool head_only)
{
    struct http_response response = {0};
    wire_status(&response, fault);
    wire_head(out, &response, WIRE_LENGTH, true);
    if (!head_only)
        buf_add(out, response.body.data, response.body.len);
    wire_response_release(&response);
}

void http_charge_release(struct http_charge *charge)
{
    if (charge->release)
        charge->release(charge->context, charge->amount);
    *charge = (struct http_charge){0};
}

void wire_response_release(struct http_response *response)
{
    http_charge_release(&response->charge);
    buf_release(&response->headers);
    buf_release(&response->body);
    buf_init(&response->headers, HEADERS_MAX);
    buf_init(&response->body, BUF_MAX_DEFAULT);
}
