"""A receiver with Python's standard library alone, for the presets airy and standard.

Run: WEBHOOK_KEY="a secret of mine" python3 examples/receivers/receiver.py
WEBHOOK_PRESET is airy unless it says standard, PORT is 9000.
"""

import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = os.environ["WEBHOOK_KEY"]
PRESET = os.environ.get("WEBHOOK_PRESET", "airy")
BODY_BYTES_MAX = 1024 * 1024  # no delivery is larger
TOLERANCE_S = 300  # standard signs the time too, against replays


def is_genuine(headers, body: bytes) -> bool:
    if PRESET == "standard":
        sent_at = headers.get("Webhook-Timestamp", "")
        signed = f"{headers.get('Webhook-Id', '')}.{sent_at}.".encode() + body
        secret = base64.b64decode(KEY.removeprefix("whsec_"))
        digest = hmac.new(secret, signed, hashlib.sha256).digest()
        expected = b"v1," + base64.b64encode(digest)
        given = headers.get("Webhook-Signature", "").split(" ")  # two during a rotation
        if not any([hmac.compare_digest(expected, each.encode()) for each in given]):
            return False
        return abs(time.time() - int(sent_at)) <= TOLERANCE_S
    expected = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    given = headers.get("X-Airy-Content-Signature", "")
    return hmac.compare_digest(expected.encode(), given.encode())


class Receiver(BaseHTTPRequestHandler):
    timeout = 10  # seconds: a sender that falls silent must not hold a thread

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        if not 0 <= length <= BODY_BYTES_MAX:
            self.close_connection = True
            return self.answer(413)
        body = self.rfile.read(length)  # the raw bytes: they are what is signed
        if not is_genuine(self.headers, body):
            print("NOT GENUINE", flush=True)
            return self.answer(400)
        self.answer(200)  # first: what takes long is done after the answer
        event = json.loads(body)
        # Delivery is at least once: skip an id that was handled before.
        payload = event["payload"] if PRESET == "airy" else event["data"]
        print(self.headers["Webhook-Id"], "genuine", event["type"], payload, flush=True)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Receiver)
print(f"receiving on http://127.0.0.1:{server.server_port}/", flush=True)
server.serve_forever()
