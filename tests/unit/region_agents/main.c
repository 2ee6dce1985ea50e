#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <groups.h>
#include <mot/model/json.h>

#include "tests.h"

static struct arena *scratch;

struct result run_step(agent_step *step, const char *name, const struct agent_input *inputs,
                       size_t input_count, const struct agent_output *previous, size_t count)
{
    const struct agent_group group = {.name = name,
                                      .inputs = inputs,
                                      .input_count = input_count,
                                      .previous = previous,
                                      .previous_count = count};
    struct result result = {0};
    arena_clear(scratch);
    struct agent_emit emit = {.arena = scratch};
    result.rc = step(&group, scratch, &emit, &result.err);
    if (result.rc == 0)
        assert_int_equal(emit_finish(&emit, &result.err), 0);
    assert_true(emit.count <= MOT_ARRAY_SIZE(result.outputs));
    result.count = emit.count;
    for (size_t i = 0; i < emit.count; i++)
        result.outputs[i] = emit.items[i];
    return result;
}

json_t *only_json(const struct result *result)
{
    struct err err = {0};
    assert_int_equal(result->rc, 0);
    assert_int_equal(result->count, 1);
    json_t *value = json_parse(result->outputs[0].value, result->outputs[0].value_len, true, &err);
    if (!value)
        fail_msg("%s", err.message);
    return value;
}

int main(void)
{
    scratch = arena_new(1 << 20);
    int failed = run_steps() + run_deployment();
    arena_free(scratch);
    return failed;
}
