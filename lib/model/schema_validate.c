/*
 * The checks of k8s.io/kube-openapi/pkg/validation/validate, in its order within a node: type,
 * alternatives, string, format, number, items, enum, object. Properties go by name (Go's order is
 * random). Each node counts the checks that it passed: of failed alternatives, the one with the
 * most is the one that is reported. Alternatives know nothing of an old value.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/map.h>
#include <mot/base/mem.h>

#include "schema_internal.h"

struct checker {
    struct field_errors *errors;
    int matches;
};

static void check(struct checker *checker, const struct node *node, const json_t *value,
                  const json_t *old, const struct path *path);

static const char type_invalid[] = "FieldValueTypeInvalid";
static const char invalid[] = "FieldValueInvalid";

/* ---- reports ---- */

/* "Invalid value: <shown>: <path> in body <text>" */
static void report(struct checker *checker, const struct path *path, const char *reason,
                   const char *shown, const char *format, ...) MOT_PRINTF(5, 6);

static void report(struct checker *checker, const struct path *path, const char *reason,
                   const char *shown, const char *format, ...)
{
    struct buf text;
    va_list args;
    if (field_errors_full(checker->errors))
        return;
    AUTO_FREE char *name = path_text(path);
    AUTO_FREE char *field = path_field(path);
    buf_init(&text, BUF_MAX_DEFAULT);
    va_start(args, format);
    buf_addv(&text, format, args);
    va_end(args);
    field_errors_add(checker->errors, field, reason, "Invalid value: %s: %s in body %s", shown,
                     name, text.data ? text.data : "");
    buf_release(&text);
}

static char *shown_value(const json_t *value)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    write_bad_value(&buf, value);
    return buf_take(&buf);
}

static char *shown_number(double number)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    write_go_number(&buf, number);
    return buf_take(&buf);
}

static void report_too_many(struct checker *checker, const struct path *path, size_t count,
                            int64_t max)
{
    AUTO_FREE char *field = path_field(path);
    field_errors_add(checker->errors, field, "FieldValueTooMany",
                     "Too many: %zu: must have at most %lld item%s", count, (long long)max,
                     max == 1 ? "" : "s");
}

/* ---- type ---- */

static const char *json_type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
        return "integer";
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}

static bool is_whole(const json_t *value)
{
    double number = json_real_value(value);
    double whole;
    return fabs(number) <= 9007199254740991.0 && !(fabs(modf(number, &whole)) > 0);
}

static bool type_matches(enum schema_type type, const json_t *value)
{
    bool integer = json_is_integer(value) || (json_is_real(value) && is_whole(value));
    switch (type) {
    case TYPE_ANY:
        return true;
    case TYPE_OBJECT:
        return json_is_object(value);
    case TYPE_ARRAY:
        return json_is_array(value);
    case TYPE_STRING:
        return json_is_string(value);
    case TYPE_INTEGER:
        return integer;
    case TYPE_NUMBER:
        return json_is_number(value);
    case TYPE_BOOLEAN:
        return json_is_boolean(value);
    case TYPE_INT_OR_STRING:
        return integer || json_is_string(value);
    }
    return false;
}

/* A format makes the type of strings and lists a matter of the format alone. */
static void check_type(struct checker *checker, const struct node *node, const json_t *value,
                       const struct path *path)
{
    const char *found = json_type_name(value);
    bool may_be_number =
        node->type == TYPE_INTEGER || node->type == TYPE_NUMBER || node->type == TYPE_INT_OR_STRING;
    bool format_decides =
        node->format && (json_is_string(value) || json_is_array(value)) && !may_be_number;
    if (json_is_null(value)) {
        if (node->type != TYPE_ANY && !node->nullable)
            report(checker, path, type_invalid, "\"null\"", "must be of type %s: \"null\"",
                   type_name(node->type));
        else
            checker->matches++;
        return;
    }
    if (format_decides || type_matches(node->type, value)) {
        checker->matches++;
        return;
    }
    if (node->format && !json_is_string(value) && !json_is_array(value)) {
        const char *format = json_is_integer(value) ? "int64"
                             : json_is_real(value)  ? "float64"
                                                    : "";
        AUTO_FREE char *shown = mem_printf("\"%s\"", format);
        report(checker, path, type_invalid, shown, "must be of type %s: \"%s\"", node->format,
               format);
        return;
    }
    AUTO_FREE char *shown = mem_printf("\"%s\"", found);
    report(checker, path, type_invalid, shown, "must be of type %s: \"%s\"", type_name(node->type),
           found);
}

