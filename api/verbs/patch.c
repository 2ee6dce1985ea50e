#include "verbs.h"

#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/patch.h>
#include <mot/model/texts.h>

#include "write.h"

#define TRIES 5

struct patch {
    enum media type;
    json_t *document;
    struct texts findings; /* duplicate fields in the patch itself */
};

static int unsupported(struct request *request)
{
    return fail(request, 415, "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: "
                "application/json-patch+json, application/merge-patch+json");
}

static const char *go_name(const json_t *value)
{
    return json_is_array(value)     ? "array"
           : json_is_string(value)  ? "string"
           : json_is_object(value)  ? "object"
           : json_is_boolean(value) ? "bool"
                                    : "number";
}

static int check_shape(struct request *request, const struct patch *patch)
{
    bool merge = patch->type == MEDIA_MERGE_PATCH;
    if (json_is_null(patch->document) && merge)
        return fail(request, 400, "BadRequest", "Invalid JSON Patch");
    if (json_is_null(patch->document) || (merge && json_is_object(patch->document)) ||
        (!merge && json_is_array(patch->document)))
        return 0;
    return fail(request, 400, "BadRequest",
                "error decoding patch: json: cannot unmarshal %s into Go value of type %s",
                go_name(patch->document),
                merge ? "map[string]interface {}" : "[]handlers.jsonPatchOp");
}

static int read_patch(struct request *request, const struct write_options *options,
                      struct patch *patch)
{
    patch->type = negotiate_content_type(http_header(request->http, "content-type"));
    if (patch->type != MEDIA_MERGE_PATCH && patch->type != MEDIA_JSON_PATCH)
        return unsupported(request);
    struct err err = {0};
    const struct http_request *http = request->http;
    if (http->body_len == 0)
        return fail(request, 400, "BadRequest",
                    "error decoding patch: unexpected end of JSON input");
    if (options->validation == VALIDATION_IGNORE)
        patch->document = json_parse(http->body, http->body_len, false, &err);
    else
        patch->document = json_parse_duplicates(http->body, http->body_len, &patch->findings, &err);
    if (!patch->document)
        return fail(request, 400, "BadRequest", "error decoding patch: %s", err.message);
    return check_shape(request, patch);
}

static int fail_patch(struct request *request, const struct err *err)
{
    if (err->code == ERR_TOO_LARGE)
        return fail(request, 413, "RequestEntityTooLarge", "%s", err->message);
    if (err->code == ERR_CONFLICT)
        return fail(request, 422, "Invalid",
                    "the server rejected our request due to an error in our request");
    return fail(request, 400, "BadRequest", "error decoding patch: %s", err->message);
}

/* 422 about the patched object, with the object itself in the message as Kubernetes has it. */
static int fail_patched(struct request *request, const json_t *patched, const char *why)
{
    AUTO_FREE char *text = json_text(patched);
    struct buf quoted;
    buf_init(&quoted, BUF_MAX_DEFAULT);
    buf_add_json(&quoted, text);
    AUTO_FREE char *value = buf_take(&quoted);
    AUTO_FREE char *message = mem_printf("Invalid value: %s: %s", value, why);
    fail(request, 422, "Invalid", " \"\" is invalid: patch: %s", message);
    field_errors_add(&request->status.causes, "patch", "FieldValueInvalid", "%s", message);
    return -1;
}

/* A value of its own in *ret_patched, with everything of the live object that may be shared copied.
 */
static int apply(struct request *request, const struct patch *patch, const struct live *live,
                 json_t **ret_patched)
{
    struct err err = {0};
    json_t *patched = NULL;
    if (json_is_null(patch->document))
        patched = json_incref(live->object);
    else if (patch->type == MEDIA_MERGE_PATCH)
        patched = patch_merge(live->object, patch->document);
    else
        patched = patch_json(live->object, patch->document, &err);
    if (!patched)
        return fail_patch(request, &err);
    *ret_patched = json_deep_copy(patched);
    json_decref(patched);
    if (!json_is_object(*ret_patched))
        return fail_patched(request, *ret_patched, "the patched object is no JSON object");
    return 0;
}

static int check_type(struct request *request, const json_t *patched)
{
    const char *kind = json_at_text(patched, "kind");
    const char *version = json_at_text(patched, "apiVersion");
    if (!kind || !*kind)
        return fail_patched(request, patched, "Object 'Kind' is missing in the patched object");
    if (!version || strcmp(version, request->kind->api_version) != 0)
        return fail(request, 400, "BadRequest",
                    "the API version in the data (%s) does not match the expected API version (%s)",
                    version ? version : "", request->kind->api_version);
    if (strcmp(kind, request->kind->kind) != 0)
        return fail_field(request, request->route.name, "kind", "FieldValueInvalid",
                          "Invalid value: \"%s\": must be %s", kind, request->kind->kind);
    return 0;
}

static int judge_findings(struct request *request, const struct write_options *options,
                          const json_t *patched, struct texts *findings)
{
    if (options->validation != VALIDATION_STRICT || findings->count == 0)
        return admit_findings(request, options, findings);
    struct buf why;
    buf_init(&why, BUF_MAX_DEFAULT);
    buf_adds(&why, "strict decoding error: ");
    for (size_t i = 0; i < findings->count; i++)
        buf_addf(&why, "%s%s", i > 0 ? ", " : "", findings->items[i]);
    AUTO_FREE char *text = buf_take(&why);
    return fail_patched(request, patched, text);
}

static int admit(struct request *request, const struct write_options *options,
                 const struct patch *patch, json_t *patched)
{
    struct texts findings = {0};
    json_t *before = json_deep_copy(patched);
    for (size_t i = 0; i < patch->findings.count; i++)
        texts_addf(&findings, "%s%s", patch->type == MEDIA_JSON_PATCH ? "json patch " : "",
                   patch->findings.items[i]);
    int result = check_type(request, patched);
    if (result == 0)
        result = admit_normalize(request, options, patched, &findings);
    if (result == 0)
        result = judge_findings(request, options, before, &findings);
    json_decref(before);
    texts_release(&findings);
    return result;
}

static enum outcome patch_once(struct request *request, const struct write_options *options,
                               const struct patch *patch)
{
    struct live live;
    json_t *patched = NULL;
    enum outcome outcome = OUTCOME_FAILED;
    buf_clear(&request->response->headers);
    if (live_read(request, &live) == 0 && apply(request, patch, &live, &patched) == 0 &&
        admit(request, options, patch, patched) == 0)
        outcome = write_update(request, options, &live, patched);
    json_decref(patched);
    live_release(&live);
    return outcome;
}

int verb_patch(struct request *request)
{
    struct write_options options;
    struct patch patch = {0};
    if (write_options_parse(request, "PatchOptions", &options) < 0)
        return -1;
    enum outcome outcome = (enum outcome)read_patch(request, &options, &patch);
    if (outcome == OUTCOME_ANSWERED)
        outcome = OUTCOME_CONFLICT;
    for (int n = 0; n < TRIES && outcome == OUTCOME_CONFLICT; n++)
        outcome = patch_once(request, &options, &patch);
    json_decref(patch.document);
    texts_release(&patch.findings);
    return outcome == OUTCOME_CONFLICT ? fail_modified(request, request->route.name) : (int)outcome;
}
