"""`mot api` over PostgreSQL beside Kubernetes's server of custom resources over etcd: the same kind, the same client program,
one after the other on one machine, both with TLS and a client certificate, both databases with their durable defaults.

    compare.py MOT BENCH_API [CLIENTS:OBJECTS:WATCHERS…]

From a Release build; scripts/install-deps --all-tests builds the reference."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "conformance"))
from sides import Database, Reference, Server  # noqa: E402

RUNS = ["1:1000:0", "32:4000:1000", "256:10000:0"]
LINE = re.compile(r"(\w+) +(\d+) clients +(\d+) /s +p50 +(\S+) ms +p99 +(\S+) ms +CPU +(\d+) us, database +(\d+) us")
WATCH = re.compile(r"watch +(\d+) events/s .* (\S+) us of CPU each")


def memory_mb(pid, name):
    for line in open(f"/proc/{pid}/status", encoding="ascii"):
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def lines_of(command):
    """As they come."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield from process.stdout
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")


def measure(bench, side, pid, database, port, certificate):
    """{(what, clients): (per second, server CPU, CPU of server and database)}; prints what the bench says."""
    found = {}
    print(f"---- {side}: at rest {memory_mb(pid, 'VmRSS'):.1f} MB", flush=True)
    for run in sys.argv[3:] or RUNS:
        clients, objects, watchers = run.split(":")
        for line in lines_of([bench, str(port), str(pid), str(database), objects, clients, watchers, *certificate]):
            print(line, end="", flush=True)
            match = LINE.match(line)
            if match:
                what, count, rate, _, _, cpu, database_cpu = match.groups()
                # A second PATCH is that which the watchers watch.
                found.setdefault((what, int(count)), (float(rate), float(cpu), float(cpu) + float(database_cpu)))
            match = WATCH.match(line)
            if match:
                found["watch", int(watchers)] = (float(match[1]), float(match[2]), float(match[2]))
    print(f"---- {side}: at the end {memory_mb(pid, 'VmRSS'):.1f} MB, at most {memory_mb(pid, 'VmHWM'):.1f} MB", flush=True)
    return found


def measure_reference(bench):
    reference = Reference(durable=True)
    try:
        return measure(bench, "apiextensions-apiserver and etcd", reference.process.process.pid,
                       reference.etcd.process.pid, reference.port, [reference.certificate, reference.key])
    finally:
        reference.close()


def measure_mot(mot, bench):
    database = Database(durable=True)
    folder = database.dir
    pairs = {}
    for name, subject in (("server", "/CN=127.0.0.1"), ("client", "/O=system:masters/CN=bench")):
        pairs[name] = [f"{folder}/{name}.crt", f"{folder}/{name}.key"]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-days", "2",
                        "-keyout", pairs[name][1], "-out", pairs[name][0]], check=True, capture_output=True)
    server = Server(mot, database.url, "--tls-cert-file", pairs["server"][0], "--tls-private-key-file",
                    pairs["server"][1], "--client-ca-file", pairs["client"][0])
    try:
        return measure(bench, "mot api and PostgreSQL", server.process.pid, database.process.pid, server.port,
                       pairs["client"])
    finally:
        server.stop()
        database.stop()


def main():
    mot, bench = sys.argv[1:3]
    ours = measure_mot(mot, bench)
    theirs = measure_reference(bench)
    print("---- how many times the reference: per second, per CPU second of the server, with its database")
    for key in theirs:
        if key not in ours:
            continue
        rate, cpu, both = (ours[key][0] / theirs[key][0], theirs[key][1] / max(ours[key][1], 0.01),
                           theirs[key][2] / max(ours[key][2], 0.01))
        print(f"{key[0]:6} {key[1]:5}   {rate:6.1f}   {cpu:6.1f}   {both:6.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