/* ---- alternatives ---- */

static void report_alternatives(struct checker *checker, const struct path *path, const char *what)
{
    AUTO_FREE char *name = path_text(path);
    field_errors_add(checker->errors, "<nil>", invalid, "Invalid value: \"\": \"%s\" must %s", name,
                     what);
}

static struct checker try_node(const struct node *node, const json_t *value,
                               const struct path *path, struct field_errors *errors)
{
    struct checker inner = {.errors = errors};
    *errors = (struct field_errors){.once = true};
    check(&inner, node, value, NULL, path);
    return inner;
}

/* How many of the alternatives hold, at most @enough; the errors of the best one that does not go
 * to @best. */
static size_t count_valid(struct checker *checker, const struct node_list *list,
                          const json_t *value, const struct path *path, size_t enough,
                          struct field_errors *best)
{
    size_t valid = 0;
    int best_matches = -1;
    int passed_matches = 0;
    for (size_t i = 0; i < list->count && valid < enough; i++) {
        struct field_errors errors;
        struct checker inner = try_node(list->items[i], value, path, &errors);
        if (errors.count == 0) {
            if (valid++ == 0)
                passed_matches = inner.matches;
        } else if (inner.matches > best_matches) {
            best_matches = inner.matches;
            field_errors_release(best);
            *best = errors;
            continue;
        }
        field_errors_release(&errors);
    }
    checker->matches += valid > 0 ? passed_matches : best_matches > 0 ? best_matches : 0;
    if (valid > 0)
        field_errors_release(best);
    return valid;
}

static void check_any_of(struct checker *checker, const struct node *node, const json_t *value,
                         const struct path *path)
{
    struct field_errors best = {0};
    if (count_valid(checker, &node->any_of, value, path, 1, &best) == 0)
        report_alternatives(checker, path, "validate at least one schema (anyOf)");
    field_errors_merge(checker->errors, &best);
}

static void check_one_of(struct checker *checker, const struct node *node, const json_t *value,
                         const struct path *path)
{
    struct field_errors best = {0};
    size_t valid = count_valid(checker, &node->one_of, value, path, node->one_of.count, &best);
    if (valid == 0)
        report_alternatives(checker, path,
                            "validate one and only one schema (oneOf). Found none valid");
    if (valid > 1) {
        char text[96];
        snprintf(text, sizeof(text),
                 "validate one and only one schema (oneOf). Found %zu valid alternatives", valid);
        report_alternatives(checker, path, text);
    }
    field_errors_merge(checker->errors, &best);
}

static void check_all_of(struct checker *checker, const struct node *node, const json_t *value,
                         const struct path *path)
{
    size_t valid = 0;
    for (size_t i = 0; i < node->all_of.count; i++) {
        struct field_errors errors;
        checker->matches += try_node(node->all_of.items[i], value, path, &errors).matches;
        valid += errors.count == 0;
        field_errors_merge(checker->errors, &errors);
    }
    if (valid < node->all_of.count)
        report_alternatives(checker, path,
                            valid > 0 ? "validate all the schemas (allOf)"
                                      : "validate all the schemas (allOf). None validated");
}

static void check_alternatives(struct checker *checker, const struct node *node,
                               const json_t *value, const struct path *path)
{
    if (node->any_of.count > 0)
        check_any_of(checker, node, value, path);
    if (node->one_of.count > 0)
        check_one_of(checker, node, value, path);
    if (node->all_of.count > 0)
        check_all_of(checker, node, value, path);
    if (node->not_node) {
        struct field_errors errors;
        try_node(node->not_node, value, path, &errors);
        if (errors.count == 0)
            report_alternatives(checker, path, "not validate the schema (not)");
        field_errors_release(&errors);
    }
}

/* ---- strings ---- */

