"""A server that webhooks tell what happens: it checks the signature by itself and answers as it is told."""
import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import threading

import harness

HERE = {"webhooks.private_addresses": "true"}  # the receivers of these tests are on this machine


def signed(secret, headers, raw):
    """Whether any of the signatures is by this secret (Standard Webhooks)."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), raw])
    mine = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(mine, other) for other in headers["webhook-signature"].split(" "))


class Receiver:
    """`answer`: the status it gives, or a function of the event; `got`: (headers, raw body) in order."""

    def __init__(self):
        self.answer = 204
        self.got = []
        self.open = threading.Event()
        self.open.set()  # cleared: it takes requests and answers none
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({k.lower(): v for k, v in self.headers.items()}, raw))
                receiver.open.wait(harness.PATIENCE_S)
                answer = receiver.answer(json.loads(raw)) if callable(receiver.answer) else receiver.answer
                with contextlib.suppress(OSError):
                    self.send_response(answer)
                    if answer // 100 == 3:
                        self.send_header("Location", receiver.url)
                    body = b"" if answer == 204 else b"said so"
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Http(http.server.ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

        self.httpd = Http(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.httpd.server_port}/hook"
        threading.Thread(target=self.httpd.serve_forever, args=(0.02,), daemon=True).start()

    def events(self, kind=None):
        """What was posted, of one type or of all."""
        said = [json.loads(raw) for _, raw in list(self.got)]
        return [event for event in said if kind in (None, event["type"])]

    def wait(self, kind, count=1):
        """Waits for so many different events of that type."""
        def look():
            found = {event["id"]: event for event in self.events(kind)}
            return list(found.values()) if len(found) >= count else None
        return harness.wait_until(look, lambda: f"{count} {kind} among {[e['type'] for e in self.events()]}")

    def end(self):
        self.open.set()
        self.httpd.shutdown()
        self.httpd.server_close()


@contextlib.contextmanager
def receiver():
    made = Receiver()
    try:
        yield made
    finally:
        made.end()
