/* Records by hand. */
#ifndef MOT_TESTS_UNIT_AGENT_RECORDS_H
#define MOT_TESTS_UNIT_AGENT_RECORDS_H

#include <string.h>

#include <mot/bus/bus.h>

static inline struct bus_record record_of(const char *key, const char *value, int64_t revision)
{
    return (struct bus_record){.topic = "t",
                               .key = key,
                               .key_len = strlen(key),
                               .value = value,
                               .value_len = value ? strlen(value) : 0,
                               .headers = {.region = "", .revision = revision}};
}

#endif