static int64_t count_runes(const char *text, size_t len)
{
    int64_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* Only the first of these that fails is reported. */
static void check_string(struct checker *checker, const struct node *node, const json_t *value,
                         const struct path *path)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    int64_t runes = node->max_length.set || node->min_length.set ? count_runes(text, len) : 0;
    if (node->max_length.set && runes > node->max_length.value) {
        AUTO_FREE char *field = path_field(path);
        field_errors_add(checker->errors, field, "FieldValueTooLong",
                         "Too long: may not be more than %lld byte%s",
                         (long long)node->max_length.value, node->max_length.value == 1 ? "" : "s");
    } else if (node->min_length.set && runes < node->min_length.value) {
        AUTO_FREE char *shown = shown_value(value);
        report(checker, path, invalid, shown, "should be at least %lld chars long",
               (long long)node->min_length.value);
    } else if (node->regex && regexec(node->regex, text, 0, NULL, 0) != 0) {
        AUTO_FREE char *shown = shown_value(value);
        report(checker, path, invalid, shown, "should match '%s'", node->pattern);
    }
}

static void check_format(struct checker *checker, const struct node *node, const json_t *value,
                         const struct path *path)
{
    if (!node->check_format ||
        node->check_format(json_string_value(value), json_string_length(value)))
        return;
    AUTO_FREE char *shown = shown_value(value);
    report(checker, path, type_invalid, shown, "must be of type %s: %s", node->format, shown);
}

/* ---- numbers ---- */

/* As Go converts a bound for an integer: truncated. */
static int64_t truncated(double bound)
{
    if (bound >= 9223372036854775807.0)
        return INT64_MAX;
    return bound <= -9223372036854775808.0 ? INT64_MIN : (int64_t)bound;
}

static char *shown_bound(const json_t *value, double bound)
{
    return json_is_integer(value) ? mem_printf("%lld", (long long)truncated(bound))
                                  : shown_number(bound);
}

/* -1, 0 or 1: how the value stands to the bound. */
static int compare_bound(const json_t *value, double bound)
{
    if (json_is_integer(value)) {
        int64_t number = json_integer_value(value);
        int64_t limit = truncated(bound);
        return number < limit ? -1 : number > limit;
    }
    double number = json_real_value(value);
    return number < bound ? -1 : number > bound;
}

static bool is_multiple(const json_t *value, double factor)
{
    if (json_is_integer(value))
        return json_integer_value(value) % truncated(factor) == 0;
    double number = json_real_value(value);
    double whole;
    double ratio = factor < 1 ? 1 / factor * number : number / factor;
    return fabs(ratio) <= 9007199254740991.0 &&
           !(fabs(modf(ratio, &whole)) > 1e-9 && fabs(modf(ratio, &whole)) < 1 - 1e-9);
}

static void check_multiple(struct checker *checker, const struct node *node, const json_t *value,
                           const struct path *path)
{
    double factor = node->multiple_of.value;
    bool positive = json_is_integer(value) ? truncated(factor) > 0 : factor > 0;
    AUTO_FREE char *shown_factor = shown_bound(value, factor);
    if (!positive) {
        AUTO_FREE char *name = path_text(path);
        AUTO_FREE char *field = path_field(path);
        field_errors_add(
            checker->errors, field, invalid,
            "Invalid value: %s: factor MultipleOf declared for %s must be positive: %s",
            shown_factor, name, shown_factor);
    } else if (!is_multiple(value, factor)) {
        AUTO_FREE char *shown = shown_value(value);
        report(checker, path, invalid, shown, "should be a multiple of %s", shown_factor);
    }
}

static void check_number(struct checker *checker, const struct node *node, const json_t *value,
                         const struct path *path)
{
    if (node->multiple_of.set)
        check_multiple(checker, node, value, path);
    int low = node->minimum.set ? compare_bound(value, node->minimum.value) : 1;
    if (low < 0 || (low == 0 && node->exclusive_minimum)) {
        AUTO_FREE char *shown = shown_value(value);
        AUTO_FREE char *bound = shown_bound(value, node->minimum.value);
        report(checker, path, invalid, shown, "should be greater than %s%s",
               node->exclusive_minimum ? "" : "or equal to ", bound);
    }
    int high = node->maximum.set ? compare_bound(value, node->maximum.value) : -1;
    if (high > 0 || (high == 0 && node->exclusive_maximum)) {
        AUTO_FREE char *shown = shown_value(value);
        AUTO_FREE char *bound = shown_bound(value, node->maximum.value);
        report(checker, path, invalid, shown, "should be less than %s%s",
               node->exclusive_maximum ? "" : "or equal to ", bound);
    }
}

