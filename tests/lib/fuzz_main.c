/*
 * The main() of a fuzz target where there is no libFuzzer: gives each file of the folders (and each
 * file) named on the command line to the target once, so that the corpus is a regression test with
 * every compiler.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void die(const char *what, const char *path)
{
    fprintf(stderr, "%s: ", what);
    perror(path);
    exit(1);
}

/* An allocation of exactly the input's size: AddressSanitizer sees a read past its end. */
static uint8_t *read_exactly(FILE *file, size_t size, const char *path)
{
    uint8_t *data = malloc(size);
    if ((!data && size > 0) || (size > 0 && fread(data, 1, size, file) != size))
        die("cannot read", path);
    return data;
}

static void replay_file(const char *path)
{
    struct stat status;
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &status) < 0)
        die("cannot open", path);
    size_t size = (size_t)status.st_size;
    uint8_t *data = read_exactly(file, size, path);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

static int no_dot(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static unsigned replay_folder(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, no_dot, alphasort);
    if (count < 0)
        die("cannot list", path);
    unsigned replayed = 0;
    for (int i = 0; i < count; i++) {
        char inner[4096];
        struct stat status;
        snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
        free(entries[i]);
        if (stat(inner, &status) == 0 && S_ISREG(status.st_mode)) {
            replay_file(inner);
            replayed++;
        }
    }
    free(entries);
    if (replayed == 0) {
        fprintf(stderr, "no input in %s\n", path);
        exit(1);
    }
    return replayed;
}

int main(int argc, char **argv)
{
    unsigned replayed = 0;
    for (int i = 1; i < argc; i++) {
        struct stat status;
        if (stat(argv[i], &status) < 0)
            die("cannot find", argv[i]);
        if (S_ISDIR(status.st_mode)) {
            replayed += replay_folder(argv[i]);
        } else {
            replay_file(argv[i]);
            replayed++;
        }
    }
    printf("%u inputs replayed\n", replayed);
    return replayed > 0 ? 0 : 1;
}
