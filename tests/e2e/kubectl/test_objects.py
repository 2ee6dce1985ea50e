"""What people do with objects beyond creating them: the P1 list, and the parts of P2 that kubectl shows, with kubectl
old and new, against `mot api` and `mot controller`. The texts are those of a real API server.

Usage: test_objects.py MOT KINDS [ITEM…]
"""

import json
import os
import re
import sys
import urllib.request

from harness import expect, expect_equal, expect_in, read, run_with_controller, wait_for

THINGS = "/apis/t.dev/v1/namespaces/default/things"
MERGE = {"Content-Type": "application/merge-patch+json"}


def thing(name, spec=None, **metadata):
    return {"apiVersion": "t.dev/v1", "kind": "Thing", "metadata": {"name": name, **metadata},
            "spec": spec if spec is not None else {"image": "aa"}}


def get(kubectl, name, *arguments):
    return json.loads(kubectl.ok("get", "thing", name, "-o", "json", *arguments).out)


def with_managers(kubectl, name):
    """kubectl leaves managedFields out since 1.21 unless asked."""
    flag = ["--show-managed-fields"] if kubectl.version >= (1, 21) else []
    return get(kubectl, name, *flag)


def managers(thing_):
    return sorted((entry["manager"], entry["operation"]) for entry in thing_["metadata"].get("managedFields", []))


def revision(kubectl, name):
    return get(kubectl, name)["metadata"]["resourceVersion"]


def gone(kubectl, *names):
    found = kubectl.ok("get", "things", "-o", "name").out.split()
    return not any(f"thing.t.dev/{name}" in found for name in names)


def owned_by(owner, **more):
    return [{"apiVersion": "t.dev/v1", "kind": "Thing", "name": owner["metadata"]["name"],
             "uid": owner["metadata"]["uid"], **more}]


def apply_server_side(kubectl, api):
    """1.1"""
    path = kubectl.write("a.json", thing("a", {"image": "aa", "setS": ["x"]}))
    out = kubectl.ok("apply", "--server-side", "-f", path).out
    expect_equal(out, "thing.t.dev/a serverside-applied\n")
    before = with_managers(kubectl, "a")
    expect_equal(managers(before), [("kubectl", "Apply")])
    expect_equal(before["metadata"]["managedFields"][0]["fieldsV1"],
                 {"f:spec": {"f:image": {}, "f:setS": {'v:"x"': {}}}})
    kubectl.ok("apply", "--server-side", "-f", path)
    expect_equal(with_managers(kubectl, "a"), before, "an apply that changes nothing stores nothing")
    path = kubectl.write("a.json", thing("a", {"image": "aa"}))
    kubectl.ok("apply", "--server-side", "-f", path)
    expect("setS" not in get(kubectl, "a")["spec"], "what its only manager leaves out goes")


def apply_conflict(kubectl, api):
    """1.2"""
    kubectl.ok("apply", "--server-side", "-f", kubectl.write("a.json", thing("a")))
    path = kubectl.write("b.json", thing("a", {"image": "bb"}))
    result = kubectl.bad("apply", "--server-side", "--field-manager=other", "-f", path)
    expect_equal(result.status, 1)
    expect_in('Apply failed with 1 conflict: conflict with "kubectl": .spec.image', result.err)
    kubectl.ok("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", path)
    expect_equal(get(kubectl, "a")["spec"]["image"], "bb")
    result = kubectl.bad("apply", "--server-side", "-f", kubectl.write("a.json", thing("a")))
    expect_in('conflict with "other": .spec.image', result.err)


