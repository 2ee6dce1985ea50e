"""kubectl auth, kubectl create role and rolebinding, --as, and the audit log, with kubectl old and new.

Usage: test_access.py MOT [ITEM…]
"""

import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kubectl"))

from harness import (Api, Failure, Kubectl, Postgres, expect, expect_equal, expect_in, kubectls, wait_for)  # noqa: E402

RBAC = "rbac.authorization.k8s.io/v1"


def words(text):
    return [line.split() for line in text.splitlines()]


def can_i(kubectl, ns):
    """1.12"""
    kubectl.ok("create", "rolebinding", "viewers", "--clusterrole=view", "--user=vic", "-n", ns)
    for arguments, answer in ((["get", "deployments.mot.dev", "-n", ns, "--as=vic"], "yes"),
                              (["delete", "deployments.mot.dev", "-n", ns, "--as=vic"], "no"),
                              (["get", "deployments.mot.dev", "--as=vic"], "no"),
                              (["delete", "deployments.mot.dev", "-n", ns], "yes"),
                              (["*", "*"], "yes"),
                              (["get", "/healthz", "--as=vic"], "yes"),
                              (["get", "/metrics", "--as=vic"], "no")):
        result = kubectl.run("auth", "can-i", *arguments)
        expect_equal((result.out, result.status), (answer + "\n", 0 if answer == "yes" else 1), arguments)
    expect_in(["no"], words(kubectl.run("auth", "can-i", "patch", "deployments.mot.dev", "--subresource=scale", "-n", ns,
                                        "--as=vic").out))


def can_i_list(kubectl, ns):
    """1.12"""
    kubectl.ok("create", "role", "one", "--verb=get,update", "--resource=leases.coordination.k8s.io",
               "--resource-name=main", "-n", ns)
    kubectl.ok("create", "rolebinding", "ones", "--role=one", "--group=team", "-n", ns)
    rows = words(kubectl.ok("auth", "can-i", "--list", "-n", ns, "--as=uma", "--as-group=team").out)
    expect_in(["leases.coordination.k8s.io", "[]", "[main]", "[get", "update]"], rows)
    expect_in(["selfsubjectaccessreviews.authorization.k8s.io", "[]", "[]", "[create]"], rows)
    expect_in(["[/healthz]", "[]", "[get]"], rows)
    everything = words(kubectl.ok("auth", "can-i", "--list", "-n", ns).out)
    expect_in(["*.*", "[]", "[]", "[*]"], everything)


def whoami(kubectl, ns):
    """1.12"""
    if kubectl.version < (1, 26):
        return
    rows = words(kubectl.ok("auth", "whoami", "--as=vic", "--as-group=team", "--as-uid=7").out)
    expect_equal(rows, [["ATTRIBUTE", "VALUE"], ["Username", "vic"], ["UID", "7"],
                        ["Groups", "[team", "system:authenticated]"]])


def refusals(kubectl, ns):
    """7.1"""
    result = kubectl.bad("get", "deployments.mot.dev", "-n", ns, "--as=nik")
    expect_equal(result.err.strip(),
                 'Error from server (Forbidden): deployments.mot.dev is forbidden: User "nik" cannot list resource '
                 f'"deployments" in API group "mot.dev" in the namespace "{ns}"')
    result = kubectl.bad("create", "namespace", "more", "--as=nik")
    expect_in('namespaces is forbidden: User "nik" cannot create resource "namespaces" in API group "" at the cluster '
              "scope", result.err)
    result = kubectl.bad("create", "rolebinding", "x", "--clusterrole=edit", "--user=x", "-n", ns, "--as=nik")
    expect_in('User "nik" cannot create resource "rolebindings" in API group "rbac.authorization.k8s.io"', result.err)


