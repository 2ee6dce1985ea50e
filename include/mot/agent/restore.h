/*
 * Reads a compacted topic from its beginning to where it ends now: how an agent gets its previous
 * outputs back.
 */
#ifndef MOT_AGENT_RESTORE_H
#define MOT_AGENT_RESTORE_H

#include <mot/base/err.h>
#include <mot/bus/bus.h>

/* Where a topic ended when reading began, per partition; reached as records are consumed. */
struct end_marks {
    int count;     /* partitions */
    int64_t *ends; /* the offset after the last record; 0 when the partition has none */
    int remaining; /* partitions that were not read to their end */
};

/* Assigns all partitions of @topic from the beginning and notes where they end. Waits for the
 * cluster until @deadline_ms. */
int end_marks_begin(struct end_marks *marks, struct bus_consumer *consumer, const char *topic,
                    int64_t deadline_ms, struct err *err) MOT_NODISCARD;
void end_marks_note(struct end_marks *marks, int32_t partition, int64_t offset);
bool end_marks_reached(const struct end_marks *marks);
void end_marks_release(struct end_marks *marks);

/* Hands every record of the topic, up to its present end, to @visit. */
typedef void restore_visit(void *context, const struct bus_record *record);
int restore_topic(const struct bus_consumer_options *options, const char *topic,
                  int64_t deadline_ms, restore_visit *visit, void *context,
                  struct err *err) MOT_NODISCARD;

#endif
