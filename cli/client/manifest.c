#include "cli/client/manifest.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mot/base/buf.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/yaml.h>

#define FILE_MAX  ((size_t)64 << 20)
#define DEPTH_MAX 32

/* ---------------------------------------------------------------------------------- documents */

static void add_object(struct manifests *manifests, const struct manifest_file *file, size_t line,
                       json_t *object, const char *prefix)
{
    manifests->items =
        mem_resize(manifests->items, manifests->count + 1, sizeof(*manifests->items));
    manifests->items[manifests->count++] = (struct manifest){
        .object = json_incref(object), .file = file, .line = line, .prefix = mem_strdup(prefix)};
}

/* An object, or a List of them. */
static int add_document(struct manifests *manifests, const struct manifest_file *file,
                        const struct yaml_document *document, struct err *err)
{
    if (!json_is_object(document->value))
        return err_set(err, ERR_INVALID, "%s:%d: not an object", file->name, document->line);
    const char *kind = json_at_text(document->value, "kind");
    size_t kind_len = kind ? strlen(kind) : 0;
    const json_t *items = json_object_get(document->value, "items");
    bool is_list =
        json_is_array(items) && kind_len >= 4 && strcmp(kind + kind_len - 4, "List") == 0;
    if (!is_list) {
        add_object(manifests, file, (size_t)document->line, document->value, "");
        return 0;
    }
    for (size_t i = 0; i < json_array_size(items); i++) {
        json_t *item = json_array_get(items, i);
        AUTO_FREE char *prefix = mem_printf("items[%zu].", i);
        if (!json_is_object(item))
            return err_set(err, ERR_INVALID, "%s:%d: items[%zu] is not an object", file->name,
                           document->line, i);
        add_object(manifests, file, (size_t)document->line, item, prefix);
    }
    return 0;
}

static int add_file(struct manifests *manifests, const char *name, char *text, size_t len,
                    struct err *err)
{
    struct manifest_file *file = mem_zalloc(sizeof(*file));
    *file = (struct manifest_file){.name = mem_strdup(name), .text = text, .len = len};
    manifests->files =
        mem_resize(manifests->files, manifests->file_count + 1, sizeof(struct manifest_file *));
    manifests->files[manifests->file_count++] = file;
    struct yaml_documents documents = {0};
    if (yaml_parse(name, text, len, &documents, err) != 0)
        return -1;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < documents.count; i++)
        rc = add_document(manifests, file, &documents.items[i], err);
    yaml_documents_release(&documents);
    return rc;
}

int manifests_add_text(struct manifests *manifests, const char *name, const char *text, size_t len,
                       struct err *err)
{
    char *copy = mem_zalloc(len + 1);
    memcpy(copy, text, len);
    return add_file(manifests, name, copy, len, err);
}

/* ---------------------------------------------------------------------------------- files */

static bool is_manifest_name(const char *name)
{
    static const char *const endings[] = {".yaml", ".yml", ".json"};
    size_t len = strlen(name);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(endings); i++) {
        size_t ending = strlen(endings[i]);
        if (len > ending && strcmp(name + len - ending, endings[i]) == 0)
            return true;
    }
    return false;
}

