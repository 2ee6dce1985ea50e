#include "cli/up/postgres.h"

#include <errno.h>
#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mot/base/file.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>

/* sun_path has 108 bytes, and "/.s.PGSQL.5432.lock" comes behind the folder. */
#define SOCKET_FOLDER_MAX 85
#define PATH_SIZE         4096

/* ---------------------------------------------------------------------------------- programs, user
 */

static bool has_programs(const char *bin)
{
    AUTO_FREE char *server = file_join(bin, "postgres");
    AUTO_FREE char *init = file_join(bin, "initdb");
    return access(server, X_OK) == 0 && access(init, X_OK) == 0;
}

/* The version a data folder was made with: "15"; "" for a new one. */
static void version_of(const char *data, char version[16])
{
    AUTO_FREE char *path = file_join(data, "PG_VERSION");
    AUTO_FREE char *text = file_read(path, 64, NULL, NULL);
    snprintf(version, 16, "%.*s", text ? (int)strcspn(text, "\n") : 0, text ? text : "");
}

/* Debian's folders, the newest first unless the data folder wants a certain one. */
static char *find_debian(const char *version)
{
    AUTO_FREE char *pattern =
        mem_printf("/usr/lib/postgresql/%s/bin", version[0] ? version : "[1-9]*");
    glob_t found;
    char *bin = NULL;
    if (glob(pattern, 0, NULL, &found) != 0)
        return NULL;
    for (size_t i = found.gl_pathc; i-- > 0 && !bin;)
        if (has_programs(found.gl_pathv[i]))
            bin = mem_strdup(found.gl_pathv[i]);
    globfree(&found);
    return bin;
}

static char *find_bin(const char *data, struct err *err)
{
    const char *given = getenv("MOT_POSTGRES_BIN");
    if (given && has_programs(given))
        return mem_strdup(given);
    char version[16];
    version_of(data, version);
    char *bin = find_debian(version);
    if (bin)
        return bin;
    AUTO_FREE char *server = process_find("postgres");
    if (server && !version[0]) {
        bin = mem_strndup(server, (size_t)(strrchr(server, '/') - server));
        if (has_programs(bin))
            return bin;
        free(bin);
    }
    err_set(
        err, ERR_NOT_FOUND,
        "PostgreSQL%s%s was not found: install it with `scripts/install-deps` or `apt-get install "
        "postgresql`, or say in MOT_POSTGRES_BIN where its programs are",
        version[0] ? " " : "", version);
    return NULL;
}

static int choose_user(struct process_user *user, struct err *err)
{
    if (geteuid() != 0)
        return 0;
    const struct passwd *entry = getpwnam("postgres");
    if (!entry)
        entry = getpwnam("nobody");
    if (!entry || entry->pw_uid == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "PostgreSQL does not run as root, and there is no user postgres or nobody");
    *user = (struct process_user){.change = true, .uid = entry->pw_uid, .gid = entry->pw_gid};
    return 0;
}

/* ---------------------------------------------------------------------------------- folders */

/* Can the user pass through every folder above @path? */
static bool can_pass(const char *path, const struct process_user *user)
{
    char part[PATH_SIZE];
    snprintf(part, sizeof(part), "%s", path);
    for (char *slash = strrchr(part, '/'); slash && slash != part; slash = strrchr(part, '/')) {
        *slash = '\0';
        struct stat status;
        if (stat(part, &status) != 0)
            continue;
        mode_t bit = status.st_uid == user->uid   ? S_IXUSR
                     : status.st_gid == user->gid ? S_IXGRP
                                                  : S_IXOTH;
        if (!(status.st_mode & bit))
            return false;
    }
    return true;
}

static int own_folder(const char *path, const struct process_user *user, struct err *err)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_set(err, ERR_FORBIDDEN, "cannot create %s: %s", path, strerror(errno));
    struct stat status;
    uid_t owner = user->change ? user->uid : geteuid();
    if (lstat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        return err_set(err, ERR_FORBIDDEN, "%s is not a folder", path);
    if (status.st_uid == owner)
        return 0;
    if (status.st_uid != geteuid() || chown(path, owner, user->change ? user->gid : getegid()) != 0)
        return err_set(err, ERR_FORBIDDEN, "%s belongs to somebody else", path);
    return 0;
}

/* Below the data folder, or in /tmp when that path is too long for a socket or can't be reached. */
static char *socket_folder(const char *dir, bool unreachable)
{
    char *folder = file_join(dir, "run");
    if (!unreachable && strlen(folder) <= SOCKET_FOLDER_MAX)
        return folder;
    uint64_t hash = hash_text(dir);
    free(folder);
    return mem_printf("/tmp/mot-%u-%016llx", (unsigned)geteuid(), (unsigned long long)hash);
}

