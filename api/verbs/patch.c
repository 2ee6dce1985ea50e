/* JSON patch, merge patch and strategic merge patch; apply.c has the fourth kind. */
#include "patch.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/go_text.h>
#include <mot/model/json.h>
#include <mot/model/patch.h>
#include <mot/model/schema.h>
#include <mot/model/texts.h>

#include "verbs.h"
#include "write.h"

#define TRIES 5

static int unsupported(struct request *request)
{
    return fail(request, 415, "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: "
                "application/json-patch+json, application/merge-patch+json, "
                "%sapplication/apply-patch+yaml",
                admit_is_builtin(request->kind) ? "application/strategic-merge-patch+json, " : "");
}

/* An object that goes over what there is. */
static bool merges(const struct patch *patch)
{
    return patch->type == MEDIA_MERGE_PATCH || patch->type == MEDIA_STRATEGIC_PATCH;
}

/* Clients make strategic merge patches of the kinds that are compiled into them. */
static bool is_supported(const struct request *request, const struct patch *patch)
{
    if (patch->type == MEDIA_STRATEGIC_PATCH)
        return admit_is_builtin(request->kind);
    return patch->type == MEDIA_MERGE_PATCH || patch->type == MEDIA_JSON_PATCH ||
           patch->type == MEDIA_APPLY_PATCH;
}

/* -------------------------------------------------------------------------------- the document */

/* Without field validation a merge patch is not decoded beforehand: an array takes the place of the
 * object, and what comes of it is refused later. */
static int check_merge_shape(struct request *request, const struct write_options *options,
                             const struct patch *patch)
{
    bool ignore = options->validation == VALIDATION_IGNORE;
    if (json_is_object(patch->document) || (ignore && json_is_array(patch->document)))
        return 0;
    if (ignore || json_is_null(patch->document))
        return fail(request, 400, "BadRequest", "Invalid JSON Patch");
    return fail(request, 400, "BadRequest",
                "error decoding patch: json: cannot unmarshal %s into Go value of type "
                "map[string]interface {}",
                admit_go_type(patch->document));
}

static int fail_document(struct request *request, const struct write_options *options,
                         const struct patch *patch, const struct err *err)
{
    bool ignore = options->validation == VALIDATION_IGNORE;
    if (ignore && merges(patch))
        return fail(request, 400, "BadRequest", "Invalid JSON Patch");
    AUTO_FREE char *why = admit_without_position(err->message);
    return fail(request, 400, "BadRequest", "%s%s", ignore ? "" : "error decoding patch: ", why);
}

/* Members of an operation that no JSON patch has. */
static void find_unknown(struct patch *patch)
{
    static const char *const known[] = {"op", "path", "from", "value"};
    size_t index;
    json_t *operation;
    json_array_foreach(patch->document, index, operation)
    {
        const char *key;
        json_t *value;
        json_object_foreach(operation, key, value)
        {
            bool found = false;
            for (size_t i = 0; i < MOT_ARRAY_SIZE(known); i++)
                found = found || strcmp(key, known[i]) == 0;
            if (!found && patch->findings.count < FINDINGS_MAX)
                texts_addf(&patch->findings, "unknown field \"[%zu].%s\"", index, key);
        }
    }
}

static int read_document(struct request *request, const struct write_options *options,
                         struct patch *patch)
{
    struct err err = {0};
    const struct http_request *http = request->http;
    if (options->validation == VALIDATION_IGNORE)
        patch->document = json_parse(http->body, http->body_len, false, &err);
    else
        patch->document = json_parse_duplicates(http->body, http->body_len, &patch->findings, &err);
    if (!patch->document)
        return fail_document(request, options, patch, &err);
    if (merges(patch))
        return check_merge_shape(request, options, patch);
    if (options->validation != VALIDATION_IGNORE)
        find_unknown(patch);
    return 0;
}

int patch_read(struct request *request, const struct write_options *options, struct patch *patch)
{
    if (read_document(request, options, patch) < 0)
        return -1;
    for (size_t i = 0; patch->type == MEDIA_JSON_PATCH && i < patch->findings.count; i++) {
        char *plain = patch->findings.items[i];
        patch->findings.items[i] = mem_printf("json patch %s", plain);
        free(plain);
    }
    return 0;
}

void patch_release(struct patch *patch)
{
    json_decref(patch->document);
    texts_release(&patch->findings);
    *patch = (struct patch){0};
}

/* -------------------------------------------------------------------------------- patching */

/* Whatever fails in a JSON patch has the one text, and details that say nothing. */
static int fail_operation(struct request *request, const struct err *err)
{
    if (err->code == ERR_TOO_LARGE)
        return fail(request, 413, "RequestEntityTooLarge", "%s", err->message);
    if (err->code != ERR_CONFLICT)
        return fail(request, 400, "BadRequest", "%s", err->message);
    fail(request, 422, "Invalid", "%s", err->message);
    request->status.details = true;
    return -1;
}

int patch_fail_patched(struct request *request, const json_t *patched, const char *why)
{
    AUTO_FREE char *text = go_json(patched);
    AUTO_FREE char *value = go_quoted(text);
    AUTO_FREE char *message = mem_printf("Invalid value: %s: %s", value, why);
    fail(request, 422, "Invalid", " \"\" is invalid: patch: %s", message);
    field_errors_add(&request->status.causes, "patch", "FieldValueInvalid", "%s", message);
    return -1;
}

