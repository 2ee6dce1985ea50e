/* murmur2 as Kafka's Java clients compute it: the same key lands in the same partition whoever
 * writes it. */
#include <string.h>

#include "internal.h"

uint32_t murmur2(const void *data, size_t len)
{
    const uint32_t m = 0x5bd1e995;
    const unsigned char *at = data;
    uint32_t h = 0x9747b28cU ^ (uint32_t)len;
    size_t left = len;
    for (; left >= 4; left -= 4, at += 4) {
        uint32_t k =
            (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        k *= m;
        k ^= k >> 24;
        k *= m;
        h *= m;
        h ^= k;
    }
    if (left >= 3)
        h ^= (uint32_t)at[2] << 16;
    if (left >= 2)
        h ^= (uint32_t)at[1] << 8;
    if (left >= 1) {
        h ^= at[0];
        h *= m;
    }
    h ^= h >> 13;
    h *= m;
    h ^= h >> 15;
    return h;
}

int32_t bus_partition_of(const char *key, size_t len, int partitions)
{
    return (int32_t)((murmur2(key, len) & 0x7fffffffU) % (uint32_t)partitions);
}
