#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "api/auth/record.h"

/* cmocka.h must come after these */
#include <cmocka.h>

#include "lib/postgres.h"

static struct postgres *postgres;

static const char namespace_crd[] =
    "apiVersion: apiextensions.k8s.io/v1\n"
    "kind: CustomResourceDefinition\n"
    "metadata:\n"
    "  name: namespaces\n"
    "  annotations: {mot.dev/generation: 'false', mot.dev/unconditional-update: 'true'}\n"
    "spec:\n"
    "  group: ''\n"
    "  scope: Cluster\n"
    "  names: {kind: Namespace, listKind: NamespaceList, plural: namespaces, singular: namespace}\n"
    "  versions:\n"
    "  - name: v1\n"
    "    served: true\n"
    "    storage: true\n"
    "    subresources: {status: {}}\n"
    "    schema:\n"
    "      openAPIV3Schema:\n"
    "        type: object\n"
    "        properties:\n"
    "          spec: {type: object, x-kubernetes-preserve-unknown-fields: true}\n"
    "          status: {type: object, x-kubernetes-preserve-unknown-fields: true}\n";

static const char thing_crd[] =
    "apiVersion: apiextensions.k8s.io/v1\n"
    "kind: CustomResourceDefinition\n"
    "metadata: {name: things.mot.dev}\n"
    "spec:\n"
    "  group: 'mot.dev'\n"
    "  scope: Namespaced\n"
    "  names: {kind: Thing, listKind: ThingList, plural: things, singular: thing}\n"
    "  versions:\n"
    "  - name: v1alpha1\n"
    "    served: true\n"
    "    storage: true\n"
    "    subresources:\n"
    "      status: {}\n"
    "      scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.seen}\n"
    "    selectableFields: [{jsonPath: .spec.color}]\n"
    "    additionalPrinterColumns: [{name: Color, type: string, jsonPath: .spec.color}]\n"
    "    schema:\n"
    "      openAPIV3Schema:\n"
    "        type: object\n"
    "        required: [spec]\n"
    "        properties:\n"
    "          spec:\n"
    "            type: object\n"
    "            properties:\n"
    "              color: {type: string, maxLength: 20}\n"
    "              size: {type: integer, maximum: 10, default: 1}\n"
    "              text: {type: string}\n"
    "          status:\n"
    "            type: object\n"
    "            properties: {seen: {type: integer}}\n";

static const char globe_crd[] =
    "apiVersion: apiextensions.k8s.io/v1\n"
    "kind: CustomResourceDefinition\n"
    "metadata: {name: globes.mot.dev}\n"
    "spec:\n"
    "  group: 'mot.dev'\n"
    "  scope: Cluster\n"
    "  names: {kind: Globe, listKind: GlobeList, plural: globes, singular: globe}\n"
    "  versions:\n"
    "  - name: v1alpha1\n"
    "    served: true\n"
    "    storage: true\n"
    "    schema:\n"
    "      openAPIV3Schema:\n"
    "        type: object\n"
    "        properties:\n"
    "          spec: {type: object, x-kubernetes-preserve-unknown-fields: true}\n";

int fixture_begin(void **state)
{
    (void)state;
    postgres = postgres_start();
    return 0;
}

int fixture_end(void **state)
{
    (void)state;
    postgres_free(postgres);
    return 0;
}

char *fixture_database(const char *name)
{
    return postgres_url(postgres, name);
}

void fixture_crash(void)
{
    postgres_restart(postgres, "immediate");
}

void fixture_stop(void)
{
    postgres_stop(postgres, "fast");
}

void fixture_resume(void)
{
    postgres_resume(postgres);
}

struct server *server_start(const char *url, const struct api_options *options)
{
    const char *const crds[] = {namespace_crd, thing_crd, globe_crd};
    struct err err = {0};
    struct server *server = mem_zalloc(sizeof(*server));
    const struct store_options store_options = {.url = url, .name = "mot-api-test"};
    server->store = store_open(&store_options, &err);
    if (!server->store)
        fail_msg("store: %s", err.message);
    server->kinds = options && options->kinds ? (struct kinds *)(uintptr_t)options->kinds
                                              : kinds_parse(crds, MOT_ARRAY_SIZE(crds), &err);
    if (!server->kinds)
        fail_msg("kinds: %s", err.message);
    struct api_options all = options ? *options : (struct api_options){0};
    all.store = server->store;
    all.open_to_all = !all.authenticator;
    all.kinds = server->kinds;
    server->api = api_new(&all, &err);
    if (!server->api)
        fail_msg("api: %s", err.message);
    return server;
}

