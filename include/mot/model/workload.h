/*
 * What one region must run of one deployment, decoded from a RegionalDeployment: the typed form
 * that decisions and drivers work on. Immutable after decoding; everything lives in the arena given
 * at decoding. No pointer is NULL unless it says so.
 */
#ifndef MOT_MODEL_WORKLOAD_H
#define MOT_MODEL_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/arena.h>
#include <mot/base/err.h>

struct workload_env {
    const char *name;
    const char *value;
};

struct workload_port {
    const char *name; /* "" when it has none */
    int port;         /* containerPort */
    const char *protocol;
};

enum probe_type { PROBE_NONE, PROBE_HTTP, PROBE_TCP };

struct workload_probe {
    enum probe_type type;
    const char *path;
    const char *port; /* a number or the name of a port */
    struct workload_env *headers;
    size_t header_count;
    int64_t initial_delay_ms, period_ms, timeout_ms;
    int success_threshold, failure_threshold;
};

struct workload_container {
    const char *name;
    const char *image;
    const char *const *command; /* NULL-terminated, as args */
    const char *const *args;
    const char *working_dir; /* "" when it has none */
    struct workload_env *env;
    size_t env_count;
    struct workload_port *ports;
    size_t port_count;
    const char *resources; /* JSON as given, "{}" if none */
    struct workload_probe readiness, liveness;
};

struct workload_zone {
    const char *name;
    int replicas;
};

/* A number or a percentage, as maxSurge: 1 or maxSurge: 25%. */
struct int_or_percent {
    int value;
    bool percent;
};
/* Of @total; percentages are rounded up or down. */
int int_or_percent_of(struct int_or_percent amount, int total, bool round_up);

struct workload {
    const char *ns;
    const char *name;        /* of the Deployment; with ns, the key of all records: "<ns>/<name>" */
    const char *object_name; /* of the RegionalDeployment */
    const char *uid;         /* of the RegionalDeployment */
    const char *region;
    int64_t revision; /* of the launch event */
    int64_t generation;
    bool deleting;
    struct workload_container *containers;
    size_t container_count;
    int64_t grace_ms; /* terminationGracePeriodSeconds */
    const char
        *template_hash; /* of everything that needs a new instance when it changes; 16 hex digits */
    struct workload_zone *zones;
    size_t zone_count;
    struct int_or_percent max_unavailable, max_surge;
    int64_t min_ready_ms, progress_deadline_ms;
};

/* From the JSON text of a RegionalDeployment with resourceVersion. Lives in @arena. */
struct workload *workload_decode(struct arena *arena, const char *text, size_t len,
                                 struct err *err) MOT_NODISCARD;
/* The replicas asked for in a zone; 0 when it isn't named or the workload is being deleted. */
int workload_replicas(const struct workload *workload, const char *zone);

#endif
