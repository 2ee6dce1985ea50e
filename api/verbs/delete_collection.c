#include "verbs.h"

int verb_delete_collection(struct request *request)
{
    return fail(request, 405, "MethodNotAllowed",
                "deletecollection is not supported on resources of kind \"%s\"",
                request->kind->resource);
}
