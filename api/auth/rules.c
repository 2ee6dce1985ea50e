#include "rules.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/buf.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

/* Single permissions that one rule is taken apart into. */
#define SINGLES_MAX 65536

/* -------------------------------------------------------------------------------- matching */

static bool has(const json_t *texts, const char *text)
{
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const char *item = json_string_value(json_array_get(texts, i));
        if (item && strcmp(item, text) == 0)
            return true;
    }
    return false;
}

static bool has_or_all(const json_t *texts, const char *text)
{
    return has(texts, "*") || has(texts, text);
}

/* "/apis/…" begins with "/apis/": @rule ends with stars. */
static bool url_covers(const char *rule, const char *url)
{
    size_t len = strlen(rule);
    if (strcmp(rule, url) == 0)
        return true;
    if (len == 0 || rule[len - 1] != '*')
        return false;
    while (len > 0 && rule[len - 1] == '*')
        len--;
    return strncmp(rule, url, len) == 0;
}

static bool urls_cover(const json_t *urls, const char *url)
{
    for (size_t i = 0; i < json_array_size(urls); i++) {
        const char *rule = json_string_value(json_array_get(urls, i));
        if (rule && url_covers(rule, url))
            return true;
    }
    return false;
}

/* "deployments/scale" is allowed by itself, by "*" and by "*" + "/scale". */
static bool resources_cover(const json_t *resources, const char *resource)
{
    if (has_or_all(resources, resource))
        return true;
    const char *slash = strchr(resource, '/');
    if (!slash)
        return false;
    AUTO_FREE char *any = mem_printf("*%s", slash);
    return has(resources, any);
}

static bool allows_resource(const json_t *rule, const struct attributes *attributes)
{
    const json_t *resources = json_object_get(rule, "resources");
    if (*attributes->subresource) {
        AUTO_FREE char *both = mem_printf("%s/%s", attributes->resource, attributes->subresource);
        return resources_cover(resources, both);
    }
    return has_or_all(resources, attributes->resource);
}

bool rule_allows(const json_t *rule, const struct attributes *attributes)
{
    if (!has_or_all(json_object_get(rule, "verbs"), attributes->verb))
        return false;
    if (*attributes->path)
        return urls_cover(json_object_get(rule, "nonResourceURLs"), attributes->path);
    const json_t *names = json_object_get(rule, "resourceNames");
    return has_or_all(json_object_get(rule, "apiGroups"), attributes->group) &&
           (json_array_size(names) == 0 || has(names, attributes->name)) &&
           allows_resource(rule, attributes);
}

/* -------------------------------------------------------------------------------- covering */

/* Every text of @wanted is covered by @held. */
static bool all_covered(const json_t *held, const json_t *wanted,
                        bool (*covers)(const json_t *, const char *))
{
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        const char *text = json_string_value(json_array_get(wanted, i));
        if (!text || !covers(held, text))
            return false;
    }
    return true;
}

static bool names_covered(const json_t *held, const json_t *wanted)
{
    if (json_array_size(held) == 0)
        return true;
    return json_array_size(wanted) > 0 && all_covered(held, wanted, has);
}

static bool rule_covers(const json_t *held, const json_t *wanted)
{
    static const struct {
        const char *name;
        bool (*covers)(const json_t *, const char *);
    } members[] = {{"verbs", has_or_all},
                   {"apiGroups", has_or_all},
                   {"resources", resources_cover},
                   {"nonResourceURLs", urls_cover}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(members); i++)
        if (!all_covered(json_object_get(held, members[i].name),
                         json_object_get(wanted, members[i].name), members[i].covers))
            return false;
    return names_covered(json_object_get(held, "resourceNames"),
                         json_object_get(wanted, "resourceNames"));
}

static bool any_covers(const json_t *held, const json_t *wanted)
{
    for (size_t i = 0; i < json_array_size(held); i++)
        if (rule_covers(json_array_get(held, i), wanted))
            return true;
    return false;
}

/* -------------------------------------------------------------------------------- single
 * permissions */

/* What is missing so far: the rules in order, and where each but its verbs stands. */
struct missing {
    const json_t *held;
    json_t *rules;
    struct map *known; /* text of a rule without verbs → the rule, borrowed from @rules */
};

static void add_missing(struct missing *missing, json_t *single)
{
    json_t *verbs = json_incref(json_object_get(single, "verbs"));
    json_object_del(single, "verbs");
    AUTO_FREE char *key = json_text(single);
    json_t *known = map_get(missing->known, key);
    if (known && json_object_get(single, "nonResourceURLs") == NULL) {
        json_t *present = json_object_get(known, "verbs");
        if (!has(present, json_string_value(json_array_get(verbs, 0))))
            json_array_extend(present, verbs);
    } else {
        json_t *rule = json_copy(single);
        json_object_set(rule, "verbs", verbs);
        json_array_append_new(missing->rules, rule);
        map_put(missing->known, key, rule);
    }
    json_decref(verbs);
}

