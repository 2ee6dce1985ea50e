/* Documents from URLs. The only file here that uses the HTTP client, whose names are those of the
 * HTTP server. */
#ifndef MOT_API_AUTH_FETCH_H
#define MOT_API_AUTH_FETCH_H

#include <stdbool.h>

#include <mot/base/err.h>

/* https, or http to a loopback address, where nobody can stand between. */
bool fetch_url_allowed(const char *url);
/*
 * The body of a 200 answer, at most 1 MiB; free() it. Follows no redirects. Ends within 10 seconds,
 * and when @stop_fd becomes readable. @ca_file: NULL for the system's authorities.
 */
char *fetch_url(const char *url, const char *ca_file, int stop_fd, struct err *err) MOT_NODISCARD;

#endif
