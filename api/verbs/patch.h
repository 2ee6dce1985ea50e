/* The parts of PATCH: JSON patch and merge patch of any object, server-side apply, and /scale. */
#ifndef MOT_API_PATCH_H
#define MOT_API_PATCH_H

#include <jansson.h>

#include <mot/model/texts.h>

#include "../negotiate.h"
#include "../query.h"
#include "../request.h"

#define FINDINGS_MAX 100

struct patch {
    enum media type;       /* MEDIA_*_PATCH */
    json_t *document;      /* not of an apply */
    struct texts findings; /* duplicate and unknown fields in the patch itself */
};

/* The body as patch->type says; patch_release() in any case. */
int patch_read(struct request *request, const struct write_options *options,
               struct patch *patch) MOT_NODISCARD;
void patch_release(struct patch *patch);
/* *ret_patched (to be released in any case) shares nothing with @live. */
int patch_apply(struct request *request, const struct patch *patch, const json_t *live,
                json_t **ret_patched) MOT_NODISCARD;
/* 422 about the patched object, with the object itself in the message as Kubernetes has it. */
int patch_fail_patched(struct request *request, const json_t *patched, const char *why);
/* apiVersion and kind are still those of what was patched. */
int patch_check_type(struct request *request, const json_t *patched, const char *api_version,
                     const char *kind) MOT_NODISCARD;

/* Prunes and defaults what was patched, and judges what was unknown in it; @live: what the patch
 * was applied to. */
int patch_normalize(struct request *request, const struct write_options *options,
                    const struct patch *patch, const json_t *live, json_t *patched) MOT_NODISCARD;

/* Server-side apply of the body. */
int apply_object(struct request *request, const struct write_options *options) MOT_NODISCARD;
/* Of a Scale: always fails, as in the real server; what conflicts is told. */
int apply_to_scale(struct request *request, const struct write_options *options,
                   const json_t *scale) MOT_NODISCARD;
/* Any patch of the scale subresource. */
int scale_patch(struct request *request, const struct write_options *options,
                const struct patch *patch) MOT_NODISCARD;

#endif