static void check_single(struct missing *missing, json_t *single)
{
    if (!any_covers(missing->held, single))
        add_missing(missing, single);
    json_decref(single);
}

static json_t *single_rule(const json_t *verb, const char *member, const json_t *value)
{
    json_t *rule = json_object();
    json_object_set_new(rule, "verbs", json_pack("[s]", json_string_value(verb)));
    json_object_set_new(rule, member, json_pack("[s]", json_string_value(value)));
    return rule;
}

static void check_names(struct missing *missing, const json_t *rule, const json_t *group,
                        const json_t *resource, const json_t *verb)
{
    const json_t *names = json_object_get(rule, "resourceNames");
    size_t count = json_array_size(names);
    for (size_t i = 0; i < (count > 0 ? count : 1); i++) {
        json_t *single = single_rule(verb, "apiGroups", group);
        json_object_set_new(single, "resources", json_pack("[s]", json_string_value(resource)));
        if (count > 0)
            json_object_set_new(single, "resourceNames",
                                json_pack("[s]", json_string_value(json_array_get(names, i))));
        check_single(missing, single);
    }
}

static void check_singles(struct missing *missing, const json_t *rule)
{
    const json_t *verbs = json_object_get(rule, "verbs");
    const json_t *groups = json_object_get(rule, "apiGroups");
    const json_t *resources = json_object_get(rule, "resources");
    const json_t *urls = json_object_get(rule, "nonResourceURLs");
    for (size_t g = 0; g < json_array_size(groups); g++)
        for (size_t r = 0; r < json_array_size(resources); r++)
            for (size_t v = 0; v < json_array_size(verbs); v++)
                check_names(missing, rule, json_array_get(groups, g), json_array_get(resources, r),
                            json_array_get(verbs, v));
    for (size_t u = 0; u < json_array_size(urls); u++)
        for (size_t v = 0; v < json_array_size(verbs); v++)
            check_single(missing, single_rule(json_array_get(verbs, v), "nonResourceURLs",
                                              json_array_get(urls, u)));
}

static bool is_large(const json_t *rule)
{
    static const char *const members[] = {"verbs", "apiGroups", "resources", "resourceNames"};
    size_t product = 1;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(members); i++) {
        size_t size = json_array_size(json_object_get(rule, members[i]));
        product *= size > 0 ? size : 1;
        if (size > SINGLES_MAX || product > SINGLES_MAX)
            return true;
    }
    return json_array_size(json_object_get(rule, "nonResourceURLs")) *
               json_array_size(json_object_get(rule, "verbs")) >
           SINGLES_MAX;
}

json_t *rules_missing(const json_t *held, const json_t *wanted)
{
    struct missing missing = {.held = held, .rules = json_array(), .known = map_new(NULL)};
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        const json_t *rule = json_array_get(wanted, i);
        if (any_covers(held, rule))
            continue;
        if (is_large(rule))
            json_array_append_new(missing.rules, json_deep_copy(rule));
        else
            check_singles(&missing, rule);
    }
    map_free(missing.known);
    return missing.rules;
}

/* -------------------------------------------------------------------------------- texts */

char *texts_quoted(const json_t *texts)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    buf_addc(&buf, '[');
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const char *text = json_string_value(json_array_get(texts, i));
        buf_adds(&buf, i > 0 ? " " : "");
        buf_add_json(&buf, text ? text : "");
    }
    buf_addc(&buf, ']');
    return buf_take(&buf);
}

static char *rule_text(const json_t *rule)
{
    static const char *const members[][2] = {{"apiGroups", "APIGroups"},
                                             {"resources", "Resources"},
                                             {"nonResourceURLs", "NonResourceURLs"},
                                             {"resourceNames", "ResourceNames"},
                                             {"verbs", "Verbs"}};
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    buf_addc(&buf, '{');
    for (size_t i = 0; i < MOT_ARRAY_SIZE(members); i++) {
        const json_t *texts = json_object_get(rule, members[i][0]);
        if (json_array_size(texts) == 0)
            continue;
        AUTO_FREE char *quoted = texts_quoted(texts);
        buf_addf(&buf, "%s%s:%s", buf.len > 1 ? ", " : "", members[i][1], quoted);
    }
    buf_addc(&buf, '}');
    return buf_take(&buf);
}

char *rules_text(const json_t *rules)
{
    struct map *lines = map_new(NULL);
    for (size_t i = 0; i < json_array_size(rules); i++) {
        AUTO_FREE char *line = rule_text(json_array_get(rules, i));
        map_put(lines, line, NULL);
    }
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    const char **sorted = map_sorted_keys(lines);
    for (size_t i = 0; i < map_count(lines); i++)
        buf_addf(&buf, "%s%s", i > 0 ? "\n" : "", sorted[i]);
    free(sorted);
    map_free(lines);
    return buf_take(&buf);
}