static int fail_kindless(struct request *request, const json_t *patched)
{
    AUTO_FREE char *text = go_json(patched);
    AUTO_FREE char *why = mem_printf("Object 'Kind' is missing in '%s'", text);
    return patch_fail_patched(request, patched, why);
}

int patch_apply(struct request *request, const struct patch *patch, const json_t *live,
                json_t **ret_patched)
{
    struct err err = {0};
    if (json_is_null(patch->document))
        *ret_patched = json_deep_copy(live);
    else if (patch->type == MEDIA_MERGE_PATCH)
        *ret_patched = patch_merge(live, patch->document);
    else if (patch->type == MEDIA_STRATEGIC_PATCH)
        *ret_patched = patch_strategic(live, patch->document, &err);
    else
        *ret_patched = patch_json_text(live, patch->document, request->http->body,
                                       request->http->body_len, &err);
    if (!*ret_patched)
        return fail_operation(request, &err);
    if (json_is_object(*ret_patched))
        return 0;
    return patch_fail_patched(request, *ret_patched,
                              "couldn't get version/kind; json parse error: json: cannot unmarshal "
                              "array into Go value of type " ADMIT_TYPE_META);
}

int patch_check_type(struct request *request, const json_t *patched, const char *api_version,
                     const char *wanted)
{
    const char *kind = json_at_text(patched, "kind");
    const char *version = json_at_text(patched, "apiVersion");
    if (!kind || !*kind)
        return fail_kindless(request, patched);
    if (!version || !*version)
        return fail_internal(request,
                             "Object 'apiVersion' is missing in 'object has no apiVersion field'");
    if (strcmp(kind, wanted) != 0)
        return fail_other_kind(request, request->route.name, kind);
    if (strcmp(version, api_version) != 0)
        return fail_field(request, request->route.name, "apiVersion", "FieldValueInvalid",
                          "Invalid value: \"%s\": must be %s", version, api_version);
    return 0;
}

/* The patched object for a message: the patch is applied once more, because the first result has
 * been pruned since. */
static int fail_strict(struct request *request, const struct patch *patch, const json_t *live,
                       const struct texts *findings)
{
    struct buf why;
    json_t *patched = NULL;
    buf_init(&why, BUF_MAX_DEFAULT);
    buf_adds(&why, "strict decoding error: ");
    for (size_t i = 0; i < findings->count; i++)
        buf_addf(&why, "%s%s", i > 0 ? ", " : "", findings->items[i]);
    AUTO_FREE char *text = buf_take(&why);
    if (patch_apply(request, patch, live, &patched) == 0)
        patch_fail_patched(request, patched, text);
    json_decref(patched);
    return -1;
}

int patch_normalize(struct request *request, const struct write_options *options,
                    const struct patch *patch, const json_t *live, json_t *patched)
{
    struct texts findings = {0};
    struct err err = {0};
    if (schema_check_metadata(patched, &err) < 0)
        return patch_fail_patched(request, patched, err.message);
    for (size_t i = 0; i < patch->findings.count; i++)
        texts_add(&findings, mem_strdup(patch->findings.items[i]));
    int result = admit_normalize(request, options, patched, &findings);
    if (result == 0 && options->validation == VALIDATION_STRICT && findings.count > 0)
        result = fail_strict(request, patch, live, &findings);
    else if (result == 0)
        result = admit_findings(request, options, &findings);
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
    if (live_read(request, &live) == 0 && patch_apply(request, patch, live.object, &patched) == 0 &&
        patch_check_type(request, patched, request->kind->api_version, request->kind->kind) == 0 &&
        patch_normalize(request, options, patch, live.object, patched) == 0)
        outcome = write_update(request, options, &live, patched, MANAGERS_OF_REQUEST);
    json_decref(patched);
    live_release(&live);
    return outcome;
}

static int patch_object(struct request *request, const struct write_options *options,
                        const struct patch *patch)
{
    enum outcome outcome = OUTCOME_CONFLICT;
    for (int n = 0; n < TRIES && outcome == OUTCOME_CONFLICT; n++)
        outcome = patch_once(request, options, patch);
    return outcome == OUTCOME_CONFLICT ? fail_modified(request, request->route.name) : (int)outcome;
}

/* A patch that can't be read is said to be so only if there is something to patch. */
static int prefer_not_found(struct request *request)
{
    struct live live;
    int result = live_read(request, &live);
    live_release(&live);
    return result < 0 ? result : -1;
}

int verb_patch(struct request *request)
{
    struct write_options options = {0};
    struct patch patch = {.type =
                              negotiate_content_type(http_header(request->http, "content-type"))};
    bool apply = patch.type == MEDIA_APPLY_PATCH;
    if (!is_supported(request, &patch))
        return unsupported(request);
    int result = patch_options_parse(request, apply, &options);
    if (result == 0 && !apply && patch_read(request, &options, &patch) < 0)
        result = prefer_not_found(request);
    bool scale = strcmp(request->route.subresource, "scale") == 0;
    if (result == 0 && scale)
        result = scale_patch(request, &options, &patch);
    else if (result == 0)
        result = apply ? apply_object(request, &options) : patch_object(request, &options, &patch);
    patch_release(&patch);
    write_options_release(&options);
    return result;
}
