/* Label and field selectors of the Kubernetes API. Immutable after parsing. */
#ifndef MOT_MODEL_SELECTOR_H
#define MOT_MODEL_SELECTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include <mot/base/err.h>

struct selector;

/* "a=b,c!=d,e in (f,g),h notin (i),j,!k"; an empty text selects everything. Error texts as
 * kube-apiserver's. */
struct selector *selector_parse_labels(const char *text, struct err *err) MOT_NODISCARD;
/* "metadata.name=x,metadata.namespace!=y"; @allowed: further fields as in object_selectable();
 * others: `field label not supported: …` */
struct selector *selector_parse_fields(const char *text, const char *const *allowed,
                                       struct err *err) MOT_NODISCARD;
/* From a LabelSelector object: matchLabels and matchExpressions. As in Kubernetes, {} selects
 * everything, NULL or null nothing. */
struct selector *selector_from_object(const json_t *label_selector, struct err *err) MOT_NODISCARD;
/* Says @to where it said @from, or @from with a path below it: "regarding", "regarding.name". */
void selector_rename(struct selector *selector, const char *from, const char *to);
void selector_free(struct selector *selector);
bool selector_is_everything(const struct selector *selector);
/* @values: a flat JSON object of strings: the "labels" or "fields" of a selectable (may be NULL).
 */
bool selector_matches(const struct selector *selector, const json_t *values);
/* The value when the selector demands one exact value for @key ("metadata.name"), else NULL. */
const char *selector_exact(const struct selector *selector, const char *key);

#endif
