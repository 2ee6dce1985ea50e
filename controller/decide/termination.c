#include "termination.h"

#include <string.h>

/* How they read when all is well. */
static const struct termination_condition well[TERMINATION_CONDITIONS] = {
    {"NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered",
     "All resources successfully discovered"},
    {"NamespaceDeletionGroupVersionParsingFailure", false, "ParsedGroupVersions",
     "All legacy kube types successfully parsed"},
    {"NamespaceDeletionContentFailure", false, "ContentDeleted",
     "All content successfully deleted, may be waiting on finalization"},
    {"NamespaceContentRemaining", false, "ContentRemoved", "All content successfully removed"},
    {"NamespaceFinalizersRemaining", false, "ContentHasNoFinalizers",
     "All content-preserving finalizers finished"},
};

static void fails(struct termination_output *out, int which, const char *reason,
                  const char *message)
{
    out->conditions[which].status = true;
    out->conditions[which].reason = reason;
    out->conditions[which].message = message;
}

/* "a has 1 resource instances, b has 2 …"; core resources have a dot and no group. */
static const char *list_resources(struct arena *arena, const struct termination_input *in)
{
    const char *text = "Some resources are remaining: ";
    for (size_t i = 0; i < in->resource_count; i++)
        text = arena_printf(arena, "%s%s%s%s has %lld resource instances", text, i ? ", " : "",
                            in->resources[i].name, strchr(in->resources[i].name, '.') ? "" : ".",
                            (long long)in->resources[i].count);
    return text;
}

static const char *list_finalizers(struct arena *arena, const struct termination_input *in)
{
    const char *text = "Some content in the namespace has finalizers remaining: ";
    for (size_t i = 0; i < in->finalizer_count; i++)
        text = arena_printf(arena, "%s%s%s in %lld resource instances", text, i ? ", " : "",
                            in->finalizers[i].name, (long long)in->finalizers[i].count);
    return text;
}

void termination_decide(struct arena *arena, const struct termination_input *in,
                        struct termination_output *out)
{
    memcpy(out->conditions, well, sizeof(well));
    out->done = in->resource_count == 0 && in->unknown == 0 && !*in->failure;
    if (in->unknown > 0)
        fails(out, TERMINATION_DISCOVERY, "DiscoveryFailed",
              arena_printf(arena,
                           "Discovery failed for some groups: %lld objects are of kinds that the "
                           "controller does not know",
                           (long long)in->unknown));
    if (*in->failure)
        fails(out, TERMINATION_DELETION, "ContentDeletionFailed",
              arena_printf(arena, "Failed to delete all resource types, 1 remaining: %s",
                           in->failure));
    if (in->resource_count > 0)
        fails(out, TERMINATION_CONTENT, "SomeResourcesRemain", list_resources(arena, in));
    if (in->finalizer_count > 0)
        fails(out, TERMINATION_FINALIZERS, "SomeFinalizersRemain", list_finalizers(arena, in));
}
