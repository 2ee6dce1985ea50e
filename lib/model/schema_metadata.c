/* The checks of metadata: those of k8s.io/apimachinery/pkg/api/validation, in its order. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/go_text.h>
#include <mot/model/json.h>

#include "schema_internal.h"

#define ANNOTATIONS_MAX (256 * 1024)
#define MANAGER_MAX     128

static void report(struct field_errors *errors, const char *field, const char *value,
                   const char *problem)
{
    struct buf quoted;
    if (field_errors_full(errors))
        return;
    buf_init(&quoted, BUF_MAX_DEFAULT);
    write_go_quoted(&quoted, value, strlen(value));
    field_errors_add(errors, field, "FieldValueInvalid", "Invalid value: %s: %s", quoted.data,
                     problem);
    buf_release(&quoted);
}

static void report_all(struct field_errors *errors, const char *field, const char *value,
                       struct name_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        report(errors, field, value, problems->texts[i]);
    name_problems_release(problems);
}

/* @is_prefix: something is going to follow the name. */
static void check_name(const char *name, enum name_format format, bool is_prefix,
                       struct name_problems *problems)
{
    AUTO_FREE char *masked = mem_strdup(name);
    size_t len = strlen(masked);
    if (format == NAME_PATH_SEGMENT) {
        check_path_segment(name, is_prefix, problems);
        return;
    }
    if (is_prefix && len > 1 && masked[len - 1] == '-')
        memcpy(masked + len - 2, "a", 2);
    if (format == NAME_LABEL)
        check_dns_label(masked, problems);
    else
        check_dns_subdomain(masked, problems);
}

static void validate_names(const json_t *metadata, enum name_format format,
                           struct field_errors *errors)
{
    struct name_problems problems = {0};
    const char *generate = json_at_text(metadata, "generateName");
    const char *name = json_at_text(metadata, "name");
    const char *space = json_at_text(metadata, "namespace");
    if (generate && *generate) {
        check_name(generate, format, true, &problems);
        report_all(errors, "metadata.generateName", generate, &problems);
    }
    if (!name || !*name) {
        field_errors_add(errors, "metadata.name", "FieldValueRequired",
                         "Required value: name or generateName is required");
    } else {
        check_name(name, format, false, &problems);
        report_all(errors, "metadata.name", name, &problems);
    }
    if (space && *space) {
        check_dns_label(space, &problems);
        report_all(errors, "metadata.namespace", space, &problems);
    }
}

static void validate_generation(const json_t *metadata, struct field_errors *errors)
{
    int64_t generation = json_at_int(metadata, "generation", 0);
    if (generation < 0)
        field_errors_add(errors, "metadata.generation", "FieldValueInvalid",
                         "Invalid value: %lld: must be greater than or equal to 0",
                         (long long)generation);
}

static void validate_labels(const json_t *labels, struct field_errors *errors)
{
    struct json_entry *entries = json_sorted_entries(labels);
    size_t count = json_object_size(labels);
    for (size_t i = 0; i < count; i++) {
        struct name_problems problems = {0};
        const char *value = json_string_value(entries[i].value);
        check_qualified_name(entries[i].key, &problems);
        report_all(errors, "metadata.labels", entries[i].key, &problems);
        check_label_value(value ? value : "", &problems);
        report_all(errors, "metadata.labels", value ? value : "", &problems);
    }
    free(entries);
}

static void validate_annotations(const json_t *annotations, struct field_errors *errors)
{
    struct json_entry *entries = json_sorted_entries(annotations);
    size_t count = json_object_size(annotations);
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        struct name_problems problems = {0};
        AUTO_FREE char *lower = mem_strdup(entries[i].key);
        for (char *c = lower; *c; c++)
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
        check_qualified_name(lower, &problems);
        report_all(errors, "metadata.annotations", entries[i].key, &problems);
        total += strlen(entries[i].key) + json_string_length(entries[i].value);
    }
    free(entries);
    if (total > ANNOTATIONS_MAX)
        field_errors_add(errors, "metadata.annotations", "FieldValueTooLong",
                         "Too long: may not be more than %d bytes", ANNOTATIONS_MAX);
}

/* Whether an apiVersion names a version: "v1", "g/v1", but not "g/" nor "a/b/c". */
static bool has_version(const char *api_version)
{
    const char *slash = strchr(api_version, '/');
    const char *version = slash ? slash + 1 : api_version;
    return *version && !strchr(version, '/');
}

static void require_owner_version(const json_t *owner, struct field_errors *errors)
{
    const char *text = json_at_text(owner, "apiVersion");
    if (!text || !has_version(text))
        report(errors, "metadata.ownerReferences.apiVersion", text ? text : "",
               "version must not be empty");
}

static void require_owner_text(const json_t *owner, const char *key, const char *problem,
                               struct field_errors *errors)
{
    const char *text = json_at_text(owner, key);
    if (text && *text)
        return;
    AUTO_FREE char *field = mem_printf("metadata.ownerReferences.%s", key);
    report(errors, field, "", problem);
}

