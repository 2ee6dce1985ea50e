"""Kinds are data: one from a file that the build knows nothing of, and Application, by HTTP and with stock kubectl.

Usage: test_kinds.py MOT [ITEM…]
"""

import json
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, os.path.join(HERE, "..", "kubectl"))

from harness import (Api, Failure, Kubectl, Postgres, expect, expect_equal, expect_in,  # pylint: disable=wrong-import-position
                     kubectls)

MORE = os.path.join(HERE, "more")
GADGETS = "/apis/e2e.dev/v1/namespaces/default/gadgets"
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
MERGE = {"Content-Type": "application/merge-patch+json"}


def gadget(name, **spec):
    return {"apiVersion": "e2e.dev/v1", "kind": "Gadget", "metadata": {"name": name}, "spec": spec}


def ask(api, wanted, method, path, body=None, headers=None):
    status, _, answer = api.request(method, path, body, headers)
    expect_equal(status, wanted, f"{method} {path}: {answer}")
    return answer


def causes(answer):
    return [(cause["field"], cause["message"]) for cause in answer["details"]["causes"]]


def is_served(api):
    made = ask(api, 201, "POST", GADGETS, gadget("a"))
    expect_equal(made["spec"], {"color": "red", "replicas": 1}, "defaults")
    expect_equal(made["metadata"]["generation"], 1)
    ask(api, 201, "POST", GADGETS, gadget("b", color="green"))
    green = ask(api, 200, "GET", GADGETS + "?fieldSelector=spec.color%3Dgreen")
    expect_equal([item["metadata"]["name"] for item in green["items"]], ["b"], "selected")
    nulls = {"nothing": None, "free": {"a": [1, {"b": None}]}}
    made = ask(api, 201, "POST", GADGETS, gadget("nulls", site=None, color=None, **nulls))
    expect_equal(made["spec"], {**nulls, "color": "red", "replicas": 1}, "nulls")
    ask(api, 404, "GET", GADGETS + "/c")


def is_validated(api):
    answer = ask(api, 422, "POST", GADGETS, gadget("bad", color="blue", replicas=10, site="x",
                                                   parts=[{"weight": 1.5}]))
    expect_equal(answer["details"]["kind"], "Gadget")
    expect_equal(causes(answer), [
        ("spec.color", 'Unsupported value: "blue": supported values: "red", "green"'),
        ("spec.parts[0].weight", 'Invalid value: "number": spec.parts[0].weight in body must be of type '
                                 'integer,string: "number"'),
        ("spec.parts[0].name", "Required value"),
        ("spec.replicas", "Invalid value: 10: spec.replicas in body should be less than or equal to 9"),
        ("spec.site", 'Invalid value: "x": spec.site in body must be of type uri: "x"')])
    answer = ask(api, 422, "POST", GADGETS, gadget("twice", parts=[{"name": "x"}, {"name": "x"}]))
    expect_equal(causes(answer), [("spec.parts[1]", 'Duplicate value: {"name":"x"}')])
    answer = ask(api, 400, "POST", GADGETS + "?fieldValidation=Strict", gadget("unknown", wings=2))
    expect_in('strict decoding error: unknown field "spec.wings"', answer["message"])


def is_discovered(api):
    legacy = ask(api, 200, "GET", "/apis/e2e.dev/v1")["resources"]
    expect_equal([entry["name"] for entry in legacy], ["gadgets", "gadgets/status", "gadgets/scale"])
    expect_equal((legacy[2]["group"], legacy[2]["version"], legacy[2]["kind"]), ("autoscaling", "v1", "Scale"))
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    groups = ask(api, 200, "GET", "/apis", headers={"Accept": accept})["items"]
    group = next(entry for entry in groups if entry["metadata"]["name"] == "e2e.dev")
    resource = group["versions"][0]["resources"][0]
    expect_equal((resource["shortNames"], resource["categories"]), (["gg"], ["toys"]))
    expect_equal([entry["subresource"] for entry in resource["subresources"]], ["status", "scale"])


def is_described(api):
    index = ask(api, 200, "GET", "/openapi/v3")["paths"]
    document = ask(api, 200, "GET", index["apis/e2e.dev/v1"]["serverRelativeURL"])
    schema = document["components"]["schemas"]["dev.e2e.v1.Gadget"]
    expect_equal(schema["properties"]["spec"]["properties"]["color"]["enum"], ["red", "green"])
    path = "/apis/e2e.dev/v1/namespaces/{namespace}/gadgets/{name}"
    patch = document["paths"][path]["patch"]
    expect_equal(sorted(patch["requestBody"]["content"]),
                 ["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"])
    expect_in(path + "/scale", document["paths"])
    swagger = ask(api, 200, "GET", "/openapi/v2")
    spec = swagger["definitions"]["dev.e2e.v1.Gadget"]["properties"]["spec"]["properties"]
    expect_equal(spec["parts"]["x-kubernetes-list-map-keys"], ["name"])


