#include "admit.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>
#include <mot/model/schema.h>
#include <mot/model/yaml.h>

#include "auth/admission.h"
#include "protobuf.h"

#define SUMMARY_MAX       30
#define WARNINGS_LONG     4096
#define WARNINGS_MAX      1000
#define WARNING_TRUNCATED 256

/* -------------------------------------------------------------------------------- decode */

/* The beginning of a body, as Kubernetes shows it in errors. */
static char *summary(const char *body, size_t len)
{
    if (len == 0)
        return mem_strdup("<empty>");
    size_t shown = len < SUMMARY_MAX ? len : SUMMARY_MAX;
    const char *dots = len > SUMMARY_MAX ? " ..." : "";
    if (body[0] == '{')
        return mem_printf("%.*s%s", (int)shown, body, dots);
    struct buf buf;
    buf_init(&buf, 256);
    for (size_t i = 0; i < shown; i++)
        buf_addf(&buf, "%02x", (unsigned)(unsigned char)body[i]);
    buf_adds(&buf, dots);
    return buf_take(&buf);
}

static int unrecognized(struct request *request, const char *what)
{
    AUTO_FREE char *start = summary(request->http->body, request->http->body_len);
    return fail(request, 400, "BadRequest",
                "the object provided is unrecognized (must be of type %s): %s (%s)",
                request->kind->kind, what, start);
}

char *admit_without_position(const char *message)
{
    const char *end = strstr(message, " (line ");
    return end ? mem_strndup(message, (size_t)(end - message)) : mem_strdup(message);
}

static int unparsable(struct request *request, const struct err *err)
{
    AUTO_FREE char *plain = admit_without_position(err->message);
    AUTO_FREE char *what = mem_printf("couldn't get version/kind; json parse error: %s", plain);
    return unrecognized(request, what);
}

static int missing(struct request *request, const char *member)
{
    size_t len = request->http->body_len < 1024 ? request->http->body_len : 1024;
    AUTO_FREE char *what =
        mem_printf("Object '%s' is missing in '%.*s'", member, (int)len, request->http->body);
    return unrecognized(request, what);
}

/* All duplicate keys are one finding under Strict, as Go's decoder has them. */
static void add_duplicates(const struct write_options *options, struct texts *duplicates,
                           struct texts *findings)
{
    struct buf all;
    buf_init(&all, BUF_MAX_DEFAULT);
    buf_adds(&all, "yaml: unmarshal errors:");
    for (size_t i = 0; i < duplicates->count; i++) {
        buf_addf(&all, "\n  %s", duplicates->items[i]);
        if (options->validation == VALIDATION_WARN)
            texts_add(findings, mem_strdup(duplicates->items[i]));
    }
    if (options->validation == VALIDATION_STRICT && duplicates->count > 0)
        texts_add(findings, buf_take(&all));
    buf_release(&all);
}

static int decode_yaml(struct request *request, const struct write_options *options,
                       json_t **ret_object, struct texts *findings)
{
    struct texts duplicates = {0};
    struct err err = {0};
    *ret_object = yaml_parse_first(request->http->body, request->http->body_len, &duplicates, &err);
    if (*ret_object)
        add_duplicates(options, &duplicates, findings);
    texts_release(&duplicates);
    if (*ret_object)
        return 0;
    AUTO_FREE char *what = mem_printf("error converting YAML to JSON: %s", err.message);
    return fail(request, 400, "BadRequest", "%s", what);
}

static int decode_json(struct request *request, const struct write_options *options,
                       json_t **ret_object, struct texts *findings)
{
    struct err err = {0};
    const char *body = request->http->body;
    size_t len = request->http->body_len;
    if (len == 0) {
        err_set(&err, ERR_INVALID, "unexpected end of JSON input");
        return unparsable(request, &err);
    }
    *ret_object = options->validation == VALIDATION_IGNORE
                      ? json_parse(body, len, false, &err)
                      : json_parse_duplicates(body, len, findings, &err);
    return *ret_object ? 0 : unparsable(request, &err);
}

static int unsupported_body(struct request *request)
{
    return fail(request, 415, "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: "
                "application/json, application/yaml, application/vnd.kubernetes.protobuf");
}

static int decode_protobuf(struct request *request, json_t **ret_object)
{
    struct err err = {0};
    *ret_object = protobuf_decode(request->http->body, request->http->body_len, &err);
    if (*ret_object)
        return 0;
    if (err.code == ERR_UNSUPPORTED)
        return unsupported_body(request);
    return fail(request, 400, "BadRequest", "%s", err.message);
}

static int decode(struct request *request, const struct write_options *options, json_t **ret_object,
                  struct texts *findings)
{
    switch (negotiate_content_type(http_header(request->http, "content-type"))) {
    case MEDIA_JSON:
        return decode_json(request, options, ret_object, findings);
    case MEDIA_YAML:
        return decode_yaml(request, options, ret_object, findings);
    case MEDIA_PROTOBUF:
        return decode_protobuf(request, ret_object);
    case MEDIA_MERGE_PATCH:
    case MEDIA_JSON_PATCH:
    case MEDIA_APPLY_PATCH:
    case MEDIA_STRATEGIC_PATCH:
    case MEDIA_OTHER:
        break;
    }
    return unsupported_body(request);
}

/* Kinds of Kubernetes itself, as against custom ones. */
static bool is_builtin(const struct kind *kind)
{
    const char *end = strstr(kind->group, ".k8s.io");
    return !strchr(kind->group, '.') || (end && strcmp(end, ".k8s.io") == 0);
}

/* Typed clients leave out apiVersion and kind; the real server knows what built-in types they mean.
 */
