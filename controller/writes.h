/*
 * A batch of writes that is being put together from decoded objects, and its commit. An object is
 * changed by what the controllers decide of it; nothing is written when nothing differs.
 */
#ifndef MOT_CONTROLLER_WRITES_H
#define MOT_CONTROLLER_WRITES_H

#include <jansson.h>

#include <mot/model/kind.h>
#include <mot/store/store.h>

#define WRITES_MAX 512

/* Resources that the controllers work on, and the kinds' paths besides metadata that selectors may
 * ask for. */
extern const struct controlled_kind {
    const char *resource;
    const char *kind;
    const char *api_version;
    const char *const *fields;
} deployment_kind, regional_kind, instance_kind, region_kind;

/* Who the controllers are in managedFields. */
#define CONTROLLER_MANAGER "mot-controller"
/* Before @object, which was @old, is written: what differs belongs to the controllers now. */
void writes_sign(const struct kinds *kinds, const struct controlled_kind *kind, const json_t *old,
                 json_t *object);

struct writes {
    struct store_write items[WRITES_MAX];
    const char *owners[WRITES_MAX]; /* what the caller wants to find again by result; borrowed */
    char *texts[WRITES_MAX][6];
    size_t count;
    bool overflow; /* something did not fit and is to be decided again */
};

void writes_clear(struct writes *writes);
bool writes_full(const struct writes *writes, size_t room);

/* Each copies what it needs. @object has no resourceVersion to mind. What is created in a namespace
 * needs it to be there and to stay (ERR_FORBIDDEN). */
void writes_create(struct writes *writes, const struct controlled_kind *kind, const json_t *object,
                   const char *owner);
/* From @old, as read at @revision, to @object. False, and nothing is added, when they are equal. */
bool writes_update(struct writes *writes, const struct controlled_kind *kind, const json_t *old,
                   int64_t revision, const json_t *object, const char *owner);
void writes_delete(struct writes *writes, const struct controlled_kind *kind, const json_t *object,
                   int64_t revision, const char *owner);
/* For an object that is replaced without having been read: its uid, revision and selectable are
 * known. */
void writes_replace(struct writes *writes, const struct controlled_kind *kind, const json_t *object,
                    int64_t revision, const char *previous, const char *owner);

/* Takes the object out of the store if nothing holds it any more (deletionTimestamp, no
 * finalizers), else updates it. */
bool writes_finish(struct writes *writes, const struct controlled_kind *kind, const json_t *old,
                   int64_t revision, const json_t *object, const char *owner);

#endif
