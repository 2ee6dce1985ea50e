#include "filter.h"

#include <stdlib.h>
#include <string.h>

void watch_filter_release(struct watch_filter *filter)
{
    free(filter->ns);
    free(filter->name);
    selector_free(filter->labels);
    selector_free(filter->fields);
    *filter = (struct watch_filter){0};
}

bool watch_filter_may_match(const struct watch_filter *filter, const char *ns, const char *name)
{
    if (filter->ns && strcmp(filter->ns, ns) != 0)
        return false;
    return !filter->name || strcmp(filter->name, name) == 0;
}

bool watch_filter_selects_all(const struct watch_filter *filter)
{
    return selector_is_everything(filter->labels) && selector_is_everything(filter->fields);
}

bool watch_filter_matches(const struct watch_filter *filter, const json_t *selectable)
{
    return (selector_is_everything(filter->labels) ||
            selector_matches(filter->labels, json_object_get(selectable, "labels"))) &&
           (selector_is_everything(filter->fields) ||
            selector_matches(filter->fields, json_object_get(selectable, "fields")));
}

enum watch_type watch_filter_judge(const struct watch_filter *filter,
                                   enum store_operation operation, const json_t *selectable,
                                   const json_t *previous)
{
    bool now = watch_filter_matches(filter, selectable);
    if (operation == STORE_CREATE)
        return now ? WATCH_ADDED : WATCH_NOTHING;
    if (operation == STORE_DELETE)
        return now ? WATCH_DELETED : WATCH_NOTHING;
    bool before = previous ? watch_filter_matches(filter, previous) : now;
    if (now)
        return before ? WATCH_MODIFIED : WATCH_ADDED;
    return before ? WATCH_DELETED : WATCH_NOTHING;
}

const char *watch_type_name(enum watch_type type)
{
    switch (type) {
    case WATCH_NOTHING:
        return "";
    case WATCH_ADDED:
        return "ADDED";
    case WATCH_MODIFIED:
        return "MODIFIED";
    case WATCH_DELETED:
        return "DELETED";
    }
    return "";
}
