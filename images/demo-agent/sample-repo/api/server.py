"""HTTP in front of the readings table."""

import json
import sqlite3
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DATABASE = "readings.db"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path != "/beacons":
            self.send_error(404)
            return
        # FIXME: one connection per request; fine for a harbour, not for a coast
        with sqlite3.connect(DATABASE) as db:
            rows = db.execute("SELECT beacon, max(at), lit, battery FROM readings GROUP BY beacon")
            body = json.dumps([dict(zip(("beacon", "at", "lit", "battery"), row)) for row in rows])
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
