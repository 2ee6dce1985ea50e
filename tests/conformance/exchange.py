"""Sends the steps of a case to a server and makes the answers comparable. Standard library only."""

import gzip
import hashlib
import http.client
import json
import re
import urllib.parse

import normal
from sides import Failure

HEADERS = ("Content-Type", "Warning", "Retry-After", "Allow", "Location", "Content-Encoding", "Vary")
AGENT = "conformance/1"


def namespace_of(name):
    return "c" + hashlib.sha256(name.encode()).hexdigest()[:8]


def digest(case):
    """Changes with what a case asks, so that an old record of another question is noticed."""
    return hashlib.sha256(json.dumps(case["steps"], sort_keys=True, default=repr).encode()).hexdigest()[:12]


class WatchStream:
    """An answer of a watch that is still coming."""

    def __init__(self, connection, answer):
        self.connection, self.answer = connection, answer

    def next(self, seconds):
        """The next event; None at the end; raises OSError when none comes in time."""
        self.connection.sock.settimeout(seconds)
        line = self.answer.readline()
        return json.loads(line) if line else None

    def close(self):
        self.connection.close()


class Session:
    """One case on one server, in a namespace of its own."""

    def __init__(self, server, name):
        self.server = server
        self.namespace = namespace_of(name)
        self.tokens = normal.Tokens(self.namespace)
        self.connection = None
        self.watches = {}

    def run(self, steps):
        return [self.step(step) for step in steps]

    def close(self):
        for watch in self.watches.values():
            watch.close()
        if self.connection:
            self.connection.close()
        self.connection = None

    def step(self, step):
        try:
            return getattr(self, step["do"])(step)
        except (OSError, http.client.HTTPException) as error:
            self.connection = None
            return {"failed": type(error).__name__}

    # ---------------------------------------------------------------------------------- requests

    def send(self, connection, step):
        path = self.tokens.fill(step["path"])
        path = urllib.parse.quote(path, safe="/?&=%,:;!()~*'+$@-._[]")
        data = step.get("body")
        if isinstance(data, (dict, list)):
            data = json.dumps(data, ensure_ascii=False)
        if isinstance(data, str):
            data = self.tokens.fill(data).encode("utf-8", "surrogateescape")
        headers = {"User-Agent": AGENT, **self.server.headers, **step.get("headers", {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        connection.request(step["method"], path, data, headers)
        return connection.getresponse()

    def request(self, step):
        if not self.connection:
            self.connection = self.server.connect()
        answer = self.send(self.connection, step)
        data = answer.read()
        if answer.getheader("Connection", "").lower() == "close":
            self.connection.close()
            self.connection = None
        return self.record(step, answer, data)

    def record(self, step, answer, data):
        headers = {}
        for name in HEADERS:
            values = answer.headers.get_all(name)
            if values:
                headers[name] = [self.tokens.text(value) for value in values] if name == "Warning" else values[0]
        if "Content-Encoding" not in headers:
            headers.pop("Vary", None)  # ours says more often that documents have several forms
        recorded = {"status": answer.status, "headers": headers}
        if headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        text = data.decode("utf-8", "backslashreplace")
        if "protobuf" in headers.get("Content-Type", ""):
            recorded["text"] = "<protobuf>"
        elif step.get("text"):
            recorded["text"] = self.tokens.text(text)
        elif re.match(r"application/json", headers.get("Content-Type", "")) and text:
            recorded["body"] = normal.body(self.tokens, json.loads(text), step.get("order"))
            if step.get("lines"):
                recorded["lines"] = text.count("\n")
        elif text:
            recorded["text"] = self.tokens.text(text)
        if step.get("quiet") and answer.status < 300:
            return {"status": answer.status}
        return recorded

    # ---------------------------------------------------------------------------------- watches

    def watch(self, step):
        connection = self.server.connect()
        answer = self.send(connection, {"method": "GET", **step})
        recorded = {"status": answer.status}
        if answer.status == 200:
            recorded["headers"] = {"Content-Type": answer.getheader("Content-Type")}
            self.watches[step["name"]] = WatchStream(connection, answer)
            return recorded
        try:
            return self.record(step, answer, answer.read())
        finally:
            connection.close()

    def events(self, step):
        """As many events as wanted, or all until that of the object named, or until the end."""
        if step["name"] not in self.watches:
            return {"failed": "no watch"}
        watch, found = self.watches[step["name"]], []
        while step.get("count") is None or len(found) < step["count"]:
            try:
                event = watch.next(step.get("seconds", 10))
            except (OSError, http.client.HTTPException, ValueError) as error:
                return {"events": found, "failed": type(error).__name__}
            if event is None:
                return {"events": found, "end": True}
            self.add_event(step, found, event)
            if "until" in step and event["object"]["metadata"]["name"] == step["until"]:
                break
        return {"events": found}

    def add_event(self, step, found, event):
        """Progress bookmarks come when they like: several are one, and only those who ask for them see it."""
        if "object" not in event:
            found.append(normal.body(self.tokens, event))
            return
        meta = event["object"].get("metadata") or {}
        if event["type"] == "BOOKMARK" and "annotations" not in meta and event["object"]["kind"] != "Table":
            if step.get("bookmarks") and (not found or found[-1].get("type") != "BOOKMARK"):
                found.append({"type": "BOOKMARK"})
            return
        found.append({"type": event["type"], "object": normal.body(self.tokens, event["object"])})

    def forget(self, _):
        """The history up to now is forgotten."""
        self.server.forget_history()
        return {}


def check(server, case, answers):
    """A server that has ended is nobody's answer."""
    if answers and all(answer.get("failed") for answer in answers):
        raise Failure(f"{case['name']}: {server.name} does not answer: {answers[0]}")
    return answers


def run(server, case):
    """The answers of a case."""
    session = Session(server, case["name"])
    try:
        server.add_namespace(session.namespace)
        return check(server, case, session.run(case["steps"]))
    finally:
        session.close()


def parts(case):
    """The steps before the kinds change, that one and those after it."""
    at = next((number for number, step in enumerate(case["steps"]) if step["do"] == "change_kinds"), None)
    return None if at is None else (case["steps"][:at], case["steps"][at + 1 :])


def run_changing(server, cases):
    """The answers of cases whose kinds change, {name: answers}."""
    sessions = [Session(server, case["name"]) for case in cases]
    try:
        answers = {}
        for session, case in zip(sessions, cases):
            server.add_namespace(session.namespace)
            answers[case["name"]] = session.run(parts(case)[0])
            session.close()
        server.change_kinds()
        for session, case in zip(sessions, cases):
            answers[case["name"]] += [{}] + session.run(parts(case)[1])
            session.close()
            check(server, case, answers[case["name"]])
        return answers
    finally:
        for session in sessions:
            session.close()


def run_all(server, cases):
    """Each case with its answers."""
    for case in cases:
        if not parts(case):
            yield case, run(server, case)
    changing = [case for case in cases if parts(case)]
    if changing:
        answers = run_changing(server, changing)
        for case in changing:
            yield case, answers[case["name"]]
