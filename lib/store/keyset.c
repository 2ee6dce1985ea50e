#include "keyset.h"

#include <string.h>

#include <mot/base/mem.h>
#include <mot/base/random.h>

struct keyset {
    size_t mask;
    uint64_t *slots; /* 0: empty */
};

struct keyset *keyset_new(size_t max)
{
    struct keyset *set = mem_zalloc(sizeof(*set));
    size_t slots = 16;

    while (slots < 2 * max)
        slots *= 2;
    set->mask = slots - 1;
    set->slots = mem_array(slots, sizeof(uint64_t));
    return set;
}

void keyset_free(struct keyset *set)
{
    if (set == NULL)
        return;
    free(set->slots);
    free(set);
}

void keyset_clear(struct keyset *set)
{
    memset(set->slots, 0, (set->mask + 1) * sizeof(uint64_t));
}

static size_t find(const struct keyset *set, uint64_t hash)
{
    size_t slot = (size_t)(hash >> 1) & set->mask;

    while (set->slots[slot] != 0 && set->slots[slot] != hash)
        slot = (slot + 1) & set->mask;
    return slot;
}

bool keyset_has(const struct keyset *set, uint64_t hash)
{
    return set->slots[find(set, hash)] == hash;
}

bool keyset_add(struct keyset *set, uint64_t hash)
{
    size_t slot = find(set, hash);

    if (set->slots[slot] == hash)
        return false;
    set->slots[slot] = hash;
    return true;
}

/* With its NUL, so that ("a", "bc") and ("ab", "c") differ. */
static uint64_t add_text(uint64_t hash, const char *text)
{
    return text != NULL ? hash_bytes(text, strlen(text) + 1, hash) : hash_bytes("", 1, hash);
}

uint64_t keyset_of_object(const struct store_key *key)
{
    uint64_t hash = add_text(HASH_SEED, key->resource);

    return add_text(add_text(hash, key->ns), key->name) | 1;
}

uint64_t keyset_of_position(const char *name)
{
    return hash_bytes("\1position", 9, add_text(HASH_SEED, name)) | 1;
}
