"""Compares this server with the reference, a real Kubernetes server of custom resources, case by case.

    test_conformance.py MOT [--only PART]           with the recorded answers of the reference
    test_conformance.py MOT --live [--only PART]    with a real one, that is started; the records must be its answers
    test_conformance.py --record [--only PART]      writes the records anew

PART is a part of a case's name, AREA/CASE. Standard library only.
"""

import argparse
import difflib
import glob
import importlib
import json
import os
import sys
import traceback

import exchange
import normal
from deviations import DEVIATIONS
from sides import HERE, ROOT, Ours, Reference, read

RECORDED = os.path.join(HERE, "recorded")
MAX_SHOWN_LINES = 40
TRIES = 3


def areas():
    """{area: its cases}, the area being the module's name and the first part of each case's name."""
    found = {}
    for path in sorted(glob.glob(os.path.join(HERE, "cases", "*.py"))):
        area = os.path.splitext(os.path.basename(path))[0]
        module = importlib.import_module("cases." + area)
        live_only = getattr(module, "LIVE_ONLY", False)
        cases = getattr(module, "CASES", None)
        if cases:
            found[area] = [{**case, "name": f"{area}/{case['name']}", "live_only": live_only} for case in cases]
    names = [case["name"] for cases in found.values() for case in cases]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SystemExit(f"two cases have the same name: {twice}")
    return found


def chosen(cases, only, live_only=False):
    return [case for case in cases if only in case["name"] and case["live_only"] == live_only]


def load(area):
    path = f"{RECORDED}/{area}.json"
    return json.loads(read(path)) if os.path.exists(path) else {}


def save(area, records):
    with open(f"{RECORDED}/{area}.json", "w", encoding="utf-8") as file:
        file.write(normal.pretty(records) + "\n")


def record_all(only):
    reference = Reference()
    try:
        for area, cases in areas().items():
            records = load(area)
            wanted = {case["name"] for case in cases}
            records = {name: value for name, value in records.items() if name in wanted}
            if not chosen(cases, ""):
                continue
            for case, answers in exchange.run_all(reference, chosen(cases, only)):
                records[case["name"]] = {"asked": exchange.digest(case), "answers": answers}
            save(area, records)
    finally:
        reference.close()
    return 0


# ------------------------------------------------------------------------------------------ comparing


def ask(step):
    """A step in one line, for reports."""
    text = f"{step.get('method', step['do'])} {step.get('path', step.get('name', ''))}"
    if step.get("headers"):
        text += " " + " ".join(f"{name}: {value};" for name, value in step["headers"].items())
    if "body" in step:
        data = step["body"]
        text += " " + (data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, default=repr))[:1500]
    return text


def difference(case, number, wanted, found):
    lines = list(
        difflib.unified_diff(
            normal.pretty(wanted).splitlines(), normal.pretty(found).splitlines(), "reference", "mot", lineterm="", n=1
        )
    )[2:]
    if len(lines) > MAX_SHOWN_LINES:
        lines = lines[:MAX_SHOWN_LINES] + ["…"]
    return f"{case['name']} [{number}] {ask(case['steps'][number])}\n    " + "\n    ".join(lines)


def same(wanted, found):
    return normal.pretty(wanted) == normal.pretty(found)  # 1 is not 1.0


class Comparison:
    """Counts and shows what is different."""

    def __init__(self):
        self.cases = self.steps = 0
        self.failures = []
        self.excused = {}
        for entries in DEVIATIONS.values():
            self.excused.update(entries)

    def fail(self, text):
        self.failures.append(text)
        print(text, flush=True)

    def compare(self, case, wanted, found):
        self.cases += 1
        if len(wanted) != len(found):
            self.fail(f"{case['name']}: {len(found)} answers instead of {len(wanted)}")
        for number, (one, other) in enumerate(zip(wanted, found)):
            self.steps += 1
            entry = self.excused.get((case["name"], number))
            if entry:
                self.check_deviation(case, number, entry, one, other)
            elif not same(one, other):
                self.fail(difference(case, number, one, other))
                return  # what follows has another beginning

    def check_deviation(self, case, number, meant, wanted, found):
        where = f"{case['name']} [{number}]"
        status, part = meant
        if same(wanted, found):
            self.fail(f"{where}: no longer differs; take it out of deviations.py and docs/compatibility.md")
        elif found.get("status") != status:
            self.fail(f"{where}: answers {found.get('status')}, deviations.py says {status}")
        elif part not in json.dumps(found, ensure_ascii=False, sort_keys=True):
            self.fail(f"{where}: does not say {part!r}: {json.dumps(found)[:600]}")

    def check_documents(self, names):
        text = read(os.path.join(ROOT, "docs", "compatibility.md"))
        for row, entries in DEVIATIONS.items():
            if f"\n| {row} |" not in text:
                self.fail(f"docs/compatibility.md has no row {row!r}, which deviations.py names")
            for name, _ in entries:
                if name not in names:
                    self.fail(f"deviations.py names {name}, which is no case")


def replay(ours, only):
    comparison = Comparison()
    comparison.check_documents({case["name"] for cases in areas().values() for case in cases})
    for area, cases in areas().items():
        records = load(area)
        wanted = []
        for case in chosen(cases, only):
            if records.get(case["name"], {}).get("asked") == exchange.digest(case):
                wanted.append(case)
            else:
                comparison.fail(f"{case['name']}: not recorded as it is now: test_conformance.py --record")
        for case, answers in exchange.run_all(ours, wanted):
            comparison.compare(case, records[case["name"]]["answers"], answers)
    return comparison


def first_difference(old, new):
    return next((number for number, pair in enumerate(zip(old, new)) if not same(*pair)), None)


def compare_records(comparison, reference, case, recorded, now):
    """The reference answers some reads from a cache, which on a busy machine is behind: it may answer a case again."""
    number = first_difference(recorded, now)
    for again in range(TRIES):
        if number is None or any(step["do"] == "change_kinds" for step in case["steps"]):
            break
        now = exchange.run(reference, {**case, "name": f"{case['name']} again {again}"})
        number = first_difference(recorded, now)
    if number is not None:
        comparison.fail("no longer as recorded: " + difference(case, number, recorded[number], now[number]))


def compare_live(ours, only):
    """Both servers, and the reference with its records."""
    comparison = replay(ours, only)
    reference = Reference()
    try:
        for area, cases in areas().items():
            records = load(area)
            for case in chosen(cases, only, True):
                comparison.compare(case, exchange.run(reference, case), exchange.run(ours, case))
            for case, now in exchange.run_all(reference, chosen(cases, only)):
                compare_records(comparison, reference, case, records.get(case["name"], {}).get("answers", []), now)
    finally:
        reference.close()
    return comparison


def main():
    parser = argparse.ArgumentParser(description="Compares this server with the reference.")
    parser.add_argument("mot", nargs="?")
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    if options.record:
        return record_all(options.only)
    ours = Ours(options.mot)
    try:
        comparison = (compare_live if options.live else replay)(ours, options.only)
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        return 1
    finally:
        ours.close()
    print(f"{comparison.cases} cases, {comparison.steps} requests, {len(comparison.failures)} differences")
    return 1 if comparison.failures else 0


if __name__ == "__main__":
    sys.exit(main())
