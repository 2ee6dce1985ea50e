#include <mot/base/metric.h>

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <mot/base/file.h>
#include <mot/base/mem.h>

#define PROC_FILE_MAX ((size_t)64 << 10)

void histogram_init(struct histogram *histogram, const int64_t *bounds, size_t bound_count)
{
    histogram->bounds = bounds;
    histogram->bound_count =
        bound_count < HISTOGRAM_BOUNDS_MAX ? bound_count : HISTOGRAM_BOUNDS_MAX;
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS_MAX; i++)
        atomic_init(&histogram->buckets[i], 0);
    atomic_init(&histogram->sum, 0);
}

void histogram_add(struct histogram *histogram, int64_t value)
{
    size_t i = 0;
    while (i < histogram->bound_count && value > histogram->bounds[i])
        i++;
    atomic_fetch_add_explicit(&histogram->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum, (unsigned long long)value, memory_order_relaxed);
}

void metric_head(struct buf *buf, const char *name, const char *type, const char *help)
{
    buf_addf(buf, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metric_add(struct buf *buf, const char *name, const char *labels, double value)
{
    if (*labels)
        buf_addf(buf, "%s{%s} %.15g\n", name, labels, value);
    else
        buf_addf(buf, "%s %.15g\n", name, value);
}

void metric_add_histogram(struct buf *buf, const char *name, const char *labels,
                          const struct histogram *histogram, double unit)
{
    unsigned long long count = 0;
    const char *comma = *labels ? "," : "";
    for (size_t i = 0; i < histogram->bound_count; i++) {
        count += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
        buf_addf(buf, "%s_bucket{%s%sle=\"%.15g\"} %llu\n", name, labels, comma,
                 (double)histogram->bounds[i] / unit, count);
    }
    count +=
        atomic_load_explicit(&histogram->buckets[histogram->bound_count], memory_order_relaxed);
    buf_addf(buf, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, comma, count);
    AUTO_FREE char *sum = mem_printf("%s_sum", name);
    AUTO_FREE char *total = mem_printf("%s_count", name);
    metric_add(buf, sum, labels, (double)atomic_load(&histogram->sum) / unit);
    metric_add(buf, total, labels, (double)count);
}

void metric_single(struct buf *buf, const char *name, const char *type, const char *help,
                   double value)
{
    metric_head(buf, name, type, help);
    metric_add(buf, name, "", value);
}

/* ------------------------------------------------------------------------------- the process */

/* What /proc/self/stat says, its fields counted as in proc(5). */
struct process {
    double cpu_seconds, virtual_bytes, resident_bytes, start_seconds;
};

/* When the system was started, in seconds since 1970; 0 when that can't be found out. */
static double boot_time(void)
{
    struct err err = {0};
    size_t len;
    AUTO_FREE char *text = file_read("/proc/stat", (size_t)1 << 20, &len, &err);
    const char *line = text ? strstr(text, "\nbtime ") : NULL;
    return line ? strtod(line + strlen("\nbtime "), NULL) : 0;
}

static bool read_process(struct process *ret_process)
{
    struct err err = {0};
    size_t len;
    AUTO_FREE char *text = file_read("/proc/self/stat", PROC_FILE_MAX, &len, &err);
    const char *rest =
        text ? strrchr(text, ')') : NULL; /* behind the name, which may hold blanks */
    double ticks = (double)sysconf(_SC_CLK_TCK);
    double fields[25] = {0};
    if (!rest || strlen(rest) < 4)
        return false;
    char *at = NULL;
    double ignored = strtod(rest + 3, &at); /* field 4, after the state */
    (void)ignored;
    for (int i = 5; i < 25; i++)
        fields[i] = strtod(at, &at);
    *ret_process = (struct process){
        .cpu_seconds = (fields[14] + fields[15]) / ticks,
        .start_seconds = boot_time() + fields[22] / ticks,
        .virtual_bytes = fields[23],
        .resident_bytes = fields[24] * (double)sysconf(_SC_PAGESIZE),
    };
    return true;
}

static double count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    double count = 0;
    if (!folder)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count - 1; /* but for the folder's own */
}

void metric_process(struct buf *buf)
{
    struct process process;
    struct rlimit limit;
    if (read_process(&process)) {
        metric_single(buf, "process_cpu_seconds_total", "counter",
                      "Total user and system CPU time spent in seconds.", process.cpu_seconds);
        metric_single(buf, "process_resident_memory_bytes", "gauge",
                      "Resident memory size in bytes.", process.resident_bytes);
        metric_single(buf, "process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.",
                      process.virtual_bytes);
        metric_single(buf, "process_start_time_seconds", "gauge",
                      "Start time of the process since unix epoch in seconds.",
                      process.start_seconds);
    }
    metric_single(buf, "process_open_fds", "gauge", "Number of open file descriptors.",
                  count_descriptors());
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        metric_single(buf, "process_max_fds", "gauge", "Maximum number of open file descriptors.",
                      (double)limit.rlim_cur);
}
