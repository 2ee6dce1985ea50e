/*
 * Numbers about a process in the text format of Prometheus (0.0.4), and histograms that any thread
 * adds to without a lock.
 */
#ifndef MOT_BASE_METRIC_H
#define MOT_BASE_METRIC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/buf.h>

#define HISTOGRAM_BOUNDS_MAX 24

struct histogram {
    const int64_t *bounds; /* the upper bounds of the buckets, ascending; static */
    size_t bound_count;    /* at most HISTOGRAM_BOUNDS_MAX; one more bucket has no bound */
    atomic_ullong buckets[HISTOGRAM_BOUNDS_MAX + 1];
    atomic_ullong sum;
};

void histogram_init(struct histogram *histogram, const int64_t *bounds, size_t bound_count);
/* @value is not negative. */
void histogram_add(struct histogram *histogram, int64_t value);

/* The lines before the samples of a metric; @type: "counter", "gauge", "histogram". */
void metric_head(struct buf *buf, const char *name, const char *type, const char *help);
/* @labels: `a="x",b="y"` or "". */
void metric_add(struct buf *buf, const char *name, const char *labels, double value);
/* @unit: what the histogram's values are divided by: 1e6 for microseconds that are shown as
 * seconds. */
void metric_add_histogram(struct buf *buf, const char *name, const char *labels,
                          const struct histogram *histogram, double unit);
/* A metric of one sample without labels. */
void metric_single(struct buf *buf, const char *name, const char *type, const char *help,
                   double value);
/* process_cpu_seconds_total, process_resident_memory_bytes, … of this process. */
void metric_process(struct buf *buf);

#endif
