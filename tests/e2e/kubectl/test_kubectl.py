"""The P0 list of what stock kubectl must find, old and new, with the texts of a real API server.

Usage: test_kubectl.py MOT [ITEM…]
"""

import copy
import json
import sys
import time

from harness import Api, Postgres, expect, expect_equal, expect_in, kubectls, read, run_items, wait_for

GROUP = "mot.dev/v1alpha1"


def deployment(name, image="registry.example/web:1", **labels):
    return {
        "apiVersion": GROUP, "kind": "Deployment",
        "metadata": {"name": name, **({"labels": labels} if labels else {})},
        "spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}},
                 "placement": [{"name": "all", "regions": ["r1"], "replicas": 1}]}}


def deleted_text(kubectl, name):
    where = " from default namespace" if kubectl.version >= (1, 34) else ""
    return f'deployment.mot.dev "{name}" deleted{where}\n'


def discovery(kubectl, api):
    """0.1"""
    lines = kubectl.ok("api-resources").out.splitlines()
    rows = {line.split()[0]: line.split() for line in lines[1:]}
    expect_equal(rows["deployments"][1:], ["dep,mdep", GROUP, "true", "Deployment"])
    expect_equal(rows["regions"][1:], ["reg", GROUP, "false", "Region"])
    expect_equal(rows["namespaces"][1:], ["ns", "v1", "false", "Namespace"])
    versions = kubectl.ok("api-versions").out.split()
    for version in (GROUP, "v1", "events.k8s.io/v1", "rbac.authorization.k8s.io/v1", "coordination.k8s.io/v1"):
        expect_in(version, versions)


def group_forms(kubectl, api):
    """0.2"""
    kubectl.ok("apply", "-f", kubectl.write("web.json", deployment("web")))
    for form in ("dep", "deployments", "deployment", "deployments.mot.dev",
                 "deployments.v1alpha1.mot.dev", "deployment/web", "all"):
        result = kubectl.ok("get", form)
        expect_in("web", result.out, form)
    expect_in("mot", kubectl.ok("get", "mot").out + "mot", "category")


def tables(kubectl, api):
    """0.3"""
    result = kubectl.ok("get", "dep")
    expect_equal((result.out, result.err), ("", "No resources found in default namespace.\n"))
    kubectl.ok("apply", "-f", kubectl.write("web.json", deployment("web", app="web")))
    head, row = kubectl.ok("get", "dep").out.splitlines()
    expect_equal(head.split(), ["NAME", "DESIRED", "READY", "REGIONS", "CONVERGED", "AGE"])
    expect_equal(row.split()[0], "web")
    wide = kubectl.ok("get", "dep", "-o", "wide").out.splitlines()
    expect_in("IMAGE", wide[0])
    expect_in("registry.example/web:1", wide[1])
    expect_equal(kubectl.ok("get", "dep", "-o", "name").out, "deployment.mot.dev/web\n")
    expect_in("app=web", kubectl.ok("get", "dep", "--show-labels").out)
    expect_in("default", kubectl.ok("get", "dep", "-A").out)
    expect_in("web", kubectl.ok("get", "dep", "--sort-by=.metadata.name").out)
    expect_equal(kubectl.ok("get", "dep", "-l", "app=other").out, "")
    expect_in("web", kubectl.ok("get", "dep", "-l", "app in (web,x)").out)
    expect_in("web", kubectl.ok("get", "dep", "--field-selector", "metadata.name=web").out)
    expect_equal(kubectl.ok("-n", "nosuch", "get", "dep").err,
                 "No resources found in nosuch namespace.\n")


def apply(kubectl, api):
    """0.4"""
    path = kubectl.write("web.json", deployment("web"))
    expect_equal(kubectl.ok("apply", "-f", path).out, "deployment.mot.dev/web created\n")
    expect_equal(kubectl.ok("apply", "-f", path).out, "deployment.mot.dev/web unchanged\n")
    path = kubectl.write("web.json", deployment("web", image="registry.example/web:2"))
    expect_equal(kubectl.ok("apply", "-f", path).out, "deployment.mot.dev/web configured\n")
    live = json.loads(kubectl.ok("get", "dep", "web", "-o", "json").out)
    expect_equal(live["metadata"]["generation"], 2)
    expect_equal(live["spec"]["template"]["spec"]["containers"][0]["image"],
                 "registry.example/web:2")


