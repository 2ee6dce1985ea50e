/* `mot version`: this program's and, when it can be reached, the server's. */
#include <stdio.h>

#include <mot/model/json.h>

#include "cli/client/session.h"
#include "cli/commands.h"

static struct {
    struct session_options session;
    bool client_only;
} settings;

static int run(struct session *session, int argc, char **argv, struct err *err)
{
    (void)argc;
    (void)argv;
    printf("Client Version: %s\n", MOT_VERSION);
    if (settings.client_only)
        return 0;
    struct call call = {.path = "/version"};
    json_t *answer = NULL;
    int rc = session_call(session, &call, &answer, err);
    const char *version = rc == 0 ? json_at_text(answer, "gitVersion") : NULL;
    if (version)
        printf("Server Version: %s\n", version);
    json_decref(answer);
    return rc;
}

int version_main(int argc, char **argv)
{
    const struct option_spec options[] = {
        {"client", NULL, OPTION_FLAG, &settings.client_only, "only this program's"},
        SESSION_OPTIONS(&settings.session),
        {0}};
    const struct verb verb = {
        .command = {.name = "mot version",
                    .summary = "Shows the versions of this program and of the server.",
                    .options = options},
        .options = &settings.session,
        .run = run};
    return verb_main(&verb, argc, argv);
}
