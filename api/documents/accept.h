/* Which of several forms of a document a client wants. */
#ifndef MOT_API_DOCUMENTS_ACCEPT_H
#define MOT_API_DOCUMENTS_ACCEPT_H

#include <stddef.h>

struct offer {
    const char *type;       /* "application/json" */
    const char *parameters; /* what a clause must say besides: "g=…;v=…;as=…", sorted by name; ""
                               for none */
};

/* The index of the offer to serve: clauses by q-value and order, offers in their order; -1 for none
 * (406). NULL and "" accept anything. */
int accept_choose(const char *accept, const struct offer *offers, size_t count);

#endif
