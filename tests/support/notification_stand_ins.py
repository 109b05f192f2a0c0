"""Stand-ins on loopback for what channels tell: each checks what its platform publishes, and answers as it does.

Feishu and DingTalk answer a wrong signature with HTTP status 200 and a code, WeCom a wrong key too.
"""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.feishu import NotifyFeishu
from apprise.plugins.wecombot import NotifyWeComBot
from standardwebhooks import Webhook

from avenue.embedded.ports import free_port

FEISHU_TOKEN, FEISHU_SECRET = "0f1e2d3c-feishu-token", "feishuSecret9x"
DING_TOKEN, DING_SECRET = "dingtalktoken7a", "SECdingtalksecret8b"
WECOM_KEY = "73febdcb-wecom-key"
WEBHOOK_SECRET = "whsec_+fKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS/"
MAIL_USER, MAIL_PASSWORD = "teller", "mail+pass/word="
SECRETS = (FEISHU_TOKEN, FEISHU_SECRET, DING_TOKEN, DING_SECRET, WECOM_KEY, WEBHOOK_SECRET, MAIL_PASSWORD)
HOUR_S = 3600
WEBHOOK_TOLERANCE_S = 300


@dataclass(frozen=True)
class ToldMessage:
    """One message that a platform took."""

    platform: str
    text: str
    message_id: str = ""


@dataclass
class StandIns:
    """What came to all of them, and how they are to behave."""

    took: list[ToldMessage] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Why, of what was not taken."""
    break_with: Mapping[str, str] = field(default_factory=dict)
    """By platform: `status` (500), `code` (HTTP 200 with a code), `silent` (takes it and never answers), `redirect`."""
    now_s: Callable[[], float] = time.time
    """The platforms' clock."""
    http_port: int = 0
    mail_port: int = 0

    @property
    def addresses(self) -> dict[str, str]:
        """The address of each platform's channel."""
        secret, password = quote(WEBHOOK_SECRET, safe=""), quote(MAIL_PASSWORD, safe="")
        return {
            "feishu": f"feishu://{FEISHU_TOKEN}?secret={FEISHU_SECRET}",
            "dingtalk": f"dingtalk://{DING_SECRET}@{DING_TOKEN}",
            "wecom": f"wecombot://{WECOM_KEY}",
            "webhook": f"json://127.0.0.1:{self.http_port}/hook/a?secret={secret}",
            "mail": f"mailto://{MAIL_USER}:{password}@127.0.0.1:{self.mail_port}"
            "?mode=insecure&from=avenue@example.com&to=founder@example.com",
        }

    def forget(self) -> None:
        """Begin anew."""
        self.took, self.refused, self.break_with = [], [], {}

    def texts(self, platform: str) -> list[str]:
        """Return what *platform* took, in order."""
        return [message.text for message in self.took if message.platform == platform]


@contextmanager
def stand_ins() -> Iterator[StandIns]:
    """Run them all, and direct apprise's addresses of the three platforms to them."""
    found = StandIns()
    with _http(found) as found.http_port, _smtp(found) as found.mail_port:
        base = f"http://127.0.0.1:{found.http_port}"
        ways = {
            NotifyFeishu: f"{base}/open-apis/bot/v2/hook/{{token}}/",
            NotifyDingTalk: f"{base}/robot/send?access_token={{token}}",
            NotifyWeComBot: f"{base}/cgi-bin/webhook/send?key={{key}}",
        }
        before = {plugin: plugin.notify_url for plugin in ways}
        for plugin, way in ways.items():
            plugin.notify_url = way
        try:
            yield found
        finally:
            for plugin, way in before.items():
                plugin.notify_url = way


def feishu_fault(body: Mapping[str, Any], token: str, now_s: float) -> str:
    """Return '' where *body* is signed as Feishu publishes it: in seconds, not over an hour off."""
    stamp = str(body.get("timestamp", ""))
    wanted = base64.b64encode(hmac.new(f"{stamp}\n{FEISHU_SECRET}".encode(), b"", hashlib.sha256).digest()).decode()
    if token != FEISHU_TOKEN:
        return "token"
    if not stamp.isdigit() or abs(int(stamp) - now_s) > HOUR_S:
        return "timestamp"
    return "" if body.get("sign") == wanted else "sign"


