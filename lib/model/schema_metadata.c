/* The checks of metadata: those of k8s.io/apimachinery/pkg/api/validation, in its order. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "schema_internal.h"

#define ANNOTATIONS_MAX (256 * 1024)

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

static void check_name(const char *name, bool is_label, struct name_problems *problems)
{
    if (is_label)
        check_dns_label(name, problems);
    else
        check_dns_subdomain(name, problems);
}

static void validate_names(const json_t *metadata, bool is_label, struct field_errors *errors)
{
    struct name_problems problems = {0};
    const char *generate = json_at_text(metadata, "generateName");
    const char *name = json_at_text(metadata, "name");
    const char *space = json_at_text(metadata, "namespace");
    if (generate && *generate) {
        AUTO_FREE char *masked = mem_strdup(generate);
        size_t len = strlen(masked);
        if (len > 1 && masked[len - 1] == '-')
            memcpy(masked + len - 2, "a", 2);
        check_name(masked, is_label, &problems);
        report_all(errors, "metadata.generateName", generate, &problems);
    }
    if (!name || !*name) {
        field_errors_add(errors, "metadata.name", "FieldValueRequired",
                         "Required value: name or generateName is required");
    } else {
        check_name(name, is_label, &problems);
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

static void require_owner_text(const json_t *owner, const char *key, const char *problem,
                               struct field_errors *errors)
{
    const char *text = json_at_text(owner, key);
    if (text && *text)
        return;
    AUTO_FREE char *field = mem_printf("metadata.ownerReferences.%s", key);
    report(errors, field, "", problem);
}

static void validate_owners(const json_t *owners, struct field_errors *errors)
{
    size_t index;
    json_t *owner;
    const json_t *controller = NULL;
    json_array_foreach(owners, index, owner)
    {
        require_owner_text(owner, "apiVersion", "version must not be empty", errors);
        require_owner_text(owner, "kind", "must not be empty", errors);
        require_owner_text(owner, "name", "must not be empty", errors);
        require_owner_text(owner, "uid", "must not be empty", errors);
        if (!json_at_bool(owner, "controller", false))
            continue;
        if (controller) {
            const char *const texts[] = {json_at_text(controller, "kind"),
                                         json_at_text(controller, "name"),
                                         json_at_text(owner, "kind"), json_at_text(owner, "name")};
            AUTO_FREE char *list = json_text(owners);
            field_errors_add(errors, "metadata.ownerReferences", "FieldValueInvalid",
                             "Invalid value: %s: Only one reference can have Controller set to "
                             "true. Found \"true\" "
                             "in references for %s/%s and %s/%s",
                             list, texts[0] ? texts[0] : "", texts[1] ? texts[1] : "",
                             texts[2] ? texts[2] : "", texts[3] ? texts[3] : "");
        }
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

void validate_metadata(const json_t *object, bool name_is_label, struct field_errors *errors)
{
    struct err err = {0};
    const json_t *metadata = json_object_get(object, "metadata");
    if (schema_check_metadata(object, &err) != 0) {
        field_errors_add(errors, "metadata", "FieldValueTypeInvalid", "Invalid value: \"\": %s",
                         err.message);
        return;
    }
    validate_names(metadata, name_is_label, errors);
    validate_generation(metadata, errors);
    validate_labels(json_object_get(metadata, "labels"), errors);
    validate_annotations(json_object_get(metadata, "annotations"), errors);
    validate_owners(json_object_get(metadata, "ownerReferences"), errors);
    validate_finalizers(json_object_get(metadata, "finalizers"), errors);
}
