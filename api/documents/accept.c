#include "accept.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <mot/base/mem.h>

#define PARAMETERS_MAX 8

struct clause {
    char *type;
    char *parameters[PARAMETERS_MAX]; /* "name=value", sorted */
    size_t parameter_count;
    double quality;
    bool too_many;
};

static char *trimmed(const char *text, size_t len)
{
    while (len > 0 && strchr(" \t", text[0])) {
        text++;
        len--;
    }
    while (len > 0 && strchr(" \t", text[len - 1]))
        len--;
    return mem_strndup(text, len);
}

static void add_parameter(struct clause *clause, char *text)
{
    if (strncasecmp(text, "q=", 2) == 0) {
        clause->quality = strtod(text + 2, NULL);
        free(text);
        return;
    }
    if (*text == '\0' || strncasecmp(text, "charset=", strlen("charset=")) == 0) {
        free(text);
        return;
    }
    if (clause->parameter_count == PARAMETERS_MAX) {
        clause->too_many = true;
        free(text);
        return;
    }
    size_t at = clause->parameter_count++;
    for (; at > 0 && strcmp(clause->parameters[at - 1], text) > 0; at--)
        clause->parameters[at] = clause->parameters[at - 1];
    clause->parameters[at] = text;
}

static void parse_clause(const char *text, size_t len, struct clause *clause)
{
    const char *end = text + len;
    *clause = (struct clause){.quality = 1};
    while (text < end) {
        const char *stop = memchr(text, ';', (size_t)(end - text));
        if (!stop)
            stop = end;
        char *part = trimmed(text, (size_t)(stop - text));
        if (!clause->type)
            clause->type = part;
        else
            add_parameter(clause, part);
        text = stop + 1;
    }
    if (!clause->type)
        clause->type = mem_strdup("");
}

static void clause_release(struct clause *clause)
{
    free(clause->type);
    for (size_t i = 0; i < clause->parameter_count; i++)
        free(clause->parameters[i]);
}

static bool type_matches(const char *wanted, const char *offered)
{
    const char *slash = strchr(offered, '/');
    if (strcmp(wanted, "*/*") == 0 || strcmp(wanted, "*") == 0 || strcasecmp(wanted, offered) == 0)
        return true;
    size_t main = (size_t)(slash - offered) + 1;
    return strncasecmp(wanted, offered, main) == 0 && strcmp(wanted + main, "*") == 0;
}

/* @offered is sorted too: "as=…;g=…;v=…". */
static bool parameters_match(const struct clause *clause, const char *offered)
{
    for (size_t i = 0; i < clause->parameter_count; i++) {
        size_t len = strlen(clause->parameters[i]);
        if (strncmp(offered, clause->parameters[i], len) != 0 ||
            (offered[len] != ';' && offered[len] != '\0'))
            return false;
        offered += len + (offered[len] == ';');
    }
    return *offered == '\0' && !clause->too_many;
}

static int match(const struct clause *clause, const struct offer *offers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (type_matches(clause->type, offers[i].type) &&
            parameters_match(clause, offers[i].parameters))
            return (int)i;
    }
    return -1;
}

int accept_choose(const char *accept, const struct offer *offers, size_t count)
{
    double best_quality = 0;
    int best = -1;
    if (!accept || accept[strspn(accept, " \t")] == '\0')
        accept = "*/*";
    for (const char *at = accept;; at++) {
        struct clause clause;
        size_t len = strcspn(at, ",");
        parse_clause(at, len, &clause);
        int found = match(&clause, offers, count);
        if (found >= 0 && clause.quality > best_quality) {
            best = found;
            best_quality = clause.quality;
        }
        clause_release(&clause);
        at += len;
        if (*at == '\0')
            return best;
    }
}
