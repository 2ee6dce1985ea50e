"""kubectl, old and new, and the client verbs of mot over TLS: client certificates, tokens, JSON Web Tokens, nothing.

Usage: test_tls.py MOT [ITEM…]
"""

import base64
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kubectl"))

from harness import (Api, Failure, Kubectl, Postgres, Result, expect, expect_equal, expect_in, kubectls, read,  # noqa: E402
                     wait_for)

UNAUTHORIZED = "error: You must be logged in to the server ("  # Unauthorized, or newer ones' own words for it
DEPLOYMENTS = "/apis/mot.dev/v1alpha1/namespaces/default/deployments"
ISSUER, AUDIENCE = "https://issuer.example", "mot"


def deployment(name):
    return json.dumps({
        "apiVersion": "mot.dev/v1alpha1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
        "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "i:1"}]}},
                 "placement": [{"name": "all", "regions": ["r1"], "replicas": 1}]}})


# ---------------------------------------------------------------------------------------------- certificates and tokens


def openssl(*arguments, stdin=None):
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=False)
    expect(done.returncode == 0, f"openssl {' '.join(arguments)}: {done.stderr.decode()}")
    return done.stdout


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Authority:
    """A folder with ca.crt, and what it issues."""

    def __init__(self, name="ca"):
        self.dir = tempfile.mkdtemp(prefix="mot-e2e-pki-", dir="/tmp")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-keyout", self.path("ca.key"), "-out", self.path("ca.crt"))

    def path(self, name):
        return f"{self.dir}/{name}"

    def text(self, name):
        return open(self.path(name), encoding="ascii").read()

    def write(self, name, text):
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text)
        return self.path(name)

    def issue(self, name, subject, extensions, *validity):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
                "-keyout", self.path(name + ".key"), "-out", self.path(name + ".csr"))
        self.write(name + ".ext", extensions)
        openssl("x509", "-req", "-in", self.path(name + ".csr"), "-CA", self.path("ca.crt"),
                "-CAkey", self.path("ca.key"), "-CAcreateserial", "-extfile", self.path(name + ".ext"),
                *(validity or ("-days", "1")), "-out", self.path(name + ".crt"))

    def server(self, name="server"):
        self.issue(name, "/CN=" + name, "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")

    def client(self, name, *groups, validity=()):
        self.issue(name, "".join(f"/O={group}" for group in groups) + "/CN=" + name, "extendedKeyUsage=clientAuth\n",
                   *validity)

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)


class Issuer:
    """Signs JSON Web Tokens with RS256."""

    def __init__(self, authority):
        self.key = authority.path("issuer.key")
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.key)
        modulus = openssl("rsa", "-in", self.key, "-noout", "-modulus").decode().strip().split("=")[1]
        authority.write("jwks.json", json.dumps({"keys": [
            {"kty": "RSA", "kid": "1", "use": "sig", "n": base64url(bytes.fromhex(modulus)), "e": "AQAB"}]}))

    def token(self, **claims):
        claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 600, **claims}
        text = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "1"}, claims))
        return text + "." + base64url(openssl("dgst", "-sha256", "-sign", self.key, stdin=text.encode()))


# ---------------------------------------------------------------------------------------------- a server and its clients


