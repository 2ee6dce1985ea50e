#include <mot/agent/restore.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/base/stop.h>

#define SLICE_MS 2000 /* of a wait that can't be ended from outside */
#define PAUSE_MS 50   /* between tries that fail at once */

static int patience_check(const struct patience *patience, const char *topic, struct err *err)
{
    if (stop_requested() || (patience->stopped && patience->stopped(patience->context)))
        return err_set(err, ERR_TRANSIENT, "asked to stop while %s was restored", topic);
    if (clock_ms() >= patience->deadline_ms)
        return err_set(err, ERR_TIMEOUT, "%s was not read to its end in time", topic);
    return 0;
}

/* The last error is worth more to the caller than that time is up. */
static bool try_again(const struct patience *patience, const char *topic, const struct err *failure)
{
    if (failure->code != ERR_TRANSIENT || patience_check(patience, topic, NULL))
        return false;
    return !stop_wait(PAUSE_MS);
}

static int find_partitions(struct bus_consumer *consumer, const char *topic,
                           const struct patience *patience, int *ret_count, struct err *err)
{
    struct err failure = {0};
    while (bus_consumer_partitions(consumer, topic, SLICE_MS, ret_count, &failure)) {
        if (!try_again(patience, topic, &failure))
            return err_set(err, failure.code, "%s", failure.message);
    }
    return 0;
}

static int find_end(struct bus_consumer *consumer, const char *topic, int32_t partition,
                    const struct patience *patience, int64_t *ret_end, struct err *err)
{
    int64_t low, high;
    struct err failure = {0};
    while (bus_consumer_watermarks(consumer, topic, partition, SLICE_MS, &low, &high, &failure)) {
        if (!try_again(patience, topic, &failure))
            return err_set(err, failure.code, "%s", failure.message);
    }
    *ret_end = high > low ? high : 0;
    return 0;
}

int end_marks_begin(struct end_marks *marks, struct bus_consumer *consumer, const char *topic,
                    const struct patience *patience, struct err *err)
{
    *marks = (struct end_marks){0};
    if (find_partitions(consumer, topic, patience, &marks->count, err))
        return -1;
    marks->ends = mem_array((size_t)marks->count, sizeof(int64_t));
    for (int32_t partition = 0; partition < marks->count; partition++) {
        if (find_end(consumer, topic, partition, patience, &marks->ends[partition], err) ||
            bus_consumer_assign(consumer, topic, partition, BUS_OFFSET_BEGINNING, err)) {
            end_marks_release(marks);
            return -1;
        }
        marks->remaining += marks->ends[partition] != 0;
    }
    return 0;
}

void end_marks_note(struct end_marks *marks, const struct bus_record *record)
{
    int32_t partition = record->partition;
    if (partition < 0 || partition >= marks->count || marks->ends[partition] == 0)
        return;
    if (record->end || record->offset + 1 >= marks->ends[partition]) {
        marks->ends[partition] = 0;
        marks->remaining--;
    }
}

bool end_marks_reached(const struct end_marks *marks)
{
    return marks->remaining == 0;
}

void end_marks_release(struct end_marks *marks)
{
    free(marks->ends);
    *marks = (struct end_marks){0};
}

static int read_to_end(struct bus_consumer *consumer, const char *topic, struct end_marks *marks,
                       const struct patience *patience, restore_visit *visit, void *context,
                       struct err *err)
{
    while (!end_marks_reached(marks)) {
        if (patience_check(patience, topic, err))
            return -1;
        struct bus_record record;
        int n = bus_consume(consumer, 500, &record, err);
        if (n < 0 && err->code != ERR_TRANSIENT)
            return -1;
        if (n <= 0)
            continue;
        if (!record.end)
            visit(context, &record);
        end_marks_note(marks, &record);
    }
    return 0;
}

int restore_topic(const struct bus_consumer_options *options, const char *topic,
                  const struct patience *patience, restore_visit *visit, void *context,
                  struct err *err)
{
    struct bus_consumer_options marking = *options;
    marking.mark_end = true;
    struct bus_consumer *consumer = bus_consumer_open(&marking, err);
    if (!consumer)
        return -1;
    struct end_marks marks;
    int rc = end_marks_begin(&marks, consumer, topic, patience, err);
    if (rc == 0) {
        rc = read_to_end(consumer, topic, &marks, patience, visit, context, err);
        end_marks_release(&marks);
    }
    bus_consumer_close(consumer);
    return rc;
}
