"""A watch over WebSocket, by a client of a hundred lines (RFC 6455). It resumes from the last resourceVersion when the
connection ends, as every client should. Standard library only."""

import base64
import hashlib
import json
import os
import socket
import struct
import threading
import time

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class WebSocket:
    def __init__(self, port, path, tls, timeout=10.0):
        self.sock = tls.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout), server_hostname="127.0.0.1")
        self.buffer = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock.sendall((f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                           f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        head = self._until(b"\r\n\r\n").decode()
        fields = {line.split(":", 1)[0].strip().lower(): line.split(":", 1)[1].strip()
                  for line in head.split("\r\n")[1:] if ":" in line}
        if " 101 " not in head.split("\r\n")[0]:
            raise ConnectionError(f"no WebSocket: {head} {self.buffer[:500]!r}")
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        if fields.get("sec-websocket-accept") != accept:
            raise ConnectionError(f"Sec-WebSocket-Accept: {fields}")

    def _more(self):
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.buffer += data

    def _until(self, mark):
        while mark not in self.buffer:
            self._more()
        head, _, self.buffer = self.buffer.partition(mark)
        return head

    def _take(self, count):
        while len(self.buffer) < count:
            self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def send(self, opcode, payload=b""):
        mask = os.urandom(4)
        length = len(payload)
        head = bytes([0x80 | opcode])
        head += bytes([0x80 | length]) if length < 126 else bytes([0x80 | 126]) + struct.pack(">H", length)
        self.sock.sendall(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)))

    def message(self):
        """The next whole message. ConnectionError when there is no more."""
        data = b""
        while True:
            first, second = self._take(2)
            length = second & 0x7F
            if second & 0x80:
                raise ConnectionError("a masked frame of a server")
            if length == 126:
                length = struct.unpack(">H", self._take(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self._take(8))[0]
            payload = self._take(length)
            opcode = first & 0x0F
            if opcode == PING:
                self.send(PONG, payload)
            elif opcode == CLOSE:
                raise ConnectionError(f"close frame {payload!r}")
            elif opcode != PONG:
                data += payload
                if first & 0x80:
                    return data

    def close(self):
        try:
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # not of TLS, which another thread reads
        except OSError:
            pass
        self.sock.close()


class Event:
    def __init__(self, kind, item):
        self.kind, self.item = kind, item
        self.at = time.monotonic()
        self.wall = time.time()
        self.name = item.get("metadata", {}).get("name", "")
        self.revision = int(item.get("metadata", {}).get("resourceVersion") or 0)


class Watch:
    """Collects the events of one collection in a thread: .events, .state (by name), .faults, .connections."""

    def __init__(self, stack, plural, on_event=None):
        self.stack = stack
        self.path = f"/apis/mot.dev/v1alpha1/namespaces/default/{plural}"
        listed = stack.api(self.path)
        self.revision = int(listed["metadata"]["resourceVersion"])
        self.state = {item["metadata"]["name"]: item for item in listed["items"]}
        self.events = []
        self.faults = []
        self.connections = 0
        self.on_event = on_event
        self.stopping = False
        self.socket = None
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        with self.changed:
            self.changed.wait_for(lambda: self.connections > 0, 20)

    def _take(self, message):
        parsed = json.loads(message)
        event = Event(parsed["type"], parsed["object"])
        if event.kind == "BOOKMARK":
            self.revision = max(self.revision, event.revision)
            return
        with self.changed:
            if event.kind == "ERROR":
                self.faults.append(f"watch of {self.path} from {self.revision}: {message[:500]!r}")
                self.stopping = True
            elif event.revision <= self.revision:
                self.faults.append(f"watch of {self.path}: {event.revision} after {self.revision}")
            elif event.kind == "ADDED" and event.name in self.state:
                self.faults.append(f"watch of {self.path}: {event.name} added twice")
            elif event.kind != "ADDED" and event.name not in self.state:
                self.faults.append(f"watch of {self.path}: {event.kind} of {event.name}, which was never added")
            if event.kind == "DELETED":
                self.state.pop(event.name, None)
            elif event.kind != "ERROR":
                self.state[event.name] = event.item
            self.revision = max(self.revision, event.revision)
            self.events.append(event)
            if self.on_event and event.kind != "ERROR":
                self.on_event(self, event)
            self.changed.notify_all()

    def _run(self):
        while not self.stopping:
            try:
                self.socket = WebSocket(self.stack.port, f"{self.path}?watch=1&allowWatchBookmarks=true"
                                                         f"&resourceVersion={self.revision}", self.stack.tls())
                self.socket.sock.settimeout(None)
                with self.changed:
                    self.connections += 1
                    self.changed.notify_all()
                while not self.stopping:
                    self._take(self.socket.message())
            except OSError:
                time.sleep(0.1)
            finally:
                if self.socket:
                    self.socket.close()

    def names(self, deployment):
        """Every instance of a deployment that was ever seen."""
        with self.changed:
            items = [event.item for event in self.events if event.kind != "ERROR"] + list(self.state.values())
        return {item["metadata"]["name"] for item in items if item.get("spec", {}).get("deployment") == deployment}

    def wait(self, condition, seconds):
        """Until condition(watch) is true; False when it never was."""
        with self.changed:
            return self.changed.wait_for(lambda: condition(self), seconds)

    def stop(self):
        self.stopping = True
        if self.socket:
            self.socket.close()
        self.thread.join(10)
