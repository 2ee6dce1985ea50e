#include "verbs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

#include "../continue.h"
#include "../query.h"
#include "../respond.h"

/* Per round trip to the database. */
#define ROWS_MAX       1000
#define ROWS_SELECTIVE 200

/* A page under construction. */
struct page {
    struct request *request;
    struct buf *body;
    struct renderer renderer;
    const struct list_options *options;
    int64_t limit;
    int64_t count;
    int64_t revision;
    struct continuation last; /* the last object that was written */
    bool more;
    bool too_much; /* the server holds too many large answers */
};

/* The memory is counted as it is taken. */
static int cover(struct request *request, struct page *page, size_t bytes, struct err *err)
{
    if (answers_cover(&request->api->answers, request->response, bytes))
        return 0;
    page->too_much = true;
    return err_set(err, ERR_TRANSIENT, "too many large answers are under way");
}

static int add_item(void *context, const struct store_object *object, struct err *err)
{
    struct page *page = context;
    if (!list_options_match(page->options, object->selectable))
        return 0;
    if (page->limit > 0 && page->count == page->limit) {
        page->more = true;
        return 1;
    }
    if (page->count++ > 0)
        buf_addc(page->body, ',');
    render_item(page->body, &page->renderer, object->body, object->body_len, object->revision);
    if (buf_failed(page->body))
        return err_set(err, ERR_TOO_LARGE,
                       "the list is too large: ask for it in pages, with limit");
    if (cover(page->request, page, page->body->cap, err) < 0)
        return -1;
    if (page->limit > 0 && page->count == page->limit) {
        page->last.ns = mem_strdup(object->key.ns);
        page->last.name = mem_strdup(object->key.name);
    }
    return 0;
}

/* What a selector demands exactly narrows the query. */
static void narrow(const struct request *request, const struct list_options *options,
                   struct store_list_query *query)
{
    query->name = selector_exact(options->fields, "metadata.name");
    if (!request->kind->namespaced)
        query->ns = "";
    else if (*request->route.ns)
        query->ns = request->route.ns;
    else
        query->ns = selector_exact(options->fields, "metadata.namespace");
}

static int fail_expired(struct request *request, const struct continuation *from)
{
    fail(request, 410, "Expired",
         "The provided continue parameter is too old to display a consistent list result. You can "
         "start a new list without the continue parameter, or use the continue token in this "
         "response to retrieve the remainder of the results. Continuing with the provided token "
         "results in an inconsistent list - objects that were created, modified, or deleted "
         "between the time the first chunk was returned and now may show up in the list.");
    struct continuation fresh = {
        .revision = 0, .remaining = -1, .ns = from->ns, .name = from->name};
    request->status.continue_token = continue_encode(&fresh);
    return -1;
}

static int fail_too_many(struct request *request)
{
    fail(request, 429, "TooManyRequests", "Too many requests, please try again later.");
    request->status.retry_after = 1;
    return -1;
}

static int fail_list(struct request *request, const struct page *page,
                     const struct store_list_query *query, const struct continuation *from,
                     const struct err *err)
{
    if (page->too_much)
        return fail_too_many(request);
    if (err->code == ERR_GONE && from)
        return fail_expired(request, from);
    if (err->code == ERR_GONE)
        return fail(request, 410, "Expired",
                    "The resourceVersion for the provided list is too old.");
    if (err->code == ERR_INVALID && query->at > 0) /* in the future, of another database */
        return await_revision(request, query->at) < 0 ? -1 : fail_err(request, err);
    return fail_err(request, err);
}

/* How many follow after this page; only known without selectors. The pages after the first one
 * count down. */
static int64_t count_remaining(const struct request *request, const struct page *page,
                               const struct continuation *from, struct store_list_query query)
{
    if (!selector_is_everything(page->options->labels) ||
        !selector_is_everything(page->options->fields))
        return -1;
    if (from && from->remaining > page->count)
        return from->remaining - page->count;
    query.after_ns = page->last.ns;
    query.after_name = page->last.name;
    query.at = page->revision;
    int64_t count = 0;
    struct err err = {0};
    return store_count(request->api->store, &query, &count, &err) < 0 || count == 0 ? -1 : count;
}