def apply_list(kubectl, api):
    """0.5"""
    items = {"apiVersion": "v1", "kind": "List", "items": [deployment("la"), deployment("lb")]}
    result = kubectl.ok("apply", "-f", kubectl.write("list.json", items))
    expect_equal(result.out, "deployment.mot.dev/la created\ndeployment.mot.dev/lb created\n")


def invalid(kubectl, api):
    """0.6"""
    bad = deployment("bad")
    bad["spec"]["placement"][0]["replicas"] = 100001
    bad["spec"]["template"]["spec"]["containers"][0]["image"] = ""
    result = kubectl.bad("create", "--validate=false", "-f", kubectl.write("bad.json", bad))
    expect_in('The Deployment "bad" is invalid: \n', result.err)
    expect_in("* spec.placement[0].replicas: Invalid value: 100001: spec.placement[0].replicas in body "
              "should be less than or equal to 100000", result.err)
    expect_in("* spec.template.spec.containers[0].image: Invalid value: \"\": "
              "spec.template.spec.containers[0].image in body should be at least 1 chars long",
              result.err)
    del bad["spec"]["placement"]
    bad["spec"]["template"]["spec"]["containers"][0]["image"] = "i"
    result = kubectl.bad("create", "--validate=false", "-f", kubectl.write("bad.json", bad))
    expect_equal(result.err, 'The Deployment "bad" is invalid: spec.placement: Required value\n')


def unknown_field(kubectl, api):
    """0.7"""
    unknown = deployment("unk")
    unknown["spec"]["bogus"] = 1
    path = kubectl.write("unk.json", unknown)
    result = kubectl.bad("create", "-f", path)
    if kubectl.version >= (1, 25):
        expect_equal(result.err, "Error from server (BadRequest): error when creating "
                     f'"{path}": Deployment in version "v1alpha1" cannot be handled as a Deployment: '
                     'strict decoding error: unknown field "spec.bogus"\n')
        result = kubectl.ok("create", "--validate=warn", "-f", path)
        expect_equal(result.err, 'Warning: unknown field "spec.bogus"\n')
        expect_equal(result.out, "deployment.mot.dev/unk created\n")
        kubectl.ok("delete", "dep", "unk")
    else:
        expect_in('unknown field "bogus" in dev.mot.v1alpha1.Deployment.spec', result.err)
    expect_equal(kubectl.ok("create", "--validate=false", "-f", path).out,
                 "deployment.mot.dev/unk created\n")
    live = json.loads(kubectl.ok("get", "dep", "unk", "-o", "json").out)
    expect("bogus" not in live["spec"], "unknown fields are pruned")


def exists_and_missing(kubectl, api):
    """0.8"""
    path = kubectl.write("web.json", deployment("web"))
    kubectl.ok("create", "-f", path)
    expect_equal(kubectl.bad("create", "-f", path).err,
                 f'Error from server (AlreadyExists): error when creating "{path}": '
                 'deployments.mot.dev "web" already exists\n')
    expect_equal(kubectl.bad("get", "dep", "nope").err,
                 'Error from server (NotFound): deployments.mot.dev "nope" not found\n')
    expect_equal(kubectl.bad("-n", "nosuch", "create", "-f", path).err,
                 f'Error from server (NotFound): error when creating "{path}": '
                 'namespaces "nosuch" not found\n')


def delete(kubectl, api):
    """0.9"""
    kubectl.ok("apply", "-f", kubectl.write("web.json", deployment("web")))
    began = time.monotonic()
    expect_equal(kubectl.ok("delete", "dep", "web").out, deleted_text(kubectl, "web"))
    expect(time.monotonic() - began < 10, "delete waited too long")
    expect_equal(kubectl.bad("delete", "dep", "web").err,
                 'Error from server (NotFound): deployments.mot.dev "web" not found\n')
    result = kubectl.ok("delete", "dep", "web", "--ignore-not-found")
    expect_equal((result.out, result.err), ("", ""))