static int add_path(struct manifests *manifests, const char *path, bool recursive, int depth,
                    struct err *err);

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int add_folder(struct manifests *manifests, const char *path, bool recursive, int depth,
                      struct err *err)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, not_hidden, alphasort);
    if (count < 0)
        return err_set(err, ERR_FORBIDDEN, "cannot read the folder %s", path);
    int rc = 0;
    for (int i = 0; i < count; i++) {
        AUTO_FREE char *child = file_join(path, entries[i]->d_name);
        struct stat status;
        bool is_folder = stat(child, &status) == 0 && S_ISDIR(status.st_mode);
        if (rc == 0 && (is_folder ? recursive : is_manifest_name(child)))
            rc = add_path(manifests, child, recursive, depth + 1, err);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static int add_path(struct manifests *manifests, const char *path, bool recursive, int depth,
                    struct err *err)
{
    struct stat status;
    if (depth > DEPTH_MAX)
        return err_set(err, ERR_TOO_LARGE, "%s: folders in folders, more than %d deep", path,
                       DEPTH_MAX);
    bool is_input = strcmp(path, "-") == 0;
    if (!is_input && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return add_folder(manifests, path, recursive, depth, err);
    size_t len = 0;
    char *text = is_input ? file_read_fd(STDIN_FILENO, FILE_MAX, &len, err)
                          : file_read(path, FILE_MAX, &len, err);
    return text ? add_file(manifests, path, text, len, err) : -1;
}

int manifests_load(const struct option_list *names, bool recursive, struct manifests *ret_manifests,
                   struct err *err)
{
    *ret_manifests = (struct manifests){0};
    for (size_t i = 0; i < names->count; i++)
        if (add_path(ret_manifests, names->items[i], recursive, 0, err) != 0)
            return -1;
    if (ret_manifests->count == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no manifest in %s",
                       names->count ? names->items[0] : "what was named");
    return 0;
}

void manifests_release(struct manifests *manifests)
{
    for (size_t i = 0; i < manifests->count; i++) {
        json_decref(manifests->items[i].object);
        free(manifests->items[i].prefix);
    }
    for (size_t i = 0; i < manifests->file_count; i++) {
        free(manifests->files[i]->name);
        free(manifests->files[i]->text);
        free(manifests->files[i]);
    }
    free(manifests->items);
    free(manifests->files);
    *manifests = (struct manifests){0};
}

/* ---------------------------------------------------------------------------------- where, and
 * what */

int manifest_line(const struct manifest *manifest, const char *field)
{
    AUTO_FREE char *path = mem_printf("%s%s", manifest->prefix, field);
    while (*path) {
        int line = yaml_line_of(manifest->file->text, manifest->file->len, manifest->line, path);
        if (line > 0)
            return line;
        char *dot = strrchr(path, '.');
        char *bracket = strrchr(path, '[');
        char *cut = dot > bracket ? dot : bracket;
        if (!cut)
            break;
        *cut = '\0';
    }
    return (int)manifest->line;
}

static void add_line(const struct manifest *manifest, const char *field, const char *message,
                     struct buf *out)
{
    buf_addf(out, "%s:%d: ", manifest->file->name, manifest_line(manifest, field));
    if (*field)
        buf_addf(out, "%s: ", field);
    buf_addf(out, "%s\n", message);
}

/* 400 for unknown and duplicate fields has them in its message only: `unknown field "spec.x",
 * unknown field "spec.y"`. */
static bool add_unknown_fields(const struct manifest *manifest, const char *message,
                               struct buf *out)
{
    static const char *const phrases[] = {"unknown field \"", "duplicate field \""};
    bool any = false;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(phrases); i++) {
        for (const char *at = strstr(message, phrases[i]); at; at = strstr(at, phrases[i])) {
            AUTO_FREE char *what = mem_strndup(phrases[i], strlen(phrases[i]) - 2);
            at += strlen(phrases[i]);
            AUTO_FREE char *field = mem_strndup(at, strcspn(at, "\""));
            add_line(manifest, field, what, out);
            any = true;
        }
    }
    return any;
}

void manifest_describe(const struct manifest *manifest, const json_t *status, const struct err *err,
                       struct buf *out)
{
    const json_t *causes = status ? json_at(status, "details.causes") : NULL;
    size_t i;
    const json_t *cause;
    bool any = false;
    json_array_foreach(causes, i, cause)
    {
        const char *field = json_at_text(cause, "field");
        const char *message = json_at_text(cause, "message");
        if (!field || !message)
            continue;
        add_line(manifest, strcmp(field, "<nil>") == 0 ? "" : field, message, out);
        any = true;
    }
    const char *message = status ? json_at_text(status, "message") : NULL;
    if (!any && !(message && add_unknown_fields(manifest, message, out)))
        add_line(manifest, "", err->message, out);
}

void manifest_complain(const struct manifest *manifest, const json_t *status, const struct err *err)
{
    struct buf out;
    buf_init(&out, (size_t)1 << 20);
    manifest_describe(manifest, status, err, &out);
    if (out.len > 0)
        fwrite(out.data, 1, out.len, stderr);
    buf_release(&out);
}
