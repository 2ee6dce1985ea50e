"""`mot up` with one region: start, use, resume, faults, and that nothing is left behind. Usage: test_up.py MOT [ITEM…]"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

from harness import Failure, expect, expect_equal, expect_in, wait_for

TOPOLOGY = """apiVersion: mot.dev/v1alpha1
kind: Topology
central: production-one
regions:
- name: production-one
  appenv: production
  zones:
  - {name: a, driver: local}
"""
DEPLOYMENT = """apiVersion: mot.dev/v1alpha1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - name: web
        image: none
        command: [mot, demo-server]
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {port: http}, periodSeconds: 1}
  placement:
  - {name: all, regions: [production-one], replicas: 1}
"""
READY_SECONDS = 120


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Up:
    """A `mot up` process and its output."""

    def __init__(self, mot, folder, *more, port=None):
        self.mot, self.folder = mot, folder
        self.port = port or free_port()
        self.output = tempfile.NamedTemporaryFile(prefix="mot-test-up-out-", dir="/tmp")
        self.process = subprocess.Popen([mot, "up", "--data", folder, "--port", str(self.port), *more],
                                        stdout=self.output, stderr=subprocess.STDOUT)

    def text(self):
        return open(self.output.name, encoding="utf-8").read()

    def ready(self):
        def look():
            expect(self.process.poll() is None, "mot up has ended:\n" + self.text())
            return re.search(r"^ready in .*$", self.text(), re.M)
        return wait_for(look, "ready:\n" + self.text(), READY_SECONDS).group(0)

    def run(self, *arguments, stdin=None):
        env = {**os.environ, "KUBECONFIG": self.folder + "/kubeconfig"}
        done = subprocess.run([self.mot, *arguments], env=env, input=stdin, capture_output=True, text=True,
                              timeout=90, check=False)
        expect_equal(done.returncode, 0, f"mot {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def parts(self):
        """name → pid, of what runs now."""
        lines = open(self.folder + "/parts", encoding="utf-8").read().splitlines()
        return {line.split(" ", 2)[2]: int(line.split()[0]) for line in lines}

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        status = self.process.wait(90)
        return status

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def processes_of(folder):
    """Everything that runs with this folder in its command line or its environment's working folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = open(f"/proc/{pid}/cmdline", "rb").read().replace(b"\0", b" ").decode(errors="replace")
            where = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            continue
        if int(pid) != os.getpid() and (folder + "/" in command + "/" or where.startswith(folder)):
            found.append(f"{pid} {command}")
    return found


def expect_nothing_left(folder):
    wait_for(lambda: not processes_of(folder), f"processes are left: {processes_of(folder)}", 40)


def expect_private(folder):
    """What it made is for its owner alone, logs of the parts above all."""
    for name in ("logs", "kafka", "kafka/production-one", "regions", "run", "postgres", "pki"):
        expect_equal(os.stat(f"{folder}/{name}").st_mode & 0o777, 0o700, name)
    logs = os.listdir(folder + "/logs")
    expect(len(logs) > 4, str(logs))
    for name in [f"logs/{log}" for log in logs] + ["ports", "parts", "topology.yaml"]:
        expect_equal(os.stat(f"{folder}/{name}").st_mode & 0o777, 0o600, name)


def start_use_resume(mot, folder, topology):
    up = Up(mot, folder, "--topology", topology)
    try:
        line = up.ready()
        expect_in(f"https://127.0.0.1:{up.port}, kubeconfig {folder}/kubeconfig", line)
        for name in ("kubeconfig", "pki/ca.key", "pki/server.key", "pki/admin.key"):
            expect_equal(os.stat(f"{folder}/{name}").st_mode & 0o777, 0o600, name)
        expect_private(folder)
        authority = open(folder + "/pki/ca.crt", encoding="utf-8").read()
        up.run("apply", "-f", "-", stdin=DEPLOYMENT)
        up.run("wait", "web", "--timeout", "60s")
        expect_in("Running", up.run("get", "instances"))
        ports = open(folder + "/ports", encoding="utf-8").read()
        expect_equal(up.end(), 0, up.text())
        expect_nothing_left(folder)
        # The same data, ports and topology again, without being told.
        up = Up(mot, folder, port=up.port)
        up.ready()
        expect_equal(open(folder + "/ports", encoding="utf-8").read(), ports)
        expect("initdb" not in up.text(), up.text())
        expect_equal(open(folder + "/pki/ca.crt", encoding="utf-8").read(), authority)
        up.run("wait", "web", "--timeout", "60s")
        up.run("delete", "deployment", "web", "--timeout", "60s")
        expect_equal(up.end(), 0, up.text())
        expect_nothing_left(folder)
    finally:
        up.kill()


