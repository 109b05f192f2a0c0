#!/usr/bin/env bash
# apprise percent-encodes the signature of DingTalk's robots before it gives it to requests, which encodes it again: a
# receiver that decodes the query once, as any does, reads %3D for = and finds no match. Every signature ends in =.
# DingTalk and WeCom then refuse with HTTP status 200 and an error code in the body, and apprise takes that for sent.
# Nothing leaves this machine: the platforms' addresses are pointed at a listener on loopback.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check apprise==2.3.0
cat >"$work/expected" <<'EOF'
apprise 2.3.0
DingTalk: encoded once True, as sent False, encoded twice True; the answer was {"errcode": 310000}; apprise says sent
WeCom: the answer was {"errcode": 93000}; apprise says sent
EOF
"$work/venv/bin/python" - <<'EOF' | tee "$work/seen"
import base64
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

import apprise
from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.wecombot import NotifyWeComBot

SECRET = "SECexample"
told = {}


def published(timestamp):
    """The rule of open.dingtalk.com: HMAC-SHA256 of timestamp, line feed and secret, in base64, percent-encoded once."""
    signed = hmac.new(SECRET.encode(), f"{timestamp}\n{SECRET}".encode(), hashlib.sha256).digest()
    return base64.b64encode(signed).decode()


class Platform(BaseHTTPRequestHandler):
    def do_POST(self):
        query = parse_qs(urlsplit(self.path).query)
        answer = {"errcode": 93000}
        if "sign" in query:
            wanted, sent = published(query["timestamp"][0]), query["sign"][0]
            once = parse_qs(f"sign={quote(wanted, safe='')}")["sign"][0]
            told["DingTalk"] = f"encoded once {once == wanted}, as sent {sent == wanted}, encoded twice {unquote(sent) == wanted}; "
            answer = {"errcode": 0 if sent == wanted else 310000}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        told["answer"] = body.decode()

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Platform)
threading.Thread(target=server.serve_forever, daemon=True).start()
here = f"http://127.0.0.1:{server.server_port}"
NotifyDingTalk.notify_url = here + "/robot/send?access_token={token}"
NotifyWeComBot.notify_url = here + "/cgi-bin/webhook/send?key={key}"
print("apprise", apprise.__version__)
for name, address in (("DingTalk", f"dingtalk://{SECRET}@token"), ("WeCom", "wecombot://a-key")):
    one = apprise.Apprise()
    one.add(address)
    sent = one.notify(body="hello")
    print(f"{name}: {told.get(name, '')}the answer was {told['answer']}; apprise says {'sent' if sent else 'not sent'}")
EOF
diff "$work/expected" "$work/seen" || { echo "this is no longer so" >&2; exit 1; }
