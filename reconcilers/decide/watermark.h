/*
 * Up to which revision everything that is desired in the region has converged. Pure.
 */
#ifndef MOT_RECONCILERS_DECIDE_WATERMARK_H
#define MOT_RECONCILERS_DECIDE_WATERMARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One deployment. */
struct watermark_entry {
    int64_t revision; /* of the launch that is desired */
    int64_t generation;
    bool desired;
    bool deleting;
    /* What is said about it; of an earlier launch, or an object that had the name before, at first.
     */
    int64_t state_revision;
    int64_t state_generation;
    bool state_converged; /* the state is Converged, or gone for a deletion */
    int instances;
};

struct watermark {
    int64_t converged;
    int deployments;
    int instances;
};

/* @read: the newest revision that has reached the region, markers included. */
struct watermark watermark_decide(const struct watermark_entry *const *entries, size_t count,
                                  int64_t read);

#endif