/* ---- lists ---- */

static void check_items(struct checker *checker, const struct node *node, const json_t *value,
                        const json_t *old, const struct path *parent)
{
    size_t index;
    json_t *item;
    struct map *old_items = index_old_items(node, old);
    json_array_foreach(value, index, item)
    {
        struct path path = {.parent = parent, .index = index};
        check(checker, node->items, item, find_old_item(node, old_items, item), &path);
    }
    map_free(old_items);
}

static void check_array(struct checker *checker, const struct node *node, const json_t *value,
                        const json_t *old, const struct path *parent)
{
    size_t count = json_array_size(value);
    if (node->items)
        check_items(checker, node, value, old, parent);
    if (node->min_items.set && (int64_t)count < node->min_items.value) {
        char shown[24];
        snprintf(shown, sizeof(shown), "%zu", count);
        report(checker, parent, invalid, shown, "should have at least %lld items",
               (long long)node->min_items.value);
    }
    if (node->max_items.set && (int64_t)count > node->max_items.value)
        report_too_many(checker, parent, count, node->max_items.value);
}

/* ---- enum ---- */

/* Go converts the value to the type of the choice first: 65 is "A", 1.5 is 1. */
static bool equals_choice(const json_t *value, const json_t *choice)
{
    if (json_is_number(value) && json_is_integer(choice)) {
        int64_t number =
            json_is_integer(value) ? json_integer_value(value) : truncated(json_real_value(value));
        return number == json_integer_value(choice);
    }
    if (json_is_number(value) && json_is_real(choice)) {
        double number = json_number_value(value);
        return !(number < json_real_value(choice)) && !(number > json_real_value(choice));
    }
    if (json_is_integer(value) && json_is_string(choice)) {
        json_int_t rune = json_integer_value(value);
        return rune > 0 && rune < 0x80 && json_string_length(choice) == 1 &&
               json_string_value(choice)[0] == (char)rune;
    }
    return !json_is_null(value) && json_equal(value, choice);
}

static void check_enum(struct checker *checker, const struct node *node, const json_t *value,
                       const struct path *path)
{
    size_t index;
    json_t *choice;
    struct buf list;
    json_array_foreach(node->choices, index, choice)
    {
        if (equals_choice(value, choice))
            return;
    }
    buf_init(&list, BUF_MAX_DEFAULT);
    json_array_foreach(node->choices, index, choice)
    {
        AUTO_FREE char *text = NULL;
        struct buf json;
        buf_init(&json, BUF_MAX_DEFAULT);
        if (json_is_string(choice))
            buf_adds(&json, json_string_value(choice));
        else
            json_write_style(&json, choice, JSON_STYLE_GO);
        text = buf_take(&json);
        buf_adds(&list, index > 0 ? ", " : "");
        write_go_quoted(&list, text, strlen(text));
    }
    AUTO_FREE char *field = path_field(path);
    AUTO_FREE char *shown = shown_value(value);
    field_errors_add(checker->errors, field, "FieldValueNotSupported",
                     "Unsupported value: %s: supported values: %s", shown, list.data);
    buf_release(&list);
}

/* ---- objects ---- */

static void check_counts(struct checker *checker, const struct node *node, const json_t *value,
                         const struct path *path)
{
    size_t count = json_object_size(value);
    if (node->min_properties.set && (int64_t)count < node->min_properties.value) {
        char shown[24];
        snprintf(shown, sizeof(shown), "%zu", count);
        report(checker, path, invalid, shown, "should have at least %lld properties",
               (long long)node->min_properties.value);
    }
    if (node->max_properties.set && (int64_t)count > node->max_properties.value)
        report_too_many(checker, path, count, node->max_properties.value);
}

