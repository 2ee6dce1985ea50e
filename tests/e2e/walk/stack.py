"""`mot up` on a free port in a temporary folder, and eyes for what happens in it: its processes and their connections,
plain Kafka consumers (kcat), psql, kubectl, mot. Standard library only."""

import glob
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request

PATIENCE = float(os.environ.get("MOT_E2E_PATIENCE", "1"))
SKIP = 77


class Failure(Exception):
    pass


def expect(condition, text):
    if not condition:
        raise Failure(text)


def expect_equal(found, wanted, what=""):
    expect(found == wanted, f"{what}\n  found:  {found!r}\n  wanted: {wanted!r}")


def expect_in(part, whole, what=""):
    expect(part in whole, f"{what}\n  {part!r}\n  is not in: {whole!r}")


def wait_for(condition, what, seconds=90.0):
    """The value of condition() as soon as it is true. A Failure that it raises counts as not yet, and is shown at last."""
    deadline = time.monotonic() + seconds * PATIENCE
    last = None
    while True:
        try:
            value = condition()
            last = None
            if value:
                return value
        except Failure as failure:
            last = failure
        if time.monotonic() > deadline:
            raise Failure(f"timed out: {what}" + (f"\n  {last}" if last else ""))
        time.sleep(0.05)


def say(text):
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


# ---------------------------------------------------------------------------------------------- processes


