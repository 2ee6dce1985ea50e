#include "verbs.h"

#include <mot/model/json.h>
#include <mot/model/texts.h>

#include "write.h"

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

int verb_update(struct request *request)
{
    struct write_options options;
    if (write_options_parse(request, "UpdateOptions", &options) < 0)
        return -1;
    json_t *object = NULL;
    struct live live = {0};
    int result = admit(request, &options, &object);
    if (result == 0)
        result = live_read(request, &live);
    if (result == 0) {
        enum outcome outcome = write_update(request, &options, &live, object);
        result = outcome == OUTCOME_CONFLICT ? fail_modified(request, request->route.name)
                                             : (int)outcome;
    }
    live_release(&live);
    json_decref(object);
    return result;
}
