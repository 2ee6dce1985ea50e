"""PostgreSQL and `mot api` that end and come back under the same address, and what they hold. Standard library only."""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kubectl"))
from harness import Api, Failure, Postgres, expect, expect_equal, expect_in, wait_for  # noqa: E402,F401

GROUP = "/apis/mot.dev/v1alpha1"
DEPLOYMENTS = GROUP + "/namespaces/default/deployments"


class Database(Postgres):
    def restart(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        time.sleep(0.3)
        self.process = subprocess.Popen(
            [self.bin + "/postgres", "-D", self.dir + "/data", "-k", self.dir, "-h", "", *self.options],
            stdout=open(self.dir + "/log", "ab"), stderr=subprocess.STDOUT, **self._as_user())
        wait_for(self._ready, "PostgreSQL")

    def sql(self, text):
        """The rows, each a list of strings."""
        done = subprocess.run([self.bin + "/psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1",
                               "-d", self.url, "-c", text],
                              capture_output=True, text=True, check=False)
        expect(done.returncode == 0, done.stderr)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def changes(self, after, resource="deployments.mot.dev"):
        """What a watcher must see after a revision: [(type, name, revision)]."""
        types = {"0": "ADDED", "1": "MODIFIED", "2": "DELETED"}
        rows = self.sql("SELECT operation, name, revision FROM change_log"
                        f" WHERE resource = '{resource}' AND revision > {after} ORDER BY revision")
        return [(types[row[0]], row[1], int(row[2])) for row in rows]


class Server(Api):
    """A `mot api` that keeps its port when it is started again."""

    def __init__(self, mot, url, *arguments):  # pylint: disable=super-init-not-called
        self.mot, self.url, self.arguments, self.port = mot, url, arguments, 0
        self.dir = tempfile.mkdtemp(prefix="mot-e2e-api-", dir="/tmp")
        self.start()

    def start(self):
        port_file = self.dir + "/port"
        if os.path.exists(port_file):
            os.unlink(port_file)
        protocol = [] if "--tls-cert-file" in self.arguments else ["--plain-http"]
        self.log = open(self.dir + "/log", "ab")
        self.process = subprocess.Popen(
            [self.mot, "api", *protocol, "--db", self.url, "--port", str(self.port), "--port-file", port_file,
             *self.arguments], stdout=self.log, stderr=subprocess.STDOUT)
        wait_for(lambda: self._port(port_file), "mot api: " + self.dir + "/log", 60)
        self.port = self._port(port_file)
        self.base = f"http://127.0.0.1:{self.port}"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def rss_mb(self):
        for line in open(f"/proc/{self.process.pid}/status", encoding="ascii"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise Failure("no VmRSS")

    def cpu_s(self):
        fields = open(f"/proc/{self.process.pid}/stat", encoding="ascii").read().rsplit(")")[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ok(self, method, path, body=None, headers=None):
        status, _, answer = self.request(method, path, body, headers)
        expect(status < 300, f"{method} {path}: {status} {answer}")
        return answer


class Client:
    """One kept-alive connection; comes back after the server was away."""

    def __init__(self, server):
        self.server = server
        self.connection = None

    def call(self, method, path, body=None):
        """(status, answer), or (None, why) when nobody knows what became of it."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        try:
            if not self.connection:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
            self.connection.request(method, path, json.dumps(body) if body else None,
                                    {"Content-Type": kind})
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            return None, error

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def deployment(name, counter=0, labels=None, pad=0):
    return {
        "apiVersion": "mot.dev/v1alpha1", "kind": "Deployment",
        "metadata": {"name": name, "annotations": {"counter": str(counter), "pad": "x" * pad},
                     **({"labels": labels} if labels else {})},
        "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]}},
                 "placement": [{"name": "all", "regions": ["r1"], "replicas": 1}]}}


def count_to(counter):
    return {"metadata": {"annotations": {"counter": str(counter)}}}


def revision(server, path=DEPLOYMENTS):
    return int(server.ok("GET", path + "?limit=1")["metadata"]["resourceVersion"])
