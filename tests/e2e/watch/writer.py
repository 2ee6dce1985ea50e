"""Somebody who changes Deployments while the API server goes away and comes back. Standard library only."""

import random
import threading
import time

from servers import DEPLOYMENTS, Client, count_to, deployment, wait_for


class Writer(threading.Thread):
    """Creates, updates, patches and deletes; the object "counter" counts up by one with each of its changes."""

    def __init__(self, server, changes, seed=13):
        super().__init__(daemon=True)
        self.server, self.client = server, Client(server)
        self.changes = changes
        self.random = random.Random(seed)
        self.names = [f"web-{n}" for n in range(20)]
        self.done = 0
        self.counter = 0
        self.failures = []

    def call(self, method, path, body=None):
        """Tries until the server says what became of it."""
        while True:
            status, answer = self.client.call(method, path, body)
            if status is not None and status not in (429, 503):
                return status, answer
            time.sleep(0.05)

    def expect(self, status, answer, *wanted):
        if status not in wanted:
            self.failures.append((status, answer))

    def change(self):
        name = self.random.choice(self.names)
        action = self.random.random()
        path = f"{DEPLOYMENTS}/{name}"
        if action < 0.15:
            self.expect(*self.call("DELETE", path), 200, 404)
        elif action < 0.45:
            self.expect(*self.call("POST", DEPLOYMENTS, deployment(name, self.done)), 201, 409)
        elif action < 0.7:
            self.expect(*self.call("PATCH", path, count_to(self.done)), 200, 404)
        else:
            self.update(path)

    def update(self, path):
        status, live = self.call("GET", path)
        if status == 200:
            live["spec"]["placement"][0]["replicas"] = self.done % 50
            self.expect(*self.call("PUT", path, live), 200, 404, 409)

    def run(self):
        try:
            while self.done < self.changes:
                self.done += 1
                if self.done % 4 == 0:
                    self.counter += 1
                    self.expect(*self.call("PATCH", f"{DEPLOYMENTS}/counter", count_to(self.counter)), 200)
                else:
                    self.change()
        finally:
            self.client.close()


def disturb(server, writer, *more):
    """Five times kill -9 for the API server, spread over the changes, and between them what @more names."""
    steps = []
    for number in range(5):
        steps.append(lambda: (server.kill(), time.sleep(0.3), server.start()))
        if number < len(more):
            steps.append(more[number])
    for at, step in enumerate(steps, 1):
        wait_for(lambda at=at: writer.done >= at * writer.changes // (len(steps) + 1) or not writer.is_alive(),
                 "changes", 300)
        step()
