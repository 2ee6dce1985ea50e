"""Holds the layers of the design: check.py RULE SOURCE_DIR LINKS_FILE BUILD_DIR. Exits 1 and says what breaks which rule."""
import os
import re
import subprocess
import sys

# Which folder's libraries may link which others' (besides their own folder's). The longest matching folder rules.
LAYERS = {
    "lib/base": [],
    "lib/model": ["lib/base"],
    "lib/http": ["lib/base"],
    "lib/store": ["lib/base", "lib/model"],
    "lib/topology": ["lib/base", "lib/model"],
    "lib/bus": ["lib/base", "lib/model"],
    "lib/agent": ["lib/base", "lib/model", "lib/bus", "lib/topology"],
    "controller/decide": ["lib/base", "lib/model"],
    "reconcilers/decide": ["lib/base", "lib/model"],
    "api": ["lib/base", "lib/model", "lib/store", "lib/http"],
    "controller": ["lib/base", "lib/model", "lib/store", "lib/bus", "lib/agent", "lib/topology", "controller/decide"],
    "reconcilers": ["lib/base", "lib/model", "lib/http", "lib/bus", "lib/agent", "lib/topology", "reconcilers/decide"],
    "mirror": ["lib/base", "lib/model", "lib/bus", "lib/topology"],
    "cli": ["lib/base", "lib/model", "lib/http", "lib/bus", "lib/agent", "lib/topology"],
}
# The executable alone may link every role.
EXECUTABLE = "mot"
# Nothing regional can reach PostgreSQL, by no way round.
UNREACHABLE = [("reconcilers", "lib/store"), ("mirror", "lib/store"), ("lib/agent", "lib/store"), ("lib/bus", "lib/store")]

# Third-party headers: where they may be included. One file stands for itself, a folder for all below it.
HEADERS = {
    r"libwebsockets\.h|lws.*\.h": ["api/http"],
    r"http_parser\.h|ev\.h|uv\.h": ["api/http"],
    r"libpq.*|postgres.*\.h|pg_.*\.h": ["lib/store/pg.c"],
    r"curl/.*": ["lib/http"],
    r"openssl/.*": ["lib/http", "api/http", "api/auth", "api/documents", "cli/pki"],
    r"librdkafka/.*": ["lib/bus"],
    r"yaml\.h": ["lib/model"],
    r"libdeflate\.h": ["api/compress.c"],
    r"jansson\.h": ["lib/model", "lib/topology", "include/mot", "api", "controller", "reconcilers", "cli", "mirror"],
    r"cmocka\.h": [],
}
# Libraries that one file alone touches, whatever folder it stands in.
SINGLE_FILE = {"yaml.h": "lib/model"}

FUNCTION_LINES = 100
FILE_LINES = 800

# What a decision may not call.
IMPURE = re.compile(
    r"^(clock_(ms|us|wall_ms|sleep_ms)|time|gettimeofday|clock_gettime|nanosleep|usleep|sleep|rand|random|random_.*"
    r"|getenv|open|openat|read|write|fopen|fwrite|printf|fprintf|puts|socket|connect|send|recv|poll|fork|exec.*"
    r"|log_write|pthread_.*|malloc|calloc|realloc|mem_(alloc|zalloc|array|resize|strdup|strndup|printf))$"
)


def sources(root, suffixes=(".c", ".h")):
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith(("build", ".")) and f not in ("node_modules", "corpus")]
        for name in files:
            if name.endswith(suffixes):
                path = os.path.join(folder, name)
                yield os.path.relpath(path, root), path


def lies_in(path, place):
    return path == place or path.startswith(place.rstrip("/") + "/")


def layer_of(folder):
    matching = [layer for layer in LAYERS if lies_in(folder, layer)]
    return max(matching, key=len) if matching else None


def read_links(links_file):
    folders, links = {}, {}
    for line in open(links_file):
        folder, target, *linked = line.split()
        folders[target] = folder
        links[target] = [name for name in linked if name.startswith("mot_") and name != "mot_flags"]
    return folders, links


def reachable(target, links, seen=None):
    seen = set() if seen is None else seen
    for name in links.get(target, []):
        if name not in seen:
            seen.add(name)
            reachable(name, links, seen)
    return seen


def check_links(root, links_file, build):
    folders, links = read_links(links_file)
    problems = []
    if len(folders) < 5:
        problems.append(f"only {len(folders)} libraries were found: the test looks at the wrong file")
    for target, linked in sorted(links.items()):
        if target == EXECUTABLE:
            continue
        layer = layer_of(folders[target])
        if layer is None:
            problems.append(f"{target} in {folders[target]}: a folder without a layer; name it in tests/unit/layers/check.py")
            continue
        for name in linked:
            other = layer_of(folders.get(name, ""))
            if name in folders and other != layer and other not in LAYERS[layer]:
                problems.append(f"{target} ({layer}) links {name} ({other}), which its layer may not use")
        for regional, forbidden in UNREACHABLE:
            if layer == regional or layer.startswith(regional + "/"):
                for name in reachable(target, links):
                    if layer_of(folders.get(name, "")) == forbidden:
                        problems.append(f"{target} ({layer}) reaches {name} ({forbidden})")
    return problems


def check_includes(root, links_file, build):
    problems, users = [], {name: set() for name in SINGLE_FILE}
    for path, full in sources(root):
        if path.startswith("tests/"):
            continue
        for number, line in enumerate(open(full, encoding="utf-8"), 1):
            match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
            if not match:
                continue
            header = match.group(1)
            if header in users:
                users[header].add(path)
            for pattern, places in HEADERS.items():
                if re.fullmatch(pattern, header) and not any(lies_in(path, place) for place in places):
                    problems.append(f"{path}:{number}: <{header}> belongs to {', '.join(places) or 'tests only'}")
    for header, paths in users.items():
        if len(paths) > 1:
            problems.append(f"<{header}> is included by more than one file: {', '.join(sorted(paths))}")
    return problems


def check_limits(root, links_file, build):
    problems = []
    for path, full in sources(root):
        lines = open(full, encoding="utf-8").read().split("\n")
        if len(lines) > FILE_LINES + 1:
            problems.append(f"{path}: {len(lines) - 1} lines, {FILE_LINES} are the limit")
        begin = None
        for number, line in enumerate(lines, 1):
            if line == "{":
                begin = number
            elif line == "}" and begin is not None:
                if number - begin + 1 > FUNCTION_LINES + 2:  # the braces do not count
                    problems.append(f"{path}:{begin - 1}: a function of {number - begin - 1} lines, {FUNCTION_LINES} are the limit")
                begin = None
    return problems


def check_purity(root, links_file, build):
    """Decisions call no clock, no IO, no allocation of their own: by the undefined symbols of their objects."""
    folders, _ = read_links(links_file)
    problems = []
    for target, folder in sorted(folders.items()):
        if not folder.endswith("/decide"):
            continue
        archive = os.path.join(build, folder, f"lib{target}.a")
        if not os.path.exists(archive):
            continue
        out = subprocess.run(["nm", "-u", archive], capture_output=True, text=True, check=True).stdout
        for line in out.splitlines():
            match = re.match(r"\s+U (\S+)", line)
            if match and IMPURE.match(match.group(1)):
                problems.append(f"{target} ({folder}) calls {match.group(1)}()")
    return problems


def main():
    rule, root, links_file, build = sys.argv[1:5]
    checks = {"links": check_links, "includes": check_includes, "limits": check_limits, "purity": check_purity}
    problems = checks[rule](root, links_file, build)
    for problem in problems:
        print(problem)
    print(f"{rule}: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
