#include "negotiate.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CLAUSES_MAX 64

struct slice {
    const char *at;
    size_t len;
};

struct clause {
    struct slice type;
    struct slice as, group, version;
    double q;
};

static struct slice trimmed(const char *at, size_t len)
{
    while (len > 0 && isspace((unsigned char)*at)) {
        at++;
        len--;
    }
    while (len > 0 && isspace((unsigned char)at[len - 1]))
        len--;
    return (struct slice){at, len};
}

static bool same(struct slice slice, const char *text)
{
    return slice.len == strlen(text) && strncasecmp(slice.at, text, slice.len) == 0;
}

/* Up to @separator; moves @rest behind it. */
static struct slice next_part(struct slice *rest, char separator)
{
    const char *end = memchr(rest->at, separator, rest->len);
    size_t len = end ? (size_t)(end - rest->at) : rest->len;
    struct slice part = trimmed(rest->at, len);
    size_t used = end ? len + 1 : len;
    rest->at += used;
    rest->len -= used;
    return part;
}

static double parse_q(struct slice value)
{
    char text[8] = "";
    size_t len = value.len < sizeof(text) - 1 ? value.len : sizeof(text) - 1;
    memcpy(text, value.at, len);
    char *end = NULL;
    double q = strtod(text, &end);
    if (end == text || !(q >= 0))
        return 0;
    return q > 1 ? 1 : q;
}

static struct clause parse_clause(struct slice text)
{
    struct clause clause = {.q = 1};
    clause.type = next_part(&text, ';');
    while (text.len > 0) {
        struct slice value = next_part(&text, ';');
        struct slice name = next_part(&value, '=');
        value = trimmed(value.at, value.len);
        if (same(name, "q"))
            clause.q = parse_q(value);
        else if (same(name, "as"))
            clause.as = value;
        else if (same(name, "g"))
            clause.group = value;
        else if (same(name, "v"))
            clause.version = value;
    }
    return clause;
}

static bool clause_media(const struct clause *clause, enum media *ret_media)
{
    *ret_media = MEDIA_JSON;
    if (same(clause->type, "application/json") || same(clause->type, "*/*") ||
        same(clause->type, "application/*"))
        return true;
    *ret_media = MEDIA_YAML;
    return same(clause->type, "application/yaml");
}

static bool clause_form(const struct clause *clause, bool list, enum form *ret_form)
{
    *ret_form = FORM_PLAIN;
    if (clause->as.len == 0)
        return true;
    if (!same(clause->group, "meta.k8s.io") || !same(clause->version, "v1"))
        return false;
    if (same(clause->as, "Table"))
        *ret_form = FORM_TABLE;
    else if (same(clause->as, "PartialObjectMetadata"))
        *ret_form = FORM_PARTIAL;
    else if (same(clause->as, "PartialObjectMetadataList") && list)
        *ret_form = FORM_PARTIAL_LIST;
    else
        return false;
    return true;
}

/* Of clauses that are wanted as much, the one that says more goes first. */
static int specificity(const struct clause *clause)
{
    if (same(clause->type, "*/*"))
        return 0;
    return clause->type.len > 0 && clause->type.at[clause->type.len - 1] == '*' ? 1 : 2;
}

bool negotiate_accept(const char *accept, bool list, struct output *ret_output)
{
    *ret_output = (struct output){MEDIA_JSON, FORM_PLAIN};
    if (!accept || !*accept)
        return true;
    struct slice rest = {accept, strlen(accept)};
    double best = 0;
    int best_specificity = 0;
    for (int n = 0; rest.len > 0 && n < CLAUSES_MAX; n++) {
        struct clause clause = parse_clause(next_part(&rest, ','));
        struct output output;
        int specific = specificity(&clause);
        bool better =
            clause.q > best || (best > 0 && clause.q >= best && specific > best_specificity);
        if (clause.type.len > 0 && better && clause_media(&clause, &output.media) &&
            clause_form(&clause, list, &output.form)) {
            best = clause.q;
            best_specificity = specific;
            *ret_output = output;
        }
    }
    return best > 0;
}

enum media negotiate_content_type(const char *content_type)
{
    static const struct {
        const char *name;
        enum media media;
    } table[] = {
        {"application/json", MEDIA_JSON},
        {"application/yaml", MEDIA_YAML},
        {"application/vnd.kubernetes.protobuf", MEDIA_PROTOBUF},
        {"application/merge-patch+json", MEDIA_MERGE_PATCH},
        {"application/json-patch+json", MEDIA_JSON_PATCH},
        {"application/apply-patch+yaml", MEDIA_APPLY_PATCH},
        {"application/strategic-merge-patch+json", MEDIA_STRATEGIC_PATCH},
    };
    if (!content_type || !*content_type)
        return MEDIA_JSON;
    struct slice rest = {content_type, strlen(content_type)};
    struct slice type = next_part(&rest, ';');
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (same(type, table[i].name))
            return table[i].media;
    return MEDIA_OTHER;
}
