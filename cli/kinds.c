/* `mot kinds`: what there is, as `kubectl api-resources` shows it. */
#include <stdio.h>

#include <mot/base/mem.h>

#include "cli/client/table.h"
#include "cli/commands.h"
#include "cli/reference.h"

#include <mot/base/options.h>
#include <mot/model/kind.h>

static json_t *row_of(const struct kind *kind)
{
    struct buf shorts;
    buf_init(&shorts, 4096);
    for (size_t i = 0; kind->short_names && kind->short_names[i]; i++)
        buf_addf(&shorts, "%s%s", i ? "," : "", kind->short_names[i]);
    json_t *row = json_pack("[s, s, s, s, s]", kind->plural, shorts.len ? shorts.data : "",
                            kind->api_version, kind->namespaced ? "true" : "false", kind->kind);
    buf_release(&shorts);
    return row;
}

static void print(void (*write)(struct buf *, const struct kinds *), const struct kinds *kinds)
{
    struct buf out;
    buf_init(&out, (size_t)4 << 20);
    write(&out, kinds);
    fwrite(out.data, 1, out.len, stdout);
    buf_release(&out);
}

static void write_table(struct buf *out, const struct kinds *kinds)
{
    json_t *rows =
        json_pack("[[s, s, s, s, s]]", "NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND");
    for (size_t i = 0; i < kinds_count(kinds); i++)
        json_array_append_new(rows, row_of(kinds_at(kinds, i)));
    struct table table = {0};
    table_rows(&table, rows, out);
    table_release(&table);
    json_decref(rows);
}

int kinds_main(int argc, char **argv)
{
    bool reference = false;
    const struct option_spec options[] = {
        {"reference", NULL, OPTION_FLAG, &reference, "write the API reference, in Markdown"}, {0}};
    const struct command_spec command = {
        .name = "mot kinds", .summary = "Lists the kinds of objects.", .options = options};
    struct err err = {0};
    int args = 0;
    int rc = options_parse(&command, argc, argv, &args, &err);
    if (rc > 0)
        return 0;
    struct kinds *kinds = rc == 0 ? kinds_load(&err) : NULL;
    if (!kinds) {
        fprintf(stderr, "mot kinds: %s\n", err.message);
        return 1;
    }
    print(reference ? reference_write : write_table, kinds);
    kinds_free(kinds);
    return 0;
}