def is_printed(api):
    ask(api, 201, "POST", GADGETS, gadget("t", replicas=3, parts=[{"name": "wheel"}]))
    table = ask(api, 200, "GET", GADGETS + "/t", headers=TABLE)
    expect_equal([column["name"] for column in table["columnDefinitions"]], ["Name", "Color", "Replicas", "First"])
    expect_equal([column["priority"] for column in table["columnDefinitions"]], [0, 0, 0, 1])
    expect_equal(table["rows"][0]["cells"], ["t", "red", 3, "wheel"])


def is_scaled(api):
    ask(api, 201, "POST", GADGETS, gadget("s", replicas=2))
    ask(api, 200, "PATCH", GADGETS + "/s/status", {"status": {"replicas": 1, "selector": "g=s"}}, MERGE)
    scale = ask(api, 200, "GET", GADGETS + "/s/scale")
    expect_equal((scale["apiVersion"], scale["kind"]), ("autoscaling/v1", "Scale"))
    expect_equal((scale["spec"], scale["status"]), ({"replicas": 2}, {"replicas": 1, "selector": "g=s"}))
    ask(api, 200, "PATCH", GADGETS + "/s/scale", {"spec": {"replicas": 4}}, MERGE)
    live = ask(api, 200, "GET", GADGETS + "/s")
    expect_equal((live["spec"]["replicas"], live["metadata"]["generation"]), (4, 2))
    answer = ask(api, 422, "PATCH", GADGETS + "/s/scale", {"spec": {"replicas": 10}}, MERGE)
    expect_equal(causes(answer)[0][0], "spec.replicas")


def stays_when_the_kind_changes(mot, url):
    """What a stricter schema would refuse stays until it is touched itself."""
    folder = tempfile.mkdtemp(prefix="mot-e2e-kinds-", dir="/tmp")
    with open(os.path.join(MORE, "gadget.yaml"), encoding="utf-8") as file:
        stricter = file.read().replace("enum: [red, green]", "enum: [red]")
    with open(os.path.join(folder, "gadget.yaml"), "w", encoding="utf-8") as file:
        file.write(stricter)
    api = Api(mot, url, "--kinds", folder)
    try:
        ask(api, 422, "POST", GADGETS, gadget("new", color="green"))
        ask(api, 200, "PATCH", GADGETS + "/old", {"metadata": {"labels": {"a": "b"}}}, MERGE)
        kept = ask(api, 200, "PATCH", GADGETS + "/old", {"spec": {"replicas": 2}}, MERGE)
        expect_equal(kept["spec"], {"color": "green", "replicas": 2})
        answer = ask(api, 422, "PATCH", GADGETS + "/old", {"spec": {"color": "blue"}}, MERGE)
        expect_equal(causes(answer), [("spec.color", 'Unsupported value: "blue": supported values: "red"')])
    finally:
        status = api.stop()
        shutil.rmtree(folder)
    expect_equal(status, 0, "the end of mot api")


