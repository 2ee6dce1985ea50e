/* A set of names, by their 64-bit hashes: two names taken for one only cost a wait for the next
 * batch. */
#ifndef STORE_KEYSET_H
#define STORE_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/store/store.h>

struct keyset;

struct keyset *keyset_new(size_t max);
void keyset_free(struct keyset *set);
void keyset_clear(struct keyset *set);
bool keyset_has(const struct keyset *set, uint64_t hash);
/* False when it was there. */
bool keyset_add(struct keyset *set, uint64_t hash);

uint64_t keyset_of_object(const struct store_key *key);
uint64_t keyset_of_position(const char *name);

#endif
