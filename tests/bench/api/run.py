"""What requests and watches cost `mot api`: run.py MOT BENCH_API, from a Release build. PostgreSQL is its own."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "e2e", "watch"))
from servers import Database, Server  # noqa: E402

# clients, objects, watchers
RUNS = ((1, 1000, 0), (32, 4000, 1000), (256, 4000, 0))


def main():
    database = Database()
    server = Server(sys.argv[1], database.url)
    print(f"at rest {server.rss_mb():.1f} MB")
    for clients, objects, watchers in RUNS:
        subprocess.run([sys.argv[2], str(server.port), str(server.process.pid),
                        str(database.process.pid), str(objects), str(clients), str(watchers)], check=True)
    status = server.stop()
    database.stop()
    return status


if __name__ == "__main__":
    sys.exit(main())