def with_kubectl(kubectl, _api):
    path = kubectl.write("gadget.json", gadget("k", parts=[{"name": "wheel"}]))
    expect_equal(kubectl.ok("apply", "-f", path).out, "gadget.e2e.dev/k created\n")
    expect_equal(kubectl.ok("apply", "-f", path).out, "gadget.e2e.dev/k unchanged\n")
    head, row = kubectl.ok("get", "gg").out.splitlines()
    expect_equal(head.split(), ["NAME", "COLOR", "REPLICAS"])
    expect_equal(row.split(), ["k", "red", "1"])
    expect_in("k ", kubectl.ok("get", "toys").out, "category")
    expect_equal(kubectl.ok("scale", "gg/k", "--replicas=3").out, "gadget.e2e.dev/k scaled\n")
    expect_equal(kubectl.ok("get", "gg", "k", "-o", "jsonpath={.spec.replicas}").out, "3")
    result = kubectl.bad("scale", "gg/k", "--replicas=10")
    expect_in("spec.replicas: Invalid value: 10", result.err)
    result = kubectl.bad("apply", "-f", kubectl.write("bad.json", gadget("bad", color="blue")))
    expect_in('The Gadget "bad" is invalid: spec.color: Unsupported value: "blue": supported values: '
              '"red", "green"', result.err)
    explained = kubectl.ok("explain", "gadgets.spec.parts").out
    expect_in("What it is made of.", explained)
    expect_in("weight", explained)
    everything = gadget("all", site="https://example.com/", free={"a": [1, {"b": "c"}]}, any="x", nothing="x",
                        labels={"a": "b"}, lists={"l": ["x"]}, parts=[{"name": "wheel", "weight": "5%"}],
                        inner={"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {}})
    path = kubectl.write("all.json", everything)
    expect_equal(kubectl.ok("apply", "-f", path).out, "gadget.e2e.dev/all created\n", "nothing is unknown")
    live = json.loads(kubectl.ok("get", "gg", "all", "-o", "json").out)
    expect_equal(live["spec"], {**everything["spec"], "color": "red", "replicas": 1})
    result = kubectl.bad("apply", "-f", kubectl.write("unknown.json", gadget("u", wings=2)))
    expect_in('unknown field "wings" in dev.e2e.v1.Gadget.spec' if kubectl.version < (1, 25)
              else 'strict decoding error: unknown field "spec.wings"', result.err)


def applications(kubectl, _api):
    path = os.path.join(ROOT, "manifests", "catalogue", "checkout.yaml")
    expect_equal(kubectl.ok("apply", "-f", path).out, "application.mot.dev/checkout created\n")
    expect_equal(kubectl.ok("apply", "-f", path).out, "application.mot.dev/checkout unchanged\n")
    head, row = kubectl.ok("get", "app").out.splitlines()
    expect_equal(head.split(), ["NAME", "TIER", "LIFECYCLE", "OWNER", "AGE"])
    expect_equal(row.split()[:4], ["checkout", "critical", "production", "payments"])
    expect_in("checkout", kubectl.ok("get", "app", "--field-selector", "spec.system=shop").out)
    expect_equal(kubectl.ok("get", "app", "--field-selector", "spec.tier=standard").out, "")
    live = json.loads(kubectl.ok("get", "app", "checkout", "-o", "json").out)
    expect_equal(live["spec"]["lifecycle"], "production", "a default")
    expect_equal(live["spec"]["configuration"]["appenvs"],
                 [{"name": "staging", "values": {"timeoutSeconds": "5"}}])
    patch = json.dumps({"spec": {"links": [{"name": "x", "url": "not a link"}]}})
    result = kubectl.bad("patch", "app", "checkout", "--type=merge", "-p", patch)
    expect_in('spec.links[0].url: Invalid value: "not a link": spec.links[0].url in body must be of type uri',
              result.err)


OVER_HTTP = [is_served, is_validated, is_discovered, is_described, is_printed, is_scaled]
WITH_KUBECTL = [with_kubectl, applications]


def clean(api):
    for path in (GADGETS, "/apis/mot.dev/v1alpha1/namespaces/default/applications"):
        ask(api, 200, "DELETE", path)


def attempt(name, run):
    try:
        run()
        print(f"ok    {name}")
        return 0
    except Failure as failure:
        print(f"FAIL  {name}: {failure}")
        return 1


def run_all(api, names):
    failed = 0
    for item in OVER_HTTP:
        if not names or item.__name__ in names:
            clean(api)
            failed += attempt(item.__name__, lambda: item(api))  # pylint: disable=cell-var-from-loop
    for path in kubectls():
        for item in WITH_KUBECTL:
            if names and item.__name__ not in names:
                continue
            clean(api)
            kubectl = Kubectl(path, api.base)
            version = ".".join(str(part) for part in kubectl.version)
            failed += attempt(f"kubectl {version}: {item.__name__}",
                              lambda: item(kubectl, api))  # pylint: disable=cell-var-from-loop
            kubectl.close()
    return failed


def main():
    postgres = Postgres()
    try:
        api = Api(sys.argv[1], postgres.url, "--kinds", MORE)
        try:
            failed = run_all(api, sys.argv[2:])
            clean(api)
            ask(api, 201, "POST", GADGETS, gadget("old", color="green"))
        finally:
            status = api.stop()
        expect(status == 0, f"mot api ended with {status}")
        failed += attempt("stays_when_the_kind_changes",
                          lambda: stays_when_the_kind_changes(sys.argv[1], postgres.url))
    finally:
        postgres.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
