/* Random numbers and ids from the kernel. */
#ifndef MOT_BASE_RANDOM_H
#define MOT_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define UUID_TEXT_SIZE 37

void random_bytes(void *out, size_t len);
/* 0 … bound-1; @bound > 0. */
uint64_t random_below(uint64_t bound);
/* A version 4 UUID in lower case. Returns @text. */
char *random_uuid(char text[UUID_TEXT_SIZE]);
/* @len characters as Kubernetes uses for generateName (no vowels), and a NUL. */
void random_suffix(char *text, size_t len);

/* FNV-1a, for hash tables and stable short names; not for secrets. */
uint64_t hash_bytes(const void *data, size_t len, uint64_t seed);
#define HASH_SEED UINT64_C(0xcbf29ce484222325)
uint64_t hash_text(const char *text);

#endif