class World:
    """A server with every sort of authentication."""

    def __init__(self, mot):
        self.mot = os.path.abspath(mot)
        self.authority = Authority()
        self.stranger = Authority("another")
        self.authority.server()
        self.authority.client("admin", "system:masters")
        self.authority.client("ann", "team", "testers")
        self.stranger.client("admin", "system:masters")
        self.issuer = Issuer(self.authority)
        self.tokens = self.authority.write("tokens.csv", 'root-token,root,1,"system:masters"\nbob-token,bob,2,"team"\n')
        self.database = Postgres()
        pki = self.authority.path
        self.api = Api(self.mot, self.database.url, "--tls-cert-file", pki("server.crt"),
                       "--tls-private-key-file", pki("server.key"), "--client-ca-file", pki("ca.crt"),
                       "--token-auth-file", self.tokens, "--oidc-issuer-url", ISSUER, "--oidc-client-id", AUDIENCE,
                       "--oidc-jwks", pki("jwks.json"), "--oidc-username-prefix", "oidc:", "--oidc-groups-claim", "groups",
                       "--oidc-groups-prefix", "oidc:")
        self.port = int(self.api.base.rsplit(":", 1)[1])
        self.base = f"https://127.0.0.1:{self.port}"

    def config(self, user, cluster=None):
        """A kubeconfig's path. @cluster: instead of the authority's certificate."""
        path = self.authority.path(f"config-{time.monotonic_ns()}")
        data = base64.b64encode(self.authority.text("ca.crt").encode()).decode()
        content = {
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": self.base,
                                                   **(cluster or {"certificate-authority-data": data})}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}], "users": [{"name": "u", "user": user}]}
        with open(path, "w", encoding="ascii") as file:
            json.dump(content, file)
        return path

    def certificate(self, name, authority=None):
        pki = (authority or self.authority).path
        return {"client-certificate": pki(name + ".crt"), "client-key": pki(name + ".key")}

    def tls(self, name=None):
        context = ssl.create_default_context(cafile=self.authority.path("ca.crt"))
        if name:
            context.load_cert_chain(self.authority.path(name + ".crt"), self.authority.path(name + ".key"))
        return context

    def get(self, path, token=None, name=None):
        """(status, body)"""
        request = urllib.request.Request(self.base + path,
                                         headers={"Authorization": "Bearer " + token} if token else {})
        try:
            with urllib.request.urlopen(request, timeout=30, context=self.tls(name)) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read()

    def close(self):
        status = self.api.stop()
        self.database.stop()
        self.authority.close()
        self.stranger.close()
        return status


class Client(Kubectl):
    """A kubectl with a kubeconfig."""

    def __init__(self, path, config):
        super().__init__(path, "")
        self.config = config

    def command(self, *arguments):
        return [self.path, "--kubeconfig", self.config, *arguments]


