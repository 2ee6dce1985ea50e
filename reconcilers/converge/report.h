/* Zone reports as JSON (docs/records.md), and what of them is news. */
#ifndef MOT_CONVERGE_REPORT_H
#define MOT_CONVERGE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <mot/base/arena.h>
#include <mot/base/buf.h>

#include "decide/converge.h"

struct report_source {
    const char *region;
    const char *zone;
    const char *driver;
};

/* What was said last about one key. */
struct report_memory;
struct report_memory *report_memory_new(void);
void report_memory_free(struct report_memory *memory);

/*
 * True when there is news: then @out holds the report, with @observed_at (0: never) in what
 * changed. Without an observation the instances are those said last, as Unknown; when none was ever
 * said there is no "instances", as nothing is known about them.
 */
bool report_render(struct report_memory *memory, const struct report_source *source,
                   const struct converge_report *report, int64_t observed_at, struct buf *out);
/* The revision that it carries. */
int64_t report_revision(const struct report_memory *memory);
/* True when that there is none any more is news. */
bool report_forget(struct report_memory *memory);

#endif