static void check_undeclared(struct checker *checker, const struct node *node, const json_t *value,
                             const json_t *old, const struct path *parent)
{
    if (node->additional != ADDITIONAL_FALSE && node->additional != ADDITIONAL_SCHEMA)
        return;
    struct json_entry *entries = json_sorted_entries(value);
    size_t count = json_object_size(value);
    for (size_t i = 0; i < count; i++) {
        struct path path = {.parent = parent, .key = entries[i].key};
        if (node_property(node, entries[i].key))
            continue;
        if (node->additional == ADDITIONAL_SCHEMA) {
            check(checker, node->additional_node, entries[i].value,
                  find_old_member(node, old, path.key), &path);
            continue;
        }
        AUTO_FREE char *field = path_field(parent);
        AUTO_FREE char *name = path_text(parent);
        struct buf shown;
        buf_init(&shown, BUF_MAX_DEFAULT);
        write_go_quoted(&shown, entries[i].key, strlen(entries[i].key));
        field_errors_add(checker->errors, field, invalid,
                         "Invalid value: %s: %s.%s in body is a forbidden property", shown.data,
                         name, entries[i].key);
        buf_release(&shown);
    }
    free(entries);
}

static void check_required(struct checker *checker, const struct node *node, const json_t *value,
                           const struct path *parent)
{
    for (size_t i = 0; i < node->required.count; i++) {
        struct path path = {.parent = parent, .key = node->required.items[i]};
        if (json_object_get(value, path.key))
            continue;
        AUTO_FREE char *field = path_field(&path);
        field_errors_add(checker->errors, field, "FieldValueRequired", "Required value");
    }
}

/* What an object is does not change behind its back, so it is never forgiven. */
static bool is_type_field(const char *key)
{
    return strcmp(key, "kind") == 0 || strcmp(key, "apiVersion") == 0;
}

static void check_object(struct checker *checker, const struct node *node, const json_t *value,
                         const json_t *old, const struct path *parent)
{
    check_counts(checker, node, value, parent);
    check_undeclared(checker, node, value, old, parent);
    for (size_t i = 0; i < node->property_count; i++) {
        struct path path = {.parent = parent, .key = node->properties[i].name};
        const json_t *member = json_object_get(value, path.key);
        const json_t *before = find_old_member(node, old, path.key);
        if (member)
            check(checker, node->properties[i].node, member,
                  !parent && is_type_field(path.key) ? NULL : before, &path);
    }
    check_required(checker, node, value, parent);
}

static void check_value(struct checker *checker, const struct node *node, const json_t *value,
                        const json_t *old, const struct path *path)
{
    if (node->type != TYPE_ANY || node->format)
        check_type(checker, node, value, path);
    if (json_is_null(value)) {
        if (node->choices)
            check_enum(checker, node, value, path);
        return;
    }
    check_alternatives(checker, node, value, path);
    if (json_is_string(value)) {
        check_string(checker, node, value, path);
        check_format(checker, node, value, path);
    } else if (json_is_number(value)) {
        check_number(checker, node, value, path);
    } else if (json_is_array(value)) {
        check_array(checker, node, value, old, path);
    }
    if (node->choices)
        check_enum(checker, node, value, path);
    if (json_is_object(value))
        check_object(checker, node, value, old, path);
    checker->matches++;
}

/* @old: the value that this one was before, NULL when there was none: what is wrong with a value
 * that has not changed is forgiven. */
static void check(struct checker *checker, const struct node *node, const json_t *value,
                  const json_t *old, const struct path *path)
{
    size_t before = checker->errors->count;
    check_value(checker, node, value, old, path);
    if (old && checker->errors->count > before && is_unchanged(node, value, old))
        field_errors_truncate(checker->errors, before);
}

void validate_values(const struct node *node, const json_t *value, const json_t *old,
                     struct field_errors *errors)
{
    struct field_errors found = {.max = errors->max, .once = true};
    struct checker checker = {.errors = &found};
    check(&checker, node, value, NULL, NULL);
    if (found.count > 0 && old) {
        field_errors_truncate(&found, 0);
        check(&checker, node, value, old, NULL);
    }
    field_errors_merge(errors, &found);
}
