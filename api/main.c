/* mot api: the API server as a process. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/file.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/options.h>
#include <mot/base/stop.h>

#include "../cli/commands.h"
#include "api.h"

#define STOP_GRACE_MS 5000
#define KIND_FILE_MAX ((size_t)1 << 20)

struct settings {
    const char *db;
    const char *address;
    const char *port_file;
    const char *kinds;
    int port, workers, readers;
};

static void parse_error(const struct err *err)
{
    fprintf(stderr, "mot api: %s\n", err->message);
}

/* The chosen port for those who asked for a free one. */
static int write_port(const char *path, int port, struct err *err)
{
    if (!path)
        return 0;
    FILE *file = fopen(path, "we");
    if (!file || fprintf(file, "%d\n", port) < 0 || fclose(file) != 0)
        return err_set(err, ERR_INVALID, "can't write the port to %s", path);
    return 0;
}

static int serve(const struct settings *settings, struct api *api, struct err *err)
{
    struct http_server_options options = {.address = settings->address,
                                          .port = settings->port,
                                          .workers = settings->workers,
                                          .handler = api_handle,
                                          .context = api};
    struct http_server *server = http_server_start(&options, err);
    if (!server)
        return -1;
    int result = write_port(settings->port_file, http_server_port(server), err);
    if (result == 0) {
        log_info("serving", LOG_S("address", settings->address),
                 LOG_I("port", http_server_port(server)));
        stop_wait(-1);
        log_info("stopping", LOG_NONE);
    }
    http_server_stop(server, STOP_GRACE_MS);
    return result;
}

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

static struct kinds *load_kinds(const char *folder, struct err *err)
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

static int run_with_store(const struct settings *settings, struct store *store, struct err *err)
{
    struct kinds *kinds = load_kinds(settings->kinds, err);
    if (!kinds)
        return -1;
    struct api_options options = {.store = store, .kinds = kinds};
    struct api *api = api_new(&options, err);
    int result = api ? serve(settings, api, err) : -1;
    api_free(api);
    kinds_free(kinds);
    return result;
}

static int run(const struct settings *settings, struct err *err)
{
    struct store_options options = {
        .url = settings->db, .name = "mot-api", .readers = settings->readers};
    struct store *store = store_open(&options, err);
    if (!store)
        return -1;
    int result = run_with_store(settings, store, err);
    store_close(store);
    return result;
}

int api_main(int argc, char **argv)
{
    static struct settings settings = {.address = "127.0.0.1", .port = 8080, .readers = 8};
    const struct option_spec options[] = {
        {"db", "URL", OPTION_STRING, &settings.db, "the PostgreSQL database (libpq URL or DSN)"},
        {"port", "N", OPTION_INT, &settings.port, "the port to listen on; 0: a free one (8080)"},
        {"address", "IP", OPTION_STRING, &settings.address,
         "the loopback address to listen on (127.0.0.1)"},
        {"port-file", "FILE", OPTION_STRING, &settings.port_file,
         "a file the chosen port is written to"},
        {"kinds", "DIR", OPTION_STRING, &settings.kinds,
         "a folder of CRD files (*.yaml) to serve besides the built-in kinds, for trying out a "
         "kind"},
        {"workers", "N", OPTION_INT, &settings.workers, "threads that serve requests (32)"},
        {"readers", "N", OPTION_INT, &settings.readers, "database connections for reads (8)"},
        {0}};
    const struct command_spec command = {.name = "mot api",
                                         .arguments = "",
                                         .summary =
                                             "Serves the Kubernetes-style API over PostgreSQL.",
                                         .options = options};
    struct err err = {0};
    int args = 0;
    int parsed = options_parse(&command, argc, argv, &args, &err);
    if (parsed == 1)
        return 0;
    if (parsed == 0 && args > 0)
        parsed = err_set(&err, ERR_INVALID, "unexpected argument: %s", argv[1]);
    if (parsed == 0 && !settings.db)
        parsed = err_set(&err, ERR_INVALID, "--db is missing");
    if (parsed < 0) {
        parse_error(&err);
        return 2;
    }
    mem_tune();
    stop_install();
    log_init("api", NULL);
    if (run(&settings, &err) == 0)
        return 0;
    log_error("the API server failed", LOG_S("why", err.message));
    return 1;
}
