#include "groups.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

struct parsed_version {
    int stage; /* 3: GA, 2: beta, 1: alpha, 0: not a version of this form */
    long major;
    long minor;
};

static struct parsed_version parse_version(const char *text)
{
    struct parsed_version parsed = {0};
    char *end;
    if (text[0] != 'v' || !isdigit((unsigned char)text[1]))
        return parsed;
    parsed.major = strtol(text + 1, &end, 10);
    if (*end == '\0') {
        parsed.stage = 3;
        return parsed;
    }
    int stage = strncmp(end, "beta", 4) == 0 ? 2 : strncmp(end, "alpha", 5) == 0 ? 1 : 0;
    end += stage == 2 ? 4 : 5;
    if (stage == 0 || !isdigit((unsigned char)*end))
        return parsed;
    parsed.minor = strtol(end, &end, 10);
    parsed.stage = *end == '\0' ? stage : 0;
    return parsed;
}

int compare_versions(const char *a, const char *b)
{
    struct parsed_version left = parse_version(a);
    struct parsed_version right = parse_version(b);
    if (left.stage != right.stage)
        return right.stage - left.stage;
    if (left.stage == 0)
        return strcmp(a, b);
    if (left.major != right.major)
        return left.major < right.major ? 1 : -1;
    return left.minor == right.minor ? 0 : left.minor < right.minor ? 1 : -1;
}

static int compare_group_versions(const void *a, const void *b)
{
    const struct group_version *left = a;
    const struct group_version *right = b;
    int order = strcmp(left->group, right->group);
    return order ? order : compare_versions(left->version, right->version);
}

static struct group_version *find_version(struct groups *groups, const struct kind *kind)
{
    for (size_t i = 0; i < groups->version_count; i++) {
        if (strcmp(groups->versions[i].api_version, kind->api_version) == 0)
            return &groups->versions[i];
    }
    struct group_version *added = &groups->versions[groups->version_count++];
    added->group = kind->group;
    added->version = kind->version;
    added->api_version = kind->api_version;
    return added;
}

static void collect_groups(struct groups *groups)
{
    for (size_t i = 0; i < groups->version_count; i++) {
        const char *name = groups->versions[i].group;
        struct group *last = groups->group_count ? &groups->groups[groups->group_count - 1] : NULL;
        if (last && strcmp(last->name, name) == 0)
            last->count++;
        else
            groups->groups[groups->group_count++] = (struct group){name, i, 1};
    }
}

void api_groups_init(struct groups *groups, const struct kinds *kinds)
{
    size_t count = kinds_count(kinds);
    *groups = (struct groups){.versions = mem_array(count + 1, sizeof(*groups->versions)),
                              .groups = mem_array(count + 1, sizeof(*groups->groups))};
    for (size_t i = 0; i < count; i++) {
        const struct kind *kind = kinds_at(kinds, i);
        struct group_version *version = find_version(groups, kind);
        if (!version->kinds)
            version->kinds = mem_array(count, sizeof(struct kind *));
        version->kinds[version->kind_count++] = kind;
    }
    if (groups->version_count > 1)
        qsort(groups->versions, groups->version_count, sizeof(*groups->versions),
              compare_group_versions);
    collect_groups(groups);
}

void api_groups_release(struct groups *groups)
{
    for (size_t i = 0; i < groups->version_count; i++)
        free(groups->versions[i].kinds);
    free(groups->versions);
    free(groups->groups);
    *groups = (struct groups){0};
}

const struct group *groups_find(const struct groups *groups, const char *name)
{
    for (size_t i = 0; i < groups->group_count; i++) {
        if (strcmp(groups->groups[i].name, name) == 0)
            return &groups->groups[i];
    }
    return NULL;
}
