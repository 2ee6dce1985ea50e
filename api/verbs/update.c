#include "verbs.h"

#include <string.h>

#include <mot/model/json.h>
#include <mot/model/object.h>
#include <mot/model/texts.h>

#include "scale.h"
#include "write.h"

#define TRIES 5

static int admit(struct request *request, const struct write_options *options, json_t **ret_object)
{
    struct texts findings = {0};
    int result = admit_body(request, options, ret_object, &findings);
    if (result == 0)
        result = admit_normalize(request, options, *ret_object, &findings);
    if (result == 0)
        result = admit_findings(request, options, &findings);
    texts_release(&findings);
    return result;
}

static enum outcome update_once(struct request *request, const struct write_options *options,
                                json_t *object)
{
    struct live live;
    enum outcome outcome = (enum outcome)live_read(request, &live);
    if (outcome == OUTCOME_ANSWERED)
        outcome = write_update(request, options, &live, object, MANAGERS_OF_REQUEST);
    live_release(&live);
    return outcome;
}

/* Without a resourceVersion, which some kinds allow, nobody can have been faster. */
static enum outcome update_any(struct request *request, const struct write_options *options,
                               const json_t *object)
{
    enum outcome outcome = OUTCOME_CONFLICT;
    for (int n = 0; n < TRIES && outcome == OUTCOME_CONFLICT; n++) {
        json_t *copy = json_deep_copy(object);
        outcome = update_once(request, options, copy);
        json_decref(copy);
    }
    return outcome;
}

static int update(struct request *request, const struct write_options *options, json_t *object)
{
    bool any = request->kind->unconditional_update && object_revision(object) == 0;
    enum outcome outcome =
        any ? update_any(request, options, object) : update_once(request, options, object);
    return outcome == OUTCOME_CONFLICT ? fail_modified(request, request->route.name) : (int)outcome;
}

int verb_update(struct request *request)
{
    struct write_options options;
    json_t *object = NULL;
    if (strcmp(request->route.subresource, "scale") == 0)
        return scale_update(request);
    int result = write_options_parse(request, "UpdateOptions", &options);
    if (result == 0)
        result = admit(request, &options, &object);
    if (result == 0)
        result = update(request, &options, object);
    json_decref(object);
    write_options_release(&options);
    return result;
}
