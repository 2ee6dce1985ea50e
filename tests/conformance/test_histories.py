"""Random histories on this server and on a real reference, compared answer by answer; a difference is shown by the shortest
history that still has it.

    test_histories.py MOT [--seeds N] [--seconds N] [--seed N]

The seeds from 1000 on, --seeds of them: always the same, so that a test that fails fails again. With --seconds, seeds by the
clock follow for so long; that is for a person who looks for what is not known yet. --seed asks only one.
Standard library only."""

import argparse
import copy
import re
import sys
import time

import exchange
from histories import history
from sides import Ours, Reference
from test_conformance import ask, difference, same

FIRST_SEED = 1000
STEPS = 14
MAX_TRIES = 150  # of making a history shorter
MAX_SHOWN = 3
UNDECLARED = re.compile(r"\): (?=.*: field not declared in schema).*", re.DOTALL)
KEPT = (
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "resourceVersion",
    "op",
    "path",
)  # or it is another fault that is shown


def without_chance(answer):
    """The reference looks at members in the order of a hash table, and no further once it met one that no schema declares: which
    other errors it tells is chance."""
    body = answer.get("body")
    message = body.get("message", "") if isinstance(body, dict) and body.get("kind") == "Status" else ""
    if not UNDECLARED.search(message):
        return answer
    return {**answer, "body": {**body, "message": UNDECLARED.sub("): <a field not declared>", message)}}


class Pair:
    """Both servers."""

    def __init__(self, ours, reference):
        self.ours, self.reference = ours, reference
        self.runs = 0

    def run(self, steps):
        """(number of the first step that is answered differently, the two answers), or None."""
        self.runs += 1
        name = f"history {self.runs} {time.monotonic_ns()}"
        sessions = [exchange.Session(server, name) for server in (self.reference, self.ours)]
        try:
            for session in sessions:
                session.server.add_namespace(session.namespace)
            for number, step in enumerate(steps):
                wanted, found = (session.step(step) for session in sessions)
                if not same(without_chance(wanted), without_chance(found)):
                    return number, wanted, found
            return None
        finally:
            for session in sessions:
                session.close()


def smaller_values(value):
    """The value with one member or item less, at any depth."""
    children = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    for key, child in children:
        if key not in KEPT:
            less = copy.copy(value)
            del less[key]
            yield less
        for smaller in smaller_values(child):
            other = copy.copy(value)
            other[key] = smaller
            yield other


def smaller_histories(steps):
    for number in reversed(range(len(steps))):
        yield steps[:number] + steps[number + 1 :]
    for number, step in enumerate(steps):
        for body in smaller_values(step.get("body")):
            yield steps[:number] + [{**step, "body": body}] + steps[number + 1 :]


def shortest(pair, steps, found):
    """Tries smaller histories as long as one of them shows a difference."""
    tries = 0
    steps = steps[: found[0] + 1]
    better = True
    while better and tries < MAX_TRIES:
        better = False
        for candidate in smaller_histories(steps):
            tries += 1
            other = pair.run(candidate)
            if other:
                steps, found, better = candidate[: other[0] + 1], other, True
                break
            if tries >= MAX_TRIES:
                break
    return steps, found


def show(seed, steps, found):
    number, wanted, other = found
    print(f"seed {seed}: the servers differ after")
    for step in steps[:number]:
        print("  " + ask(step))
    print(difference({"name": f"seed {seed}", "steps": steps}, number, wanted, other), flush=True)


def seeds(options):
    if options.seed is not None:
        yield options.seed
        return
    yield from range(FIRST_SEED, FIRST_SEED + options.seeds)
    if not options.seconds:
        return
    end = time.monotonic() + options.seconds
    chance = time.time_ns() // 1000 % 10**9
    print(f"seeds from {chance} on")
    while time.monotonic() < end:
        yield chance
        chance += 1


def compare(pair, options):
    wrong = asked = 0
    for seed in seeds(options):
        steps = history(seed, options.steps)["steps"]
        found = pair.run(steps)
        asked += 1
        if found:
            wrong += 1
            show(seed, *shortest(pair, steps, found))
        if wrong >= MAX_SHOWN:
            break
    print(f"{asked} histories, {wrong} with a difference")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description="Compares random histories of objects.")
    parser.add_argument("mot")
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=400)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    ours = Ours(options.mot)
    try:
        reference = Reference()
        try:
            return compare(Pair(ours, reference), options)
        finally:
            reference.close()
    finally:
        ours.close()


if __name__ == "__main__":
    sys.exit(main())