/* With the members in the order of the Go type. */
static void write_owner(struct buf *buf, const json_t *owner)
{
    static const char *const members[] = {"apiVersion", "kind",       "name",
                                          "uid",        "controller", "blockOwnerDeletion"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(members); i++) {
        const json_t *value = json_object_get(owner, members[i]);
        if (!value && i >= 4)
            continue;
        AUTO_FREE char *text = value ? go_json(value) : mem_strdup("\"\"");
        buf_addf(buf, "%s\"%s\":%s", i > 0 ? "," : "{", members[i], text);
    }
    buf_addc(buf, '}');
}

/* An Event goes by itself, and would take its dependents along. */
static void forbid_events(const json_t *owner, struct field_errors *errors)
{
    const char *version = json_at_text(owner, "apiVersion");
    const char *kind = json_at_text(owner, "kind");
    struct buf buf;
    if (!version || !kind || strcmp(version, "v1") != 0 || strcmp(kind, "Event") != 0)
        return;
    buf_init(&buf, BUF_MAX_DEFAULT);
    write_owner(&buf, owner);
    field_errors_add(errors, "metadata.ownerReferences", "FieldValueInvalid",
                     "Invalid value: %s: /v1, Kind=Event is disallowed from being an owner",
                     buf.data);
    buf_release(&buf);
}

static char *owners_text(const json_t *owners)
{
    struct buf buf;
    size_t index;
    json_t *owner;
    buf_init(&buf, BUF_MAX_DEFAULT);
    buf_addc(&buf, '[');
    json_array_foreach(owners, index, owner)
    {
        buf_adds(&buf, index > 0 ? "," : "");
        write_owner(&buf, owner);
    }
    buf_addc(&buf, ']');
    return buf_take(&buf);
}

static void validate_owners(const json_t *owners, struct field_errors *errors)
{
    size_t index;
    json_t *owner;
    const json_t *controller = NULL;
    json_array_foreach(owners, index, owner)
    {
        require_owner_version(owner, errors);
        require_owner_text(owner, "kind", "must not be empty", errors);
        require_owner_text(owner, "name", "must not be empty", errors);
        require_owner_text(owner, "uid", "must not be empty", errors);
        forbid_events(owner, errors);
        if (!json_at_bool(owner, "controller", false))
            continue;
        if (controller) {
            const char *const texts[] = {json_at_text(controller, "kind"),
                                         json_at_text(controller, "name"),
                                         json_at_text(owner, "kind"), json_at_text(owner, "name")};
            AUTO_FREE char *list = owners_text(owners);
            field_errors_add(errors, "metadata.ownerReferences", "FieldValueInvalid",
                             "Invalid value: %s: Only one reference can have Controller set to "
                             "true. Found \"true\" "
                             "in references for %s/%s and %s/%s",
                             list, texts[0] ? texts[0] : "", texts[1] ? texts[1] : "",
                             texts[2] ? texts[2] : "", texts[3] ? texts[3] : "");
        } else
            controller = owner;
    }
}

static void validate_finalizers(const json_t *finalizers, struct field_errors *errors)
{
    size_t index;
    json_t *item;
    bool orphan = false;
    bool foreground = false;
    json_array_foreach(finalizers, index, item)
    {
        struct name_problems problems = {0};
        const char *name = json_string_value(item);
        if (!name)
            continue;
        orphan |= strcmp(name, "orphan") == 0;
        foreground |= strcmp(name, "foregroundDeletion") == 0;
        check_qualified_name(name, &problems);
        report_all(errors, "metadata.finalizers", name, &problems);
    }
    if (orphan && foreground) {
        AUTO_FREE char *list = json_text(finalizers);
        field_errors_add(
            errors, "metadata.finalizers", "FieldValueInvalid",
            "Invalid value: %s: finalizer orphan and foregroundDeletion cannot be both set", list);
    }
}

/* ---- field managers ---- */

static void report_entry(struct field_errors *errors, size_t index, const char *member,
                         const char *value, const char *problem)
{
    AUTO_FREE char *field = mem_printf("metadata.managedFields[%zu].%s", index, member);
    report(errors, field, value, problem);
}

static void validate_manager_name(const char *name, size_t index, struct field_errors *errors)
{
    uint32_t code;
    const char *found = go_next_unprintable(name, &code);
    if (strlen(name) > MANAGER_MAX) {
        AUTO_FREE char *field = mem_printf("metadata.managedFields[%zu].manager", index);
        field_errors_add(errors, field, "FieldValueTooLong",
                         "Too long: may not be more than %d bytes", MANAGER_MAX);
    } else if (found) {
        AUTO_FREE char *problem =
            mem_printf("invalid character U+%04X (at position %td)", (unsigned)code, found - name);
        report_entry(errors, index, "manager", name, problem);
    }
}

static void validate_managers(const json_t *managers, struct field_errors *errors)
{
    size_t index;
    json_t *entry;
    json_array_foreach(managers, index, entry)
    {
        const char *operation = json_at_text(entry, "operation");
        const char *type = json_at_text(entry, "fieldsType");
        const char *manager = json_at_text(entry, "manager");
        if (!operation || (strcmp(operation, "Apply") != 0 && strcmp(operation, "Update") != 0))
            report_entry(errors, index, "operation", operation ? operation : "",
                         "must be `Apply` or `Update`");
        if (type && *type && strcmp(type, "FieldsV1") != 0)
            report_entry(errors, index, "fieldsType", type, "must be `FieldsV1`");
        validate_manager_name(manager ? manager : "", index, errors);
    }
}