class Mot:
    """The client verbs with a kubeconfig."""

    def __init__(self, world, user, cluster=None, **changes):
        self.path = world.mot
        self.home = tempfile.mkdtemp(prefix="mot-e2e-home-", dir="/tmp")
        self.config = world.config(user, cluster)
        self.arguments = [item for name, value in changes.items() for item in ("--" + name, value)]

    def command(self, *arguments):
        return [self.path, *arguments, "--kubeconfig", self.config, *self.arguments]

    def env(self):
        return {"HOME": self.home, "PATH": os.environ["PATH"], "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}

    run = Kubectl.run
    ok = Kubectl.ok
    bad = Kubectl.bad
    start = Kubectl.start
    close = Kubectl.close


def using(client, work):
    try:
        return work(client)
    finally:
        client.close()


# ---------------------------------------------------------------------------------------------- kubectl


def with_a_certificate(world, path):
    def work(kubectl):
        name = "cert-" + os.path.basename(os.path.dirname(path)).replace(".", "-")
        expect_in("created", kubectl.ok("apply", "-f", "-", stdin=deployment(name)).out)
        expect_in("unchanged", kubectl.ok("apply", "-f", "-", stdin=deployment(name)).out)
        watch = kubectl.start("get", "deployments.mot.dev", name, "-w", "-o", "name")
        try:
            wait_for(lambda: name in read(watch), "the watch shows the deployment")
            kubectl.ok("label", "deployments.mot.dev", name, "a=b")
            wait_for(lambda: read(watch).count(name) >= 2, "the watch shows the change")
        finally:
            watch.kill()
            watch.wait()
        kubectl.ok("delete", "deployments.mot.dev", name, "--wait=false")
    using(Client(path, world.config(world.certificate("admin"))), work)


def groups_of_a_certificate(world, path):
    def work(kubectl):
        result = kubectl.bad("get", "deployments.mot.dev")
        expect_in('(Forbidden): deployments.mot.dev is forbidden: User "ann" cannot list resource "deployments"', result.err)
        if kubectl.version >= (1, 27):
            expect_in("[team testers system:authenticated]", kubectl.ok("auth", "whoami").out)
    using(Client(path, world.config(world.certificate("ann"))), work)


def with_a_token(world, path):
    using(Client(path, world.config({"token": "root-token"})), lambda kubectl: kubectl.ok("get", "deployments.mot.dev"))
    file = world.authority.write("token", "root-token\n")
    using(Client(path, world.config({"tokenFile": file})), lambda kubectl: kubectl.ok("get", "deployments.mot.dev"))

    def forbidden(kubectl):
        expect_in('User "bob" cannot list resource', kubectl.bad("get", "deployments.mot.dev").err)
    using(Client(path, world.config({"token": "bob-token"})), forbidden)


def with_wrong_credentials(world, path):
    def unauthorized(kubectl):
        expect_in(UNAUTHORIZED, kubectl.bad("get", "deployments.mot.dev").err)
    for user in ({"token": "wrong"}, {"token": "a.b.c"}, {"username": "bob", "password": "bob-token"}):
        using(Client(path, world.config(user)), unauthorized)


def with_an_expired_certificate(world, path):
    world.authority.client("late", "system:masters", validity=("-days", "-1"))

    def work(kubectl):
        expect_in(UNAUTHORIZED, kubectl.bad("get", "deployments.mot.dev").err)
    using(Client(path, world.config(world.certificate("late"))), work)


def with_a_certificate_of_another_authority(world, path):
    def work(kubectl):
        expect_in(UNAUTHORIZED, kubectl.bad("get", "deployments.mot.dev").err)
        expect_in(UNAUTHORIZED, kubectl.bad("get", "--raw", "/healthz").err)
    using(Client(path, world.config(world.certificate("admin", world.stranger))), work)


def with_the_wrong_authority(world, path):
    def work(kubectl):
        expect_in("x509: certificate signed by unknown authority", kubectl.bad("get", "deployments.mot.dev").err)
    using(Client(path, world.config({"token": "root-token"},
                                    {"certificate-authority": world.stranger.path("ca.crt")})), work)
    using(Client(path, world.config({"token": "root-token"}, {"insecure-skip-tls-verify": True})),
          lambda kubectl: kubectl.ok("get", "deployments.mot.dev"))


def with_web_tokens(world, path):
    def forbidden(kubectl):
        expect_in('User "oidc:cleo" cannot list resource', kubectl.bad("get", "deployments.mot.dev").err)
        if kubectl.version >= (1, 27):
            expect_in("[oidc:team system:authenticated]", kubectl.ok("auth", "whoami").out)

    def unauthorized(kubectl):
        expect_in(UNAUTHORIZED, kubectl.bad("get", "deployments.mot.dev").err)
    token = world.issuer.token(sub="cleo", groups=["team"])
    using(Client(path, world.config({"token": token})), forbidden)
    for wrong in (world.issuer.token(sub="cleo", exp=int(time.time()) - 60), world.issuer.token(sub="cleo", aud="other"),
                  world.issuer.token(sub="cleo", iss="https://other"), token[:-8] + "AAAAAAAA"):
        using(Client(path, world.config({"token": wrong})), unauthorized)


# ---------------------------------------------------------------------------------------------- mot


def mot_with_everything(world):
    data = {f"{name}-data": base64.b64encode(open(file, "rb").read()).decode()
            for name, file in world.certificate("admin").items()}
    file = world.authority.write("token-of-mot", "root-token\n")
    for user in (world.certificate("admin"), data, {"token": "root-token"}, {"tokenFile": file}):
        using(Mot(world, user), lambda mot: mot.ok("get", "deployments"))
    using(Mot(world, {"token": "root-token"}, {"insecure-skip-tls-verify": True}), lambda mot: mot.ok("get", "ns"))
    using(Mot(world, {"token": "root-token"}, {"certificate-authority": world.authority.path("ca.crt"),
                                               "tls-server-name": "localhost"}), lambda mot: mot.ok("get", "ns"))


def mot_is_refused(world):
    def refused(text):
        return lambda mot: expect_in(text, mot.bad("get", "deployments").err)
    using(Mot(world, {"token": "wrong"}), refused("Unauthorized"))
    using(Mot(world, world.certificate("admin", world.stranger)), refused("Unauthorized"))
    using(Mot(world, {}), refused("Unauthorized"))
    using(Mot(world, {"token": "bob-token"}), refused('User "bob" cannot list resource'))
    using(Mot(world, {"token": "root-token"}, {"certificate-authority": world.stranger.path("ca.crt")}),
          refused("certificate"))
    using(Mot(world, {"token": "root-token"}, {"certificate-authority": world.authority.path("ca.crt"),
                                               "tls-server-name": "example.org"}), refused("certificate"))
    using(Mot(world, {"exec": {"command": "x"}}), refused("gets its credentials from a program"))


def mot_watches_over_websockets(world):
    def work(mot):
        mot.ok("apply", "-f", "-", stdin=deployment("ws"))
        watch = mot.start("get", "deployments", "ws", "--websocket")
        try:
            wait_for(lambda: "ws" in read(watch), "the first line")
            before = read(watch).count("\n")
            mot.ok("apply", "-f", "-", stdin=deployment("ws").replace("i:1", "i:2"))
            wait_for(lambda: read(watch).count("\n") > before, "the change")
        finally:
            watch.terminate()
            watch.wait()
        mot.ok("delete", "deployment", "ws", "--wait=false")
    using(Mot(world, world.certificate("admin")), work)
    using(Mot(world, {"token": "root-token"}), work)


# ---------------------------------------------------------------------------------------------- without a client program


def websocket(world, protocols):
    """The head of the answer."""
    with world.tls().wrap_socket(socket.create_connection(("127.0.0.1", world.port), 10),
                                 server_hostname="127.0.0.1") as sock:
        sock.sendall((f"GET {DEPLOYMENTS}?watch=1 HTTP/1.1\r\nHost: 127.0.0.1:{world.port}\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                      f"Sec-WebSocket-Protocol: {protocols}\r\n\r\n").encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = sock.recv(4096)
            expect(more, f"the connection ended after {answer!r}")
            answer += more
        return answer.split(b"\r\n\r\n")[0].decode().lower()


def browsers_send_tokens_as_sub_protocols(world):
    def bearer(token):
        return "base64url.bearer.authorization.k8s.io." + base64url(token.encode())
    head = websocket(world, f"{bearer('root-token')}, v1.watch")
    expect_in("http/1.1 101 ", head)
    expect_in("sec-websocket-protocol: v1.watch", head)
    expect("bearer" not in head, head)
    expect_in("http/1.1 403 ", websocket(world, f"v1.watch, {bearer('bob-token')}"))
    expect_in("http/1.1 401 ", websocket(world, f"v1.watch, {bearer('wrong')}"))
    expect_in("http/1.1 401 ", websocket(world, bearer("root-token")))
    expect_in("http/1.1 401 ", websocket(world, "v1.watch"))


def answers_to_wrong_credentials(world):
    status, body = world.get(DEPLOYMENTS, token="wrong")
    answer = json.loads(body)
    expect_equal((status, answer["kind"], answer["reason"], answer["message"], answer["code"]),
                 (401, "Status", "Unauthorized", "Unauthorized", 401))
    expect_equal(world.get("/healthz"), (200, b"ok"))  # without any
    expect_equal(world.get("/version")[0], 200)
    expect_equal(world.get(DEPLOYMENTS)[0], 401)
    expect_equal(world.get("/healthz", token="wrong")[0], 401)
    expect_equal(world.get(DEPLOYMENTS, name="admin")[0], 200)
    expect_equal(world.get(DEPLOYMENTS, name="admin", token="wrong")[0], 200)


def files_are_reloaded_under_load(world):
    """The server's certificate and the tokens change while clients call without a pause: nobody notices."""
    failures, ended, calls = [], threading.Event(), [0]

    def call():
        while not ended.is_set():
            try:
                status = world.get(DEPLOYMENTS, token="root-token")[0]
                if status != 200:
                    failures.append(status)
            except OSError as error:
                failures.append(error)
            calls[0] += 1

    def subject():
        with world.tls().wrap_socket(socket.create_connection(("127.0.0.1", world.port), 10),
                                     server_hostname="127.0.0.1") as sock:
            return dict(item[0] for item in sock.getpeercert()["subject"])["commonName"]

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        before = open(world.tokens, encoding="ascii").read()
        for number in range(3):
            world.authority.server("next")
            # One after the other, as people do it: in between they do not fit together.
            for suffix in ("key", "crt"):
                os.replace(world.authority.path("next." + suffix), world.authority.path("server." + suffix))
            wait_for(lambda: subject() == "next", "the new certificate", 20)
            world.authority.server("server")
            wait_for(lambda: subject() == "server", "the old one again", 20)
            world.authority.write("tokens.csv", before + f"new-{number},root,1,system:masters\n")
            wait_for(lambda: world.get(DEPLOYMENTS, token=f"new-{number}")[0] == 200, "the new token", 20)
        world.authority.write("tokens.csv", before)
        wait_for(lambda: world.get(DEPLOYMENTS, token="new-2")[0] == 401, "the token that was taken away", 20)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    expect(calls[0] > 20 and not failures, f"{len(failures)} of {calls[0]} calls failed: {failures[:3]}")


def refuses_to_start_without_being_told_how(world):
    for arguments, text in (([], "there is no TLS: give --tls-cert-file and --tls-private-key-file, or --plain-http"),
                            (["--tls-cert-file", "x"], "there is no TLS"),
                            (["--plain-http", "--tls-cert-file", "x"], "don't go together")):
        done = subprocess.run([world.mot, "api", "--db", world.database.url, *arguments], capture_output=True, text=True,
                              timeout=30, check=False)
        expect_equal(done.returncode, 2, arguments)
        expect_equal(done.stderr.count("\n"), 1)
        expect_in(text, done.stderr)
    done = subprocess.run([world.mot, "api", "--db", world.database.url, "--plain-http", "--address", "0.0.0.0"],
                          capture_output=True, text=True, timeout=60, check=False)
    expect_equal(done.returncode, 1)
    expect_in("is not a loopback address", done.stderr)


WITH_KUBECTL = [with_a_certificate, groups_of_a_certificate, with_a_token, with_wrong_credentials,
                with_an_expired_certificate, with_a_certificate_of_another_authority, with_the_wrong_authority,
                with_web_tokens]
ITEMS = [mot_with_everything, mot_is_refused, mot_watches_over_websockets, browsers_send_tokens_as_sub_protocols,
         answers_to_wrong_credentials, files_are_reloaded_under_load, refuses_to_start_without_being_told_how]


def attempt(name, work):
    begun = time.monotonic()
    try:
        work()
        print(f"ok    {name} ({time.monotonic() - begun:.1f} s)", flush=True)
        return 0
    except (Failure, subprocess.TimeoutExpired, OSError, KeyError, ValueError) as failure:
        print(f"FAIL  {name}: {failure}\n{traceback.format_exc()}", flush=True)
        return 1


def main():
    paths = kubectls()
    if not paths or not shutil.which("openssl"):
        print("no kubectl (MOT_KUBECTL_DIR), or no openssl")
        return 77
    wanted = sys.argv[2:]
    world = World(sys.argv[1])
    failed = 0
    try:
        for item in ITEMS:
            if not wanted or item.__name__ in wanted:
                failed += attempt(item.__name__, lambda: item(world))
        for path in paths:
            for item in WITH_KUBECTL:
                if not wanted or item.__name__ in wanted:
                    version = os.path.basename(os.path.dirname(path))
                    failed += attempt(f"{item.__name__} {version}", lambda: item(world, path))
    finally:
        failed += world.close() != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
