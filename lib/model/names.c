/* The forms of names, with the texts of k8s.io/apimachinery/pkg/util/validation. */
#include <ctype.h>
#include <stdlib.h>

#include <mot/base/mem.h>

#include "internal.h"

#define QUALIFIED_TEXT                                                                             \
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "    \
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "         \
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define QUALIFIED_WITH_PREFIX_TEXT                                                                 \
    "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start "  \
    "and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex "  \
    "used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS "     \
    "subdomain prefix and '/' (e.g. 'example.com/MyName')"
#define LABEL_VALUE_TEXT                                                                           \
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "    \
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value', " \
    " "                                                                                            \
    "or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
#define SUBDOMAIN_TEXT                                                                             \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "   \
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "  \
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define LABEL_TEXT                                                                                 \
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "   \
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex "     \
    "used "                                                                                        \
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"

#define DNS1035_TEXT                                                                               \
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "   \
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or "           \
    "'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"

static void add_problem(struct name_problems *problems, char *text)
{
    if (problems->count < sizeof(problems->texts) / sizeof(problems->texts[0]))
        problems->texts[problems->count++] = text;
    else
        free(text);
}

void name_problems_release(struct name_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        free(problems->texts[i]);
    problems->count = 0;
}

static bool is_alnum(char c)
{
    return isalnum((unsigned char)c) && (unsigned char)c < 0x80;
}

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9] */
static bool matches_qualified(const char *text, size_t len)
{
    if (len == 0 || !is_alnum(text[0]) || !is_alnum(text[len - 1]))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(text[i]) && text[i] != '-' && text[i] != '_' && text[i] != '.')
            return false;
    }
    return true;
}

/* [a-z0-9]([-a-z0-9]*[a-z0-9])? */
static bool matches_label(const char *text, size_t len)
{
    if (len == 0 || !is_lower_alnum(text[0]) || !is_lower_alnum(text[len - 1]))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_lower_alnum(text[i]) && text[i] != '-')
            return false;
    }
    return true;
}

static bool matches_subdomain(const char *text)
{
    for (;;) {
        size_t len = strcspn(text, ".");
        if (!matches_label(text, len))
            return false;
        if (text[len] == '\0')
            return true;
        text += len + 1;
    }
}

void check_dns_subdomain(const char *text, struct name_problems *problems)
{
    if (strlen(text) > 253)
        add_problem(problems, mem_strdup("must be no more than 253 characters"));
    if (!matches_subdomain(text))
        add_problem(problems, mem_strdup(SUBDOMAIN_TEXT));
}

void check_dns_label(const char *text, struct name_problems *problems)
{
    if (strlen(text) > 63)
        add_problem(problems, mem_strdup("must be no more than 63 characters"));
    if (!matches_label(text, strlen(text)))
        add_problem(problems, mem_strdup(LABEL_TEXT));
}

void check_dns1035_label(const char *text, struct name_problems *problems)
{
    if (strlen(text) > 63)
        add_problem(problems, mem_strdup("must be no more than 63 characters"));
    if (!matches_label(text, strlen(text)) || (*text >= '0' && *text <= '9'))
        add_problem(problems, mem_strdup(DNS1035_TEXT));
}

void check_path_segment(const char *text, bool is_prefix, struct name_problems *problems)
{
    static const char *const names[] = {".", ".."};
    static const char *const parts[] = {"/", "%"};
    for (size_t i = 0; !is_prefix && i < MOT_ARRAY_SIZE(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            add_problem(problems, mem_printf("may not be '%s'", names[i]));
            return;
        }
    }
    for (size_t i = 0; i < MOT_ARRAY_SIZE(parts); i++) {
        if (strstr(text, parts[i]))
            add_problem(problems, mem_printf("may not contain '%s'", parts[i]));
    }
}

static void check_prefix(const char *prefix, struct name_problems *problems)
{
    if (*prefix == '\0') {
        add_problem(problems, mem_strdup("prefix part must be non-empty"));
        return;
    }
    if (strlen(prefix) > 253)
        add_problem(problems, mem_strdup("prefix part must be no more than 253 bytes"));
    if (!matches_subdomain(prefix))
        add_problem(problems, mem_strdup("prefix part " SUBDOMAIN_TEXT));
}

void check_qualified_name(const char *text, struct name_problems *problems)
{
    const char *slash = strchr(text, '/');
    const char *name = slash ? slash + 1 : text;
    if (slash && strchr(name, '/')) {
        add_problem(problems, mem_strdup(QUALIFIED_WITH_PREFIX_TEXT));
        return;
    }
    if (slash) {
        AUTO_FREE char *prefix = mem_strndup(text, (size_t)(slash - text));
        check_prefix(prefix, problems);
    }
    size_t len = strlen(name);
    if (len == 0)
        add_problem(problems, mem_strdup("name part must be non-empty"));
    else if (len > 63)
        add_problem(problems, mem_strdup("name part must be no more than 63 bytes"));
    if (!matches_qualified(name, len))
        add_problem(problems, mem_strdup("name part " QUALIFIED_TEXT));
}

void check_label_value(const char *text, struct name_problems *problems)
{
    size_t len = strlen(text);
    if (len > 63)
        add_problem(problems, mem_strdup("must be no more than 63 bytes"));
    if (len > 0 && !matches_qualified(text, len))
        add_problem(problems, mem_strdup(LABEL_VALUE_TEXT));
}