def escalation(kubectl, ns):
    """Whoever may write roles gives no more than they have."""
    kubectl.ok("create", "rolebinding", "admins", "--clusterrole=admin", "--user=ann", "-n", ns)
    kubectl.ok("create", "role", "reader", "--verb=get", "--resource=events", "-n", ns, "--as=ann")
    result = kubectl.bad("create", "role", "root", "--verb=*", "--resource=leases.coordination.k8s.io", "-n", ns,
                         "--as=ann")
    expect_in('roles.rbac.authorization.k8s.io "root" is forbidden: user "ann" (groups=["system:authenticated"]) is '
              "attempting to grant RBAC permissions not currently held:", result.err)
    expect_in('{APIGroups:["coordination.k8s.io"], Resources:["leases"], Verbs:["*"]}', result.err)
    kubectl.ok("create", "rolebinding", "more", "--clusterrole=edit", "--user=bob", "-n", ns, "--as=ann")
    expect_equal(kubectl.ok("auth", "can-i", "create", "deployments.mot.dev", "-n", ns, "--as=bob").out, "yes\n")
    result = kubectl.bad("patch", "rolebinding", "more", "--type=merge", "-p", '{"roleRef":{"name":"view"}}', "-n", ns)
    expect_in("cannot change roleRef", result.err)


def tables(kubectl, ns):
    """The columns of kube-apiserver."""
    kubectl.ok("create", "rolebinding", "viewers", "--clusterrole=view", "--user=vic", "-n", ns)
    kubectl.ok("create", "role", "reader", "--verb=get", "--resource=events", "-n", ns)
    head, row = words(kubectl.ok("get", "rolebindings", "-n", ns).out)
    expect_equal((head, row[:2]), (["NAME", "ROLE", "AGE"], ["viewers", "ClusterRole/view"]))
    head, row = words(kubectl.ok("get", "roles", "-n", ns).out)
    expect_equal((head, row[0]), (["NAME", "CREATED", "AT"], "reader"))
    expect_in("T", row[1])
    names = [row[0] for row in words(kubectl.ok("get", "clusterroles").out)]
    for name in ("admin", "cluster-admin", "edit", "view", "system:discovery"):
        expect_in(name, names)
    expect_in(["User", "vic"], words(kubectl.ok("describe", "rolebinding", "viewers", "-n", ns).out))
    # the rules of an aggregated role stand in it
    expect_in(["*.mot.dev", "[]", "[]", "[get", "list", "watch]"],
              words(kubectl.ok("describe", "clusterrole", "admin").out))


def reconcile(kubectl, ns):
    """kubectl auth reconcile, apply, and apply --server-side."""
    role = {"apiVersion": RBAC, "kind": "Role", "metadata": {"name": "r", "namespace": ns},
            "rules": [{"apiGroups": [""], "resources": ["events"], "verbs": ["get"]}]}
    for _ in range(2):
        kubectl.ok("auth", "reconcile", "-f", kubectl.write("role.json", role))
    role["rules"][0]["verbs"] = ["get", "list"]
    kubectl.ok("auth", "reconcile", "-f", kubectl.write("role.json", role))
    found = json.loads(kubectl.ok("get", "role", "r", "-n", ns, "-o", "json").out)
    verbs = sorted(verb for rule in found["rules"] for verb in rule["verbs"])
    expect_equal(verbs, ["get", "list"])
    binding = {"apiVersion": RBAC, "kind": "RoleBinding", "metadata": {"name": "b", "namespace": ns},
               "roleRef": {"kind": "Role", "name": "r", "apiGroup": "rbac.authorization.k8s.io"},
               "subjects": [{"kind": "User", "name": "vic", "apiGroup": "rbac.authorization.k8s.io"}]}
    path = kubectl.write("binding.json", binding)
    expect_in("created", kubectl.ok("apply", "-f", path).out)
    expect_in("unchanged", kubectl.ok("apply", "-f", path).out)
    # kubectl knows these kinds, and so makes a strategic merge patch of them
    binding["subjects"].append({"kind": "Group", "name": "team", "apiGroup": "rbac.authorization.k8s.io"})
    path = kubectl.write("binding.json", binding)
    expect_in("configured", kubectl.ok("apply", "-f", path).out)
    kubectl.ok("patch", "rolebinding", "b", "-n", ns, "-p", '{"metadata":{"finalizers":["mot.dev/test"]}}')
    kubectl.ok("patch", "rolebinding", "b", "-n", ns, "-p",
               '{"metadata":{"$deleteFromPrimitiveList/finalizers":["mot.dev/test"]}}')
    found = json.loads(kubectl.ok("get", "rolebinding", "b", "-n", ns, "-o", "json").out)
    expect_equal([subject["name"] for subject in found["subjects"]], ["vic", "team"])
    expect("finalizers" not in found["metadata"] or not found["metadata"]["finalizers"], "the finalizer is there")
    if kubectl.version >= (1, 22):
        binding["metadata"]["name"] = "c"
        path = kubectl.write("binding.json", binding)
        for _ in range(2):
            expect_in("serverside-applied", kubectl.ok("apply", "--server-side", "-f", path).out)
    expect_equal(kubectl.ok("auth", "can-i", "list", "events", "-n", ns, "--as=vic").out, "yes\n")


