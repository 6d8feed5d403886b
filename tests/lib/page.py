#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""tests/lib/page.py PORT WORD [transparent]: a small web server that answers with WORD, both families.

With `transparent` it also accepts connections to addresses that are not this host's (IP_TRANSPARENT).
"""

import http.server
import socket
import sys

SOL_IP, IP_TRANSPARENT, SOL_IPV6, IPV6_TRANSPARENT = 0, 19, 41, 75


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        word = sys.argv[2].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(word)))
        self.end_headers()
        self.wfile.write(word)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6

    def server_bind(self):
        if "transparent" in sys.argv[3:]:
            self.socket.setsockopt(SOL_IP, IP_TRANSPARENT, 1)
            self.socket.setsockopt(SOL_IPV6, IPV6_TRANSPARENT, 1)
        self.socket.bind(self.server_address)


Server(("::", int(sys.argv[1])), Page).serve_forever()
