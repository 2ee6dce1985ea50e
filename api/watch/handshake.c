#include "handshake.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <mot/base/mem.h>

static const char bearer_prefix[] = "base64url.bearer.authorization.k8s.io.";

static bool is_loopback(const char *host, size_t len)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(names); i++)
        if (len == strlen(names[i]) && strncasecmp(host, names[i], len) == 0)
            return true;
    return false;
}

bool watch_origin_allowed(const char *origin, const char *host)
{
    if (!origin)
        return true;
    const char *scheme_end = strstr(origin, "://");
    if (!scheme_end)
        return false;
    const char *authority = scheme_end + 3;
    if (host && strcasecmp(authority, host) == 0)
        return true;
    size_t len = *authority == '[' ? strcspn(authority, "]") + 1 : strcspn(authority, ":/");
    return is_loopback(authority, len);
}

bool watch_protocol(const char *offered, char **ret_protocol)
{
    *ret_protocol = NULL;
    size_t count = 0;
    while (offered && *offered) {
        offered += strspn(offered, " \t,");
        size_t len = strcspn(offered, ",");
        size_t next = len;
        while (len > 0 && isspace((unsigned char)offered[len - 1]))
            len--;
        if (len > 0 && strncmp(offered, bearer_prefix, strlen(bearer_prefix)) != 0) {
            free(*ret_protocol);
            *ret_protocol = mem_strndup(offered, len);
            count++;
        }
        offered += next;
    }
    if (count <= 1)
        return true;
    free(*ret_protocol);
    *ret_protocol = NULL;
    return false;
}
