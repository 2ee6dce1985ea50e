#include "tape.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/random.h>

#define TAPE_MAX  2048
#define TRIES_MAX 20000

struct shrinker {
    int (*property)(struct tape *);
    unsigned char data[TAPE_MAX]; /* the smallest failing tape so far */
    size_t len;
    unsigned tries;
};

void tape_init(struct tape *tape, const void *data, size_t len)
{
    *tape = (struct tape){.data = data, .len = len};
}

bool tape_ended(const struct tape *tape)
{
    return tape->at >= tape->len;
}

uint8_t tape_u8(struct tape *tape)
{
    return tape_ended(tape) ? 0 : tape->data[tape->at++];
}

size_t tape_below(struct tape *tape, size_t n)
{
    if (n <= 1)
        return 0;
    size_t number = tape_u8(tape);
    for (int i = 1; n > 256 && i < 4; i++)
        number |= (size_t)tape_u8(tape) << (8 * i);
    return number % n;
}

bool tape_bool(struct tape *tape)
{
    return tape_u8(tape) & 1;
}

const char *tape_pick(struct tape *tape, const char *const *items, size_t count)
{
    return items[tape_below(tape, count)];
}

static int run(int (*property)(struct tape *), const unsigned char *data, size_t len)
{
    struct tape tape;
    tape_init(&tape, data, len);
    return property(&tape);
}

/* SplitMix64 */
static uint64_t next_number(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Short tapes first. */
static size_t fill(unsigned char *data, uint64_t *state, unsigned number, unsigned cases)
{
    size_t most = 16 + (size_t)((uint64_t)(TAPE_MAX - 16) * number / cases);
    size_t len = (size_t)(next_number(state) % (most + 1));
    for (size_t i = 0; i < len; i++)
        data[i] = (unsigned char)next_number(state);
    return len;
}

/* Keeps the candidate when it fails too. */
static bool accept(struct shrinker *shrinker, const unsigned char *data, size_t len)
{
    if (shrinker->tries++ >= TRIES_MAX || run(shrinker->property, data, len) == 0)
        return false;
    memcpy(shrinker->data, data, len);
    shrinker->len = len;
    return true;
}

static bool cut(struct shrinker *shrinker)
{
    unsigned char shorter[TAPE_MAX];
    bool better = false;
    for (size_t size = shrinker->len; size > 0; size /= 2) {
        for (size_t at = 0; at + size <= shrinker->len;) {
            size_t rest = shrinker->len - at - size;
            memcpy(shorter, shrinker->data, at);
            memcpy(shorter + at, shrinker->data + at + size, rest);
            if (accept(shrinker, shorter, at + rest))
                better = true;
            else
                at += size;
        }
    }
    return better;
}

static bool lower_byte(struct shrinker *shrinker, size_t at)
{
    unsigned char lower[TAPE_MAX];
    unsigned char value = shrinker->data[at];
    const unsigned char candidates[] = {0, value / 2, (unsigned char)(value - 1)};
    memcpy(lower, shrinker->data, shrinker->len);
    for (size_t i = 0; value > 0 && i < sizeof(candidates); i++) {
        lower[at] = candidates[i];
        if (accept(shrinker, lower, shrinker->len))
            return true;
    }
    return false;
}

static bool lower(struct shrinker *shrinker)
{
    bool better = false;
    for (size_t at = 0; at < shrinker->len; at++)
        while (lower_byte(shrinker, at))
            better = true;
    return better;
}

static void report(const char *name, struct shrinker *shrinker)
{
    fflush(stdout);
    fprintf(stderr, "%s: fails; the smallest tape found has %zu bytes:", name, shrinker->len);
    for (size_t i = 0; i < shrinker->len; i++)
        fprintf(stderr, " %02x", shrinker->data[i]);
    fprintf(stderr, "\n%s: once more with it:\n", name);
    run(shrinker->property, shrinker->data, shrinker->len);
}

static uint64_t choose_seed(void)
{
    uint64_t seed;
    const char *text = getenv("MOT_SEED");
    if (text && text[0])
        return strtoull(text, NULL, 0);
    random_bytes(&seed, sizeof(seed));
    return seed;
}

int tape_run(const char *name, int (*property)(struct tape *), unsigned cases)
{
    uint64_t state = choose_seed();
    printf("%s: %u cases, MOT_SEED=%" PRIu64 "\n", name, cases, state);
    fflush(stdout);
    struct shrinker shrinker = {.property = property};
    for (unsigned i = 0; i < cases; i++) {
        shrinker.len = fill(shrinker.data, &state, i, cases);
        if (run(property, shrinker.data, shrinker.len) == 0)
            continue;
        fprintf(stderr, "%s: case %u fails, making it smaller\n", name, i);
        bool better = true;
        while (better) {
            better = cut(&shrinker);
            better |= lower(&shrinker);
        }
        report(name, &shrinker);
        return -1;
    }
    return 0;
}
