/*
 * A generator draws its choices from a tape of bytes. A PRNG fills the tape in a property test,
 * libFuzzer gives it in a fuzz test. An exhausted tape yields 0, and 0 should stand for the
 * simplest choice: then cutting bytes out and halving them makes a failing case smaller, whatever
 * it builds.
 */
#ifndef MOT_TESTS_TAPE_H
#define MOT_TESTS_TAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tape {
    const unsigned char *data;
    size_t len;
    size_t at;
};

/* Borrows @data. */
void tape_init(struct tape *tape, const void *data, size_t len);
bool tape_ended(const struct tape *tape);
uint8_t tape_u8(struct tape *tape);
/* 0 … n-1; 0 when @n is 0. Takes one byte when @n is at most 256, else four. */
size_t tape_below(struct tape *tape, size_t n);
bool tape_bool(struct tape *tape);
/* One of @count texts; the first one should be the simplest. */
const char *tape_pick(struct tape *tape, const char *const *items, size_t count);

/*
 * Runs @property on @cases tapes. It returns 0 when the property holds; it is called many times
 * over, so it must neither end the process nor leave anything behind. Prints the seed; MOT_SEED=…
 * in the environment replays a run. After a failure prints the smallest failing tape, runs it once
 * more so that what the property says about it comes last, and returns -1.
 */
int tape_run(const char *name, int (*property)(struct tape *), unsigned cases);

#endif
