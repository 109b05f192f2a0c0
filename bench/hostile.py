"""Hostile requests, drawn from a seed: batches and native pushes, signed as they should be, with anything in them."""

import gzip
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import zstandard

from avenue.simulator.signers import bilibili, douyin, meituan, sunmi
from producers.adapters.catalogue import adapter_for
from registry import webhook_signing as signing
from schemas.event import PilotEvent

PUBLIC_URL = "https://gw.example.com"
BATCH_SHARE = 0.6
BROKEN_SHARE = 0.15
MAX_EVENTS = 20
REPLAYED_SHARE = 0.03
EXTENDED_SHARE = 0.05
HEADERS_SHARE = 0.05
KNOWN_SHARE = 0.8
REMEMBERED = 200
"""Requests that may come again."""
_DIGITS = (1, 11, 16, 18, 19, 20, 39, 309, 400, 4300, 4301, 20_000)
_VALUES = (
    b"null", b"true", b"0", b"-0", b"-1", b"1.5", b"1e400", b"-1e400", b"1e-400", b"1e99999999999999999999", b'""',
    b'"x"', b"[]", b"{}", b'{"a":{"b":[1]}}', b'{"a":1,"a":2}', b'"\\u0000"', b'"\\ud83d"', b'"\\ude00 cut"', b'"\\""',
    b'"\xff"', b'{"\\ud83d":1}', b"9007199254740992", b"13800138000", b'"13800138000"', b'"someone@example.com"',
    b"1.3800138e10", b'"11010519491231002X"', b"4111111111111111", b'{"13800138000":1}', '"脑智大道🙂"'.encode(),
    # What a spreadsheet would reckon, and a page would render.
    b'"=1+2"', b'"+1+2"', b'"-1+2"', b'"@SUM(A1)"', b'"\\t=1"', b'"a,\\"b\\"\\n;c"', b'"<b>bold</b>"', b'"</td><i>"',
    b'"\\" onclick=\\"x"', b'"&amp;&#60;"', b'"{{ 7 * 7 }}"', b'"%s%n{0}"',
)  # fmt: skip
_NO_JSON = (b"NaN", b"-Infinity", b"+1", b"01", b"'x'", b"", b"\xff", b'"\n"', b'"open')


