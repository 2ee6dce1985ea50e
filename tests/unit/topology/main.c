#include "tests.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/buf.h>
#include <mot/base/mem.h>

char *topology_text(const char *words, const char *head)
{
    struct buf buf;
    AUTO_FREE char *copy = mem_strdup(words);
    char *rest = NULL;
    const char *central = strtok_r(copy, " ", &rest);
    const char *pseudo = strtok_r(NULL, " ", &rest);
    buf_init(&buf, BUF_MAX_DEFAULT);
    buf_addf(&buf, "apiVersion: mot.dev/v1alpha1\nkind: Topology\ncentral: %s\n", central);
    if (strcmp(pseudo, "-") != 0)
        buf_addf(&buf, "pseudoCentral: %s\n", pseudo);
    buf_addf(&buf, "%sregions:\n", head ? head : "");
    for (const char *name = strtok_r(NULL, " ", &rest); name; name = strtok_r(NULL, " ", &rest))
        buf_addf(&buf, "- name: %s\n  appenv: %.*s\n  zones: [{name: a, driver: local}]\n", name,
                 (int)strcspn(name, "-"), name);
    return buf_take(&buf);
}

struct topology *make_topology(const char *words, const char *head)
{
    struct err err = {0};
    AUTO_FREE char *text = topology_text(words, head);
    struct topology *topology = topology_parse_loose("test.yaml", text, strlen(text), &err);
    if (!topology)
        fail_msg("%s", err.message);
    return topology;
}

int main(void)
{
    int failed = run_load_tests();
    failed += run_route_tests();
    failed += run_lint_tests();
    return failed + run_explain_tests();
}
