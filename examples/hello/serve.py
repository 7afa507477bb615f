"""Serves the rendered page at /, a health check at /healthz and a counter at /visits."""

import http.server
import itertools
import os
import signal
import sys

visits = itertools.count(1)
page = open("/srv/index.html", "rb").read()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/":
            self.answer(200, "text/html; charset=utf-8", page)
        elif self.path == "/healthz":
            self.answer(200, "text/plain", b"ok\n")
        elif self.path == "/visits":
            self.answer(200, "text/plain", b"%d\n" % next(visits))
        else:
            self.answer(404, "text/plain", b"no such page\n")

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
port = int(os.environ["PORT"])
print(f"listening on {port}")
http.server.ThreadingHTTPServer(("", port), Handler).serve_forever()
