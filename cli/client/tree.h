/* A deployment as a tree of text: regions, their zones, their instances. Pure. */
#ifndef MOT_CLI_CLIENT_TREE_H
#define MOT_CLI_CLIENT_TREE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <mot/base/buf.h>

struct tree_input {
    const json_t *deployment;
    const json_t *instances; /* an array of Instance objects, of any deployments */
    int64_t now_ms;          /* wall clock */
    bool colour;
};

void tree_render(const struct tree_input *in, struct buf *out);

/* Is the condition Converged true for the generation that the object has now? */
bool deployment_has_converged(const json_t *deployment);
/* The same for any condition and value. */
bool deployment_has_condition(const json_t *deployment, const char *type, const char *value);
/* "3/4 regions have converged; test-us-east-1: Progressing, 1/2 ready" for messages. */
void deployment_summary(const json_t *deployment, struct buf *out);

#endif
