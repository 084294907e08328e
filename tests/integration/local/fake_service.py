"""A service without a domain: it answers `/readyz` with what a file tells it to, and prints its environment."""

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg

READY = {
    "database": {"ok": True, "detail": ""},
    "relay": {"ok": True, "detail": "", "outbox_age_seconds": 0.5},
    "consumer": {"ok": True, "detail": "", "lag": 3},
    "migrations": {"ok": True, "detail": ""},
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = sys.argv[1]
        override = Path(os.environ["IGNY8_DATA_DIR"]) / f"{name}.checks.json"
        checks = READY | (json.loads(override.read_text()) if override.exists() else {})
        try:
            with psycopg.connect(os.environ["IGNY8_SERVICE_DATABASE"], connect_timeout=2):
                pass
        except psycopg.OperationalError as error:
            checks |= {"database": {"ok": False, "detail": str(error)}}
        ready = all(check["ok"] for check in checks.values())
        body = json.dumps({"ready": ready, "pid": os.getpid(), "checks": checks}).encode()
        self.send_response(200 if ready else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        del format, args


def main() -> None:
    if "--broken" in sys.argv:
        print("no configuration, no service")
        sys.exit(3)
    host, port = os.environ["IGNY8_LISTEN"].split(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    ours = {name: value for name, value in os.environ.items() if name.startswith("IGNY8_")}
    print("environment", json.dumps(ours))
    server.serve_forever()


if __name__ == "__main__":
    main()
