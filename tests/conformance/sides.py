"""The two servers whose answers are compared: `mot api` on a PostgreSQL of its own, and the reference, Kubernetes's server
of custom resources on an etcd of its own. Both listen on free ports of 127.0.0.1. Standard library only."""

import glob
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(HERE, "..", "e2e", "watch"))
from servers import (
    Database,
    Failure,
    Server,
    expect,
    wait_for,
)  # noqa: E402,F401  pylint: disable=wrong-import-position

KINDS = os.path.join(HERE, "kinds")
CHANGED = os.path.join(HERE, "changed")
MODULES = {"etcd": "go.etcd.io/etcd/server/v3", "apiextensions-apiserver": "k8s.io/apiextensions-apiserver"}
DISABLED = (
    "NamespaceLifecycle,MutatingAdmissionWebhook,ValidatingAdmissionWebhook,ValidatingAdmissionPolicy,"
    "MutatingAdmissionPolicy"
)


def kind_files():
    """The CRD files both servers serve: those of the tests, and every kind of mot.dev just as it is."""
    ours = sorted(glob.glob(os.path.join(ROOT, "schemas", "kinds", "*.yaml")))
    return sorted(glob.glob(KINDS + "/*.yaml")) + [path for path in ours if "\n  group: mot.dev\n" in read(path)]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def reference_program(name):
    """Where scripts/install-deps --all-tests has put it; its version is the one in its go.mod."""
    version = re.search(MODULES[name] + r" v(\S+)", read(f"{HERE}/reference/{name}/go.mod")).group(1)
    cache = os.environ.get("MOT_CACHE") or os.path.expanduser("~/.cache/mot")
    path = f"{cache}/{name}-{version}/{name}"
    expect(os.access(path, os.X_OK), f"there is no {path}: scripts/install-deps --all-tests builds it (it needs Go)")
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A server whose output goes to a file."""

    def __init__(self, command, log):
        self.log = log
        with open(log, "wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

    def running(self):
        expect(self.process.poll() is None, f"has ended: {self.log}\n{read(self.log)[-2000:]}")
        return True

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Etcd(Process):
    def __init__(self, folder, durable):
        self.port, peers = free_port(), free_port()
        hurry = [] if durable else ["--unsafe-no-fsync"]
        client, peer = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{peers}"
        super().__init__(
            [
                reference_program("etcd"),
                "--data-dir",
                folder + "/etcd",
                *hurry,
                "--listen-client-urls",
                client,
                "--advertise-client-urls",
                client,
                "--listen-peer-urls",
                peer,
                "--initial-advertise-peer-urls",
                peer,
                "--initial-cluster",
                "default=" + peer,
                "--log-level",
                "warn",
            ],
            folder + "/etcd.log",
        )
        self.address = client
        wait_for(self.ready, "etcd: " + self.log, 60)

    def ready(self):
        self.running()
        return self.call("GET", "/health", None) is not None

    def call(self, method, path, body):
        """Its JSON gateway; nothing when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None)
            answer = connection.getresponse()
            return json.loads(answer.read()) if answer.status == 200 else None
        except OSError:
            return None
        finally:
            connection.close()


