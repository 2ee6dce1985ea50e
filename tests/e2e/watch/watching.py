"""Raw watches over chunked HTTP and over WebSocket (RFC 6455). Standard library only."""

import base64
import hashlib
import json
import os
import socket
import struct
import threading
import time

from servers import Failure, expect, expect_equal


class Ended(Exception):
    """The stream is over; `.clean` says whether it was told so."""

    def __init__(self, clean, why=""):
        super().__init__(why)
        self.clean, self.why = clean, why


class Stream:
    """A socket with a buffer and a deadline."""

    def __init__(self, port, receive_buffer=0):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", port))
        self.data = b""
        self.at = 0  # what is before it was read; kept for a reader that runs out of time
        self.deadline = 0.0

    def more(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(1 << 18)
        except socket.timeout as error:
            raise TimeoutError from error
        except OSError as error:
            raise Ended(False, str(error)) from error
        if not data:
            raise Ended(False, "end of file")
        self.data += data

    def line(self):
        while (end := self.data.find(b"\n", self.at)) < 0:
            self.more()
        line = self.data[self.at:end]
        self.at = end + 1
        return line.rstrip(b"\r")

    def take(self, count):
        while len(self.data) - self.at < count:
            self.more()
        taken = self.data[self.at:self.at + count]
        self.at += count
        return taken

    def commit(self):
        if self.at > 1 << 16 or self.at == len(self.data):
            self.data = self.data[self.at:]
            self.at = 0


class Watch:
    """A watch over HTTP. next() gives events, raises TimeoutError or Ended."""

    def __init__(self, port, path, headers=None, receive_buffer=0):
        self.stream = Stream(port, receive_buffer)
        self.events = []
        self.open(port, path, headers or {})

    def send_request(self, port, path, headers):
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.stream.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.stream.deadline = time.monotonic() + 20
        self.status = int(self.stream.line().split()[1])
        self.headers = {}
        while line := self.stream.line():
            name, value = line.decode().split(":", 1)
            self.headers[name.lower()] = value.strip()
        if self.status not in (101, 200):
            length = int(self.headers.get("content-length", 0))
            self.answer = json.loads(self.stream.take(length) or b"null")

    def open(self, port, path, headers):
        self.send_request(port, path, headers)

    def message(self):
        """One chunk; whether chunks are events is the server's affair."""
        size = int(self.stream.line(), 16)
        data = self.stream.take(size)
        self.stream.take(2)
        if size == 0:
            raise Ended(True)
        return data

    def next(self, seconds=20.0):
        self.stream.deadline = time.monotonic() + seconds
        while not self.events:
            at = self.stream.at
            try:
                text = self.message()
            except TimeoutError:
                self.stream.at = at
                raise
            self.stream.commit()
            self.events = [json.loads(line) for line in text.decode().splitlines()]
        return self.events.pop(0)

    def expect(self, kind, name=None, seconds=20.0):
        event = self.next(seconds)
        expect_equal(event["type"], kind, json.dumps(event)[:600])
        if name:
            expect_equal(event["object"]["metadata"]["name"], name)
        return event["object"]

    def expect_silence(self, seconds):
        try:
            event = self.next(seconds)
        except TimeoutError:
            return
        raise Failure(f"unexpected: {json.dumps(event)[:600]}")

    def expect_end(self, seconds=20.0):
        try:
            event = self.next(seconds)
        except Ended as end:
            expect(end.clean, f"cut: {end.why}")
            return
        except TimeoutError as error:
            raise Failure("does not end") from error
        raise Failure(f"not the end: {json.dumps(event)[:600]}")

    def close(self):
        self.stream.socket.close()


class WebSocket(Watch):
    """The same over a WebSocket: one event per text message."""

    close_code = None

    def open(self, port, path, headers):
        key = base64.b64encode(os.urandom(16)).decode()
        self.send_request(port, path, {
            "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key, "Origin": f"http://127.0.0.1:{port}", **headers})
        if self.status == 101:
            guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1((key + guid).encode()).digest()).decode()
            expect_equal(self.headers.get("sec-websocket-accept"), accept)

    def send(self, opcode, data=b"", masked=True):
        mask = os.urandom(4)
        expect(len(data) < 126, "short frames only")
        head = bytes([0x80 | opcode, (0x80 if masked else 0) | len(data)])
        if masked:
            data = mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        self.stream.socket.sendall(head + data)

    def frame(self):
        """(opcode, data)"""
        first, second = self.stream.take(2)
        expect(first & 0x70 == 0 and second & 0x80 == 0, "reserved bits or a mask from the server")
        expect(first & 0x80, "a fragment")
        size = second & 0x7F
        if size >= 126:
            short = size == 126
            size = struct.unpack("!H" if short else "!Q", self.stream.take(2 if short else 8))[0]
            expect(size >= (126 if short else 65536), "not the shortest length")
        return first & 0x0F, self.stream.take(size)

    def message(self):
        while True:
            opcode, data = self.frame()
            if opcode == 9:
                self.send(10, data)
            elif opcode == 8:
                self.close_code = struct.unpack("!H", data[:2])[0] if data else None
                raise Ended(self.close_code == 1000, f"close {self.close_code}")
            elif opcode == 1:
                return data
            elif opcode != 10:
                raise Failure(f"opcode {opcode}")

    def close(self):
        try:
            self.send(8, struct.pack("!H", 1000))
        except OSError:
            pass
        super().close()


KINDS = (Watch, WebSocket)


def path_of(base, **options):
    return base + "?watch=true" + "".join(f"&{name}={value}" for name, value in options.items())


class Follower(threading.Thread):
    """Watches from a revision on and resumes from the last one it saw whenever the stream is over."""

    def __init__(self, server, base, after, kind=Watch, **options):
        super().__init__(daemon=True)
        self.server, self.base, self.after, self.kind, self.options = server, base, after, kind, options
        self.seen = []  # (type, name, revision)
        self.counters = []
        self.resumed = 0
        self.failure = None
        self.stopping = False
        self.start()

    def take(self, event):
        meta = event["object"]["metadata"]
        self.after = int(meta["resourceVersion"])
        if event["type"] == "BOOKMARK":
            return
        if event["type"] == "ERROR":
            raise Failure(json.dumps(event))
        self.seen.append((event["type"], meta["name"], self.after))

    def once(self):
        path = path_of(self.base, resourceVersion=self.after, **self.options)
        watch = self.kind(self.server.port, path)
        try:
            if watch.status in (429, 503):
                raise OSError(f"status {watch.status}")
            expect(watch.status in (101, 200), f"status {watch.status}")
            while not self.stopping:
                try:
                    self.take(watch.next(0.5))
                except TimeoutError:
                    pass
        finally:
            watch.close()

    def run(self):
        while not self.stopping:
            try:
                self.once()
            except (Ended, OSError, TimeoutError, ValueError):
                self.resumed += 1
                time.sleep(0.05)
            except Exception as failure:  # pylint: disable=broad-except
                self.failure = failure
                return

    def expect_saw(self, wanted, seconds=60.0):
        """Exactly that, in that order."""
        deadline = time.monotonic() + seconds
        while len(self.seen) < len(wanted) and not self.failure and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.2)  # for what is too much
        self.stopping = True
        self.join(30)
        if self.failure:
            raise self.failure
        if self.seen != wanted:
            at = next((i for i, pair in enumerate(zip(self.seen, wanted)) if pair[0] != pair[1]),
                      min(len(self.seen), len(wanted)))
            raise Failure(f"saw {len(self.seen)} of {len(wanted)} changes; differs at {at}: "
                          f"{self.seen[at:at + 3]} instead of {wanted[at:at + 3]}")