def apply_migration(kubectl, api):
    """1.3"""
    path = kubectl.write("a.json", thing("a", {"image": "aa", "count": 1}))
    kubectl.ok("apply", "-f", path)
    kubectl.ok("apply", "--server-side", "-f", path)
    live = with_managers(kubectl, "a")
    expect_in("kubectl.kubernetes.io/last-applied-configuration", live["metadata"]["annotations"])
    if kubectl.version >= (1, 26):
        expect("kubectl-client-side-apply" not in [name for name, _ in managers(live)],
               f"the client-side manager stays: {managers(live)}")
    kubectl.ok("apply", "--server-side", "-f", kubectl.write("a.json", thing("a", {"image": "bb"})))
    live = get(kubectl, "a")
    expect_equal(live["spec"]["image"], "bb")
    if kubectl.version >= (1, 26):
        expect("count" not in live["spec"], "what was applied client-side and is left out now goes")
    kubectl.ok("apply", "-f", kubectl.write("a.json", thing("a", {"image": "cc"})))
    expect_equal(get(kubectl, "a")["spec"]["image"], "cc")


def diff_and_dry_run(kubectl, api):
    """1.4"""
    path = kubectl.write("a.json", thing("a"))
    expect_equal(kubectl.run("diff", "-f", path).status, 1)
    out = kubectl.ok("apply", "--dry-run=server", "-f", path).out
    expect_equal(out, "thing.t.dev/a created (server dry run)\n")
    kubectl.bad("get", "thing", "a")
    kubectl.ok("apply", "-f", path)
    before = revision(kubectl, "a")
    expect_equal(kubectl.run("diff", "-f", path).status, 0)
    changed = kubectl.write("b.json", thing("a", {"image": "bb"}))
    result = kubectl.run("diff", "-f", changed)
    expect_equal(result.status, 1)
    expect_in("+  image: bb", result.out)
    result = kubectl.run("diff", "--server-side", "--force-conflicts", "-f", changed)
    expect_equal(result.status, 1, result.err)
    expect_in("+  image: bb", result.out)
    kubectl.ok("apply", "--dry-run=server", "-f", changed)
    kubectl.ok("label", "thing", "a", "x=y", *(["--dry-run=server"] if kubectl.version >= (1, 18) else []))
    expect_equal(revision(kubectl, "a"), before)
    status, _, body = api.request("POST", THINGS + "?dryRun=All", thing("dry"))
    expect_equal(status, 201)
    expect("resourceVersion" not in body["metadata"], "a dry-run create has no revision")
    expect("uid" in body["metadata"], "but a uid")


def watches(api):
    """How many the server has open."""
    text = api.request("GET", "/metrics")[2].decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith("apiserver_longrunning_requests"))


