#include "handshake.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <mot/base/mem.h>

static const char bearer_prefix[] = "base64url.bearer.authorization.k8s.io.";

static bool is_loopback(const char *host, size_t len)
{
    struct in_addr v4;
    struct in6_addr v6;
    bool brackets = len > 2 && host[0] == '[' && host[len - 1] == ']';
    AUTO_FREE char *text = brackets ? mem_strndup(host + 1, len - 2) : mem_strndup(host, len);
    if (brackets)
        return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
    if (strcasecmp(text, "localhost") == 0)
        return true;
    return inet_pton(AF_INET, text, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

/* What is before the port of "host:port". */
static size_t host_len(const char *authority)
{
    size_t len = strcspn(authority, "]");
    return *authority == '[' && authority[len] ? len + 1 : strcspn(authority, ":/");
}

bool watch_host_is_loopback(const char *host)
{
    size_t len = host_len(host);
    return strchr(":/", host[len]) && is_loopback(host, len);
}

static bool is_listed(const char *origin, const char *const *allowed)
{
    for (; allowed && *allowed; allowed++)
        if (strcmp(*allowed, "*") == 0 || strcasecmp(*allowed, origin) == 0)
            return true;
    return false;
}

bool watch_origin_allowed(const char *origin, const char *host, const char *const *allowed)
{
    if (!origin || is_listed(origin, allowed))
        return true;
    const char *scheme_end = strstr(origin, "://");
    if (!scheme_end)
        return false;
    const char *authority = scheme_end + 3;
    if (host && strcasecmp(authority, host) == 0)
        return true;
    return watch_host_is_loopback(authority);
}

static bool is_known(const char *protocol)
{
    return strcmp(protocol, "base64.binary.k8s.io") == 0 || strcmp(protocol, "binary.k8s.io") == 0;
}

/* The next of a list with commas, without blanks; "" at the end. free() it. */
static char *next_protocol(const char **rest)
{
    *rest += strspn(*rest, " \t,");
    size_t len = strcspn(*rest, ",");
    const char *at = *rest;
    *rest += len;
    while (len > 0 && isspace((unsigned char)at[len - 1]))
        len--;
    return mem_strndup(at, len);
}

bool watch_protocol(const char *offered, char **ret_protocol)
{
    size_t count = 0;
    bool known = false;
    *ret_protocol = NULL;
    while (offered && *offered) {
        AUTO_FREE char *protocol = next_protocol(&offered);
        if (!*protocol || strncmp(protocol, bearer_prefix, strlen(bearer_prefix)) == 0)
            continue;
        count++;
        if (count == 1 || (!known && is_known(protocol))) {
            known = is_known(protocol);
            free(*ret_protocol);
            *ret_protocol = mem_take(&protocol);
        }
    }
    if (count <= 1 || known)
        return true;
    free(*ret_protocol);
    *ret_protocol = NULL;
    return false;
}