class Reference:
    """apiextensions-apiserver over etcd."""

    name = "reference"
    headers = {}

    def __init__(self, durable=False):
        self.dir = tempfile.mkdtemp(prefix="mot-conformance-", dir="/tmp")
        self.etcd = Etcd(self.dir, durable)
        self.port = free_port()
        self.make_certificate()
        nowhere = self.dir + "/kubeconfig"
        with open(nowhere, "w", encoding="ascii") as file:
            file.write(
                '{"apiVersion":"v1","kind":"Config","clusters":[{"name":"x","cluster":{"server":'
                '"http://127.0.0.1:1"}}],"contexts":[{"name":"x","context":{"cluster":"x"}}],'
                '"current-context":"x"}'
            )
        self.process = Process(
            # Without snapshots in memory it forgets as it does after five minutes, once its store forgets.
            [
                reference_program("apiextensions-apiserver"),
                "--etcd-servers",
                self.etcd.address,
                "--secure-port",
                str(self.port),
                "--bind-address",
                "127.0.0.1",
                "--cert-dir",
                self.dir + "/certs",
                "--kubeconfig",
                nowhere,
                "--authentication-kubeconfig",
                nowhere,
                "--authorization-kubeconfig",
                nowhere,
                "--authentication-skip-lookup",
                "--client-ca-file",
                self.certificate,
                "--enable-priority-and-fairness=false",
                "--disable-admission-plugins=" + DISABLED,
                "--etcd-compaction-interval=0",
                "--feature-gates=ListFromCacheSnapshot=false",
                "--etcd-prefix=/registry",
            ],
            self.dir + "/apiserver.log",
        )
        self.tls = ssl.create_default_context()
        self.tls.check_hostname = False
        self.tls.verify_mode = ssl.CERT_NONE
        self.tls.load_cert_chain(self.certificate, self.key)
        try:
            # Not /readyz: that waits for what a whole cluster would have.
            wait_for(lambda: self.process.running() and self.get("/livez") == 200, "the reference: " + self.dir, 90)
            for path in kind_files():
                self.install(path)
        except Exception:
            self.close()
            raise

    def make_certificate(self):
        """Of the group that may do everything; it vouches for itself."""
        self.certificate, self.key = self.dir + "/client.crt", self.dir + "/client.key"
        subprocess.run(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-subj",
                "/O=system:masters/CN=tests",
                "-days",
                "2",
                "-keyout",
                self.key,
                "-out",
                self.certificate,
            ],
            check=True,
            capture_output=True,
        )

    def connect(self, timeout=30):
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.tls)

    def request(self, method, path, body=None, headers=None):
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def get(self, path):
        try:
            return self.request("GET", path)[0]
        except OSError:
            return None

    def install(self, path):
        """The file as it is; returns when its kinds are served."""
        crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        status, answer = self.request("POST", crds, read(path).encode(), {"Content-Type": "application/yaml"})
        expect(status == 201, f"{path}: {status} {answer.decode()}")
        spec = json.loads(answer)["spec"]
        for version in spec["versions"]:
            collection = f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}"
            wait_for(
                lambda: self.get(collection) == 200, f"{collection} is served", 30
            )  # pylint: disable=cell-var-from-loop

    def change_kinds(self):
        """Each is the one that is there, with another spec; returns when its new columns are to be seen."""
        for path in sorted(glob.glob(CHANGED + "/*.yaml")):
            name = re.search(r"\n  name: (\S+)", read(path)).group(1)
            url = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + name
            revision = json.loads(self.request("GET", url)[1])["metadata"]["resourceVersion"]
            text = read(path).replace(f"\n  name: {name}", f"\n  name: {name}\n  resourceVersion: '{revision}'")
            status, answer = self.request("PUT", url, text.encode(), {"Content-Type": "application/yaml"})
            expect(status == 200, f"{path}: {status} {answer.decode()}")
            plural, group = name.split(".", 1)
            column = re.search(r"name: (Edition\d+)", text).group(1)
            wait_for(
                lambda: column in self.table(f"/apis/{group}/v1/{plural}"), f"{name} has changed"
            )  # pylint: disable=cell-var-from-loop

    def table(self, path):
        return self.request("GET", path, None, {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})[1].decode()

    def add_namespace(self, name):
        """It knows none, so every one is there."""

    def forget_history(self):
        """Everything before now is compacted away."""
        now = self.etcd.call("POST", "/v3/kv/range", {"key": "AA==", "range_end": "AA==", "limit": 1})
        revision = now["header"]["revision"]
        expect(
            self.etcd.call("POST", "/v3/kv/compaction", {"revision": revision, "physical": True}) is not None,
            "etcd compacts",
        )

    def close(self):
        self.process.stop()
        self.etcd.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


class Ours(Server):
    """`mot api` with the kinds of the tests."""

    name = "mot"
    headers = {}

    def __init__(self, mot):
        self.database = Database()
        try:
            super().__init__(mot, self.database.url, "--kinds", KINDS)
        except Exception:
            self.database.stop()
            raise

    def connect(self, timeout=30):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def add_namespace(self, name):
        self.ok("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def change_kinds(self):
        """Another process, with other files."""
        folder = self.dir + "/changed"
        shutil.copytree(KINDS, folder)
        shutil.copytree(CHANGED, folder, dirs_exist_ok=True)
        self.process.terminate()
        expect(self.process.wait(30) == 0, f"mot api ended with {self.process.returncode}: {self.dir}/log")
        self.log.close()
        self.arguments = ("--kinds", folder)
        self.start()

    def forget_history(self):
        """As the compaction of lib/store does it; the newest change always stays."""
        self.database.sql(
            "BEGIN; UPDATE history SET floor = (SELECT max(revision) - 1 FROM change_log);"
            " DELETE FROM change_log c USING history h WHERE c.revision <= h.floor AND EXISTS (SELECT 1"
            " FROM change_log n WHERE n.resource = c.resource AND n.ns = c.ns AND n.name = c.name"
            " AND n.revision > c.revision); COMMIT"
        )

    def close(self):
        status = self.stop()
        self.database.stop()
        expect(status == 0, f"mot api ended with {status}")
