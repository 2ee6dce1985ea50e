/* Where a mirror stands, as the destination tells it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "mirror.h"

#define ASK_MS  10000
#define READ_MS 30000

char *origin_format(const char *cluster, int64_t offset, char text[ORIGIN_TEXT_SIZE])
{
    snprintf(text, ORIGIN_TEXT_SIZE, "%s:%" PRId64, cluster, offset);
    return text;
}

struct origin origin_parse(const char *text)
{
    struct origin origin = {.offset = -1};
    const char *colon = text ? strrchr(text, ':') : NULL;
    if (!colon || colon == text || (size_t)(colon - text) >= sizeof(origin.cluster))
        return origin;
    char *end;
    long long offset = strtoll(colon + 1, &end, 10);
    if (end == colon + 1 || *end || offset < 0)
        return origin;
    memcpy(origin.cluster, text, (size_t)(colon - text));
    origin.offset = offset;
    return origin;
}

/* A source that is another cluster now, or whose topic is shorter than what was copied, was made
 * again. */
int64_t origin_resume(const struct origin *last, const char *source_cluster, int64_t high)
{
    bool same = last->offset >= 0 && strcmp(last->cluster, source_cluster) == 0;
    return same && last->offset + 1 <= high ? last->offset + 1 : BUS_OFFSET_BEGINNING;
}

/* Reads from @from to the end of the partition and keeps the origin of what comes last. */
static int read_tail(struct bus_consumer *consumer, const char *topic, int32_t partition,
                     int64_t from, struct origin *ret_origin, struct err *err)
{
    int64_t until_ms = clock_ms() + READ_MS;
    if (bus_consumer_assign(consumer, topic, partition, from, err) < 0)
        return -1;
    bool end = false;
    while (!end) {
        struct bus_record record;
        struct err why = {0};
        int got = bus_consume(consumer, 1000, &record, &why);
        if (got == 1 && record.partition == partition && record.end)
            end = true;
        else if (got == 1 && record.partition == partition)
            *ret_origin = origin_parse(record.headers.origin);
        else if (clock_ms() > until_ms)
            return err_set(err, ERR_TIMEOUT, "the end of %s[%d] can't be read: %s", topic,
                           (int)partition, why.message);
    }
    return bus_consumer_unassign(consumer, topic, partition, err);
}

/* The last offset may be a marker without a record: then a little more is read, and more. */
static int read_last(struct bus_consumer *consumer, const char *topic, int32_t partition,
                     struct origin *ret_origin, struct err *err)
{
    int64_t low;
    int64_t high;
    *ret_origin = (struct origin){.offset = -1};
    if (bus_consumer_watermarks(consumer, topic, partition, ASK_MS, &low, &high, err) < 0)
        return -1;
    for (int64_t back = 1; low < high && ret_origin->offset < 0; back *= 64) {
        int64_t from = high - back > low ? high - back : low;
        if (read_tail(consumer, topic, partition, from, ret_origin, err) < 0)
            return -1;
        if (from == low)
            break;
    }
    return 0;
}

int positions_read(const struct topology_region *cluster, const char *topic, int count,
                   struct origin *origins, struct err *err)
{
    const struct bus_consumer_options options = {.region = cluster->name,
                                                 .cluster = cluster->name,
                                                 .bootstrap = cluster->bootstrap,
                                                 .name = "mot-mirror-position",
                                                 .queue_kb = 256,
                                                 .mark_end = true};
    struct bus_consumer *consumer = bus_consumer_open(&options, err);
    if (!consumer)
        return -1;
    int ret = 0;
    for (int i = 0; ret == 0 && i < count; i++)
        ret = read_last(consumer, topic, i, &origins[i], err);
    bus_consumer_close(consumer);
    return ret;
}
