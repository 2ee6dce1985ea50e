#include <mot/agent/restore.h>

#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/stop.h>

#define ROUND_TRIP_MS 5000

int end_marks_begin(struct end_marks *marks, struct bus_consumer *consumer, const char *topic,
                    int64_t deadline_ms, struct err *err)
{
    *marks = (struct end_marks){0};
    int64_t left = deadline_ms - clock_ms();
    if (bus_consumer_partitions(consumer, topic, left > 0 ? left : 1, &marks->count, err))
        return -1;
    marks->ends = mem_array((size_t)marks->count, sizeof(int64_t));
    for (int32_t partition = 0; partition < marks->count; partition++) {
        int64_t low, high;
        if (bus_consumer_watermarks(consumer, topic, partition, ROUND_TRIP_MS, &low, &high, err) ||
            bus_consumer_assign(consumer, topic, partition, BUS_OFFSET_BEGINNING, err)) {
            end_marks_release(marks);
            return -1;
        }
        if (high > low) {
            marks->ends[partition] = high;
            marks->remaining++;
        }
    }
    return 0;
}

void end_marks_note(struct end_marks *marks, int32_t partition, int64_t offset)
{
    if (partition < 0 || partition >= marks->count || marks->ends[partition] == 0)
        return;
    if (offset + 1 >= marks->ends[partition]) {
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
                       int64_t deadline_ms, restore_visit *visit, void *context, struct err *err)
{
    while (!end_marks_reached(marks)) {
        if (stop_requested())
            return err_set(err, ERR_TRANSIENT, "asked to stop while %s was restored", topic);
        int64_t left = deadline_ms - clock_ms();
        if (left <= 0)
            return err_set(err, ERR_TIMEOUT, "%s was not read to its end in time", topic);
        struct bus_record record;
        int n = bus_consume(consumer, left < 500 ? left : 500, &record, err);
        if (n < 0 && err->code != ERR_TRANSIENT)
            return -1;
        if (n <= 0)
            continue;
        visit(context, &record);
        end_marks_note(marks, record.partition, record.offset);
    }
    return 0;
}

int restore_topic(const struct bus_consumer_options *options, const char *topic,
                  int64_t deadline_ms, restore_visit *visit, void *context, struct err *err)
{
    struct bus_consumer *consumer = bus_consumer_open(options, err);
    if (!consumer)
        return -1;
    struct end_marks marks;
    int rc = end_marks_begin(&marks, consumer, topic, deadline_ms, err);
    if (rc == 0) {
        rc = read_to_end(consumer, topic, &marks, deadline_ms, visit, context, err);
        end_marks_release(&marks);
    }
    bus_consumer_close(consumer);
    return rc;
}
