#include "watermark.h"

struct watermark watermark_decide(const struct watermark_entry *const *entries, size_t count,
                                  int64_t read)
{
    struct watermark mark = {.converged = read};
    for (size_t i = 0; i < count; i++) {
        const struct watermark_entry *entry = entries[i];
        mark.deployments += entry->desired;
        mark.instances += entry->instances;
        bool converged = !entry->desired ||
                         (entry->state_converged && entry->state_revision >= entry->revision &&
                          entry->state_generation == entry->generation);
        if (!converged && entry->revision - 1 < mark.converged)
            mark.converged = entry->revision - 1;
    }
    return mark;
}
