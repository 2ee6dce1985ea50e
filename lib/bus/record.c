/* Records and their headers, between librdkafka's form and ours. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static const char *header(const rd_kafka_headers_t *headers, const char *name)
{
    const void *value = NULL;
    size_t size;
    if (rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return NULL;
    return value; /* librdkafka keeps a NUL behind it */
}

static int64_t header_number(const rd_kafka_headers_t *headers, const char *name)
{
    const char *text = header(headers, name);
    return text ? strtoll(text, NULL, 10) : 0;
}

static void read_headers(struct bus_headers *headers, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *list = NULL;
    *headers = (struct bus_headers){.region = ""};
    if (rd_kafka_message_headers(message, &list) != RD_KAFKA_RESP_ERR_NO_ERROR || !list)
        return;
    const char *region = header(list, HEADER_REGION);
    *headers = (struct bus_headers){
        .region = region ? region : "",
        .epoch = header_number(list, HEADER_EPOCH),
        .sequence = header_number(list, HEADER_SEQUENCE),
        .revision = header_number(list, HEADER_REVISION),
        .trace = header(list, HEADER_TRACE),
        .origin = header(list, HEADER_ORIGIN),
    };
}

void record_read(struct bus_record *record, const rd_kafka_message_t *message)
{
    *record = (struct bus_record){
        .topic = rd_kafka_topic_name(message->rkt),
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = rd_kafka_message_timestamp(message, NULL),
        .key = "",
        .native = message,
    };
    read_headers(&record->headers, message);
}

static void add_text(rd_kafka_headers_t *headers, const char *name, const char *text)
{
    rd_kafka_header_add(headers, name, -1, text, (ssize_t)strlen(text));
}

static void add_number(rd_kafka_headers_t *headers, const char *name, int64_t number)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, number);
    add_text(headers, name, text);
}

rd_kafka_headers_t *record_headers(const char *region, int64_t epoch, int64_t sequence,
                                   int64_t revision, const char *trace)
{
    char made[TRACE_TEXT_SIZE];
    rd_kafka_headers_t *headers = rd_kafka_headers_new(5);
    add_text(headers, HEADER_REGION, region);
    add_number(headers, HEADER_EPOCH, epoch);
    add_number(headers, HEADER_SEQUENCE, sequence);
    add_number(headers, HEADER_REVISION, revision);
    add_text(headers, HEADER_TRACE, trace ? trace : bus_trace_new(made));
    return headers;
}

rd_kafka_headers_t *record_headers_copy(const struct bus_record *record, const char *origin)
{
    rd_kafka_headers_t *list = NULL;
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(record->native, &list) == RD_KAFKA_RESP_ERR_NO_ERROR && list)
        headers = rd_kafka_headers_copy(list);
    else
        headers = rd_kafka_headers_new(1);
    rd_kafka_header_remove(headers, HEADER_ORIGIN);
    add_text(headers, HEADER_ORIGIN, origin);
    return headers;
}