def wait(kubectl, api):
    """1.5"""
    kubectl.ok("apply", "-f", kubectl.write("a.json", thing("a")))
    waiting = kubectl.start("wait", "--for=condition=Ready", "thing/a", "--timeout=30s")
    api.request("PATCH", THINGS + "/a/status", {"status": {"conditions": [
        {"type": "Ready", "status": "True", "reason": "Test", "message": "",
         "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}, MERGE)
    expect_equal(waiting.wait(30), 0, read(waiting))
    expect_equal(read(waiting), "thing.t.dev/a condition met\n")
    result = kubectl.bad("wait", "--for=condition=Never", "thing/a", "--timeout=1s")
    expect_in("timed out waiting for the condition on things/a", result.err)
    if kubectl.version >= (1, 23):
        kubectl.ok("wait", "--for=jsonpath={.spec.image}=aa", "thing/a", "--timeout=10s")
    if kubectl.version >= (1, 31):
        waiting = kubectl.start("wait", "--for=create", "thing/later", "--timeout=30s")
        kubectl.ok("apply", "-f", kubectl.write("later.json", thing("later")))
        expect_equal(waiting.wait(30), 0, read(waiting))
    waiting = kubectl.start("wait", "--for=delete", "thing/a", "--timeout=30s")
    wait_for(lambda: watches(api) > 0, "kubectl watches")
    kubectl.ok("delete", "thing", "a", "--wait=false")
    expect_equal(waiting.wait(30), 0, read(waiting))


def status_and_scale(kubectl, api):
    """1.6"""
    kubectl.ok("apply", "-f", kubectl.write("a.json", thing("a")))
    expect_equal(kubectl.ok("scale", "thing", "a", "--replicas=3").out, "thing.t.dev/a scaled\n")
    live = get(kubectl, "a")
    expect_equal((live["spec"]["replicas"], live["metadata"]["generation"]), (3, 2))
    kubectl.ok("scale", "thing", "a", "--current-replicas=3", "--replicas=4")
    result = kubectl.bad("scale", "thing", "a", "--current-replicas=9", "--replicas=5")
    expect_in("Expected replicas to be 9, was 4", result.err)
    result = kubectl.bad("scale", "thing", "a", "--replicas=999")
    expect_in("spec.replicas: Invalid value: 999", result.err)
    if kubectl.version >= (1, 24):
        kubectl.ok("patch", "thing", "a", "--subresource=status", "--type=merge", "-p", '{"status":{"replicas":4}}')
        live = get(kubectl, "a")
        expect_equal((live["status"]["replicas"], live["metadata"]["generation"]), (4, 3))
        scale = json.loads(kubectl.ok("get", "thing", "a", "--subresource=scale", "-o", "json").out)
        expect_equal((scale["kind"], scale["spec"]["replicas"], scale["status"]["replicas"]), ("Scale", 4, 4))


def finalizers(kubectl, api):
    """1.7: what holds an object back"""
    kubectl.ok("apply", "-f", kubectl.write("a.json", thing("a", finalizers=["t.dev/hold"])))
    deleting = kubectl.start("delete", "thing", "a")
    wait_for(lambda: "deletionTimestamp" in get(kubectl, "a")["metadata"], "deletionTimestamp")
    result = kubectl.bad("patch", "thing", "a", "--type=json", "-p",
                         '[{"op":"add","path":"/metadata/finalizers/-","value":"t.dev/more"}]')
    expect_in("no new finalizers can be added if the object is being deleted", result.err)
    kubectl.ok("patch", "thing", "a", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    expect_equal(deleting.wait(30), 0, read(deleting))
    expect(gone(kubectl, "a"), "it is gone")


def family(api):
    """An owner with a child and a grandchild."""
    owner = api.request("POST", THINGS, thing("owner"))[2]
    child = api.request("POST", THINGS, thing(
        "child", ownerReferences=owned_by(owner, controller=True, blockOwnerDeletion=True)))[2]
    api.request("POST", THINGS, thing("grandchild", ownerReferences=owned_by(child, blockOwnerDeletion=True)))


def cascade(kubectl, mode):
    """The flag took true and false only before 1.20."""
    return f"--cascade={mode}"


def cascade_background(kubectl, api):
    """1.7"""
    family(api)
    kubectl.ok("delete", "thing", "owner", cascade(kubectl, "background"))
    wait_for(lambda: gone(kubectl, "owner", "child", "grandchild"), "all three are gone")


def cascade_foreground(kubectl, api):
    """1.7: the owner is the last to go"""
    family(api)
    api.request("PATCH", THINGS + "/grandchild", {"metadata": {"finalizers": ["t.dev/hold"]}}, MERGE)
    deleting = kubectl.start("delete", "thing", "owner", cascade(kubectl, "foreground"))
    wait_for(lambda: "deletionTimestamp" in get(kubectl, "grandchild")["metadata"], "the grandchild is deleted")
    expect_equal(get(kubectl, "owner")["metadata"]["finalizers"], ["foregroundDeletion"])
    expect(deleting.poll() is None, "delete did not wait")
    kubectl.ok("patch", "thing", "grandchild", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    expect_equal(deleting.wait(30), 0, read(deleting))
    expect(gone(kubectl, "owner", "child", "grandchild"), "all three are gone")


def cascade_orphan(kubectl, api):
    """1.7"""
    family(api)
    kubectl.ok("delete", "thing", "owner", cascade(kubectl, "orphan"))
    expect(gone(kubectl, "owner"), "the owner is gone")
    child = get(kubectl, "child")
    expect("ownerReferences" not in child["metadata"], "the child belongs to nobody")
    expect(not gone(kubectl, "grandchild"), "the grandchild stays")


def paging(kubectl, api):
    """1.8"""
    for n in range(5):
        api.request("POST", THINGS, thing(f"t{n}"))
    lines = kubectl.ok("get", "things", "-A", "--chunk-size=2").out.splitlines()
    expect_equal([line.split()[1] for line in lines[1:]], [f"t{n}" for n in range(5)])


def events(kubectl, api):
    """1.10"""
    live = api.request("POST", THINGS, thing("a"))[2]
    reference = {"apiVersion": "t.dev/v1", "kind": "Thing", "namespace": "default", "name": "a",
                 "uid": live["metadata"]["uid"]}
    status, _, body = api.request("POST", "/api/v1/namespaces/default/events", {
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "a.1", "namespace": "default"},
        "involvedObject": reference, "reason": "Tested", "message": "it was tested", "type": "Normal",
        "source": {"component": "test"}, "count": 1, "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:00Z"})
    expect_equal(status, 201, body)
    out = kubectl.ok("describe", "thing", "a").out
    expect_in("Tested", out)
    expect_in("it was tested", out)
    head, row = kubectl.ok("get", "events").out.splitlines()
    expect_equal(head.split(), ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"])
    expect_in("Tested", row)
    expect_in("thing/a", row)
    if kubectl.version >= (1, 26):
        expect_in("it was tested", kubectl.ok("events", "--for", "thing/a").out)
    view = api.request("GET", "/apis/events.k8s.io/v1/namespaces/default/events/a.1")[2]
    expect_equal((view["apiVersion"], view["note"], view["regarding"]["name"]),
                 ("events.k8s.io/v1", "it was tested", "a"))


def namespaces(kubectl, api):
    """1.11"""
    kubectl.ok("create", "namespace", "team")
    for n in range(3):
        kubectl.ok("-n", "team", "apply", "-f", kubectl.write("t.json", thing(f"t{n}")))
    kubectl.ok("-n", "team", "apply", "-f", kubectl.write("h.json", thing("held", finalizers=["t.dev/hold"])))
    deleting = kubectl.start("delete", "ns", "team")
    path = "/apis/t.dev/v1/namespaces/team/things"
    wait_for(lambda: [item["metadata"]["name"] for item in api.request("GET", path)[2]["items"]] == ["held"],
             "all but the one that is held are gone")
    expect_in("Terminating", kubectl.ok("get", "ns", "team").out)
    result = kubectl.bad("-n", "team", "create", "-f", kubectl.write("x.json", thing("x")))
    expect_in('(Forbidden)', result.err)
    expect_in('namespace team because it is being terminated', result.err)
    expect(deleting.poll() is None, "delete did not wait")
    api.request("PATCH", path + "/held", {"metadata": {"finalizers": None}}, MERGE)
    expect_equal(deleting.wait(30), 0, read(deleting))
    expect_in("NotFound", kubectl.bad("get", "ns", "team").err)


def other_commands(kubectl, api):
    """1.13"""
    path = kubectl.write("a.json", thing("a"))
    kubectl.ok("apply", "-f", path)
    expect_in("FIELD", kubectl.ok("explain", "thing.spec.replicas").out)
    kubectl.ok("label", "thing", "a", "x=y")
    kubectl.ok("annotate", "thing", "a", "note=hello")
    kubectl.ok("edit", "thing", "a", editor='sed -i s/image:.aa/image:\\ ee/')
    expect_equal(get(kubectl, "a")["spec"]["image"], "ee")
    before = get(kubectl, "a")["metadata"]["uid"]
    kubectl.ok("replace", "--force", "-f", path)
    expect(get(kubectl, "a")["metadata"]["uid"] != before, "it is a new one")
    kubectl.ok("apply", "-f", kubectl.write("b.json", thing("b", labels={"team": "red"})))
    expect_equal(kubectl.ok("get", "things", "-l", "team=red", "-o", "name").out, "thing.t.dev/b\n")
    expect_equal(kubectl.ok("get", "things", "--field-selector", "metadata.name=b", "-o", "name").out,
                 "thing.t.dev/b\n")
    expect_equal(kubectl.ok("get", "things", "--field-selector", "spec.image=aa", "-o", "name").out,
                 "thing.t.dev/a\nthing.t.dev/b\n")
    expect_in("field label not supported: spec.count",
              kubectl.bad("get", "things", "--field-selector", "spec.count=1").err)
    kubectl.ok("delete", "things", "-l", "team=red")
    expect(gone(kubectl, "b"), "deleted by label")


def kustomize(kubectl, api):
    """1.14"""
    folder = os.path.join(kubectl.home, "kustomization")
    os.makedirs(folder)
    with open(folder + "/kustomization.yaml", "w", encoding="ascii") as file:
        file.write("resources: [thing.yaml]\nnamePrefix: my-\ncommonLabels: {team: blue}\n")
    with open(folder + "/thing.yaml", "w", encoding="ascii") as file:
        json.dump(thing("a"), file)
    expect_in("thing.t.dev/my-a created", kubectl.ok("apply", "-k", folder).out)
    expect_equal(get(kubectl, "my-a")["metadata"]["labels"], {"team": "blue"})
    flag = "--prune-allowlist" if kubectl.version >= (1, 26) else "--prune-whitelist"
    kubectl.ok("apply", "--prune", "-l", "team=blue", f"{flag}=t.dev/v1/Thing", "-f",
               kubectl.write("b.json", thing("b", labels={"team": "blue"})))
    wait_for(lambda: gone(kubectl, "my-a"), "what is not applied any more is pruned")


def raw(kubectl, api):
    """P2"""
    expect_in("[+]ping ok", kubectl.ok("get", "--raw", "/readyz?verbose").out)
    expect_in("apiserver_request_total", kubectl.ok("get", "--raw", "/metrics").out)
    kubectl.ok("apply", "-f", kubectl.write("a.yaml", "apiVersion: t.dev/v1\nkind: Thing\nmetadata: {name: a}\n"))
    expect_in("things", kubectl.ok("get", "--raw", "/apis/t.dev/v1").out)


def proxy(kubectl, api):
    """P2"""
    kubectl.ok("apply", "-f", kubectl.write("a.yaml", thing("a")))
    process = kubectl.start("proxy", "--port=0")
    try:
        wait_for(lambda: "127.0.0.1:" in read(process) and "\n" in read(process), "the proxy's port")
        port = re.search(r"127\.0\.0\.1:(\d+)", read(process)).group(1)
        server = f"http://127.0.0.1:{port}/apis/t.dev/v1/namespaces/default/things"
        with urllib.request.urlopen(server + "/a", timeout=10) as answer:
            expect_equal(json.load(answer)["metadata"]["name"], "a")
        with urllib.request.urlopen(server + "?watch=1&resourceVersion=0", timeout=10) as answer:
            expect_equal(json.loads(answer.readline())["object"]["metadata"]["name"], "a")
            kubectl.ok("label", "thing", "a", "seen=yes")
            expect_equal(json.loads(answer.readline())["object"]["metadata"]["labels"], {"seen": "yes"})
    finally:
        process.kill()
        process.wait()


def secure_commands(kubectl, api):
    """1.12 as far as it goes without users: everybody who comes by plain HTTP may do everything"""
    expect_equal(kubectl.ok("auth", "can-i", "create", "things").out.split(), ["yes"])
    if kubectl.version >= (1, 28):
        expect_in("system:unsecured", kubectl.ok("auth", "whoami").out)


ITEMS = [apply_server_side, apply_conflict, apply_migration, diff_and_dry_run, wait, status_and_scale, finalizers,
         cascade_background, cascade_foreground, cascade_orphan, paging, events, namespaces, other_commands,
         kustomize, raw, proxy, secure_commands]


def clean(api):
    """Every item begins without things and without what was said of them."""
    api.request("DELETE", "/api/v1/namespaces/default/events")
    for item in api.request("GET", "/apis/t.dev/v1/things")[2]["items"]:
        path = f"/apis/t.dev/v1/namespaces/{item['metadata']['namespace']}/things/{item['metadata']['name']}"
        api.request("PATCH", path, {"metadata": {"finalizers": None}}, MERGE)
        api.request("DELETE", path)


if __name__ == "__main__":
    sys.exit(run_with_controller(ITEMS, clean, sys.argv[1], ["--kinds", sys.argv[2]], sys.argv[3:]))