def dingtalk_fault(query: Mapping[str, str], now_s: float) -> str:
    """Return '' where *query*, decoded once, is signed as DingTalk publishes it: in milliseconds, within the hour."""
    stamp = query.get("timestamp", "")
    signed = f"{stamp}\n{DING_SECRET}".encode()
    wanted = base64.b64encode(hmac.new(DING_SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    if query.get("access_token") != DING_TOKEN:
        return "token"
    if not stamp.isdigit() or abs(int(stamp) / 1000 - now_s) > HOUR_S:
        return "timestamp"
    return "" if query.get("sign") == wanted else "sign"


@contextmanager
def _http(found: StandIns) -> Iterator[int]:
    gone = threading.Event()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers["content-length"]))
            platform = _platform(parts.path)
            way = found.break_with.get(platform, "")
            if way == "redirect":
                self.send_response(307)
                self.send_header("location", f"http://127.0.0.1:{found.http_port}/hook/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()
                return
            fault = _fault(platform, parts, self.headers, body, found.now_s()) or ("told to" if way else "")
            if not fault or way == "silent":
                found.took.append(ToldMessage(platform, _text(platform, body), self.headers.get("webhook-id", "")))
            else:
                found.refused.append(f"{platform}: {fault}")
            if way == "silent":
                gone.wait(20)
                return
            self._answer(platform, fault, way)

        def _answer(self, platform: str, fault: str, way: str) -> None:
            bad_status = way == "status" or (fault and platform == "webhook")
            field_name, code = ("code", 19021) if platform == "feishu" else ("errcode", 310000)
            answer = json.dumps({field_name: code if fault else 0, "errmsg": fault or "ok"}).encode()
            self.send_response(500 if bad_status else 200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        gone.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def _platform(path: str) -> str:
    beginnings = {"/open-apis/bot/v2/hook/": "feishu", "/robot/send": "dingtalk", "/cgi-bin/webhook/send": "wecom"}
    return next((name for beginning, name in beginnings.items() if path.startswith(beginning)), "webhook")


def _fault(platform: str, target: SplitResult, headers: Any, body: bytes, now_s: float) -> str:
    query = {name: values[0] for name, values in parse_qs(target.query).items()}
    match platform:
        case "feishu":
            return feishu_fault(json.loads(body), target.path.rpartition("/")[2], now_s)
        case "dingtalk":
            return dingtalk_fault(query, now_s)
        case "wecom":
            too_long = len(json.loads(body)["text"]["content"].encode()) > 2048
            return "too long" if too_long else "" if query.get("key") == WECOM_KEY else "key"
        case _:
            return webhook_fault(headers, body, now_s)


def webhook_fault(headers: Mapping[str, str], body: bytes, now_s: float) -> str:
    """Return '' where *headers* sign *body* as the standard's own library does, not over five minutes off."""
    stamp = headers.get("webhook-timestamp", "")
    if not stamp.isdigit() or abs(int(stamp) - now_s) > WEBHOOK_TOLERANCE_S:
        return "timestamp"
    signed_at = datetime.fromtimestamp(int(stamp), UTC)
    wanted = Webhook(WEBHOOK_SECRET).sign(headers.get("webhook-id", ""), signed_at, body.decode())
    return "" if headers.get("webhook-signature") == wanted else "sign"


def _text(platform: str, body: bytes) -> str:
    content = json.loads(body)
    match platform:
        case "feishu":
            return str(content["content"]["text"])
        case "dingtalk" | "wecom":
            return str(content["text"]["content"])
        case _:
            data = content["data"]
            return "\n".join((data["title"], data["message"], data["link"]))


@contextmanager
def _smtp(found: StandIns) -> Iterator[int]:
    class Post:
        async def handle_DATA(self, _server: object, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
            from email import message_from_bytes, policy

            if found.break_with.get("mail") == "refuse":
                return "554 told to"
            mail = message_from_bytes(envelope.original_content or b"", policy=policy.default)
            body = mail.get_body(("plain",))
            text = body.get_content() if body is not None else ""
            found.took.append(ToldMessage("mail", f"{mail['subject']}\n{text}"))
            return "250 OK"

    def sign_in(_server: object, _session: object, _envelope: object, _mechanism: object, given: Any) -> AuthResult:
        ok = isinstance(given, LoginPassword) and (given.login, given.password) == (
            MAIL_USER.encode(),
            MAIL_PASSWORD.encode(),
        )
        if not ok:
            found.refused.append("mail: password")
        return AuthResult(success=ok)

    # Its controller calls itself at the port that it is given, so 0 will not do.
    port = free_port()
    controller = Controller(
        Post(), hostname="127.0.0.1", port=port, authenticator=sign_in, auth_required=True, auth_require_tls=False
    )
    controller.start()
    try:
        yield port
    finally:
        controller.stop()
