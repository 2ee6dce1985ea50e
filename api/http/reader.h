/*
 * Reads one HTTP/1.1 request from bytes that come in any pieces. http-parser reads the request line
 * and the headers, with strict rules on top: what two servers could understand differently is
 * refused. Knows no sockets.
 */
#ifndef MOT_API_HTTP_READER_H
#define MOT_API_HTTP_READER_H

#include <mot/base/buf.h>

#include "chunk.h"
#include "fault.h"
#include "server.h"

/* A request with what it is made of; on its own allocation, so that it outlives the reader. */
struct message {
    struct http_request request;
    struct http_header *headers;
    char *text; /* target, names and values */
    char *method;
    char *path; /* with the query behind it, or NULL when they are parts of the target */
    struct buf body;
    char peer[64];
    struct certificate *certificate; /* what request.certificate is a view of */
    char websocket_key[32];
    bool http10;
    bool close; /* the connection ends after the answer */
    bool expects_continue;
};
void message_free(struct message *message);

enum reader_state {
    READER_IDLE, /* no byte of the request yet */
    READER_HEAD,
    READER_BODY,
    READER_DONE, /* reader_take() */
    READER_FAILED,
};

struct reader_limits {
    size_t header_max;
    size_t body_max;
};

struct reader_mark {
    size_t name, value; /* where they are in text */
};

struct reader {
    enum reader_state state;
    struct fault fault; /* when READER_FAILED */
    struct reader_limits limits;
    struct http_parser *parser; /* its header can't stand beside that of libwebsockets */
    struct message *message;    /* from the end of the headers on */
    /* the head */
    struct buf text;
    struct reader_mark *marks;
    size_t mark_count, mark_cap;
    size_t head_bytes;
    int part;        /* what the last callback was about */
    char last;       /* the byte before */
    size_t line_len; /* bytes of the line so far */
    bool in_request_line;
    char tail[9];  /* the last bytes of the request line */
    bool complete; /* http-parser has seen the whole head */
    /* the body */
    bool chunked;
    uint64_t body_left;
    struct chunk_decoder chunks;
    char too_large[64]; /* what is said then, in kube-apiserver's words */
};

void reader_init(struct reader *reader, const struct reader_limits *limits);
void reader_release(struct reader *reader);
/* Makes it ready for the next request on the connection. */
void reader_next(struct reader *reader);
/*
 * Uses bytes until the request is complete or refused, and returns how many. When the state becomes
 * READER_BODY the caller may look at reader->message (expects_continue).
 */
size_t reader_feed(struct reader *reader, const char *data, size_t len);
/* The method and the target as far as they were understood (the target of one that is too long is
 * cut), else NULL; valid until the next call. */
const char *reader_method(const struct reader *reader);
const char *reader_target(const struct reader *reader);
/* The complete request, now the caller's. */
struct message *reader_take(struct reader *reader);

/* "Upgrade, keep-alive" has the token "upgrade" (given in lower case). */
bool reader_has_token(const char *list, const char *token);

#endif
