#include "lifecycle.h"

#include <stdlib.h>

#include <mot/base/mem.h>
#include <mot/model/kind.h>

#include "events/expiry.h"
#include "garbage/collector.h"
#include "namespace.h"

struct lifecycle {
    struct kinds *kinds;
    struct recorder *recorder;
    struct collector *collector;
    struct terminator *terminator;
    struct expiry *expiry;
};

static int start(struct lifecycle *lifecycle, const struct lifecycle_options *options,
                 struct err *err)
{
    lifecycle->kinds = kinds_load_folder(options->kinds, err);
    if (!lifecycle->kinds)
        return -1;
    lifecycle->recorder = recorder_start(options->store, err);
    if (!lifecycle->recorder)
        return -1;
    struct collector_options collector = {
        .store = options->store, .kinds = lifecycle->kinds, .recorder = lifecycle->recorder};
    lifecycle->collector = collector_start(&collector, err);
    if (!lifecycle->collector)
        return -1;
    lifecycle->terminator = terminator_start(options->store, lifecycle->kinds, err);
    if (!lifecycle->terminator)
        return -1;
    lifecycle->expiry = expiry_start(options->store, options->event_ttl_ms, err);
    return lifecycle->expiry ? 0 : -1;
}

struct lifecycle *lifecycle_start(const struct lifecycle_options *options, struct err *err)
{
    struct lifecycle *lifecycle = mem_zalloc(sizeof(*lifecycle));
    if (start(lifecycle, options, err) == 0)
        return lifecycle;
    lifecycle_stop(lifecycle);
    return NULL;
}

struct recorder *lifecycle_recorder(const struct lifecycle *lifecycle)
{
    return lifecycle->recorder;
}

const struct kinds *lifecycle_kinds(const struct lifecycle *lifecycle)
{
    return lifecycle->kinds;
}

void lifecycle_stop(struct lifecycle *lifecycle)
{
    if (!lifecycle)
        return;
    expiry_stop(lifecycle->expiry);
    terminator_stop(lifecycle->terminator);
    collector_stop(lifecycle->collector);
    recorder_stop(lifecycle->recorder);
    kinds_free(lifecycle->kinds);
    free(lifecycle);
}
