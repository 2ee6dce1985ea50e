/* What the files of this library share. */
#ifndef MOT_HTTP_PRIVATE_H
#define MOT_HTTP_PRIVATE_H

#include <curl/curl.h>

#include <mot/http/client.h>

struct http_client {
    CURL *easy;
    CURLM *multi;
    char *base_url;
    char *token;
    char *ca_data;
    char *cert_data;
    char *key_data;
    struct curl_slist *resolve; /* server_name → host of the URL */
    int stop_fd;
    char message[CURL_ERROR_SIZE];
};

#define HTTP_TIMEOUT_MS ((int64_t)30000)
#define HTTP_MAX_BODY   ((size_t)64 << 20)

/* The request's header lines; curl_slist_free_all() them. */
struct curl_slist *http_headers_of(const struct http_client *client,
                                   const struct http_request *request);
enum err_code http_error_code(CURLcode code);
/* Copies the value of a header line when it is the one called @name. */
bool http_header_value(const char *line, size_t len, const char *name, char *value, size_t size);

#endif
