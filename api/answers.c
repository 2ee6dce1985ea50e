#include "answers.h"

#define MAX_DEFAULT ((size_t)512 << 20)
#define FREE_BYTES  ((size_t)1 << 20)

void answers_init(struct answers *answers, size_t max)
{
    atomic_init(&answers->held, 0);
    answers->max = max ? max : MAX_DEFAULT;
}

static void give_back(void *context, size_t bytes)
{
    struct answers *answers = context;
    atomic_fetch_sub(&answers->held, bytes);
}

/* What @bytes are charged with. */
static size_t due_for(size_t bytes)
{
    return bytes > FREE_BYTES ? bytes - FREE_BYTES : 0;
}

bool answers_cover(struct answers *answers, struct http_response *response, size_t bytes)
{
    struct http_charge *charge = &response->charge;
    size_t due = due_for(bytes);
    if (due <= charge->amount)
        return true;
    size_t more = due - charge->amount;
    if (atomic_fetch_add(&answers->held, more) + more > answers->max) {
        atomic_fetch_sub(&answers->held, more);
        return false;
    }
    *charge = (struct http_charge){give_back, answers, due};
    return true;
}

void answers_reduce(struct answers *answers, struct http_response *response, size_t bytes)
{
    struct http_charge *charge = &response->charge;
    size_t due = due_for(bytes);
    if (due >= charge->amount)
        return;
    give_back(answers, charge->amount - due);
    charge->amount = due;
}
