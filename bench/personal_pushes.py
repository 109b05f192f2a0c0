"""Every published native message of every flow, with a person's data in every field, and signed anew."""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from avenue.simulator.messages.base import FlowSigner, MessageContext, PushRequest
from avenue.simulator.messages.catalogue import FLAWED, PUBLISHED
from avenue.simulator.messages.meituan import TWICE_ENCODED
from avenue.simulator.signers import bilibili, douyin, meituan, sunmi
from bench.personal_values import SORTS, TEXTS, PersonalValues
from registry import webhook_signing
from schemas.registry import Account, Registry

FORMS = frozenset({("meituan", "waimai"), ("meituan", "service"), ("sunmi", "receipt")})
STANDARD = frozenset({("bilibili", "live"), ("aihuishou", "webhook")})
PERSONAL_NAMES = (
    "recipient_name", "recipient_phone", "recipient_address", "id_card", "wechat", "password", "wifi_password",
    "plate_no", "email", "bank_card", "收货人", "手机号",
)  # fmt: skip
SUBJECTS = frozenset(
    {"open_id", "openid", "from_user_id", "to_user_id", "sec_openid", "uid", "unionid", "subject", "user_id"}
)
"""Who did it, as platforms name them: only ever kept as a keyed hash."""
SAYINGS = frozenset({
    "nickname", "uname", "avatar_url", "uface", "content", "msg", "message", "caution", "wifi_password", "imsi", "imei",
    "iccid", "boot_mac", "lng", "lat", "latitude", "longitude", "item", "detail", "wm_poi_name", "reason", "food_name",
    "recipient_name", "recipient_phone", "recipient_address", "title",
})  # fmt: skip
"""What people say, are called, and where they live: always a person's here."""
UNKNOWN_EVERY, MALFORMED_EVERY, REFUSED_EVERY, LEAF_EVERY = 17, 19, 13, 2


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, and what it was made to be: `sound`, `malformed`, `refused`, …"""

    method: str
    target: str
    body: bytes
    headers: Mapping[str, str]
    made: str


@dataclass(frozen=True, slots=True)
class _JsonText:
    """A text that holds JSON."""

    value: Any


@dataclass(frozen=True, slots=True)
class _Message:
    signer: FlowSigner
    build: Callable[[FlowSigner, MessageContext], Any]
    keys: tuple[Mapping[str, str], ...]

    @property
    def flow(self) -> tuple[str, str]:
        """Platform and flow, as in the catalogue."""
        return self.signer.account.platform, self.signer.flow


class NativePushes:
    """Pushes one after another, each message of each flow in turn; the same *registry* gives the same but for times."""

    def __init__(self, registry: Registry, trade_key: bytes, values: PersonalValues) -> None:
        self._values = values
        self._number = 0
        self._messages = list(_messages(registry, trade_key))

    @property
    def flows(self) -> set[tuple[str, str]]:
        """Which are pushed."""
        return {message.flow for message in self._messages}

    def next(self) -> Request:
        """Return the next push."""
        number, self._number = self._number, self._number + 1
        message = self._messages[number % len(self._messages)]
        now_ms = int(time.time() * 1000)
        context = MessageContext(
            random.Random(number), "who", number, now_ms, now_ms - 60_000, message.keys[number % len(message.keys)],
            f"u{number}", 1990, 2,
        )  # fmt: skip
        request = message.build(message.signer, context).request
        made = _made(number)
        return _Filled(self._values, number, message, made).request(request, now_ms)


def _made(number: int) -> str:
    if number % REFUSED_EVERY == 0:
        return "refused"
    if number % MALFORMED_EVERY == 0:
        return "malformed"
    return "unknown place" if number % UNKNOWN_EVERY == 0 else "sound"


def _messages(registry: Registry, trade_key: bytes) -> Iterator[_Message]:
    accounts: dict[str, Account] = {account.platform: account for account in registry.accounts if account.public_url}
    for (platform, flow), published in PUBLISHED.items():
        account = accounts[platform]
        secret = trade_key if flow == "trade" else account.secrets[flow][0].removeprefix("plain:").encode()
        keys = tuple(_keys(registry, account))
        flawed = [build for build in FLAWED.get((platform, flow), ()) if "broken" not in build.__name__]
        for build in (*published.values(), *flawed):
            yield _Message(FlowSigner(account, flow, secret, rsa=flow == "trade"), build, keys)


def _keys(registry: Registry, account: Account) -> Iterator[dict[str, str]]:
    """Yield what messages of *account* name their place by: each has every key, so that any message can be built."""
    found: dict[str, list[str]] = {}
    for placement in registry.placements:
        if placement.account == account.id:
            for name, value in (placement.match or {}).items():
                found.setdefault(name, []).append(value)
    for turn in range(2):
        yield {name: values[turn % len(values)] for name, values in found.items()}


class _Filled:
    """One message with a person in every field that may hold one."""

    def __init__(self, values: PersonalValues, number: int, message: _Message, made: str) -> None:
        self._values = values
        self._number = number
        self._message = message
        self._made = made
        self._turn = number
        self._leaves = 0
        self._replaced = number // 60 if number % LEAF_EVERY else -1

    def request(self, request: PushRequest, now_ms: int) -> Request:
        """Return *request* with its fields filled, signed anew."""
        form = self._message.flow in FORMS
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        tree: Any = dict(parse_qsl(request.body.decode(), keep_blank_values=True)) if form else json.loads(request.body)
        if form and request.method == "GET":
            tree, query = query, {}
        tree = self._walked(_opened(tree), ())
        if not form:
            query |= {"buyer_phone": self._new("query", "buyer_phone"), "buyer": self._new("query", "buyer")}
        return self._sealed(request, tree, query, now_ms)

    def _new(self, where: str, name: str, sorts: tuple[str, ...] = SORTS) -> str:
        self._turn += 1
        flow = "-".join(self._message.flow)
        whole = self._made in {"sound", "unknown place"} or (self._made == "malformed" and self._message.flow in FORMS)
        found = f"native {where if whole else self._made}"  # of a malformed form one parameter is cut, the others stand
        return self._values.new(sorts[self._turn % len(sorts)], found, f"{flow}.{name}")

    def _walked(self, tree: Any, path: tuple[str, ...]) -> Any:
        if isinstance(tree, _JsonText):
            return _JsonText(self._walked(tree.value, path))
        if isinstance(tree, list):
            return [self._walked(item, path) for item in tree]
        if not isinstance(tree, dict):
            return self._leaf(tree, path)
        filled = {name: self._walked(value, (*path, name)) for name, value in tree.items()}
        return filled | self._more(len(path))

    def _more(self, depth: int) -> dict[str, Any]:
        """Return fields that nobody asked for: their values, and a name, are a person's."""
        at = (self._number + depth) % len(PERSONAL_NAMES)
        name, other = PERSONAL_NAMES[at], PERSONAL_NAMES[(at + 5) % len(PERSONAL_NAMES)]
        more: dict[str, Any] = {
            name: self._new("extra", name), self._new("name", "(a name)"): self._new("extra", "(a name)")
        }  # fmt: skip
        if self._message.flow in FORMS and depth == 0:
            return more
        number = int(self._new("extra number", other, ("mobile", "card")))
        return {**more, other: [{"deep": self._new("extra nested", other)}], "contact": number}

    def _leaf(self, value: Any, path: tuple[str, ...]) -> Any:
        name = path[-1] if path else ""
        self._leaves += 1
        if name in SUBJECTS:
            return self._new("subject", name)
        if name in SAYINGS and isinstance(value, str):
            return self._new("saying", name)
        place = name in {"sn", *(key for keys in self._message.keys for key in keys)}
        if place and self._made == "unknown place":
            return self._new("place", name)
        if self._leaves - 1 == self._replaced % 40 and name not in {"timestamp", "sig", "sign"} and not place:
            return self._in_place_of(value, name)
        return value

    def _in_place_of(self, value: Any, name: str) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return int(self._new("number", name, ("mobile", "card")))
        return self._new("leaf", name)

    # --- signatures

    def _sealed(self, request: PushRequest, tree: Any, query: dict[str, str], now_ms: int) -> Request:
        flow, signer = self._message.flow, self._message.signer
        headers = {**request.headers, **self._headers()}
        closed = _closed(tree)
        if flow in FORMS:
            body, query_text = self._form(request, closed)
        else:
            body = json.dumps(closed, ensure_ascii=self._number % 3 == 0).encode()
            query_text = urlencode(query)
        if self._made == "malformed" and body and flow not in FORMS:
            body = body[: -len(body) // 3]
        headers = {name.lower(): value for name, value in headers.items()}
        headers |= _signature(flow, signer, _Signed(headers, query, body, self._number, now_ms))
        if self._made == "refused":
            headers, body, query_text = _spoilt(flow, headers, body, query_text)
        target = request.path + (f"?{query_text}" if query_text else "")
        return Request(request.method, target, body, headers, self._made)

    def _headers(self) -> dict[str, str]:
        """Return headers that nobody asked for, and one whose name is a person's."""
        plain = ("mobile", "identity", "card", "email", "landline", "password", "wechat")
        told = {name: self._new("header", name, plain) for name in ("x-user-phone", "cookie", "user-agent")}
        return {**told, f"x-{self._new('header', '(a name)', ('mobile', 'wechat'))}": "1",
                "x-user-name": quote(self._new("header", "x-user-name", TEXTS))}  # fmt: skip

    def _form(self, request: PushRequest, fields: dict[str, Any]) -> tuple[bytes, str]:
        flow, secret = self._message.flow, self._message.signer.text
        texts = {name: value if isinstance(value, str) else str(value) for name, value in fields.items()}
        texts = {name: value for name, value in texts.items() if name not in {"sig", "sign"}}
        if self._made == "malformed":
            texts["payload" if flow[1] == "receipt" else "message"] = '{"' + self._new("malformed", "message")
        if flow == ("meituan", "waimai"):
            address = (self._message.signer.account.public_url or "") + request.path
            texts["sig"] = meituan.waimai_sig(secret, address, texts)
            texts = {name: quote(text, safe="") if name in TWICE_ENCODED else text for name, text in texts.items()}
        elif flow == ("meituan", "service"):
            texts["sign"] = meituan.service_sign(secret, texts)
        else:
            texts["sign"] = sunmi.receipt_sign(secret, texts)
        wire = urlencode(texts)
        return (b"", wire) if request.method == "GET" else (wire.encode(), "")


@dataclass(frozen=True, slots=True)
class _Signed:
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    number: int
    now_ms: int


def _signature(flow: tuple[str, str], signer: FlowSigner, of: _Signed) -> dict[str, str]:
    """Return the headers of the signature; none where a form holds it."""
    if flow in STANDARD:
        key = webhook_signing.secret_bytes(signer.text)
        return dict(webhook_signing.standard_headers(key, f"msg_who{of.number}", of.now_ms, of.body))
    return _HEADERS[flow](signer.secret, of) if flow in _HEADERS else {}


def _trade(secret: bytes, of: _Signed) -> dict[str, str]:
    stamp, nonce = of.headers["byte-timestamp"], of.headers["byte-nonce-str"]
    return {"byte-signature": douyin.trade_signature(secret, stamp, nonce, of.body)}


def _callback(secret: bytes, of: _Signed) -> dict[str, str]:
    names = ("sunmi-appid", "sunmi-timestamp", "sunmi-nonce", "sunmi-notifytype")
    stamp = sunmi.CallbackStamp(*(of.headers[name] for name in names))
    return {"sunmi-sign": sunmi.callback_hmac(secret, stamp, of.body)}


_HEADERS: Mapping[tuple[str, str], Callable[[bytes, _Signed], dict[str, str]]] = {
    ("douyin", "webhook"): lambda secret, of: {"x-douyin-signature": douyin.webhook_signature(secret, of.body)},
    ("douyin", "life-spi"): lambda secret, of: {"x-life-sign": douyin.life_signature(secret, of.query, of.body)},
    ("douyin", "live"): lambda secret, of: {"x-signature": douyin.live_signature(secret, of.headers, of.body)},
    ("douyin", "trade"): _trade,
    ("bilibili", "webhook"): lambda secret, of: {"x-bilibili-signature": bilibili.webhook_signature(secret, of.body)},
    ("sunmi", "callback"): _callback,
}


def _spoilt(
    flow: tuple[str, str], headers: dict[str, str], body: bytes, query: str
) -> tuple[dict[str, str], bytes, str]:
    """Return the push as who has no secret would send it: one byte more than was signed."""
    if flow in FORMS:
        return (headers, body + b"&z=1", query) if body else (headers, body, query + "&z=1")
    return headers, body + b" ", query


def _opened(tree: Any) -> Any:
    """Return *tree* with texts that hold an object or a list as what they hold."""
    if isinstance(tree, dict):
        return {name: _opened(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_opened(value) for value in tree]
    if isinstance(tree, str) and unquote(tree)[:1] in {"{", "["}:
        return _JsonText(_opened(json.loads(unquote(tree))))
    return tree


def _closed(tree: Any) -> Any:
    if isinstance(tree, _JsonText):
        return json.dumps(_closed(tree.value), ensure_ascii=False)
    if isinstance(tree, dict):
        return {name: _closed(value) for name, value in tree.items()}
    return [_closed(value) for value in tree] if isinstance(tree, list) else tree