ITEMS = [can_i, can_i_list, whoami, refusals, escalation, tables, reconcile]


def check_audit(path):
    """Everything above is in the log."""
    lines = [json.loads(line) for line in open(path, encoding="utf-8")]
    expect(len(lines) > 50, f"{len(lines)} lines")
    expect(all(line["stage"] == "ResponseComplete" for line in lines), "stages")
    refused = [line for line in lines if line["verb"] == "list" and line["responseStatus"]["code"] == 403
               and line.get("impersonatedUser", {}).get("username") == "nik"]
    expect(refused, "the refusal is not in the log")
    expect_equal(refused[0]["annotations"]["authorization.k8s.io/decision"], "forbid")
    expect_equal(refused[0]["objectRef"]["resource"], "deployments")
    made = [line for line in lines if line["verb"] == "create" and line["objectRef"].get("name") == "escalation"]
    expect(made, "the namespace is not in the log")
    expect_equal(made[0]["responseStatus"]["code"], 201)


def check_rotation(api, path):
    """A file that is moved away is made anew."""
    os.rename(path, path + ".moved")

    def written():
        api.request("GET", "/api/v1/namespaces/default")
        return os.path.exists(path) and os.path.getsize(path) > 0
    wait_for(written, "a new audit log")


def run_items(path, api, names):
    failed = 0
    for item in ITEMS:
        if names and item.__name__ not in names:
            continue
        kubectl = Kubectl(path, api.base)
        version = ".".join(str(part) for part in kubectl.version)
        ns = item.__name__.replace("_", "-")
        try:
            kubectl.ok("create", "namespace", ns)
            item(kubectl, ns)
            print(f"ok    kubectl {version}: {item.__name__}")
        except Failure as failure:
            failed += 1
            print(f"FAIL  kubectl {version}: {item.__name__}: {failure}")
        kubectl.close()
    return failed


def run(path, mot, names):
    failed = 0
    with tempfile.TemporaryDirectory(prefix="mot-e2e-audit-") as folder:
        log = os.path.join(folder, "audit.log")
        postgres = Postgres()
        api = Api(mot, postgres.url, "--audit-log-path", log)
        try:
            failed += run_items(path, api, names)
            if not names:
                wait_for(lambda: "reconcile" in open(log, encoding="utf-8").read(), "the audit log")
                check_audit(log)
                check_rotation(api, log)
        except Failure as failure:
            failed += 1
            print(f"FAIL  audit: {failure}")
        finally:
            status = api.stop()
            postgres.stop()
        if status != 0:
            print(f"FAIL  mot api ended with {status}")
            failed += 1
    return failed


def main():
    found = kubectls()
    if not found:
        print("no kubectl found")
        return 77
    failed = sum(run(path, sys.argv[1], sys.argv[2:]) for path in found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