static void fill_type(const struct request *request, json_t *object)
{
    if (!is_builtin(request->kind))
        return;
    if (!json_object_get(object, "apiVersion"))
        json_put(object, "apiVersion", json_string(request->kind->api_version));
    if (!json_object_get(object, "kind"))
        json_put(object, "kind", json_string(request->kind->kind));
}

static int check_type(struct request *request, const json_t *object)
{
    const char *kind = json_at_text(object, "kind");
    const char *version = json_at_text(object, "apiVersion");
    if (!kind || !*kind)
        return missing(request, "Kind");
    if (!version || !*version)
        return missing(request, "apiVersion");
    if (strcmp(version, request->kind->api_version) != 0)
        return fail(request, 400, "BadRequest",
                    "the API version in the data (%s) does not match the expected API version (%s)",
                    version, request->kind->api_version);
    if (strcmp(kind, request->kind->kind) == 0)
        return 0;
    const char *name = json_at_text(object, "metadata.name");
    struct field_errors errors = {0};
    field_errors_add(&errors, "kind", "FieldValueInvalid", "Invalid value: \"%s\": must be %s",
                     kind, request->kind->kind);
    return fail_invalid(request, name ? name : "", &errors);
}

int admit_body(struct request *request, const struct write_options *options, json_t **ret_object,
               struct texts *findings)
{
    *ret_object = NULL;
    if (decode(request, options, ret_object, findings) < 0)
        return -1;
    if (!json_is_object(*ret_object)) {
        struct err err = {0};
        err_set(&err, ERR_INVALID, "the body must be a JSON object");
        return unparsable(request, &err);
    }
    fill_type(request, *ret_object);
    return check_type(request, *ret_object);
}

/* -------------------------------------------------------------------------------- normalize */

void admit_default(const struct kind *kind, json_t *object)
{
    schema_default(kind->schema, object);
    admission_default(kind, object);
}

int admit_normalize(struct request *request, const struct write_options *options, json_t *object,
                    struct texts *findings)
{
    struct err err = {0};
    if (schema_check_types(request->kind->schema, object, &err) < 0)
        return fail(request, 400, "BadRequest",
                    "%s in version \"%s\" cannot be handled as a %s: %s", request->kind->kind,
                    request->kind->version, request->kind->kind, err.message);
    if (!json_is_object(json_object_get(object, "metadata")))
        json_object_set_new(object, "metadata", json_object());
    bool listed = options->validation != VALIDATION_IGNORE;
    schema_prune(request->kind->schema, object, listed ? findings : NULL);
    admit_default(request->kind, object);
    return 0;
}

/* -------------------------------------------------------------------------------- findings */

void warn(struct request *request, const char *text)
{
    struct buf value;
    buf_init(&value, 64 << 10);
    buf_adds(&value, "299 - \"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_addc(&value, '\\');
        buf_addc(&value, (unsigned char)*text < ' ' ? ' ' : *text);
    }
    buf_addc(&value, '"');
    AUTO_FREE char *header = buf_take(&value);
    http_response_header(request->response, "Warning", header);
}

static bool listed_before(const struct texts *texts, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(texts->items[i], texts->items[index]) == 0)
            return true;
    return false;
}

/* As the real server: over a total length the texts are cut short, and then left out. */
static void warn_all(struct request *request, const struct texts *findings)
{
    size_t total = 0;
    size_t written = 0;
    for (size_t i = 0; i < findings->count; i++)
        total += strlen(findings->items[i]);
    for (size_t i = 0; i < findings->count && i < WARNINGS_MAX; i++) {
        if (listed_before(findings, i))
            continue;
        size_t len = strlen(findings->items[i]);
        if (total > WARNINGS_LONG && len > WARNING_TRUNCATED)
            findings->items[i][len = WARNING_TRUNCATED] = '\0';
        written += len;
        if (written > WARNINGS_LONG)
            return;
        warn(request, findings->items[i]);
    }
}

int admit_findings(struct request *request, const struct write_options *options,
                   struct texts *findings)
{
    int result = 0;
    if (findings->count > 0 && options->validation == VALIDATION_STRICT) {
        struct buf all;
        buf_init(&all, BUF_MAX_DEFAULT);
        for (size_t i = 0; i < findings->count; i++)
            buf_addf(&all, "%s%s", i > 0 ? ", " : "", findings->items[i]);
        AUTO_FREE char *text = buf_take(&all);
        result = fail(request, 400, "BadRequest",
                      "%s in version \"%s\" cannot be handled as a %s: strict decoding error: %s",
                      request->kind->kind, request->kind->version, request->kind->kind, text);
    } else if (options->validation == VALIDATION_WARN) {
        warn_all(request, findings);
    }
    texts_release(findings);
    *findings = (struct texts){0};
    return result;
}

/* -------------------------------------------------------------------------------- validate */

static void validate(const struct request *request, const json_t *object, const json_t *old,
                     struct field_errors *errors)
{
    const struct schema *schema = request->kind->schema;
    bool status = strcmp(request->route.subresource, "status") == 0;
    if (status && old)
        schema_validate_status_update(schema, object, old, errors);
    else if (status)
        schema_validate_status(schema, object, errors);
    else if (old)
        schema_validate_update(schema, object, old, errors);
    else
        schema_validate(schema, object, errors);
    if (!status)
        admission_validate(request->kind, object, old, errors);
}

int admit_validate(struct request *request, const json_t *object, const json_t *old)
{
    struct field_errors errors = {0};
    if (admission_check(request, object, old) < 0)
        return -1;
    validate(request, object, old, &errors);
    if (errors.count == 0) {
        field_errors_release(&errors);
        return 0;
    }
    const char *name = object_name(object);
    return fail_invalid(request, name ? name : "", &errors);
}
