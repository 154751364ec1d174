# SPDX-License-Identifier: MIT
"""The host's side of a guest's network: a server, free ports, names."""

import http.server
import re
import socket
import subprocess
import threading

from cases import Skip

NAME = "deb.debian.org"


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def has_user_network(vm):
    info = subprocess.run([vm, "info"], check=True, stdout=subprocess.PIPE).stdout.decode()
    return bool(re.search(r"^user network +yes", info, re.MULTILINE))


def addresses():
    """Those of NAME."""
    try:
        return {a[4][0] for a in socket.getaddrinfo(NAME, 80, socket.AF_INET)}
    except OSError:
        raise Skip(f"the host does not resolve {NAME}") from None


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.data)))
        self.end_headers()
        self.wfile.write(self.server.data)

    def do_PUT(self):
        self.server.got = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Gives `data` and keeps in `got` what is put; a guest finds it at `url`."""

    def __init__(self, data):
        super().__init__(("127.0.0.1", 0), Handler)
        self.data, self.got = data, None
        self.url = f"http://10.0.2.2:{self.server_port}/data"
        threading.Thread(target=self.serve_forever, daemon=True).start()
