/*
 * Reads a compacted topic from its beginning to where it ends now: how an agent gets its previous
 * outputs back.
 */
#ifndef MOT_AGENT_RESTORE_H
#define MOT_AGENT_RESTORE_H

#include <mot/base/err.h>
#include <mot/bus/bus.h>

/* For how long to wait for a cluster. A stop of the process ends every wait. */
struct patience {
    int64_t deadline_ms;            /* clock_ms() */
    bool (*stopped)(void *context); /* NULL: nothing else ends it */
    void *context;
};

/* Where a topic ended when reading began, per partition; reached as records are consumed. */
struct end_marks {
    int count;     /* partitions */
    int64_t *ends; /* the offset after the last record; 0 once it was reached */
    int remaining; /* partitions that were not read to their end */
};

/* Assigns all partitions of @topic from the beginning and notes where they end. The consumer must
 * have mark_end: the last offsets may be gone by compaction, or another cluster's. */
int end_marks_begin(struct end_marks *marks, struct bus_consumer *consumer, const char *topic,
                    const struct patience *patience, struct err *err) MOT_NODISCARD;
/* A record, or an end, that was consumed. */
void end_marks_note(struct end_marks *marks, const struct bus_record *record);
bool end_marks_reached(const struct end_marks *marks);
void end_marks_release(struct end_marks *marks);

/* Hands every record of the topic, up to its present end, to @visit. */
typedef void restore_visit(void *context, const struct bus_record *record);
int restore_topic(const struct bus_consumer_options *options, const char *topic,
                  const struct patience *patience, restore_visit *visit, void *context,
                  struct err *err) MOT_NODISCARD;

#endif