/* The tree that YAML is written from takes several times what the text does. */
#define YAML_FACTOR 8

static int finish(struct request *request, struct page *page, const struct continuation *from,
                  const struct store_list_query *query)
{
    AUTO_FREE char *token = NULL;
    int64_t remaining = -1;
    struct err err = {0};
    if (request->output.media == MEDIA_YAML &&
        cover(request, page, YAML_FACTOR * page->body->cap, &err) < 0)
        return fail_too_many(request);
    if (page->more) {
        remaining = count_remaining(request, page, from, *query);
        page->last.revision = page->revision;
        page->last.remaining = remaining;
        token = continue_encode(&page->last);
    }
    render_list_tail(page->body, &page->renderer, page->revision, token, remaining);
    respond_json(request, 200);
    return 0;
}

/* One more than asked for says whether there is another page. A selector may pass over many. */
static size_t rows_at_once(const struct list_options *options)
{
    bool all = selector_is_everything(options->labels) && selector_is_everything(options->fields);
    if (options->limit == 0 || options->limit >= ROWS_MAX)
        return ROWS_MAX;
    if (!all && options->limit < ROWS_SELECTIVE)
        return ROWS_SELECTIVE;
    return (size_t)options->limit + 1;
}

static int run(struct request *request, const struct list_options *options,
               const struct continuation *from, struct store_list_query *query)
{
    enum include_object include;
    if (query_include_object(request, &include) < 0)
        return -1;
    struct page page = {.request = request,
                        .body = &request->response->body,
                        .renderer = request_renderer(request, include),
                        .options = options,
                        .limit = options->limit};
    narrow(request, options, query);
    query->batch = rows_at_once(options);
    render_list_head(page.body, &page.renderer);
    struct err err = {0};
    int result = store_list(request->api->store, query, &page.revision, add_item, &page, &err);
    if (result < 0)
        result = fail_list(request, &page, query, from, &err);
    else
        result = finish(request, &page, from, query);
    continue_release(&page.last);
    return result;
}

static int run_from_token(struct request *request, const struct list_options *options)
{
    struct continuation from;
    struct err err = {0};
    if (continue_decode(options->token, &from, &err) < 0)
        return fail(request, 400, "BadRequest", "invalid continue token: %s", err.message);
    if (options->revision > 0) {
        continue_release(&from);
        return fail(request, 400, "BadRequest",
                    "specifying resource version is not allowed when using continue");
    }
    struct store_list_query query = {.resource = kind_stored(request->kind)->resource,
                                     .after_ns = from.ns,
                                     .after_name = from.name,
                                     .at = from.revision};
    int result = run(request, options, &from, &query);
    continue_release(&from);
    return result;
}

static int run_from_start(struct request *request, const struct list_options *options)
{
    struct store_list_query query = {.resource = kind_stored(request->kind)->resource};
    bool exact = options->match == MATCH_EXACT ||
                 (options->match == MATCH_NONE && options->limit > 0 && options->revision > 0);
    if (exact)
        query.at = options->revision;
    if (await_revision(request, options->revision) < 0)
        return -1;
    return run(request, options, NULL, &query);
}

/* For "anything will do" kube-apiserver answers from its cache, and that in one page. */
static int run_list(struct request *request, struct list_options *options)
{
    if (request->output.form == FORM_PARTIAL)
        return fail(request, 406, "NotAcceptable",
                    "you requested PartialObjectMetadata, but the requested object is a list "
                    "(*unstructured.UnstructuredList)");
    if (options->has_revision && options->revision == 0)
        options->limit = 0;
    return options->token ? run_from_token(request, options) : run_from_start(request, options);
}

int verb_list(struct request *request)
{
    struct list_options options;
    int result = list_options_parse(request, &options);
    if (result == 0)
        result = run_list(request, &options);
    list_options_release(&options);
    return result;
}
