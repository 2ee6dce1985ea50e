"""What two servers that answer the same may still write differently: times, uids, revisions, random names and the orders
that the reference leaves to chance. Everything else must be equal. Each such value becomes a token, <uid1> or <rv2>, numbered
by its first appearance within a case; so the relations between answers stay, and requests can name values of earlier answers."""

import hashlib
import json
import re

UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
# Only what a server writes as now: the cases themselves use other years.
TIME = re.compile(r"20(?:2[5-9]|3\d)-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
GENERATED = re.compile(r"((?:made-|Made_)[a-z-]*)[bcdfghjklmnpqrstvwxz2456789]{5}\b")
REVISION = re.compile(
    r"""(resource version: \d+ \(|resource version: |current: |in record \(|ResourceVersion: |\\?"resourceVersion\\?": ?\\?"|resourceVersion: ")(\d+)"""
)
AGE = re.compile(r"\d+s|<unknown>")
LONG = 8000
MANAGED_ORDER = ("operation", "manager", "apiVersion", "subresource")


class Tokens:
    """The values of one case."""

    def __init__(self, namespace):
        self.namespace = namespace
        self.names = {}  # (kind, value): token
        self.values = {}  # token: value
        self.last_revision = ""  # of the object that was answered last

    def token(self, kind, value):
        known = self.names.get((kind, value))
        if not known:
            number = sum(1 for other, _ in self.names if other == kind) + 1
            known = self.names[(kind, value)] = f"<{kind}{number}>"
            self.values[known] = value
        return known

    def text(self, text):
        """Any text of an answer."""
        text = UID.sub(lambda match: self.token("uid", match.group()), text)
        text = TIME.sub("<time>", text)
        text = GENERATED.sub(r"\1<random>", text)
        text = REVISION.sub(self._revision, text)
        text = text.replace(self.namespace, "NS")
        if len(text) > LONG:
            return f"{text[:60]}…<{len(text)} characters, {hashlib.sha256(text.encode()).hexdigest()[:12]}>"
        return text

    def _revision(self, match):
        before, number = match.groups()
        known = self.names.get(("rv", number))
        if before.startswith("resource version") and before.endswith("("):
            return before + "<rv>"  # how far back it knows
        if known:
            return before + known
        if "resourceVersion" in before:
            return before + self.token("rv", number)
        return before + (number if before == "resource version: " or number == "0" else "<rv>")

    def fill(self, text):
        """A request's text, its tokens replaced by what they stand for."""
        text = text.replace("{ns}", self.namespace).replace("<last-rv>", self.last_revision)
        return re.sub(r"<(?:uid|rv|continue)\d+>", lambda match: self.values.get(match.group(), match.group()), text)

    def value(self, value, key=None, keep_order=False):
        """A decoded answer, its members seen in the order of their names."""
        if isinstance(value, dict):
            return {self.text(name): self.value(child, name, keep_order) for name, child in sorted(value.items())}
        if isinstance(value, list):
            items = [self.value(child, None, keep_order) for child in value]
            return sort_managers(items) if key == "managedFields" and not keep_order else items
        if isinstance(value, str):
            return self.string(value, key)
        return value

    def string(self, value, key):
        if key == "resourceVersion" and value not in ("", "0"):
            return self.token("rv", value) if value.isdigit() else value
        if key == "continue" and value:
            return self.token("continue", value)
        return self.text(value)


def sort_managers(entries):
    """Their order depends on which second it was."""
    if not all(isinstance(entry, dict) for entry in entries):
        return entries
    return sorted(entries, key=lambda entry: [entry.get(name, "") for name in MANAGED_ORDER])


def parts_of(text, parts):
    """The texts of @parts that @text is, joined by commas; None if it is something else."""
    found = []
    while text:
        part = max((part for part in parts if text.startswith(part)), key=len, default=None)
        if part is None:
            return None
        found.append(part)
        text = text[len(part) :]
        if text and not text.startswith(", "):
            return None
        text = text[2:]
    return found


def sort_causes(status):
    """Errors of one object come in the order of a hash table; so do the managers of conflicts."""
    causes = (status.get("details") or {}).get("causes")
    if not isinstance(causes, list):
        return
    if status.get("reason") == "Conflict":
        causes.sort(key=lambda cause: cause.get("message", ""))
        return
    match = re.fullmatch(r"(.* is invalid: )\[(.*)\]", status.get("message", ""), re.DOTALL)
    if match:
        known = [f"{cause.get('field', '')}: {cause.get('message', '')}" for cause in causes]
        parts = parts_of(match.group(2), known)
        if parts is not None:
            status["message"] = f"{match.group(1)}[{', '.join(sorted(parts))}]"
    causes.sort(key=lambda cause: (cause.get("field", ""), cause.get("message", "")))


def sort_typing_errors(status):
    head, *errors = status.get("message", "").split("\n  ")
    if errors and head.endswith("errors:"):
        status["message"] = "\n  ".join([head, *sorted(errors)])


def hide_ages(table):
    """No other column of a case holds anything like an age."""
    for row in table.get("rows") or []:
        row["cells"] = ["<age>" if isinstance(cell, str) and AGE.fullmatch(cell) else cell for cell in row["cells"]]


def revision_of(value):
    meta = value.get("metadata") if isinstance(value, dict) else None
    return meta.get("resourceVersion") if isinstance(meta, dict) else None


def body(tokens, value, keep_order=False):
    """A decoded body, made comparable."""
    tokens.last_revision = revision_of(value) or tokens.last_revision
    value = tokens.value(value, None, keep_order)
    if isinstance(value, dict):
        if value.get("kind") == "Status":
            sort_causes(value)
            sort_typing_errors(value)
        elif value.get("kind") == "Table":
            hide_ages(value)
        elif value.get("kind") == "APIResourceList":
            value["resources"].sort(key=lambda resource: resource["name"])
    return value


def pretty(value, indent=0, width=120):
    """JSON in few lines whose differences can be read."""
    line = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if isinstance(value, dict) and "fieldsV1" in value:
        return line
    if len(line) + indent <= width or not isinstance(value, (dict, list)) or not value:
        return line
    inner = " " * (indent + 1)
    if isinstance(value, dict):
        lines = [
            f"{json.dumps(key, ensure_ascii=False)}: {pretty(value[key], indent + 1, width)}" for key in sorted(value)
        ]
        return "{\n" + inner + (",\n" + inner).join(lines) + "\n" + " " * indent + "}"
    lines = [pretty(child, indent + 1, width) for child in value]
    return "[\n" + inner + (",\n" + inner).join(lines) + "\n" + " " * indent + "]"
