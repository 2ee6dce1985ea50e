/* The format "uri": what Go's url.ParseRequestURI takes. */
#include <ctype.h>
#include <string.h>

#include "schema_internal.h"

static bool is_alnum(char c)
{
    return isalnum((unsigned char)c) && !(c & 0x80);
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c);
}

static int hex_value(char c)
{
    if (!isxdigit((unsigned char)c))
        return -1;
    return isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

static bool escapes_are_whole(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '%')
            continue;
        if (i + 2 >= len || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0)
            return false;
        i += 2;
    }
    return true;
}

/* The length of the scheme; 0 when there is none, -1 when it is empty. */
static int scheme_length(const char *text)
{
    if (*text == ':')
        return -1;
    for (int i = 0; text[i]; i++) {
        if (text[i] == ':')
            return i;
        if (!is_alnum(text[i]) && !is_one_of(text[i], "+-."))
            return 0;
        if (i == 0 && !isalpha((unsigned char)text[i]))
            return 0;
    }
    return 0;
}

static bool is_port(const char *text, size_t len)
{
    if (len == 0)
        return true;
    return text[0] == ':' && strspn(text + 1, "0123456789") >= len - 1;
}

/* Only bytes that are not ASCII may be escaped, and the percent sign of a zone. */
static bool is_host_text(const char *text, size_t len)
{
    if (!escapes_are_whole(text, len))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '%') {
            if (hex_value(text[i + 1]) < 8 && strncmp(text + i, "%25", 3) != 0)
                return false;
            i += 2;
        } else if (!(text[i] & 0x80) && !is_alnum(text[i]) &&
                   !is_one_of(text[i], "!$&'()*+,;=:[]<>\"-_.~")) {
            return false;
        }
    }
    return true;
}

static bool is_host(const char *text, size_t len)
{
    if (len > 0 && text[0] == '[') {
        const char *end = memrchr(text, ']', len);
        if (!end || !is_port(end + 1, (size_t)(text + len - end - 1)))
            return false;
    } else {
        const char *colon = memrchr(text, ':', len);
        if (colon && !is_port(colon, (size_t)(text + len - colon)))
            return false;
    }
    return is_host_text(text, len);
}

static bool is_user(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(text[i]) && !is_one_of(text[i], "-._:~!$&'()*+,;=%@"))
            return false;
    }
    return escapes_are_whole(text, len);
}

static bool is_authority(const char *text, size_t len)
{
    const char *at = memrchr(text, '@', len);
    if (!at)
        return is_host(text, len);
    return is_user(text, (size_t)(at - text)) && is_host(at + 1, (size_t)(text + len - at - 1));
}

bool is_uri(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    }
    int scheme = scheme_length(text);
    if (scheme < 0 || len == 0)
        return false;
    if (strcmp(text, "*") == 0)
        return true;
    const char *rest = scheme > 0 ? text + scheme + 1 : text;
    size_t rest_len = strcspn(rest, "?");
    if (*rest != '/')
        return scheme > 0; /* "mailto:x" */
    if (scheme > 0 && strncmp(rest, "//", 2) == 0) {
        size_t authority = strcspn(rest + 2, "/?");
        if (!is_authority(rest + 2, authority))
            return false;
        rest += 2 + authority;
        rest_len -= 2 + authority;
    }
    return escapes_are_whole(rest, rest_len);
}
