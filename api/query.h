/* The query parameters of reads and writes, decoded and checked once. */
#ifndef MOT_API_QUERY_H
#define MOT_API_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include <mot/model/selector.h>

#include "render.h"
#include "request.h"

enum field_validation { VALIDATION_WARN, VALIDATION_STRICT, VALIDATION_IGNORE };

struct write_options {
    const char *name; /* "CreateOptions", for messages */
    bool dry_run;
    enum field_validation validation;
    bool force;    /* of an apply */
    char *manager; /* fieldManager, or what the User-Agent says; owned */
};
/* write_options_release() in any case, as for the next one. */
int write_options_parse(struct request *request, const char *name,
                        struct write_options *ret_options) MOT_NODISCARD;
/* PatchOptions; @apply: of an apply patch, which needs a fieldManager and may force. */
int patch_options_parse(struct request *request, bool apply,
                        struct write_options *ret_options) MOT_NODISCARD;
void write_options_release(struct write_options *options);
/* Any value but "false" and "0" is true, as the real server reads it. */
bool query_bool(const char *value);

enum revision_match { MATCH_NONE, MATCH_EXACT, MATCH_NOT_OLDER };

struct list_options {
    struct selector *labels;
    struct selector *fields;
    int64_t limit; /* 0: none */
    char *token;   /* continue; NULL if none */
    bool has_revision;
    int64_t revision;
    enum revision_match match;
    bool initial_events_set;
    bool initial_events; /* sendInitialEvents */
    bool bookmarks;
    int64_t timeout_s; /* 0: none given */
};
/* For lists, watches and deletecollection; list_options_release() in any case. */
int list_options_parse(struct request *request, struct list_options *ret_options) MOT_NODISCARD;
void list_options_release(struct list_options *options);
bool list_options_match(const struct list_options *options, const char *selectable);

/* resourceVersion of a get: 0 when absent. */
int query_revision(struct request *request, int64_t *ret_revision) MOT_NODISCARD;
/* Waits up to three seconds until the store has reached @revision: 504 when it doesn't. */
int await_revision(struct request *request, int64_t revision) MOT_NODISCARD;
/* That 504; returns -1. */
int fail_revision_too_large(struct request *request, int64_t revision, int64_t current);

/* includeObject; says nothing unless a table was negotiated. */
int query_include_object(struct request *request, enum include_object *ret_include) MOT_NODISCARD;

#endif
