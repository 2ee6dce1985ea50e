#include <mot/base/random.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void random_bytes(void *out, size_t len)
{
    unsigned char *place = out;
    while (len > 0) {
        ssize_t n = getrandom(place, len, 0);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            perror("getrandom");
            abort();
        }
        place += n;
        len -= (size_t)n;
    }
}

uint64_t random_below(uint64_t bound)
{
    assert(bound > 0);
    /* What is left over at the top would make small numbers likelier: draw again. */
    uint64_t unfair = (UINT64_MAX % bound + 1) % bound;
    uint64_t number;
    do {
        random_bytes(&number, sizeof(number));
    } while (number > UINT64_MAX - unfair);
    return number % bound;
}

char *random_uuid(char text[UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[16];
    random_bytes(bytes, sizeof(bytes));
    bytes[6] = (unsigned char)((bytes[6] & 0x0F) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80);
    char *place = text;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *place++ = '-';
        *place++ = digits[bytes[i] >> 4];
        *place++ = digits[bytes[i] & 0x0F];
    }
    *place = '\0';
    return text;
}

void random_suffix(char *text, size_t len)
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
    for (size_t i = 0; i < len; i++)
        text[i] = letters[random_below(sizeof(letters) - 1)];
    text[len] = '\0';
}

uint64_t hash_bytes(const void *data, size_t len, uint64_t seed)
{
    const unsigned char *bytes = data;
    uint64_t hash = seed;
    for (size_t i = 0; i < len; i++) {
        hash ^= bytes[i];
        hash *= UINT64_C(0x100000001b3);
    }
    return hash;
}

uint64_t hash_text(const char *text)
{
    return hash_bytes(text, strlen(text), HASH_SEED);
}
