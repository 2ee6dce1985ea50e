/* Content negotiation: the Accept header to an output form, the Content-Type header to a body
 * format. Pure. */
#ifndef MOT_API_NEGOTIATE_H
#define MOT_API_NEGOTIATE_H

#include <stdbool.h>

enum media {
    MEDIA_JSON,
    MEDIA_YAML,
    MEDIA_PROTOBUF,
    MEDIA_MERGE_PATCH,
    MEDIA_JSON_PATCH,
    MEDIA_APPLY_PATCH,
    MEDIA_STRATEGIC_PATCH,
    MEDIA_OTHER,
};

enum form {
    FORM_PLAIN,
    FORM_TABLE,
    FORM_PARTIAL,      /* PartialObjectMetadata */
    FORM_PARTIAL_LIST, /* PartialObjectMetadataList: as FORM_PARTIAL, but only collections can be
                          had so */
};

struct output {
    enum media media; /* MEDIA_JSON or MEDIA_YAML */
    enum form form;
};

/*
 * The best clause of @accept that we can serve: by q-value, then how much it says, then by order.
 * NULL and "" mean anything. What a clause asks with "as" is never ignored: an unknown one makes
 * the clause unusable. @list: the answer is a list or a watch. False: 406.
 */
bool negotiate_accept(const char *accept, bool list, struct output *ret_output);
/* NULL and "" are JSON; parameters are ignored. */
enum media negotiate_content_type(const char *content_type);

#endif
