/* DELETE of a collection while others change what is in it. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fixture.h"

#include <cmocka.h>

#include <mot/base/mem.h>

#define MERGE  "content-type: application/merge-patch+json"
#define COUNT  60
#define ROUNDS 4

struct painter {
    struct server *server;
    int round;
    int codes[COUNT];
};

/* Each Thing leaves the selection, if it is still there. */
static void *paint(void *context)
{
    struct painter *painter = context;
    for (int i = 0; i < COUNT; i++) {
        AUTO_FREE char *target = mem_printf(THINGS "/r%d-%d", painter->round, i);
        struct answer answer = call(painter->server, "PATCH", target, MERGE,
                                    "{\"metadata\":{\"labels\":{\"color\":\"blue\"}}}");
        painter->codes[i] = answer.code;
        answer_release(&answer);
    }
    return NULL;
}

/* What was changed before it could be deleted matches the selector no longer, and stays. */
static void leaves_what_no_longer_matches(void **state)
{
    (void)state;
    AUTO_FREE char *url = fixture_database("collection");
    struct server *server = server_start(url, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        struct painter painter = {.server = server, .round = round};
        pthread_t thread;
        for (int i = 0; i < COUNT; i++) {
            AUTO_FREE char *name = mem_printf("r%d-%d", round, i);
            create_thing(server, name, "red");
        }
        assert_int_equal(pthread_create(&thread, NULL, paint, &painter), 0);
        json_decref(expect_call(server, 200, "DELETE", THINGS "?labelSelector=color%3Dred", NULL));
        pthread_join(thread, NULL);
        for (int i = 0; i < COUNT; i++) {
            AUTO_FREE char *target = mem_printf(THINGS "/r%d-%d", round, i);
            json_decref(expect_call(server, painter.codes[i], "GET", target, NULL));
        }
    }
    server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_what_no_longer_matches),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
