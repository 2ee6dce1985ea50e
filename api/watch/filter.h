/* What a watcher wants to see, and what a change means to it. Pure. */
#ifndef MOT_API_WATCH_FILTER_H
#define MOT_API_WATCH_FILTER_H

#include <jansson.h>
#include <stdbool.h>

#include <mot/model/selector.h>
#include <mot/store/store.h>

enum watch_type { WATCH_NOTHING, WATCH_ADDED, WATCH_MODIFIED, WATCH_DELETED };

struct watch_filter {
    char *ns;   /* NULL: all */
    char *name; /* NULL: all */
    struct selector *labels;
    struct selector *fields;
};

void watch_filter_release(struct watch_filter *filter);
/* By namespace and name alone; a cheap no for most. */
bool watch_filter_may_match(const struct watch_filter *filter, const char *ns, const char *name);
/* There are no selectors, so nothing needs to be decoded. */
bool watch_filter_selects_all(const struct watch_filter *filter);
/* By the selectors: @selectable is a decoded selectable. */
bool watch_filter_matches(const struct watch_filter *filter, const json_t *selectable);
/* What the watcher is told: an object that begins to match was ADDED, one that stops was DELETED.
 * @previous may be NULL. */
enum watch_type watch_filter_judge(const struct watch_filter *filter,
                                   enum store_operation operation, const json_t *selectable,
                                   const json_t *previous);
/* "ADDED", … */
const char *watch_type_name(enum watch_type type);

#endif