/* ---- all of it ---- */

void validate_metadata(const json_t *object, enum name_format format, struct field_errors *errors)
{
    struct err err = {0};
    const json_t *metadata = json_object_get(object, "metadata");
    if (schema_check_metadata(object, &err) != 0) {
        field_errors_add(errors, "metadata", "FieldValueTypeInvalid", "Invalid value: \"\": %s",
                         err.message);
        return;
    }
    validate_names(metadata, format, errors);
    validate_generation(metadata, errors);
    validate_labels(json_object_get(metadata, "labels"), errors);
    validate_annotations(json_object_get(metadata, "annotations"), errors);
    validate_owners(json_object_get(metadata, "ownerReferences"), errors);
    validate_finalizers(json_object_get(metadata, "finalizers"), errors);
    validate_managers(json_object_get(metadata, "managedFields"), errors);
}

/* ---- updates ---- */

static bool has_text(const json_t *array, const char *text)
{
    size_t index;
    json_t *item;
    json_array_foreach(array, index, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), text) == 0)
            return true;
    }
    return false;
}

static void forbid_new_finalizers(const json_t *metadata, const json_t *old,
                                  struct field_errors *errors)
{
    const json_t *before = json_object_get(old, "finalizers");
    struct texts added = {0};
    struct buf list;
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(metadata, "finalizers"), index, item)
    {
        const char *name = json_string_value(item);
        if (name && !has_text(before, name))
            texts_add(&added, mem_strdup(name));
    }
    texts_sort(&added);
    buf_init(&list, BUF_MAX_DEFAULT);
    for (size_t i = 0; i < added.count; i++) {
        if (i > 0 && strcmp(added.items[i - 1], added.items[i]) == 0)
            continue;
        buf_adds(&list, i > 0 ? ", " : "");
        write_go_quoted(&list, added.items[i], strlen(added.items[i]));
    }
    if (added.count > 0)
        field_errors_add(errors, "metadata.finalizers", "FieldValueForbidden",
                         "Forbidden: no new finalizers can be added if the object is being "
                         "deleted, found new finalizers []string{%s}",
                         list.data);
    buf_release(&list);
    texts_release(&added);
}

/* Missing, null and "" are the same. */
static bool is_nothing(const json_t *value)
{
    return !value || json_is_null(value) ||
           (json_is_string(value) && json_string_length(value) == 0);
}

static void require_same(const json_t *metadata, const json_t *old, const char *key,
                         const char *shown_when_missing, struct field_errors *errors)
{
    const json_t *value = json_object_get(metadata, key);
    const json_t *before = json_object_get(old, key);
    struct buf shown;
    if (is_nothing(value) ? is_nothing(before) : before && json_equal(value, before))
        return;
    AUTO_FREE char *field = mem_printf("metadata.%s", key);
    buf_init(&shown, BUF_MAX_DEFAULT);
    if (is_nothing(value))
        buf_adds(&shown, shown_when_missing);
    else
        write_bad_value(&shown, value);
    field_errors_add(errors, field, "FieldValueInvalid", "Invalid value: %s: field is immutable",
                     shown.data);
    buf_release(&shown);
}

/* ValidateObjectMetaAccessorUpdate, without the resource version: that one is settled before. */
static void validate_changes(const json_t *metadata, const json_t *old, bool clean,
                             struct field_errors *errors)
{
    if (!is_nothing(json_object_get(old, "deletionTimestamp")))
        forbid_new_finalizers(metadata, old, errors);
    require_same(metadata, old, "name", "\"\"", errors);
    require_same(metadata, old, "namespace", "\"\"", errors);
    require_same(metadata, old, "uid", "\"\"", errors);
    require_same(metadata, old, "creationTimestamp", "null", errors);
    require_same(metadata, old, "deletionTimestamp", "\"null\"", errors);
    require_same(metadata, old, "deletionGracePeriodSeconds", "\"null\"", errors);
    if (clean)
        return;
    validate_labels(json_object_get(metadata, "labels"), errors);
    validate_annotations(json_object_get(metadata, "annotations"), errors);
    validate_owners(json_object_get(metadata, "ownerReferences"), errors);
    validate_managers(json_object_get(metadata, "managedFields"), errors);
}

void validate_metadata_update(const json_t *object, const json_t *old, bool clean,
                              struct field_errors *errors)
{
    const json_t *metadata = json_object_get(object, "metadata");
    const json_t *before = json_object_get(old, "metadata");
    struct err ignored = {0};
    size_t count = errors->count;
    if (!clean && schema_check_metadata(object, &ignored) != 0)
        return; /* said already */
    validate_changes(metadata, before, clean, errors);
    if (errors->count > count)
        validate_changes(metadata, before, clean, errors);
}
