#include "values.h"

#include <stdint.h>

#include <mot/base/mem.h>

const char *draw_key(struct tape *tape)
{
    static const char *const keys[] = {
        "a",     "b",       "spec",      "metadata", "name", "labels", "status",     "template",
        "items", "regions", "placement", "x/y",      "m~n",  "",       "containers", "replicas"};
    return tape_pick(tape, keys, MOT_ARRAY_SIZE(keys));
}

static json_t *draw_text(struct tape *tape)
{
    static const char *const texts[] = {
        "x",    "",   "yes", "1",      "a b",   "\n", "\xe2\x82\xac", "12:30",
        "null", "{}", "- a", "x\ny\n", " lead", "#",  "0x1F"};
    return json_string(tape_pick(tape, texts, MOT_ARRAY_SIZE(texts)));
}

static json_t *draw_number(struct tape *tape)
{
    static const double reals[] = {0.5, 1.0, -1e300, 1e-7, 1e21, 123456.789, 0.1};
    static const json_int_t integers[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1000000};
    if (tape_bool(tape))
        return json_real(reals[tape_below(tape, MOT_ARRAY_SIZE(reals))]);
    return json_integer(integers[tape_below(tape, MOT_ARRAY_SIZE(integers))]);
}

static json_t *draw_array(struct tape *tape, int depth)
{
    json_t *array = json_array();
    for (size_t n = tape_below(tape, 4); n > 0; n--)
        json_array_append_new(array, draw_value(tape, depth - 1));
    return array;
}

json_t *draw_object(struct tape *tape, int depth)
{
    json_t *object = json_object();
    for (size_t n = tape_below(tape, 5); n > 0; n--) {
        const char *key = draw_key(tape);
        json_object_set_new(object, key, draw_value(tape, depth - 1));
    }
    return object;
}

json_t *draw_value(struct tape *tape, int depth)
{
    switch (tape_below(tape, depth > 0 ? 7 : 4)) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(tape_bool(tape));
    case 2:
        return draw_number(tape);
    case 3:
        return draw_text(tape);
    case 4:
        return draw_array(tape, depth);
    default:
        return draw_object(tape, depth);
    }
}
