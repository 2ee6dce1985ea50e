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
    const struct kind *kind = request->kind;
    /* What the syntax allows and no number can hold. */
    if (strncmp(plain, "json: ", strlen("json: ")) == 0)
        return fail(request, 400, "BadRequest",
                    "%s in version \"%s\" cannot be handled as a %s: %s", kind->kind, kind->version,
                    kind->kind, plain);
    AUTO_FREE char *what = mem_printf("couldn't get version/kind; json parse error: %s", plain);
    return unrecognized(request, what);
}

static int missing_kind(struct request *request)
{
    size_t len = request->http->body_len < 1024 ? request->http->body_len : 1024;
    AUTO_FREE char *what =
        mem_printf("Object 'Kind' is missing in '%.*s'", (int)len, request->http->body);
    return unrecognized(request, what);
}

/* What Go's decoder says of a body that is no object. */
static int fail_shape(struct request *request, const json_t *body)
{
    AUTO_FREE char *what =
        mem_printf("couldn't get version/kind; json parse error: json: cannot unmarshal %s into Go "
                   "value of type " ADMIT_TYPE_META,
                   admit_go_type(body));
    return unrecognized(request, what);
}

const char *admit_go_type(const json_t *value)
{
    return json_is_array(value)     ? "array"
           : json_is_string(value)  ? "string"
           : json_is_object(value)  ? "object"
           : json_is_boolean(value) ? "bool"
           : json_is_null(value)    ? "null"
                                    : "number";
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
    return unrecognized(request, err.message);
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

bool admit_is_builtin(const struct kind *kind)
{
    const char *end = strstr(kind->group, ".k8s.io");
    return !strchr(kind->group, '.') || (end && strcmp(end, ".k8s.io") == 0);
}

/* Typed clients leave out apiVersion and kind; the real server knows what built-in types they mean.
 */
static void fill_type(const struct request *request, json_t *object)
{
    if (!admit_is_builtin(request->kind))
        return;
    if (!json_object_get(object, "apiVersion"))
        json_put(object, "apiVersion", json_string(request->kind->api_version));
    if (!json_object_get(object, "kind"))
        json_put(object, "kind", json_string(request->kind->kind));
}

/* apiVersion and kind are texts, and the version has one "/" at most. */
static int check_type_texts(struct request *request, const json_t *object)
{
    static const char *const keys[] = {"apiVersion", "kind"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(keys); i++) {
        const json_t *value = json_object_get(object, keys[i]);
        if (!value || json_is_null(value) || json_is_string(value))
            continue;
        AUTO_FREE char *what =
            mem_printf("couldn't get version/kind; json parse error: json: cannot unmarshal %s "
                       "into Go struct field .%s of type string",
                       admit_go_type(value), keys[i]);
        return unrecognized(request, what);
    }
    const char *version = json_at_text(object, "apiVersion");
    const char *slash = version ? strchr(version, '/') : NULL;
    if (!slash || !strchr(slash + 1, '/'))
        return 0;
    AUTO_FREE char *what = mem_printf("unexpected GroupVersion string: %s", version);
    return unrecognized(request, what);
}

static int check_type(struct request *request, const json_t *object)
{
    const char *kind = json_at_text(object, "kind");
    const char *version = json_at_text(object, "apiVersion");
    if (check_type_texts(request, object) < 0)
        return -1;
    if (!kind || !*kind)
        return missing_kind(request);
    if (!version || strcmp(version, request->kind->api_version) != 0)
        return fail(request, 400, "BadRequest",
                    "the API version in the data (%s) does not match the expected API version (%s)",
                    version ? version : "", request->kind->api_version);
    if (strcmp(kind, request->kind->kind) == 0)
        return 0;
    return fail_other_kind(request, object_name(object), kind);
}

int admit_body(struct request *request, const struct write_options *options, json_t **ret_object,
               struct texts *findings)
{
    *ret_object = NULL;
    if (decode(request, options, ret_object, findings) < 0)
        return -1;
    if (json_is_null(*ret_object))
        return missing_kind(request);
    if (!json_is_object(*ret_object))
        return fail_shape(request, *ret_object);
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

static size_t characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/* Cuts @text to WARNING_TRUNCATED characters; how many it has then. */
static size_t truncate_text(char *text)
{
    size_t count = characters(text);
    if (count <= WARNING_TRUNCATED)
        return count;
    for (count = 0; *text && count <= WARNING_TRUNCATED; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    text[-1] = '\0';
    return WARNING_TRUNCATED;
}

/* As the real server: once they are too long in all, those up to there are cut short, and so are
 * later ones as long as there is room. */
static void warn_all(struct request *request, const struct texts *findings)
{
    size_t total = 0;
    size_t full = 0; /* where the room ends */
    for (; full < findings->count && total <= WARNINGS_LONG; full++)
        if (!listed_before(findings, full))
            total += characters(findings->items[full]);
    bool cut = total > WARNINGS_LONG;
    size_t written = 0;
    for (size_t i = 0; i < findings->count && (i < full || written < WARNINGS_LONG); i++) {
        if (listed_before(findings, i))
            continue;
        if (cut)
            written += truncate_text(findings->items[i]);
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