def delete_waits(kubectl, api):
    """0.9, with a finalizer: kubectl watches until another one takes it away"""
    held = deployment("held")
    held["metadata"]["finalizers"] = ["mot.dev/test"]
    kubectl.ok("apply", "-f", kubectl.write("held.json", held))
    process = kubectl.start("delete", "dep", "held")
    wait_for(lambda: "deletionTimestamp" in kubectl.ok("get", "dep", "held", "-o", "json").out,
             "deletionTimestamp")
    expect(process.poll() is None, "delete did not wait")
    kubectl.ok("patch", "dep", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    expect_equal(process.wait(20), 0)
    expect_equal(read(process), deleted_text(kubectl, "held"))


def watch(kubectl, api):
    """0.10"""
    kubectl.ok("apply", "-f", kubectl.write("web.json", deployment("web")))
    everything = kubectl.start("get", "dep", "-w")
    one = kubectl.start("get", "dep", "web", "-w")
    events = kubectl.start("get", "dep", "web", "-o", "json", "-w", "--output-watch-events")
    for process in (everything, one, events):
        wait_for(lambda p=process: "web" in read(p), "the first line")
    time.sleep(0.3)
    for n in range(3):
        kubectl.ok("patch", "dep", "web", "--type=merge", "-p",
                   json.dumps({"metadata": {"labels": {"n": str(n)}}}))
    kubectl.ok("apply", "-f", kubectl.write("other.json", deployment("other")))
    kubectl.ok("delete", "dep", "web")
    wait_for(lambda: '{"type":"DELETED"' in read(events), "DELETED")
    wait_for(lambda: len(read(one).splitlines()) >= 6 and len(read(everything).splitlines()) >= 7,
             "lines")
    for process in (everything, one, events):
        process.terminate()
        process.wait()
    lines = read(everything).splitlines()
    expect_equal([line.split()[0] for line in lines],
                 ["NAME", "web", "web", "web", "web", "other", "web"])
    lines = read(one).splitlines()
    expect_equal([line.split()[0] for line in lines], ["NAME"] + ["web"] * 5)
    types = [json.loads(line)["type"] for line in read(events).splitlines()]
    expect_equal(types, ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"])


def patches(kubectl, api):
    """0.11"""
    kubectl.ok("apply", "-f", kubectl.write("web.json", deployment("web")))
    out = kubectl.ok("patch", "dep", "web", "--type=merge", "-p",
                     '{"metadata":{"labels":{"a":"b"}}}').out
    expect_equal(out, "deployment.mot.dev/web patched\n")
    out = kubectl.ok("patch", "dep", "web", "--type=merge", "-p",
                     '{"metadata":{"labels":{"a":"b"}}}').out
    expect_equal(out, "deployment.mot.dev/web patched (no change)\n")
    out = kubectl.ok("patch", "dep", "web", "--type=json", "-p",
                     '[{"op":"replace","path":"/spec/placement/0/replicas","value":4}]').out
    expect_equal(out, "deployment.mot.dev/web patched\n")
    result = kubectl.bad("patch", "dep", "web", "-p", '{"metadata":{"labels":{"a":"c"}}}')
    accepted = ("the body of the request was in an unknown format - accepted media types include: "
                "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml")
    if kubectl.version >= (1, 27):
        accepted = ("application/strategic-merge-patch+json is not supported by "
                    "mot.dev/v1alpha1, Kind=Deployment: " + accepted)
    expect_in(accepted, result.err)
    result = kubectl.bad("patch", "dep", "web", "--type=json", "-p",
                         '[{"op":"test","path":"/spec/nope","value":4}]')
    expect_in("The request is invalid", result.err)
    kubectl.ok("label", "dep", "web", "x=y")
    kubectl.ok("annotate", "dep", "web", "note=hello")
    live = json.loads(kubectl.ok("get", "dep", "web", "-o", "json").out)
    expect_equal(live["metadata"]["labels"], {"a": "b", "x": "y"})
    expect_equal(live["metadata"]["generation"], 2)
    expect_equal(live["spec"]["placement"][0]["replicas"], 4)


def optimistic_lock(kubectl, api):
    """0.12"""
    kubectl.ok("apply", "-f", kubectl.write("web.json", deployment("web")))
    live = json.loads(kubectl.ok("get", "dep", "web", "-o", "json").out)
    first, second = copy.deepcopy(live), copy.deepcopy(live)
    first["spec"]["placement"][0]["replicas"] = 2
    second["spec"]["placement"][0]["replicas"] = 3
    expect_equal(kubectl.ok("replace", "-f", kubectl.write("a.json", first)).out,
                 "deployment.mot.dev/web replaced\n")
    result = kubectl.bad("replace", "-f", kubectl.write("b.json", second))
    expect_in("Error from server (Conflict)", result.err)
    expect_in('Operation cannot be fulfilled on deployments.mot.dev "web": the object has been '
              "modified; please apply your changes to the latest version and try again", result.err)


def namespaces(kubectl, api):
    """Part of 1.11: create, list; "default" stays. test_objects.py deletes some, which takes a controller."""
    expect_equal(kubectl.ok("apply", "-f", "-", stdin=json.dumps(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})).out,
        "namespace/team created\n")
    expect_equal(kubectl.ok("create", "namespace", "team2").out, "namespace/team2 created\n")
    rows = [line.split()[:2] for line in kubectl.ok("get", "ns").out.splitlines()[1:]]
    expect_equal(rows, [["default", "Active"], ["team", "Active"], ["team2", "Active"]])
    expect_in("Forbidden", kubectl.bad("delete", "ns", "default").err)


def other_commands(kubectl, api):
    """describe, explain, edit by wait, version, raw paths"""
    kubectl.ok("apply", "-f", kubectl.write("web.json", deployment("web")))
    expect_in("Name:         web", kubectl.ok("describe", "dep", "web").out)
    expect_in("placement", kubectl.ok("explain", "deployments.spec").out)
    expect_equal(kubectl.ok("get", "--raw", "/healthz").out, "ok")
    expect_in("v1.35", kubectl.ok("version").out)
    expect_in("could not find the requested resource", kubectl.bad("get", "--raw", "/nope").err)
    kubectl.ok("patch", "dep", "web", "--type=merge", "--dry-run=server", "-p",
               '{"metadata":{"labels":{"dry":"run"}}}')
    expect("dry" not in kubectl.ok("get", "dep", "web", "-o", "json").out, "dry run was stored")
    if kubectl.version >= (1, 24):
        kubectl.ok("patch", "dep", "web", "--subresource=status", "--type=merge", "-p", json.dumps(
            {"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "Test",
                                        "message": "", "lastTransitionTime":
                                        "2026-01-01T00:00:00Z"}]}}))
        expect_in("condition met", kubectl.ok("wait", "--for=condition=Ready", "dep/web",
                                              "--timeout=10s").out)
        result = kubectl.bad("wait", "--for=condition=Never", "dep/web", "--timeout=1s")
        expect_in("timed out waiting for the condition on deployments/web", result.err)
    live = json.loads(kubectl.ok("get", "dep", "web", "-o", "json").out)
    expect_equal(live["metadata"]["generation"], 1)


ITEMS = [discovery, group_forms, tables, apply, apply_list, invalid, unknown_field,
         exists_and_missing, delete, delete_waits, watch, patches, optimistic_lock, namespaces,
         other_commands]


def clean(api):
    """Every item begins with an empty default namespace."""
    path = f"/apis/{GROUP}/namespaces/default/deployments"
    for item in api.request("GET", path)[2]["items"]:
        name = item["metadata"]["name"]
        api.request("PATCH", f"{path}/{name}", {"metadata": {"finalizers": None}},
                    {"Content-Type": "application/merge-patch+json"})
        api.request("DELETE", f"{path}/{name}")


def main():
    found = kubectls()
    if not found:
        print("no kubectl found")
        return 77
    failed = 0
    for path in found:
        postgres = Postgres()
        api = Api(sys.argv[1], postgres.url)
        try:
            failed += run_items(ITEMS, clean, path, api, sys.argv[2:])
        finally:
            status = api.stop()
            postgres.stop()
        if status != 0:
            print(f"FAIL  mot api ended with {status}")
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