def parts_that_die_come_back(mot, folder, topology):
    up = Up(mot, folder, "--topology", topology)
    try:
        up.ready()
        up.run("apply", "-f", "-", stdin=DEPLOYMENT)
        up.run("wait", "web", "--timeout", "60s")
        before = up.parts()
        for name in ("api", "controller", "reconciler production-one", "postgresql"):
            os.kill(before[name], signal.SIGKILL)
        wait_for(lambda: all(up.parts().get(name, pid) != pid or name.startswith("kafka") for name, pid in before.items()),
                 "every part is started again: " + up.text(), 30)
        expect_in("died: signal 9 (Killed); again in 0.1 s", up.text())
        wait_for(lambda: re.search(r"^.* api +again ready", up.text(), re.M), "the API again", 60)
        up.run("apply", "-f", "-", stdin=DEPLOYMENT.replace("image: none", "image: other"))
        up.run("wait", "web", "--timeout", "60s")
        # A second one on the same folder, or the same port, is told so.
        again = Up(mot, folder)
        expect_equal(again.process.wait(30), 1)
        expect_in("is in use by another `mot up`", again.text())
        other = tempfile.mkdtemp(prefix="mot-test-up-", dir="/tmp")
        taken = Up(mot, other, port=up.port)
        expect_equal(taken.process.wait(30), 1)
        expect_in(f"port {up.port} is taken", taken.text())
        shutil.rmtree(other)
        # Killed, it takes everything with it; and the next start goes on.
        up.kill()
        expect_nothing_left(folder)
        up = Up(mot, folder)
        up.ready()
        expect_in("web", up.run("get", "deployments"))
        expect_equal(up.end(), 0, up.text())
        expect_nothing_left(folder)
    finally:
        up.kill()


def what_is_missing_is_said(mot, folder, topology):
    cases = [(["--kafka-home", "/nowhere"], {}, "/nowhere"),
             ([], {"PATH": "/nowhere"}, "Java was not found"),
             (["--topology", "/nowhere.yaml"], {}, "/nowhere.yaml")]
    for arguments, env, text in cases:
        done = subprocess.run([mot, "up", "--data", folder, "--port", str(free_port()), *arguments],
                              env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False)
        expect_equal(done.returncode, 1, str(arguments))
        expect_in(text, done.stderr)


def below_a_folder_that_postgres_cannot_pass(mot, folder, topology):
    os.chmod(folder, 0o700)  # as /root is
    for protocol in ("https", "http"):  # the second only when asked for by name
        more = ["--plain-http"] if protocol == "http" else []
        data = folder + "/above/data"
        up = Up(mot, data, "--topology", topology, "--once", *more)
        try:
            expect_equal(up.process.wait(READY_SECONDS), 0, up.text())
            # Nobody reads in there; as root, PostgreSQL's own user passes through.
            expect_equal(os.stat(data).st_mode & 0o777, 0o711 if os.geteuid() == 0 else 0o700)
            expect_equal(os.stat(folder + "/above").st_mode & 0o777, 0o755)
            expect_in("ready in ", up.text())
            expect_in(f": {protocol}://127.0.0.1:{up.port}, kubeconfig", up.text())
            expect_in(f'"{protocol}://127.0.0.1:{up.port}"', open(data + "/kubeconfig", encoding="utf-8").read())
        finally:
            up.kill()
    expect_nothing_left(folder)


ITEMS = [what_is_missing_is_said, below_a_folder_that_postgres_cannot_pass, start_use_resume, parts_that_die_come_back]


def main():
    failed = 0
    for item in ITEMS:
        if sys.argv[2:] and item.__name__ not in sys.argv[2:]:
            continue
        folder = tempfile.mkdtemp(prefix="mot-test-up-", dir="/tmp")
        os.chmod(folder, 0o755)
        topology = folder + ".yaml"
        open(topology, "w", encoding="utf-8").write(TOPOLOGY)
        begun = time.monotonic()
        try:
            item(sys.argv[1], folder, topology)
            print(f"ok    {item.__name__} ({time.monotonic() - begun:.0f} s)", flush=True)
        except (Failure, subprocess.TimeoutExpired, OSError, KeyError) as failure:
            failed += 1
            print(f"FAIL  {item.__name__}: {failure}\n{traceback.format_exc()}", flush=True)
            for name in sorted(os.listdir(folder + "/logs")) if os.path.isdir(folder + "/logs") else []:
                tail = open(f"{folder}/logs/{name}", encoding="utf-8", errors="replace").read()[-1500:]
                print(f"--- {name}\n{tail}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        os.unlink(topology)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
