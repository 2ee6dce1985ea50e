"""How long the whole path takes, on `mot up` with four Kafka clusters. Prints a report; nothing is asserted.

Usage: bench_e2e.py MOT BENCH_HOPS [--rounds N] [--many N]

Each latency is of one deployment at a time. The instance is a sleep without probes, so that only MoT is measured. Times of
the stations are those that the parts wrote down themselves, in ms: in the change log, in the records, in Instance.status.
"""

import argparse
import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../e2e/walk"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from stack import Failure, Stack, missing, rss_kb, wait_for  # noqa: E402
from watch import Watch  # noqa: E402

CENTRAL, WEST, STAGE, TEST = "production-us-east-1", "production-us-west-2", "stage-us-east-1", "test-us-east-1"
OUT = "mot-deployment-launch-events-"
DEPLOYMENTS = "/apis/mot.dev/v1alpha1/namespaces/default/deployments"


def quantile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else float("nan")


def row(name, values):
    print(f"  {name:<64} {quantile(values, 0.5):8.1f} {quantile(values, 0.99):8.1f}", flush=True)


def deployment(stack, name, regions):
    item = stack.deployment(name, [{"name": region, "regions": [region], "replicas": 1} for region in regions], grace=1,
                            command=["/bin/sleep", "100000"])
    container = item["spec"]["template"]["spec"]["containers"][0]
    del container["readinessProbe"], container["ports"]
    return item


