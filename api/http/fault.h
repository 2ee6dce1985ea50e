/* Why a request is refused before any handler saw it. */
#ifndef MOT_API_HTTP_FAULT_H
#define MOT_API_HTTP_FAULT_H

struct fault {
    int status;          /* 0: none */
    const char *message; /* static text */
};

#endif
