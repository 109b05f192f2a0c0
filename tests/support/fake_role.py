"""A role without work, for tests of the stack: answers `/health/ready`, notes how it ends.

Usage: fake_role.py NAME FOLDER. `FOLDER/NAME.mood` holds `ready` (also when absent), `stuck`, or `fail`.
"""

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

NAME, FOLDER = sys.argv[1], Path(sys.argv[2])


def mood() -> str:
    path = FOLDER / f"{NAME}.mood"
    return path.read_text().strip() if path.exists() else "ready"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ok = mood() == "ready"
        state = {"ready": ok, "dependencies": {"work": {"ok": ok, "since": 0, "detail": "" if ok else mood()}}}
        self.send_response(200 if ok else 503)
        self.end_headers()
        self.wfile.write(json.dumps(state).encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        pass


def main() -> None:
    if mood() == "fail":
        sys.exit("this role cannot work today")
    server = HTTPServer(("127.0.0.1", int(os.environ["AVENUE_HTTP__OPS_PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    with (FOLDER / "ends").open("a") as file:
        file.write(f"{NAME}\n")


main()
