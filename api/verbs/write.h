/* What PUT, PATCH and DELETE share: the live object, and the way of a changed one into the store.
 */
#ifndef MOT_API_WRITE_H
#define MOT_API_WRITE_H

#include <jansson.h>

#include "../admit.h"
#include "../query.h"
#include "../request.h"

struct live {
    struct store_object *stored;
    json_t *object; /* decoded, with resourceVersion */
};

/* 404 when it is missing. live_release() in any case. */
int live_read(struct request *request, struct live *ret_live) MOT_NODISCARD;
void live_release(struct live *live);

enum outcome {
    OUTCOME_FAILED = -1,
    OUTCOME_ANSWERED = 0,
    OUTCOME_CONFLICT = 1, /* somebody was faster: read and decide again, or fail_modified() */
};

/* Commits @object, which is admitted and becomes changed, over @live and answers. */
enum outcome write_update(struct request *request, const struct write_options *options,
                          const struct live *live, json_t *object) MOT_NODISCARD;
/* Stores @object as it is (a deletionTimestamp was set, …) in place of @live; no answer. */
enum outcome write_replace(struct request *request, const struct live *live, const json_t *object,
                           int64_t *ret_revision) MOT_NODISCARD;
/* Removes @live; no answer. */
enum outcome write_remove(struct request *request, const struct live *live) MOT_NODISCARD;
/* 413 for an encoded object over the limit, unless it was as large before (0: there was none). */
int write_check_size(struct request *request, size_t len, size_t len_before) MOT_NODISCARD;
/* Answers with @object as of @revision. */
int respond_value(struct request *request, int code, const json_t *object,
                  int64_t revision) MOT_NODISCARD;

#endif
