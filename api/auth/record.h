/*
 * What is written down of requests: lines of the audit log, and of the server's own log for wrong
 * credentials. What strangers can cause (requests that the HTTP front refuses, and those answered
 * with 401) is limited in how often it is written, for it must neither fill a disk nor push out
 * what others did; a line tells how many were held back before it, and counters count all.
 */
#ifndef MOT_API_AUTH_RECORD_H
#define MOT_API_AUTH_RECORD_H

#include "../request.h"

/* @audit is borrowed; NULL: no audit log. */
struct record *record_new(struct audit *audit) MOT_NODISCARD;
void record_free(struct record *record);

/* It was answered, or its stream has begun. May block (audit_write()). */
void record_request(const struct request *request, int64_t began_wall_ms);
/* A stream that had begun was ended: request->status says why. May block. */
void record_withdrawn(const struct request *request);
/* It carries credentials that nobody accepts. */
void record_credentials(const struct request *request, const char *why);
/* An http_on_refused(). @api: a struct api. */
void record_refusal(void *api, const struct http_refusal *refusal);

struct record_counts {
    uint64_t credentials; /* that were wrong */
    uint64_t held_back;   /* lines that the audit log did not get for being too many */
};
struct record_counts record_counts(struct record *record);

#endif