def parse_ms(text):
    seconds, _, rest = text.rstrip("Z").partition(".")
    whole = time.mktime(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S")) - time.timezone
    return whole * 1000 + float("0." + (rest or "0")) * 1000


def is_converged(item):
    return any(c["type"] == "Converged" and c["status"] == "True" and
               c.get("observedGeneration") == item["metadata"]["generation"]
               for c in item.get("status", {}).get("conditions", []))


def latency(stack, region, tag, rounds):
    """Applies one deployment after the other to one region; the stations of each."""
    instances, deployments = Watch(stack, "instances"), Watch(stack, "deployments")
    sent, acknowledged = {}, {}
    for i in range(-3, rounds):
        name = f"{tag}-{i + 3}"
        item = deployment(stack, name, [region])
        begun = time.time() * 1000
        stack.api(DEPLOYMENTS, "POST", item)
        if i >= 0:
            sent[name], acknowledged[name] = begun, time.time() * 1000
        if not deployments.wait(lambda w: is_converged(w.state.get(name, {"metadata": {}})), 60):
            raise Failure(f"{name} does not converge")
        time.sleep(0.05)
    written = {(resource.split(".")[0], name): float(ms) for resource, name, ms in stack.sql(
        "SELECT resource, name, min(written_ms) FROM change_log GROUP BY 1, 2")}
    launch = {record["key"].partition("/")[2]: record["ts"] for record in reversed(stack.records(CENTRAL, OUT + region))}
    desired = {record["key"].partition("/")[2]: record["ts"]
               for record in reversed(stack.records(region, "mot-deployment-desired"))}
    suffix = f".{region}" if region == WEST else ""
    told = {}
    for record in reversed(stack.records(region, "mot-instance-state-change" + suffix)):
        if record["payload"]:
            told[record["payload"]["deployment"]] = record["ts"]
    seen, converged, started, instance_of = {}, {}, {}, {}
    for event in instances.events:
        name = event.item["spec"]["deployment"]
        if name not in seen:
            seen[name], instance_of[name] = event.wall * 1000, event.name
        started[name] = parse_ms(event.item["status"]["startedAt"])
    for event in deployments.events:
        if event.name not in converged and is_converged(event.item):
            converged[event.name] = event.wall * 1000
    instances.stop()
    deployments.stop()
    names = list(sent)
    print(f"\n{region}, {len(names)} deployments one after the other" + " " * 25 + "p50 ms   p99 ms")
    row("apply to process started", [started[n] - sent[n] for n in names])
    row("  apply to acknowledged (HTTP, checks, commit)", [acknowledged[n] - sent[n] for n in names])
    row("  apply to Deployment written", [written["deployments", n] - sent[n] for n in names])
    row("  Deployment to RegionalDeployment written (placement)",
        [written["regionaldeployments", f"{n}.{region}"] - written["deployments", n] for n in names])
    row("  RegionalDeployment written to launch event produced",
        [launch[n] - written["regionaldeployments", f"{n}.{region}"] for n in names])
    row("  launch event produced to desired state produced in region", [desired[n] - launch[n] for n in names])
    row("  desired state produced to process started", [started[n] - desired[n] for n in names])
    row("process started to Instance seen by the watcher", [seen[n] - started[n] for n in names])
    row("  process started to instance record produced", [told[n] - started[n] for n in names])
    row("  instance record produced to Instance written", [written["instances", instance_of[n]] - told[n] for n in names])
    row("  Instance written to seen by the watcher", [seen[n] - written["instances", instance_of[n]] for n in names])
    row("apply to Deployment seen Converged, 250 ms of settling included", [converged[n] - sent[n] for n in names])
    stack.mot_run("delete", "dep", *[f"{tag}-{i}" for i in range(rounds + 3)], "--wait=false")
    wait_for(lambda: not stack.list("deployments"), "all are gone", 240)


def cpu_ms(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 // os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0


def family(pid):
    """PostgreSQL works in processes of its own for each connection."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [pid] + [int(child) for child in file.read().split()]
    except OSError:
        return [pid]


def cpu_of_parts(stack):
    return {name: sum(cpu_ms(one) for one in (family(pid) if name == "postgres" else [pid]))
            for name, pid in stack.parts().items()}


def post_all(stack, items, clients):
    """By several clients at once, each one request after the other; the time of each in ms."""
    took, queue = [], list(items)

    def client():
        while True:
            try:
                item = queue.pop()
            except IndexError:
                return
            began = time.monotonic()
            stack.api(DEPLOYMENTS, "POST", item)
            took.append((time.monotonic() - began) * 1000)
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


def many(stack, count):
    regions = [CENTRAL, WEST, STAGE, TEST]
    items = [deployment(stack, f"many-{i}", regions) for i in range(count)]
    watch = Watch(stack, "deployments")
    before = cpu_of_parts(stack)
    began = time.monotonic()
    took = post_all(stack, items, 16)
    applied = time.monotonic() - began
    progress = []

    def done(w):
        converged = sum(1 for item in w.state.values() if is_converged(item))
        progress.append((time.monotonic() - began, converged))
        return converged == count
    if not watch.wait(done, 600):
        raise Failure(f"only {progress[-1][1]} of {count} converged")
    seconds = time.monotonic() - began
    watch.stop()
    after = cpu_of_parts(stack)
    print(f"\n{count} deployments x {len(regions)} regions, one instance each, applied at once by 16 clients")
    print(f"  all acknowledged                {applied:6.1f} s, each p50 {quantile(took, 0.5):.0f} ms, "
          f"p99 {quantile(took, 0.99):.0f} ms")
    for part in (0.1, 0.5, 0.9):
        at = next(at for at, converged in progress if converged >= count * part)
        print(f"  {part:3.0%} converged                   {at:6.1f} s")
    print(f"  all converged                   {seconds:6.1f} s")
    used = {name: (after[name] - before.get(name, 0)) / 1000 for name in after}
    print(f"  CPU seconds meanwhile: {sum(used.values()):.1f} of {seconds * os.cpu_count():.1f}: " +
          ", ".join(f"{name} {value:.1f}" for name, value in sorted(used.items())))
    rows = stack.sql("SELECT resource, count(*), sum(length(body)) FROM change_log GROUP BY 1 ORDER BY 1")
    print("  changes written since the start: " +
          ", ".join(f"{name.split('.')[0]} {number} ({int(size) / 1e6:.1f} MB)" for name, number, size in rows))
    print(f"  load average {os.getloadavg()[0]:.1f}")


def memory(stack, when):
    print(f"\nRSS in MB {when}")
    for name, pid in sorted(stack.parts().items()):
        print(f"  {name:<50} {rss_kb(pid) / 1024:7.1f}")
    print(f"  {'mot up':<50} {rss_kb(stack.process.pid) / 1024:7.1f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mot")
    parser.add_argument("hops")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--many", type=int, default=200)
    given = parser.parse_args()
    if missing():
        print("cannot run, for want of: " + " ".join(missing()))
        return 77
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before the start")
    stack = Stack(given.mot)
    try:
        fresh = stack.start().start_seconds
        time.sleep(5)
        memory(stack, "at rest")
        brokers = stack.brokers()
        done = subprocess.run([given.hops, f"127.0.0.1:{brokers[CENTRAL]}", f"127.0.0.1:{brokers[STAGE]}"],
                              capture_output=True, text=True, timeout=300, check=False)
        print("\nPlain hops on these brokers, one record at a time" + " " * 18 + "p50 ms   p99 ms")
        for name, median, high in re.findall(r"^(\w+) (\S+) (\S+)$", done.stdout, re.M):
            print(f"  {name + (' hop' if name == 'one' else ' hops'):<64} {float(median):8.1f} {float(high):8.1f}")
        if done.returncode:
            print(done.stderr)
        latency(stack, CENTRAL, "central", given.rounds)
        latency(stack, WEST, "west", given.rounds)
        latency(stack, TEST, "test", given.rounds)
        print(f"  load average {os.getloadavg()[0]:.1f}")
        many(stack, given.many)
        memory(stack, "right after that")
        time.sleep(90)
        memory(stack, "90 s later")
        began = time.monotonic()
        stack.stop()
        stopped = time.monotonic() - began
        resumed = stack.start().start_seconds
        print(f"\nmot up to ready: {fresh:.1f} s in a new folder, {resumed:.1f} s in one with {given.many} deployments; "
              f"stopped in {stopped:.1f} s")
        print("\n".join(line for line in stack.output().splitlines() if "ready" in line or "started" in line))
        return 0
    except (Failure, KeyError, OSError, subprocess.SubprocessError) as error:
        print(stack.report(f"FAILED: {error!r}"))
        return 1
    finally:
        stack.close()


if __name__ == "__main__":
    sys.exit(main())