void server_listen(struct server *server, const struct http_server_options *options)
{
    struct err err = {0};
    struct http_server_options all = options ? *options : (struct http_server_options){0};
    all.address = "127.0.0.1";
    all.handler = api_handle;
    all.on_refused = record_refusal;
    all.context = server->api;
    server->http = http_server_start(&all, &err);
    if (!server->http)
        fail_msg("http: %s", err.message);
    server->port = http_server_port(server->http);
    api_attach(server->api, server->http);
}

void server_stop(struct server *server)
{
    if (server->http)
        http_server_stop(server->http, 1000);
    api_free(server->api);
    kinds_free(server->kinds);
    store_close(server->store);
    free(server);
}

/* -------------------------------------------------------------------------------- calls */

/* Splits "name: value\n…" in place. */
static size_t parse_headers(char *text, struct http_header *headers, size_t max)
{
    size_t count = 0;
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line && count < max;
         line = strtok_r(NULL, "\n", &save)) {
        char *colon = strstr(line, ": ");
        assert_non_null(colon);
        *colon = '\0';
        headers[count++] = (struct http_header){line, colon + 2};
    }
    return count;
}

struct answer call(struct server *server, const char *method, const char *target,
                   const char *headers, const char *body)
{
    struct http_header parsed[16];
    AUTO_FREE char *header_text = mem_strdup(headers);
    size_t path_len = strcspn(target, "?");
    AUTO_FREE char *path = mem_strndup(target, path_len);
    struct http_request request = {.method = method,
                                   .target = target,
                                   .path = path,
                                   .query = target[path_len] ? target + path_len + 1 : "",
                                   .headers = parsed,
                                   .header_count = parse_headers(header_text, parsed, 16),
                                   .body = body ? body : "",
                                   .body_len = body ? strlen(body) : 0,
                                   .peer = "test"};
    struct http_response response = {.status = 200};
    buf_init(&response.headers, BUF_MAX_DEFAULT);
    buf_init(&response.body, BUF_MAX_DEFAULT);
    api_handle(server->api, &request, &response);
    struct answer answer = {.code = response.status};
    answer.text = buf_take(&response.body);
    answer.headers = buf_take(&response.headers);
    answer.body = json_loads(answer.text, 0, NULL);
    answer.charge = response.charge;
    buf_release(&response.body);
    buf_release(&response.headers);
    return answer;
}

void answer_release(struct answer *answer)
{
    http_charge_release(&answer->charge);
    json_decref(answer->body);
    free(answer->text);
    free(answer->headers);
}

json_t *expect_call(struct server *server, int code, const char *method, const char *target,
                    const char *body)
{
    const char *type =
        strcmp(method, "PATCH") == 0 ? "content-type: application/merge-patch+json" : NULL;
    struct answer answer = call(server, method, target, type, body);
    if (answer.code != code)
        fail_msg("%s %s: %d %s", method, target, answer.code, answer.text);
    json_t *result = json_incref(answer.body);
    answer_release(&answer);
    return result;
}

void expect_failure(struct server *server, int code, const char *method, const char *target,
                    const char *headers, const char *body, const char *message)
{
    struct answer answer = call(server, method, target, headers, body);
    if (answer.code != code)
        fail_msg("%s %s: %d %s", method, target, answer.code, answer.text);
    assert_string_equal(text_at(answer.body, "kind"), "Status");
    assert_int_equal(json_at_int(answer.body, "code", 0), code);
    assert_string_equal(text_at(answer.body, "message"), message);
    answer_release(&answer);
}

const char *text_at(const json_t *body, const char *path)
{
    const char *text = json_at_text(body, path);
    if (!text)
        fail_msg("there is no %s", path);
    return text;
}

static long long revision_of(json_t *body)
{
    long long revision = strtoll(text_at(body, "metadata.resourceVersion"), NULL, 10);
    json_decref(body);
    return revision;
}

long long create_thing(struct server *server, const char *name, const char *color)
{
    AUTO_FREE char *body =
        mem_printf("{\"apiVersion\":\"mot.dev/v1alpha1\",\"kind\":\"Thing\","
                   "\"metadata\":{\"name\":\"%s\",\"labels\":{\"color\":\"%s\"}},"
                   "\"spec\":{\"color\":\"%s\"}}",
                   name, color, color);
    return revision_of(expect_call(server, 201, "POST", THINGS, body));
}

long long patch_thing(struct server *server, const char *name, const char *patch)
{
    AUTO_FREE char *target = mem_printf(THINGS "/%s", name);
    return revision_of(expect_call(server, 200, "PATCH", target, patch));
}

void delete_thing(struct server *server, const char *name)
{
    AUTO_FREE char *target = mem_printf(THINGS "/%s", name);
    json_decref(expect_call(server, 200, "DELETE", target, NULL));
}
