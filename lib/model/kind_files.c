/* Kinds from the files of a folder. */
#include <mot/model/kind.h>

#include <glob.h>
#include <stdlib.h>

#include <mot/base/file.h>
#include <mot/base/mem.h>

#define KIND_FILE_MAX ((size_t)1 << 20)

/* In the order of their names. */
static int list_kind_files(const char *folder, glob_t *ret_found, struct err *err)
{
    AUTO_FREE char *pattern = mem_printf("%s/*.yaml", folder);
    if (glob(pattern, GLOB_ERR, NULL, ret_found) == 0)
        return 0;
    return err_set(err, ERR_INVALID, "--kinds: there are no files %s", pattern);
}

static int read_kind_files(const glob_t *found, struct kind_file *files, struct err *err)
{
    for (size_t i = 0; i < found->gl_pathc; i++) {
        files[i].name = found->gl_pathv[i];
        files[i].text = file_read(files[i].name, KIND_FILE_MAX, &files[i].len, err);
        if (!files[i].text)
            return -1;
    }
    return 0;
}

struct kinds *kinds_load_folder(const char *folder, struct err *err)
{
    glob_t found = {0};
    struct kinds *kinds = NULL;
    if (!folder)
        return kinds_load(err);
    if (list_kind_files(folder, &found, err) < 0)
        return NULL;
    struct kind_file *files = mem_zalloc(found.gl_pathc * sizeof(*files));
    if (read_kind_files(&found, files, err) == 0)
        kinds = kinds_load_with(files, found.gl_pathc, err);
    for (size_t i = 0; i < found.gl_pathc; i++)
        free(files[i].text);
    free(files);
    globfree(&found);
    return kinds;
}