def read_bytes(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def read_link(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def command_line(pid):
    return [part.decode(errors="replace") for part in read_bytes(f"/proc/{pid}/cmdline").split(b"\0")[:-1]]


def process_stat(pid):
    """(state, parent, start time) or None; a zombie is no process."""
    fields = read_bytes(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    if len(fields) < 20 or fields[0] in (b"Z", b"X"):
        return None
    return fields[0].decode(), int(fields[1]), int(fields[19])


def is_alive(pid):
    return process_stat(pid) is not None


def environment(pid):
    pairs = (pair.split(b"=", 1) for pair in read_bytes(f"/proc/{pid}/environ").split(b"\0") if b"=" in pair)
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, value in pairs}


def rss_kb(pid):
    found = re.search(rb"VmRSS:\s+(\d+)", read_bytes(f"/proc/{pid}/status"))
    return int(found.group(1)) if found else 0


def remote_ports(pid):
    """The ports of the established TCP connections that a process has opened or accepted."""
    inodes = set()
    for fd in glob.glob(f"/proc/{pid}/fd/*"):
        target = read_link(fd)
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in read_bytes(f"/proc/{pid}/net/{table}").decode().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "01" and fields[9] in inodes:
                ports.add(int(fields[2].rpartition(":")[2], 16))
    return ports


# ---------------------------------------------------------------------------------------------- the stack


class Stack:
    """A running `mot up`."""

    def __init__(self, mot, dir=None):
        self.mot = os.path.abspath(mot)
        self.dir = dir or tempfile.mkdtemp(prefix="mot-e2e-up-", dir="/tmp")
        os.chmod(self.dir, 0o755)  # PostgreSQL, which does not run as root, must pass through it
        self.data = self.dir + "/data"
        self.log = self.dir + "/up.log"
        self.ledger = self.dir + "/ledger"
        self.home = self.dir + "/home"
        os.makedirs(self.home, exist_ok=True)
        self.process = None
        self.port = free_port()
        self.files = 0

    # -- life

    def start(self, seconds=180.0):
        began = time.monotonic()
        self.start_without_waiting()
        wait_for(self._is_ready, "the line that begins with ready", seconds)
        self.start_seconds = time.monotonic() - began
        say(f"mot up is ready after {self.start_seconds:.1f} s in {self.dir}")
        return self

    def start_without_waiting(self):
        self.said = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.mot, "up", "--data", self.data, "--port", str(self.port)],
                stdout=log, stderr=subprocess.STDOUT, cwd=self.dir, start_new_session=True)

    def output(self):
        """What this `mot up` has said."""
        return read_bytes(self.log)[self.said:].decode(errors="replace")

    def _is_ready(self):
        if self.process.poll() is not None:
            raise SystemExit(self.report(f"mot up has ended: {self.process.returncode}"))
        return re.search("^ready", self.output(), re.M)

    def stop(self, sig=signal.SIGTERM, seconds=90.0):
        """Its exit status."""
        self.process.send_signal(sig)
        try:
            return self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure("mot up does not end; still there:\n" + "\n".join(
                f"  {pid} {' '.join(command_line(pid))[:100]}" for pid in self.everything()))

    def close(self):
        """Leaves nothing behind, whatever state it is in."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in self.everything():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.dir, ignore_errors=True)

    def everything(self):
        """Every process that has to do with this folder, our own callers excepted."""
        mine = (os.getpid(), self.process.pid if self.process and self.process.poll() is None else 0)
        found = []
        for pid in all_pids():
            if pid in mine or not is_alive(pid):
                continue
            if (read_link(f"/proc/{pid}/cwd") + "/").startswith(self.data + "/") or \
                    any(self.data in part for part in command_line(pid)):
                found.append(pid)
        return found

    # -- parts

    def parts(self):
        """{name: pid} of what `mot up` has started: "api", "reconciler test-us-east-1", "kafka …", "mirror A->B"."""
        found = {}
        children = read_bytes(f"/proc/{self.process.pid}/task/{self.process.pid}/children").split()
        for pid in map(int, children):
            args = command_line(pid)
            if not args or not is_alive(pid):
                continue
            name = args[1] if len(args) > 1 and args[0] == self.mot else os.path.basename(args[0])
            for option in ("--region", "--mirror"):
                if option in args:
                    name += " " + args[args.index(option) + 1]
            if name == "java":
                name = "kafka " + os.path.basename(read_link(f"/proc/{pid}/cwd"))
            found[name] = pid
        return found

    def part(self, name):
        pid = self.parts().get(name)
        expect(pid, f"there is no process {name}: {self.parts()}")
        return pid

    def kill_part(self, name):
        """kill -9; the pid it had."""
        pid = self.part(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_restarted(self, name, old):
        return wait_for(lambda: self.parts().get(name, old) != old, f"{name} (was {old}) is started again")

    def brokers(self):
        """{region: port}"""
        text = read_bytes(self.data + "/topology.yaml").decode()
        found = {}
        for block in re.split(r"^- ", text, flags=re.M)[1:]:
            name = re.search(r"^(?:  )?name: (\S+)", block, re.M)
            port = re.search(r"bootstrapServers: \S+?:(\d+)", block)
            if name and port:
                found[name.group(1)] = int(port.group(1))
        return found

    def talks_to(self, pid):
        """The regions whose brokers a process has connections to."""
        ports = remote_ports(pid)
        return sorted(region for region, port in self.brokers().items() if port in ports)

    def processes(self, deployment=None):
        """[(pid, start time, its variables)]: every process of instances, whatever they have started themselves too."""
        found = []
        for pid in all_pids():
            stat = process_stat(pid)
            if stat and read_link(f"/proc/{pid}/cwd").startswith(self.data + "/regions/"):
                variables = environment(pid)
                if "MOT_INSTANCE" in variables and deployment in (None, variables.get("MOT_DEPLOYMENT")):
                    found.append((pid, stat[2], variables))
        return found

    def instances(self):
        """{instance name: (pid, start time)} of the instances that really run: of the leader of each one's group."""
        found = {}
        for pid, started, variables in self.processes():
            try:
                if os.getpgid(pid) != pid:
                    continue
            except ProcessLookupError:
                continue
            name = variables["MOT_INSTANCE"]
            expect(name not in found or not is_alive(found[name][0]), f"two processes of {name}: {found.get(name)} {pid}")
            found[name] = (pid, started)
        return found

    def starts(self, deployment=None):
        """[(deployment, instance, pid)]: every start there ever was of the instances of deployments made by deployment()."""
        lines = read_bytes(self.ledger).decode().splitlines()
        rows = [tuple(line.split()) for line in lines]
        return [row for row in rows if deployment in (None, row[0])]

    # -- the bus

    def records(self, region, topic):
        """Every record of a topic now, by a plain consumer: dicts with key, payload (decoded), headers (a dict), offset."""
        done = subprocess.run(
            ["kcat", "-C", "-q", "-e", "-J", "-X", "fetch.wait.max.ms=20", "-o", "beginning",
             "-b", f"127.0.0.1:{self.brokers()[region]}", "-t", topic],
            capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
        expect(done.returncode == 0, f"kcat {region} {topic}: {done.stderr}")
        found = []
        for line in done.stdout.splitlines():
            record = json.loads(line)
            pairs = record.get("headers") or []
            record["headers"] = dict(zip(pairs[::2], pairs[1::2]))
            record["payload"] = json.loads(record["payload"]) if record.get("payload") else None
            found.append(record)
        return found

    def topics(self, region):
        done = subprocess.run(["kcat", "-L", "-J", "-b", f"127.0.0.1:{self.brokers()[region]}"],
                              capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
        expect(done.returncode == 0, f"kcat -L {region}: {done.stderr}")
        return sorted(topic["topic"] for topic in json.loads(done.stdout)["topics"])

    # -- clients

    def sql(self, query):
        """Rows of text."""
        done = subprocess.run(
            ["psql", "-X", "-At", "-F", "\t", "-h", self.data + "/run", "-p", "5432", "-U", "mot", "-d", "postgres",
             "-c", query], capture_output=True, text=True, timeout=60, check=False)
        expect(done.returncode == 0, f"psql: {done.stderr}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def env(self):
        return {"HOME": self.home, "PATH": os.environ.get("PATH", ""), "KUBECONFIG": self.data + "/kubeconfig"}

    def run(self, *command, stdin=None, ok=True, seconds=150.0):
        """Output of a client; its errors when it is expected to fail."""
        done = subprocess.run(command, env=self.env(), cwd=self.dir, input=stdin, capture_output=True, text=True,
                              timeout=seconds * PATIENCE, check=False)
        what = f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        expect((done.returncode == 0) == ok, what)
        return done.stdout if ok else done.stderr

    def mot_run(self, *arguments, **options):
        return self.run(self.mot, *arguments, **options)

    def kubectl(self, *arguments, version=None, **options):
        return self.run(kubectls()[-1] if version is None else version, *arguments, **options)

    def tls(self):
        """What the administrator's kubeconfig has, for clients of Python."""
        context = ssl.create_default_context(cafile=self.data + "/pki/ca.crt")
        context.load_cert_chain(self.data + "/pki/admin.crt", self.data + "/pki/admin.key")
        return context

    def api(self, path, method="GET", body=None, content_type="application/json"):
        """The decoded answer; a Failure with its text when it is none of 200 to 299."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}{path}", data=data, method=method,
                                         headers={"Content-Type": content_type})
        try:
            with urllib.request.urlopen(request, timeout=30, context=self.tls()) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as answer:
            raise Failure(f"{method} {path}: {answer.code} {answer.read()[:500]!r}")
        except (urllib.error.URLError, OSError) as error:
            raise Failure(f"{method} {path}: {error}")

    def get(self, plural, name, namespace="default"):
        return self.api(f"/apis/mot.dev/v1alpha1/namespaces/{namespace}/{plural}/{name}")

    def list(self, plural, namespace="default"):
        return self.api(f"/apis/mot.dev/v1alpha1/namespaces/{namespace}/{plural}")["items"]

    def exists(self, plural, name, namespace="default"):
        return any(item["metadata"]["name"] == name for item in self.list(plural, namespace))

    def file(self, *objects):
        """A manifest; JSON is YAML."""
        self.files += 1
        path = f"{self.home}/manifest-{self.files}.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n---\n".join(json.dumps(item) for item in objects))
        return path

    def deployment(self, name, placement, env=None, grace=5, strategy=None, command=None):
        """A Deployment of demo servers. @placement: {region: replicas per zone} or placement rules. Each start of an
        instance leaves a line in the ledger."""
        rules = placement if isinstance(placement, list) else [
            {"name": region, "regions": [region], "replicasPerZone": count} for region, count in placement.items()]
        script = 'echo "$MOT_DEPLOYMENT $MOT_INSTANCE $$" >>"$LEDGER"; exec mot demo-server'
        variables = {"LEDGER": self.ledger, **(env or {})}
        return {
            "apiVersion": "mot.dev/v1alpha1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
            "spec": {
                "template": {"spec": {
                    "terminationGracePeriodSeconds": grace,
                    "containers": [{
                        "name": "server", "image": "registry.example/server:1",
                        "command": command or ["/bin/sh", "-c", script],
                        "env": [{"name": key, "value": value} for key, value in variables.items()],
                        "ports": [{"name": "http", "containerPort": 8080}],
                        "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1}}]}},
                "placement": rules,
                **({"strategy": strategy} if strategy else {})}}

    def apply(self, *objects):
        return self.mot_run("apply", "-f", self.file(*objects))

    def converged(self, name, generation=None):
        """The Deployment when it has converged to its newest generation, else a Failure that says how it stands."""
        item = self.get("deployments", name)
        status = item.get("status", {})
        condition = next((c for c in status.get("conditions", []) if c["type"] == "Converged"), {})
        wanted = item["metadata"]["generation"]
        expect(generation is None or wanted >= generation, f"{name}: generation {wanted}")
        expect(condition.get("status") == "True" and condition.get("observedGeneration") == wanted and
               status.get("observedGeneration") == wanted, f"{name}: {json.dumps(status)}")
        return item

    def wait_converged(self, *names, seconds=120.0):
        for name in names:
            wait_for(lambda: self.converged(name), f"{name} converges", seconds)

    def snapshot(self, *deployments):
        """What must not change while others fail: of each instance its process and what the API says of it."""
        running = self.instances()
        found = {}
        for item in self.list("instances"):
            if item["spec"]["deployment"] in deployments:
                name, status = item["metadata"]["name"], item["status"]
                found[name] = (running.get(name), status.get("startedAt"), status.get("restarts"), status.get("phase"),
                               status.get("ready"))
        return found

    def count(self, deployment):
        """How many instances of a deployment really run."""
        return sum(1 for pid, _ in self.instances().values() if environment(pid).get("MOT_DEPLOYMENT") == deployment)

    # -- when it goes wrong

    def report(self, why):
        lines = [why, "", "--- mot up"]
        lines += self.output().splitlines()[-40:] if self.process else []
        for path in sorted(glob.glob(self.data + "/logs/*.log")):
            count = 8 if "kafka" in path or "postgres" in path else 25
            lines += ["--- " + os.path.basename(path)]
            lines += [line[:400] for line in read_bytes(path).decode(errors="replace").splitlines()[-count:]]
        try:
            for kind in ("regions", "deployments,regionaldeployments,instances"):
                lines += ["--- " + kind, self.kubectl("get", kind, "-A")]
            for item in self.list("deployments"):
                lines += [json.dumps(item.get("status"))[:2000]]
        except (Failure, OSError, subprocess.SubprocessError) as error:
            lines += [str(error)]
        if self.process and self.process.poll() is None:
            lines += ["--- parts", *(f"{pid} {name}" for name, pid in self.parts().items())]
        return "\n".join(lines)

    def sanitizer_reports(self):
        found = []
        for path in glob.glob(self.data + "/logs/*.log") + [self.log]:
            for line in read_bytes(path).decode(errors="replace").splitlines():
                if re.search(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error: ", line):
                    found.append(f"{os.path.basename(path)}: {line}")
        return found


def kubectls():
    """Paths of DIR/kubectl-VERSION/kubectl, oldest first."""
    root = os.environ.get("MOT_KUBECTL_DIR") or os.environ.get("MOT_CACHE") or os.path.expanduser("~/.cache/mot")
    found = [path for path in glob.glob(root + "/kubectl-*/kubectl") if os.access(path, os.X_OK)]
    return sorted(found, key=lambda path: [int(part) for part in path.split("-")[-1].split("/")[0]
                                           .split(".") if part.isdigit()])


def missing():
    """What this machine lacks for these tests."""
    lacks = [program for program in ("kcat", "psql", "java") if not shutil.which(program)]
    return lacks + ([] if kubectls() else ["kubectl"])


def main(items, setup=None):
    """Runs the items, in order, on one stack: script MOT [ITEM…]. Ends with the first that fails: the next build on it."""
    mot, only = sys.argv[1], sys.argv[2:]
    if missing():
        print("skipped, for want of: " + " ".join(missing()))
        return SKIP
    stack = Stack(mot)
    try:
        stack.start()
        if setup:
            setup(stack)
        for item in items:
            if only and item.__name__ not in only:
                continue
            began = time.monotonic()
            say(f"{item.__name__}: {(item.__doc__ or '').splitlines()[0]}")
            item(stack)
            say(f"{item.__name__}: passed, {time.monotonic() - began:.1f} s")
        reports = stack.sanitizer_reports()
        expect(not reports, "\n".join(reports))
        return 0
    except Exception as error:  # whatever it was: what was seen must be shown
        traceback.print_exc()
        print(stack.report(f"FAILED: {error}"), flush=True)
        return 1
    finally:
        stack.close()
