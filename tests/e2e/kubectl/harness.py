"""PostgreSQL, `mot api` and kubectl for tests. Standard library only."""

import glob
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request


class Failure(Exception):
    pass


def expect(condition, text):
    if not condition:
        raise Failure(text)


def expect_equal(found, wanted, what=""):
    expect(found == wanted, f"{what}\n  found:  {found!r}\n  wanted: {wanted!r}")


def expect_in(part, whole, what=""):
    expect(part in whole, f"{what}\n  {part!r}\n  is not in: {whole!r}")


def wait_for(condition, what, seconds=20.0):
    """The value of condition() as soon as it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise Failure(f"timed out: {what}")


class Postgres:
    """A PostgreSQL on a Unix socket; it refuses to run as root, so root becomes postgres or nobody. It does not wait for
    the disk unless it is to be durable."""

    def __init__(self, durable=False):
        self.options = [] if durable else ["-F"]
        bins = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        self.bin = bins[-1] if bins else os.path.dirname(shutil.which("postgres") or "")
        self.dir = tempfile.mkdtemp(prefix="mot-e2e-pg-", dir="/tmp")
        self.user = self._user()
        if self.user:
            os.chown(self.dir, self.user.pw_uid, self.user.pw_gid)
        self._run("initdb", "-D", self.dir + "/data", "-A", "trust", "-U", "mot", "-N")
        self.process = subprocess.Popen(
            [self.bin + "/postgres", "-D", self.dir + "/data", "-k", self.dir, "-h", "", *self.options],
            stdout=open(self.dir + "/log", "wb"), stderr=subprocess.STDOUT, **self._as_user())
        wait_for(lambda: self._ready(), "PostgreSQL")
        self.url = f"host={self.dir} user=mot dbname=postgres"

    @staticmethod
    def _user():
        if os.geteuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        return None

    def _as_user(self):
        if not self.user:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def _run(self, program, *arguments):
        subprocess.run([f"{self.bin}/{program}", *arguments], check=True, cwd=self.dir,
                       stdout=subprocess.DEVNULL, **self._as_user())

    def _ready(self):
        return subprocess.run([self.bin + "/pg_isready", "-q", "-h", self.dir],
                              check=False).returncode == 0

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Api:
    """A `mot api` process."""

    def __init__(self, mot, url, *arguments):
        self.dir = tempfile.mkdtemp(prefix="mot-e2e-api-", dir="/tmp")
        port_file = self.dir + "/port"
        protocol = [] if "--tls-cert-file" in arguments else ["--plain-http"]
        self.log = open(self.dir + "/log", "wb")
        self.process = subprocess.Popen(
            [mot, "api", "--db", url, "--port", "0", "--port-file", port_file, *protocol, *arguments],
            stdout=self.log, stderr=subprocess.STDOUT)
        wait_for(lambda: self._port(port_file), "mot api: " + self.dir + "/log")
        self.base = f"http://127.0.0.1:{self._port(port_file)}"

    def _port(self, path):
        expect(self.process.poll() is None, "mot api has ended: " + self.dir + "/log")
        try:
            return int(open(path, encoding="ascii").read() or 0)
        except (FileNotFoundError, ValueError):
            return 0

    def request(self, method, path, body=None, headers=None):
        """(status, headers, decoded JSON or text)"""
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        request = urllib.request.Request(self.base + path, data=data, method=method,
                                         headers={"Content-Type": "application/json",
                                                  **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, self._decode(answer)
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers, self._decode(answer)

    @staticmethod
    def _decode(answer):
        data = answer.read()
        if "json" in (answer.headers.get("Content-Type") or ""):
            return json.loads(data)
        return data

    def stop(self):
        """Ends it and says what it said, unless it ended well."""
        self.process.terminate()
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "killed"
        self.log.close()
        if status != 0:
            print(open(self.dir + "/log", encoding="utf-8", errors="replace").read()[-8000:])
        shutil.rmtree(self.dir, ignore_errors=True)
        return status


# No cluster answers there: what the controller does with objects does not need one.
TOPOLOGY = """apiVersion: mot.dev/v1alpha1
kind: Topology
central: production-us-east-1
regions:
- name: production-us-east-1
  appenv: production
  kafka: {bootstrapServers: "127.0.0.1:1"}
  zones:
  - {name: us-east-1a, driver: local}
