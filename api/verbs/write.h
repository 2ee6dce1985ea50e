/* What POST, PUT, PATCH and DELETE share: the live object, and the way of a changed one into the
 * store. */
#ifndef MOT_API_WRITE_H
#define MOT_API_WRITE_H

#include <jansson.h>

#include <mot/model/writer.h>

#include "../admit.h"
#include "../query.h"
#include "../request.h"

struct live {
    struct store_object *stored;
    json_t *object; /* decoded, with resourceVersion */
};

/* 404 when it is missing. live_release() in any case. */
int live_read(struct request *request, struct live *ret_live) MOT_NODISCARD;
/* The same, but *ret_live stays empty when the object is missing. */
int live_find(struct request *request, struct live *ret_live) MOT_NODISCARD;
void live_release(struct live *live);

enum outcome {
    OUTCOME_FAILED = -1,
    OUTCOME_ANSWERED = 0,
    OUTCOME_CONFLICT = 1, /* somebody was faster: read and decide again, or fail_modified() */
};

/* Where the managers of an object's fields come from. */
enum managers {
    MANAGERS_OF_REQUEST, /* what the write changed belongs to the manager of the request */
    MANAGERS_OF_OBJECT,  /* metadata.managedFields is right already: of an apply, and of /scale */
};

/* The namespace of the URL goes into the object; a different one in the object is refused. */
int write_settle_namespace(struct request *request, json_t *object) MOT_NODISCARD;
/* Metadata of @object names another object than the URL: 400. */
int write_check_identity(struct request *request, const json_t *object) MOT_NODISCARD;
/* Removes ownerReferences that are there twice, with a Warning. @admitted: after the admission, as
 * patches are said to be. */
void write_dedup_owners(struct request *request, json_t *object, bool admitted);
/* Who writes, for mot/model/managed.h; *writer must not be moved. */
void write_writer(const struct request *request, const struct write_options *options,
                  struct writer *writer);
/* What a request's write changed in @object belongs to its manager; @live: NULL on a create. */
void write_manage(const struct request *request, const struct write_options *options,
                  const json_t *live, json_t *object);
/* What an apply, which does not pass admit_normalize(), lacks: before it is validated, and after.
 */
void write_coerce_metadata(const struct request *request, json_t *object);
void write_settle_applied(const struct request *request, json_t *object);
/* Kinds without a generation get none. */
void write_settle_generation(const struct request *request, json_t *object);
/* Warnings about finalizers of custom kinds that @old (NULL: none) does not have. */
void write_warn_finalizers(struct request *request, const json_t *object, const json_t *old);

/*
 * Commits @object, which becomes changed, over @live. It is admitted: pruned and defaulted, or (of
 * an apply) merged and defaulted. *ret_encoded is its stored form, to be freed in any case.
 */
struct encoded {
    char *text;
    size_t len;
    int64_t revision;
};
enum outcome write_commit(struct request *request, const struct write_options *options,
                          const struct live *live, json_t *object, enum managers managers,
                          struct encoded *ret_encoded) MOT_NODISCARD;
/* The same, with the answer. */
enum outcome write_update(struct request *request, const struct write_options *options,
                          const struct live *live, json_t *object,
                          enum managers managers) MOT_NODISCARD;
/* Stores @object as it is (a deletionTimestamp was set, …) in place of @live; no answer. */
enum outcome write_replace(struct request *request, const struct live *live, const json_t *object,
                           int64_t *ret_revision) MOT_NODISCARD;
/* Removes @live; no answer. */
enum outcome write_remove(struct request *request, const struct live *live) MOT_NODISCARD;
/* 413 for an encoded object over the limit, unless it was as large before (0: there was none). */
int write_check_size(struct request *request, size_t len, size_t len_before) MOT_NODISCARD;
/* Nothing holds a deleted object any more. */
bool write_finished_deleting(const struct request *request, const json_t *object);
/* Answers with @object as of @revision. */
int respond_value(struct request *request, int code, const json_t *object,
                  int64_t revision) MOT_NODISCARD;

/*
 * Creates @object: admitted as in write_commit(), with its managers, but not yet prepared
 * (uid, generation, name). Answers 201. OUTCOME_CONFLICT: it exists already, which is then said
 * in request->status.
 */
enum outcome create_object(struct request *request, const struct write_options *options,
                           json_t *object, enum managers managers) MOT_NODISCARD;

#endif
