/* Answers as bytes: status lines, headers, Kubernetes Status objects. */
#ifndef MOT_API_HTTP_WIRE_H
#define MOT_API_HTTP_WIRE_H

#include <stdbool.h>

#include <mot/base/buf.h>

#include "fault.h"
#include "server.h"

enum wire_body {
    WIRE_LENGTH,  /* Content-Length of response->body */
    WIRE_CHUNKED, /* a stream */
    WIRE_RAW,     /* a stream to an HTTP/1.0 client: it ends with the connection */
};

const char *wire_reason(int status);
/* The reason of a Kubernetes Status; "" if none is known. */
const char *wire_status_reason(int status);
/* Status line and headers, to the empty line. */
void wire_head(struct buf *out, const struct http_response *response, enum wire_body body,
               bool close);
/* A whole answer with a Kubernetes Status; the connection closes after it. */
void wire_fault(struct buf *out, const struct fault *fault, bool head_only);
/* Makes @response a Kubernetes Status; what it had is dropped. */
void wire_status(struct http_response *response, const struct fault *fault);
void wire_response_release(struct http_response *response);
/* True when "Name: value" may be sent: no control characters, no line ends. */
bool wire_text_valid(const char *text);

#endif
