/* Before anything is started: the data folder, the topology, the ports, and whether everything
 * needed is installed. */
#ifndef MOT_CLI_UP_SETUP_H
#define MOT_CLI_UP_SETUP_H

#include "cli/up/parts.h"

struct up_settings {
    const char *data;
    const char *topology;
    const char *kafka_home;
    int port;
    int start_timeout_s;
    bool plain_http;
    bool once;
};

/* Locks the data folder for the life of the process, and fills in *setup without parts.
 * setup_release() it, also after an error. */
int setup_make(struct setup *setup, const struct up_settings *settings,
               struct err *err) MOT_NODISCARD;
void setup_release(struct setup *setup);

#endif
