"""The kinds of mot.dev in a real server of custom resources, from the very files this server is built with. Not recorded: who
changes such a file need not have that server."""

import os
import re

from cases.steps import PARTIAL_LIST, TABLE, YAML, apply, case, delete, get, json_patch, merge, post, put

LIVE_ONLY = True
GROUP = "/apis/mot.dev/v1alpha1"
HERE = os.path.dirname(os.path.abspath(__file__))


def of(plural):
    return f"{GROUP}/namespaces/{{ns}}/{plural}"


def manifest(path):
    """The last of the documents of a file."""
    with open(os.path.join(HERE, "..", "..", "..", "manifests", path), encoding="utf-8") as file:
        return re.sub(r"\n  namespace: .*", "", file.read().split("\n---\n")[-1])


def deployment(name="a", **spec):
    return {
        "apiVersion": "mot.dev/v1alpha1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "template": {"spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]}},
            "placement": [{"name": "all", "regions": ["r1"], "replicas": 1}],
            **spec,
        },
    }


def container(**more):
    return {"template": {"spec": {"containers": [{"name": "web", "image": "i", **more}]}}}


def application(name="a", **spec):
    return {"apiVersion": "mot.dev/v1alpha1", "kind": "Application", "metadata": {"name": name}, "spec": spec}


def region(name="{ns}", **spec):
    return {"apiVersion": "mot.dev/v1alpha1", "kind": "Region", "metadata": {"name": name}, "spec": spec}


def made(title, body):
    return case(f"{body['kind']} {title}", post(of(body["kind"].lower() + "s"), body))


A, R = of("deployments") + "/a", GROUP + "/regions/{ns}"
CASES = [
    made("minimal", deployment()),
    case("Deployment in a Table", post(of("deployments"), deployment(), quiet=True), get(of("deployments"), TABLE)),
    case(
        "Deployment of the examples",
        post(of("deployments"), manifest("examples/checkout.yaml"), YAML),
        apply(of("deployments") + "/checkout", manifest("examples/checkout.yaml"), "a"),
    ),
    made("without spec", {k: v for k, v in deployment().items() if k != "spec"}),
    made("with an empty spec", {**deployment(), "spec": {}}),
    made(
        "with every probe",
        deployment(
            **container(readinessProbe={"httpGet": {"port": "http"}}, livenessProbe={"tcpSocket": {"port": 80}})
        ),
    ),
    made(
        "with ports twice",
        deployment(**container(ports=[{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}])),
    ),
    made(
        "with bad ports",
        deployment(**container(ports=[{"containerPort": 0}, {"containerPort": 70000, "protocol": "ICMP"}])),
    ),
    made(
        "with environment",
        deployment(**container(env=[{"name": "A"}, {"name": "B", "value": "x"}], command=["a"], args=["b"])),
    ),
    made("with environment twice", deployment(**container(env=[{"name": "A"}, {"name": "A"}]))),
    made(
        "with a bad name of a container",
        deployment(**{"template": {"spec": {"containers": [{"name": "Bad_", "image": ""}]}}}),
    ),
    made("with resources", deployment(**container(resources={"requests": {"cpu": "100m", "memory": 5}}))),
    made("with unknown fields", deployment(bogus=1, **container(bogus=2))),
    made("without containers", deployment(**{"template": {"spec": {"containers": []}}})),
    case(
        "Deployment applied by two",
        apply(A, deployment(), "a"),
        apply(A, deployment(**container(env=[{"name": "A", "value": "1"}])), "b"),
        apply(A, deployment(**container(env=[{"name": "A", "value": "1"}])), "b", True),
        apply(
            A,
            {
                "apiVersion": "mot.dev/v1alpha1",
                "kind": "Deployment",
                "metadata": {"name": "a"},
                "spec": container(env=[{"name": "B"}]),
            },
            "c",
            True,
        ),
    ),
    case(
        "Deployment status and generation",
        post(of("deployments"), deployment(), quiet=True),
        merge(A + "/status", {"status": {"observedGeneration": 1}}),
        merge(A, {"spec": {"placement": None}}),
        json_patch(A, [{"op": "replace", "path": "/spec/placement/0/replicas", "value": 3}]),
    ),
    case(
        "Deployment by its fields",
        post(of("deployments"), deployment(), quiet=True),
        get(of("deployments") + "?fieldSelector=spec.bogus=1", PARTIAL_LIST),
    ),
    made("minimal", application()),
    made(
        "in full",
        application(tier="critical", lifecycle="deprecated", repository="https://a/b", owners=[{"name": "x"}]),
    ),
    made("wrong", application(tier="low", repository="no uri", owners=[{}], displayName="x" * 129)),
    case("Application of the catalogue", post(of("applications"), manifest("catalogue/checkout.yaml"), YAML)),
    case(
        "Application by its fields",
        post(of("applications"), application(), quiet=True),
        post(of("applications"), application("b", tier="critical"), quiet=True),
        get(of("applications") + "?fieldSelector=spec.tier=critical", TABLE),
    ),
    case(
        "Region",
        post(GROUP + "/regions", region(appenv="test", zones=[{"name": "z", "driver": "local"}])),
        get(R, TABLE),
        put(R, {**region(appenv="other"), "metadata": {"name": "{ns}", "resourceVersion": "<rv1>"}}),
        delete(R),
    ),
    case("Region wrong", post(GROUP + "/regions", region(zones=[{}]))),
    case("resources of the group", get(GROUP)),
]