@dataclass(frozen=True, slots=True)
class Hostile:
    """A request; *events* of it have to get an outcome each, None where the whole may be refused."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    events: int | None = None


Secrets = Mapping[str, str]
"""By `account/flow`."""


class Hostiles:
    """Requests one after another; the same *seed* gives the same, but for times."""

    def __init__(self, seed: int, secrets: Secrets, push_key: str, places: Sequence[str]) -> None:
        self._chance = random.Random(f"hostile {seed}")
        self._secrets = secrets
        self._push_key = push_key
        self._places = places
        self._seed = seed
        self._number = 0
        self._native: tuple[Callable[[], Hostile], ...] = (
            self._douyin_webhook, self._douyin_spi, self._douyin_live, self._bilibili, self._waimai, self._service,
            self._aihuishou, self._callback, self._receipt, self._bilibili_live,
        )  # fmt: skip
        self._sent: list[Hostile] = []

    def next(self) -> Hostile:
        """Return the next request."""
        self._number += 1
        chance = self._chance
        if self._sent and chance.random() < REPLAYED_SHARE:
            return chance.choice(self._sent)
        sent = self._batch() if chance.random() < BATCH_SHARE else chance.choice(self._native)()
        if chance.random() < HEADERS_SHARE:
            sent = replace(sent, headers={**sent.headers, **self._many_headers()})
        self._sent = [*self._sent[1 - REMEMBERED :], sent]
        return sent

    def _many_headers(self) -> dict[str, str]:
        chance = self._chance
        size = chance.choice((0, 1, 200, 4000))
        return {
            f"x-{chance.choice(('sunmi', 'forwarded', 'h'))}-{n}": "v" * size for n in range(chance.choice((1, 40)))
        }

    # --- batches

    def _batch(self) -> Hostile:
        chance = self._chance
        form = chance.choice(("array", "array", "envelope", "one", "ndjson", "ndjson"))
        count = 1 if form == "one" else chance.randrange(MAX_EVENTS)
        events = [self._event(any_bytes=form == "ndjson") for _ in range(count)]
        body = {
            "array": b"[%b]" % b" ,\n".join(events),
            "envelope": b'{"events": [%b]}' % b",".join(events),
            "one": events[0] if events else b"",
            "ndjson": b"\n".join(events),
        }[form]
        if chance.random() < 0.1:
            body = b"\xef\xbb\xbf" + body
        media = "application/x-ndjson" if form == "ndjson" else "application/json"
        due: int | None = count
        if chance.random() < BROKEN_SHARE:
            body, due = self._broken(body), None
            media = chance.choice((media, "text/html", "application/json; charset=x", ""))
        packed, encoding = self._packed(body)
        headers = {
            "authorization": f"Bearer {self._push_key}",
            "content-type": media,
            "content-encoding": encoding,
        }
        if chance.random() < 0.02:
            packed, due = self._broken(packed), None
        return Hostile("/v1/events?results=all", packed, headers, due)

    def _event(self, *, any_bytes: bool) -> bytes:
        chance = self._chance
        fields = {
            "event_id": f"f{self._seed}-{self._number}-{chance.getrandbits(40):x}",
            "kind": chance.choice(("exposure", "interaction", "use.started")),
            "occurred_at": (datetime.now(UTC) - timedelta(seconds=chance.randrange(3600))).isoformat(),
            "placement_id": chance.choice(self._places),
            "subject": f"visitor-{chance.randrange(1000)}",
        }
        members = [(json.dumps(name).encode(), json.dumps(value).encode()) for name, value in fields.items()]
        for _ in range(chance.choice((0, 0, 1, 1, 2, 5))):
            name = chance.choice([*PilotEvent.model_fields, "attributes", "unknown", "13800138000", "\\ud83d"])
            value = self._value()
            if name == "attributes" and chance.random() < 0.8:
                value = b'{"%b":%b}' % (chance.choice((b"a", b"13800138000", b"k" * 70, b"\\ud83d")), value)
            members = [pair for pair in members if pair[0] != b'"%b"' % name.encode() or chance.random() < 0.1]
            members.append((b'"%b"' % name.encode(), value))
        event = b"{%b}" % chance.choice((b",", b" , ")).join(b"%b:%b" % pair for pair in members)
        if any_bytes:
            # A line is an event, whatever is in it.
            event = self._broken(event) if chance.random() < 0.1 else event
            event = event.replace(b"\n", b" ")
            return event if event.strip() else b"x"
        return event

    def _value(self, *, json_only: bool = True) -> bytes:
        chance = self._chance
        sort = chance.random()
        if sort < 0.3:
            return chance.choice((b"", b"-")) + b"9" * chance.choice(_DIGITS) + chance.choice((b"", b"", b".5", b"e5"))
        if sort < 0.4:
            depth = chance.choice((5, 20, 70, 1100))
            opening, closing = chance.choice(((b"[", b"]"), (b'{"a":', b"}")))
            return opening * depth + (b"1" if opening != b"[" else b"") + closing * depth
        if sort < 0.5:
            return b'"%b"' % (
                chance.choice((b"a", "脑".encode(), b"\\ud83d\\ude00")) * chance.choice((64, 65, 300, 5000))
            )
        return chance.choice(_VALUES if json_only or sort < 0.8 else _NO_JSON)

    def _broken(self, body: bytes) -> bytes:
        chance = self._chance
        found = bytearray(body or b"x")
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(found))
            sort = chance.randrange(4)
            if sort == 0:
                found[at] = chance.randrange(256)
            elif sort == 1:
                found = found[: at + 1]
            elif sort == 2:
                found[at:at] = chance.choice(_NO_JSON)
            else:
                found[at:at] = found[: min(at, 40)]
        return bytes(found)

    def _packed(self, body: bytes) -> tuple[bytes, str]:
        encoding = self._chance.choice(("identity", "identity", "gzip", "zstd"))
        if encoding == "gzip":
            return gzip.compress(body, 1), encoding
        return (zstandard.compress(body, 1) if encoding == "zstd" else body), encoding

    # --- native pushes

    def _document(self, document: Any) -> bytes:
        """Return *document* as JSON with one leaf or name replaced by anything, or broken."""
        text = json.dumps(document, ensure_ascii=self._chance.random() < 0.5).encode()
        if self._chance.random() < 0.85:
            marks = [at for at in range(len(text)) if text[at : at + 2] == b": "]
            at = self._chance.choice(marks) + 2
            end = min(found for found in (text.find(mark, at) for mark in (b",", b"}", b"]")) if found >= 0)
            text = text[:at] + self._value(json_only=self._chance.random() < 0.8) + text[end:]
        return self._broken(text) if self._chance.random() < BROKEN_SHARE else text

    def _signed(self, name: str, document: Any) -> bytes:
        """Return a body that a plain hash with its secret in front covers: now and then one that was made longer.

        Who has one signed body can sign a longer one without the secret, but only with the hash's padding in between.
        """
        body = self._document(document)
        if self._chance.random() < EXTENDED_SHARE:
            return body + padding_of(len(self._secret(name)) + len(body)) + self._document(document)
        return body

    def _form(self, fields: dict[str, str]) -> dict[str, str]:
        """Return *fields* with one of them anything."""
        chance = self._chance
        name = chance.choice([name for name in fields if name != "timestamp"])
        value = self._value(json_only=False).decode("utf-8", "replace")
        return {**fields, name: value} if chance.random() < 0.8 else fields

    def _place(self, key: str) -> str:
        """Return *key*, a registered one, or now and then one that nobody knows."""
        return key if self._chance.random() < KNOWN_SHARE else f"{key}9"

    def _id(self) -> str:
        return f"{self._number}{self._chance.getrandbits(30)}"

    def _secret(self, name: str) -> str:
        return self._secrets[name]

    def _douyin_webhook(self) -> Hostile:
        order = {"order_id": self._id(), "account_id": self._place("7000040"), "pay_amount": 1990, "pay_time": _now_s()}
        content = {"action": "pay_success", "msg_time": _now_s(), "order": order}
        event = {"event": "life_trade_order_notify", "client_key": "aw_demo", "content": content, "from_user_id": "o"}
        body = self._signed("douyin-main/webhook", event)
        sign = douyin.webhook_signature(self._secret("douyin-main/webhook").encode(), body)
        return Hostile("/in/douyin-main/webhook", body, {"x-douyin-signature": sign})

    def _douyin_spi(self) -> Hostile:
        order = {
            "order_id": self._id(),
            "account_id": self._place("7000040"),
            "pay_amount": 1990,
            "pay_time_unix": _now_s(),
        }
        query = {"client_key": "aw_demo", "timestamp": str(_now_s() * 1000)}
        body = self._signed("douyin-main/life-spi", order)
        sign = douyin.life_signature(self._secret("douyin-main/life-spi").encode(), query, body)
        return Hostile(f"/in/douyin-main/life-spi?{urlencode(query)}", body, {"x-life-sign": sign})

    def _douyin_live(self) -> Hostile:
        messages = [
            {"msg_id": self._id(), "sec_openid": "open", "timestamp": _now_s() * 1000, "content": "hello"}
            for _ in range(self._chance.randrange(1, 4))
        ]
        body = self._document(messages)
        head = {
            "x-nonce-str": self._id(), "x-timestamp": str(_now_s() * 1000), "x-roomid": self._place("7300000000060"),
            "x-msg-type": self._chance.choice(("live_comment", "live_gift", "live_like", "other")),
        }  # fmt: skip
        sign = douyin.live_signature(self._secret("douyin-main/live").encode(), head, body)
        return Hostile("/in/douyin-main/live", body, {**head, "x-signature": sign})

    def _bilibili(self) -> Hostile:
        content = {"client_id": self._place("c-demo-0088"), "openid": "open", "resource_id": f"BV{self._id()}"}
        event = self._chance.choice(("video_open", "video_fail", "authorize", "deauthorize", "other"))
        document = {"event": event, "content": content, "timestamp": _now_s()}
        body = self._signed("bilibili-main/webhook", document)
        sign = bilibili.webhook_signature(self._secret("bilibili-main/webhook").encode(), body)
        return Hostile("/in/bilibili-main/webhook", body, {"x-bilibili-signature": sign})

    def _bilibili_live(self) -> Hostile:
        chance = self._chance
        sorts = ("DM", "SEND_GIFT", "SUPER_CHAT", "GUARD", "LIKE", "LIVE_START", "LIVE_END", "DM_MIRROR", "OTHER")
        messages = [
            {
                "cmd": f"LIVE_OPEN_PLATFORM_{chance.choice(sorts)}",
                "data": {"msg_id": self._id(), "room_id": self._place("22000150"), "open_id": "open",
                         "timestamp": _now_s(), "gift_num": 1, "like_count": 3, "msg": "hello",
                         "user_info": {"open_id": "open"}},
            }
            for _ in range(chance.randrange(1, 4))
        ]  # fmt: skip
        body = self._document({"messages": messages})
        key = signing.secret_bytes(self._secret("bilibili-main/live"))
        headers = signing.standard_headers(key, f"m{self._id()}", _now_s() * 1000, body)
        return Hostile("/in/bilibili-main/live", body, headers)

    def _waimai(self) -> Hostile:
        kind = self._chance.choice(("order-paid", "order-completed", "order-cancelled", "order-refunded", "other"))
        fields = self._form(
            {"app_id": "1", "app_poi_code": self._place("S-DEMO-060"), "order_id": self._id(), "status": "2",
             "total": "20.5", "money": "1", "notify_type": "agree", "utime": str(_now_s()), "caution": "hello",
             "timestamp": str(_now_s())}
        )  # fmt: skip
        path = f"/in/meituan-main/waimai-{kind}"
        fields["sig"] = meituan.waimai_sig(self._secret("meituan-main/waimai"), PUBLIC_URL + path, fields)
        return Hostile(path, urlencode(fields).encode(), _FORM)

    def _service(self) -> Hostile:
        message = self._document({"orderId": self._id(), "amount": 1990, "status": "ok"}).decode("utf-8", "replace")
        fields = self._form(
            {"developerId": "1", "businessId": "58", "opBizCode": self._place("op-demo-150"), "msgType": "580001",
             "msgId": self._id(), "timestamp": str(_now_s()), "message": message}
        )  # fmt: skip
        fields["sign"] = meituan.service_sign(self._secret("meituan-main/service"), fields)
        return Hostile("/in/meituan-main/service", urlencode(fields).encode(), _FORM)

    def _aihuishou(self) -> Hostile:
        data = {
            "order_no": self._id(),
            "status": "completed",
            "amount_fen": 125_000,
            "store_id": self._place("store-120"),
        }
        body = self._document({"type": "recycle.order.status_changed", "timestamp": _now_s(), "data": data})
        key = signing.secret_bytes(self._secret("aihuishou-main/webhook"))
        return Hostile(
            "/in/aihuishou-main/webhook", body, signing.standard_headers(key, f"m{self._id()}", _now_s() * 1000, body)
        )

    def _callback(self) -> Hostile:
        online = {"action": self._chance.choice((1, 2)), "update_at": _now_s()}
        timing = {"model": "NT311", "printed_kilometre": 12, "print_head_broken_count": "3"}
        part = {"device_online_data": online} if self._chance.random() < 0.5 else {"device_timing_data": timing}
        body = self._document(
            {"sn": self._place("N301DEMO0005"), "report_type": self._chance.choice((1, 2, 3, 4)), **part}
        )
        stamp = sunmi.CallbackStamp("app", str(_now_s()), f"{self._chance.randrange(10**6):06d}", "CloudPrinted_4")
        headers = {
            "sunmi-appid": stamp.app_id, "sunmi-timestamp": stamp.timestamp, "sunmi-nonce": stamp.nonce,
            "sunmi-notifytype": stamp.notify_type,
            "sunmi-sign": sunmi.callback_hmac(self._secret("sunmi-main/callback").encode(), stamp, body),
        }  # fmt: skip
        return Hostile("/in/sunmi-main/callback", body, headers)

    def _receipt(self) -> Hostile:
        at = (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")
        payload = {"id": self._id(), "sn": self._place("N301DEMO0017"), "order_id": self._id(), "receipt_type": 1}
        payload |= {"order_received_amount": "20.50", "order_time": at}
        text = self._document(payload).decode("utf-8", "replace")
        fields = self._form(
            {"app_id": "A", "event": "6003", "payload": text, "shop_id": "1", "timestamp": str(_now_s())}
        )
        fields["sign"] = sunmi.receipt_sign(self._secret("sunmi-main/receipt"), fields)
        return Hostile("/in/sunmi-main/receipt", urlencode(fields).encode(), _FORM)


_FORM = {"content-type": "application/x-www-form-urlencoded"}


def padding_of(size: int) -> bytes:
    """Return what SHA-1 and SHA-256 put after *size* bytes."""
    return b"\x80" + bytes((55 - size) % 64) + (size * 8).to_bytes(8, "big")


def _now_s() -> int:
    return int(time.time())


def asked_again(platforms: Mapping[str, str], path: str, status: int, body: bytes) -> bool:
    """Return whether the answer to a push to *path* is its platform's own "come again"; *platforms*: by account."""
    way, _, rest = path.partition("?")[0].removeprefix("/").partition("/")
    account, _, flow = rest.partition("/")
    adapter = adapter_for(platforms.get(account, ""), flow) if way == "in" else None
    return adapter is not None and (status, body) == (adapter.negative.status, adapter.negative.body)


def without_outcome(sent: Hostile, status: int, body: bytes) -> int:
    """Return how many events of *sent* were told no outcome in the answer."""
    if sent.events is None:
        return 0
    if status != 200:
        return sent.events
    told = json.loads(body)
    counted = int(told["accepted"] + told["duplicate"] + told["rejected"])
    return abs(sent.events - counted) + abs(counted - len(told["results"]))
