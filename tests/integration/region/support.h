/* One region with its own cluster, and `mot reconciler` as a process of its own. */
#ifndef MOT_TESTS_INTEGRATION_REGION_SUPPORT_H
#define MOT_TESTS_INTEGRATION_REGION_SUPPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <lib/kafka.h>

extern struct kafka *broker;

void region_begin(void);
void region_end(void);
/* From the next start on the region has only its first zone, or both again. */
void region_set_zones(int count);
/* How many processes the region runs; kills one of them if @kill_one. */
int region_processes(bool kill_one);
/* The topic of launch events; the reconciler makes the others. */
void launch_topic_create(void);
void launch(const char *key, const char *value, int64_t revision);

void reconciler_start(void);
void reconciler_kill(void);
/* By SIGTERM; its exit status. */
int reconciler_stop(void);
/* In the process that reconciler_start makes. */
int reconciler_child(const char *folder);

/* The newest value of a key; a new reference, or NULL. */
json_t *value_of(const char *topic, const char *key);
int64_t records_of(const char *topic);
/* Waits until @holds says so of the newest value (NULL: none); gives it out, to be released. */
json_t *wait_value(const char *topic, const char *key,
                   bool (*holds)(const json_t *value, int64_t number), int64_t number);

#endif