"""


class Controller:
    """A `mot controller` process without clusters."""

    def __init__(self, mot, url, *arguments):
        self.dir = tempfile.mkdtemp(prefix="mot-e2e-controller-", dir="/tmp")
        topology = self.dir + "/topology.yaml"
        with open(topology, "w", encoding="ascii") as file:
            file.write(TOPOLOGY)
        self.log = open(self.dir + "/log", "wb")
        self.process = subprocess.Popen([mot, "controller", "--db", url, "--topology", topology, *arguments],
                                        stdout=self.log, stderr=subprocess.STDOUT)

    def stop(self):
        """Ends it and says what it said, unless it ended well."""
        self.process.terminate()
        status = self.process.wait(30)
        self.log.close()
        if status != 0:
            print(open(self.dir + "/log", encoding="utf-8", errors="replace").read()[-4000:])
        shutil.rmtree(self.dir, ignore_errors=True)
        return status


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err


class Kubectl:
    """One kubectl with a fresh home: it caches discovery by host and port for hours."""

    def __init__(self, path, base):
        self.path = path
        self.home = tempfile.mkdtemp(prefix="mot-e2e-home-", dir="/tmp")
        self.base = base
        name = os.path.basename(os.path.dirname(path))
        self.version = tuple(int(part) for part in name.split("-")[-1].split(".")[:2])

    def command(self, *arguments):
        return [self.path, "--server", self.base, *arguments]

    def env(self):
        return {"HOME": self.home, "PATH": os.environ.get("PATH", "")}

    def run(self, *arguments, stdin=None, editor="false"):
        done = subprocess.run(self.command(*arguments), env={**self.env(), "EDITOR": editor}, cwd=self.home,
                              input=stdin, capture_output=True, text=True, timeout=60, check=False)
        return Result(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments, stdin=None, editor="false"):
        result = self.run(*arguments, stdin=stdin, editor=editor)
        expect(result.status == 0, f"kubectl {' '.join(arguments)}: {result.err}{result.out}")
        return result

    def bad(self, *arguments, stdin=None):
        result = self.run(*arguments, stdin=stdin)
        expect(result.status != 0, f"kubectl {' '.join(arguments)} worked: {result.out}")
        return result

    def start(self, *arguments):
        """A kubectl in the background that writes to the file of the result's `.path`."""
        path = os.path.join(self.home, f"out-{time.monotonic_ns()}")
        process = subprocess.Popen(self.command(*arguments), env=self.env(), cwd=self.home,
                                   stdout=open(path, "wb"), stderr=subprocess.STDOUT)
        process.path = path
        return process

    def write(self, name, value):
        path = os.path.join(self.home, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(value if isinstance(value, str) else json.dumps(value))
        return path

    def close(self):
        shutil.rmtree(self.home, ignore_errors=True)


def read(process):
    return open(process.path, encoding="utf-8").read()


def kubectls():
    """Paths of DIR/kubectl-VERSION/kubectl, oldest first."""
    root = os.environ.get("MOT_KUBECTL_DIR") or os.path.expanduser("~/.cache/mot")
    found = [path for path in glob.glob(root + "/kubectl-*/kubectl") if os.access(path, os.X_OK)]
    return sorted(found, key=lambda path: [int(part) for part in path.split("-")[-1].split("/")[0]
                                           .split(".") if part.isdigit()])


def run_items(items, clean, path, api, names=()):
    """Each item with a fresh kubectl, after clean(api); those named, or all. How many failed."""
    failed = 0
    for item in items:
        if names and item.__name__ not in names:
            continue
        kubectl = Kubectl(path, api.base)
        version = ".".join(str(part) for part in kubectl.version)
        try:
            clean(api)
            item(kubectl, api)
            print(f"ok    kubectl {version}: {item.__name__}", flush=True)
        except (Failure, LookupError, subprocess.TimeoutExpired) as failure:
            failed += 1
            print(f"FAIL  kubectl {version}: {item.__name__}: {type(failure).__name__} {failure}", flush=True)
        kubectl.close()
    return failed


def run_with_controller(items, clean, mot, arguments=(), names=()):
    """All kubectls against one `mot api` and `mot controller`, both with the further arguments: 0, 1, or 77 without kubectl."""
    found = kubectls()
    if not found:
        print("no kubectl found")
        return 77
    failed = 0
    postgres = Postgres()
    api = Api(mot, postgres.url, *arguments)
    controller = Controller(mot, postgres.url, *arguments)
    try:
        for path in found:
            failed += run_items(items, clean, path, api, names)
    finally:
        statuses = {"mot controller": controller.stop(), "mot api": api.stop()}
        postgres.stop()
    for name, status in statuses.items():
        if status != 0:
            print(f"FAIL  {name} ended with {status}")
            failed += 1
    return 1 if failed else 0