int postgres_prepare(struct postgres *postgres, const char *dir, const char *log, struct err *err)
{
    memset(postgres, 0, sizeof(*postgres));
    postgres->data = file_join(dir, "postgres");
    postgres->fresh = file_join(dir, "postgres.new");
    postgres->log = mem_strdup(log);
    postgres->bin = find_bin(postgres->data, err);
    if (!postgres->bin || choose_user(&postgres->user, err) != 0)
        return -1;
    postgres->unreachable = postgres->user.change && !can_pass(postgres->data, &postgres->user);
    postgres->sockets = socket_folder(dir, postgres->unreachable);
    postgres->url = mem_printf("host=%s user=mot dbname=postgres", postgres->sockets);
    return own_folder(postgres->sockets, &postgres->user, err);
}

/* ---------------------------------------------------------------------------------- running */

static const char *const no_variables[] = {"PGDATA", "PGHOST",    "PGPORT",
                                           "PGUSER", "PGOPTIONS", NULL};

/*
 * Below a folder that the server's user can't pass through (/root), no path leads to its data; but
 * a descriptor that root has opened does. So it works in "/" and names its data folder by that
 * descriptor.
 */
#define HANDED_FOLDER "/proc/self/fd/3"

static struct process_spec spec_for(const struct postgres *postgres, const char *const *argv,
                                    const char *folder, int end_signal)
{
    return (struct process_spec){.argv = argv,
                                 .log = postgres->log,
                                 .dir = postgres->unreachable ? "/" : folder,
                                 .handed = postgres->unreachable ? folder : NULL,
                                 .unset = no_variables,
                                 .user = postgres->user,
                                 .end_signal = end_signal};
}

bool postgres_exists(const struct postgres *postgres)
{
    AUTO_FREE char *version = file_join(postgres->data, "PG_VERSION");
    return access(version, F_OK) == 0;
}

int postgres_init_spec(struct postgres *postgres, struct process_spec *ret_spec, struct err *err)
{
    if (file_remove_tree(postgres->fresh, err) != 0 ||
        own_folder(postgres->fresh, &postgres->user, err) != 0)
        return -1;
    size_t n = 0;
    free(postgres->settings[2]);
    postgres->settings[2] = file_join(postgres->bin, "initdb");
    postgres->init_argv[n++] = postgres->settings[2];
    /* The server syncs what matters at its first checkpoint; initdb would sync a thousand files. */
    static const char *const options[] = {
        "-U", "mot", "-E", "UTF8", "--no-sync", "--locale=C", "--auth=trust", "--no-instructions"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(options); i++)
        postgres->init_argv[n++] = options[i];
    postgres->init_argv[n++] = "-D";
    postgres->init_argv[n++] = postgres->unreachable ? HANDED_FOLDER : postgres->fresh;
    postgres->init_argv[n] = NULL;
    *ret_spec = spec_for(postgres, postgres->init_argv, postgres->fresh, SIGTERM);
    return 0;
}

int postgres_init_done(const struct postgres *postgres, struct err *err)
{
    if (rename(postgres->fresh, postgres->data) != 0)
        return err_set(err, ERR_INTERNAL, "cannot rename %s: %s", postgres->fresh, strerror(errno));
    return 0;
}

struct process_spec postgres_spec(struct postgres *postgres)
{
    size_t n = 0;
    if (!postgres->settings[0]) {
        postgres->settings[0] = file_join(postgres->bin, "postgres");
        postgres->settings[1] = mem_printf("unix_socket_directories=%s", postgres->sockets);
    }
    postgres->argv[n++] = postgres->settings[0];
    postgres->argv[n++] = "-D";
    postgres->argv[n++] = postgres->unreachable ? HANDED_FOLDER : postgres->data;
    static const char *const settings[] = {
        "listen_addresses=",   "port=5432",           "unix_socket_permissions=0700",
        "shared_buffers=64MB", "max_connections=200", "lc_messages=C"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(settings); i++) {
        postgres->argv[n++] = "-c";
        postgres->argv[n++] = settings[i];
    }
    postgres->argv[n++] = "-c";
    postgres->argv[n++] = postgres->settings[1];
    postgres->argv[n] = NULL;
    return spec_for(postgres, postgres->argv, postgres->data, SIGINT /* a fast shutdown */);
}

/* The eighth line of postmaster.pid is the server's own word on how it stands. */
bool postgres_answers(const struct postgres *postgres)
{
    AUTO_FREE char *path = file_join(postgres->data, "postmaster.pid");
    AUTO_FREE char *text = file_read(path, 4096, NULL, NULL);
    const char *line = text;
    for (int i = 1; line && i < 8; i++) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return line && strncmp(line, "ready", 5) == 0;
}

void postgres_release(struct postgres *postgres)
{
    if (postgres->sockets)
        (void)rmdir(
            postgres
                ->sockets); /* in /tmp it would stay for ever; empty once the server has ended */
    free(postgres->bin);
    free(postgres->data);
    free(postgres->fresh);
    free(postgres->sockets);
    free(postgres->log);
    free(postgres->url);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(postgres->settings); i++)
        free(postgres->settings[i]);
    memset(postgres, 0, sizeof(*postgres));
}
