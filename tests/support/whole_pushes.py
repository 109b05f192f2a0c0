"""Whole pushes on the partners' pages: written from the simulator's messages, and read back to be sent.

python -m tests.support.whole_pushes --write
"""

import argparse
import json
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from avenue.simulator.messages.base import FlowSigner, MessageContext, PushRequest
from avenue.simulator.messages.catalogue import PUBLISHED
from producers.adapters.base import MappedMessage, UnmappedMessage, VerifiedPush
from producers.adapters.catalogue import adapter_for
from schemas.registry import Account
from tests.support.adapter_signing import NOW_MS, PUBLIC_URL, WHSEC_1, Sent, make_account, make_push
from tests.support.paths import PARTNER_PAGES, SIGNATURE_VECTORS

PUSHES = PARTNER_PAGES / "pushes"
PLATFORMS = ("douyin", "bilibili", "meituan", "aihuishou", "sunmi")
KEYS = {
    "account_id": "7000001", "client_key": "aw_client", "room_id": "7300000000001", "client_id": "c-1",
    "app_poi_code": "S001", "opBizCode": "op-1", "store_id": "store-12", "sn": "N301P00TEST01", "shop_id": "90001",
}  # fmt: skip
"""What the pushes name their place by."""
SECRETS = {
    ("douyin", "webhook"): "a-client-secret", ("douyin", "life-spi"): "a-client-secret",
    ("douyin", "live"): "a-push-secret", ("bilibili", "webhook"): "an-app-secret",
    ("bilibili", "live"): WHSEC_1.decode(), ("meituan", "waimai"): "an-app-secret",
    ("meituan", "service"): "a-sign-key", ("aihuishou", "webhook"): WHSEC_1.decode(),
    ("sunmi", "callback"): "an-appkey", ("sunmi", "receipt"): "an-app-key",
}  # fmt: skip
SHOWN = {
    ("douyin", "webhook"): "life_trade_order_notify pay_success", ("douyin", "life-spi"): "call with pay_amount",
    ("douyin", "live"): "live_comment", ("bilibili", "webhook"): "video_open",
    ("bilibili", "live"): "LIVE_OPEN_PLATFORM_DM", ("meituan", "waimai"): "order-paid",
    ("meituan", "service"): "msgType of message_types, message.amount",
    ("aihuishou", "webhook"): "recycle.order.status_changed quoted", ("sunmi", "callback"): "report_type=4 action=1",
    ("sunmi", "receipt"): "6004 receipt_type=1",
}  # fmt: skip
"""By flow, the message that the platform's own page shows."""
TRADE = ("douyin", "trade")
TRADE_MESSAGE = "payment"
TRADE_MS = 1_751_328_000_000
OPENED, CLOSED = "<!-- whole push {} -->", "<!-- end -->"


@dataclass(frozen=True, slots=True)
class Wording:
    """What the pages of one language say around the pushes."""

    suffix: str
    """What stands between a page's name and `.md`."""
    platforms: Mapping[str, str]
    title: str
    introduction: tuple[str, ...]
    columns: str
    by_rsa: str
    key: str
    answered: str
    becomes: str
    kept: str
    event: str
    and_: str
    amount: str
    waits: str


AFTER_ITS_ORDER = "once its order has come: it names no sum"
ENGLISH = Wording(
    suffix="",
    platforms={platform: platform.capitalize() for platform in PLATFORMS},
    title="# {}: every message that becomes an event, as a whole push",
    introduction=(
        "Address, headers, body and signature as they go over the wire; a test reads each from this page, sends it to a gateway, and holds the answer and the event to what is said below it.",
        "Ids, numbers and secrets are invented. A real one of the same sort has more fields; those that say something personal are dropped.",
        "Sent at 2026-11-22 10:00:00 in Shanghai ({seconds} s). Signatures are made as [the platform's page]({page}) says, with these secrets:",
    ),
    columns="| flow | secret |",
    by_rsa="RSA, below",
    key="The platform's public key (this push is of 2025-07-01 08:00:00):",
    answered="Answered {}",
    becomes="{}; becomes {}.",
    kept="{}; kept as a reject, `{}`.",
    event="`{}` with the event id `{}`",
    and_=" and ",
    amount=", `amount_fen` {}",
    waits=f", {AFTER_ITS_ORDER}",
)
CHINESE = Wording(
    suffix=".zh",
    platforms=dict(zip(PLATFORMS, ("抖音", "哔哩哔哩", "美团", "爱回收", "商米"), strict=True)),
    title="# {}：所有会成为事件的消息，逐条给出完整推送",
    introduction=(
        "地址、请求头、请求体和签名都与实际传输的一致；测试会把这些推送逐条发送给网关，核对应答和事件是否与推送下方的说明一致。",
        "ID、号码和密钥均为虚构。同类的真实推送字段更多；涉及个人信息的字段一律丢弃。",
        "发送时间为北京时间 2026-11-22 10:00:00（{seconds} 秒）。签名方法见[该平台的页面]({page})，所用密钥如下：",
    ),
    columns="| 通道 | 密钥 |",
    by_rsa="RSA，见下文",
    key="平台公钥（这条推送的时间为 2025-07-01 08:00:00）：",
    answered="应答 {}",
    becomes="{}；成为 {}。",
    kept="{}；存为拒收记录，`{}`。",
    event="`{}`，事件 ID 为 `{}`",
    and_="，以及 ",
    amount="，`amount_fen` 为 {}",
    waits="，等其订单到达后写入：消息没有写明金额",
)
LANGUAGES = (ENGLISH, CHINESE)


@dataclass(frozen=True, slots=True)
class WholePush:
    """A request as a page shows it."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: str

    @property
    def query(self) -> dict[str, str]:
        """The address's parameters, decoded."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        """The parameters of a body that is a form, or of the address of a GET, decoded once."""
        return dict(parse_qsl(self.body, keep_blank_values=True)) if self.method == "POST" else self.query

    def text(self) -> str:
        """Return it as it goes over the wire."""
        head = "".join(f"{name}: {value}\n" for name, value in self.headers.items())
        return f"{self.method} {self.target} HTTP/1.1\n{head}" + (f"\n{self.body}\n" if self.body else "")


@dataclass(frozen=True, slots=True)
class ShownPush:
    """A whole push with what its page says of it."""

    platform: str
    flow: str
    message: str
    push: WholePush
    said: str
    """The sentence after it."""


def account(platform: str) -> Account:
    """Return the account that a platform's pushes are for."""
    types = {"580001": "order.paid"} if platform == "meituan" else {}
    return make_account(platform, message_types=types).model_copy(update={"id": f"{platform}-main"})


def secret_of(platform: str, flow: str) -> bytes:
    """Return what the pages name as the secret of a flow."""
    if (platform, flow) == TRADE:
        return str(_vector()["public_key"]).encode()
    return SECRETS[platform, flow].encode()


def _vector() -> Any:
    return json.loads(SIGNATURE_VECTORS.read_text())["D4_douyin_byte_signature_rsa"]


def at_ms(flow: str) -> int:
    """Return when a flow's pushes are sent."""
    return TRADE_MS if flow == TRADE[1] else NOW_MS


def read_pushes(platform: str, wording: Wording = ENGLISH) -> list[ShownPush]:
    """Read the page of a platform's whole pushes. Raises AssertionError where one is not whole."""
    text = (PUSHES / f"{platform}{wording.suffix}.md").read_text()
    found = []
    for flow, section in re.findall(r"^## `([a-z-]+)`\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE):
        for message, entry in re.findall(r"^### `(.+?)`\n(.*?)(?=^### |\Z)", section, re.DOTALL | re.MULTILINE):
            (block,) = blocks(entry)
            found.append(ShownPush(platform, flow, message, block, entry.rsplit("```", 1)[1].strip()))
    assert found, platform
    return found


def blocks(text: str) -> list[WholePush]:
    """Return every whole push in *text*."""
    return [_parse(block) for block in re.findall(r"```http\n(.*?)```", text, re.DOTALL)]


def _parse(block: str) -> WholePush:
    head, _, body = block.removesuffix("\n").partition("\n\n")
    first, *lines = head.split("\n")
    method, target, version = first.split(" ")
    assert version == "HTTP/1.1"
    return WholePush(method, target, dict(line.split(": ", 1) for line in lines), body)


def _messages(platform: str, wording: Wording) -> Iterator[ShownPush]:
    for (of, flow), messages in PUBLISHED.items():
        if of != platform:
            continue
        if (of, flow) == TRADE:
            yield _trade(wording)
            continue
        signer = FlowSigner(account(platform), flow, secret_of(platform, flow))
        for name, build in messages.items():
            # One serial for all: they tell of one order, so that a refund finds what was paid.
            context = MessageContext(random.Random(1), "page", 1, NOW_MS, NOW_MS - 5000, KEYS, "o-visitor", 1990)
            shown = _shown(flow, name, build(signer, context).request, wording)
            if shown:
                yield shown


def _shown(flow: str, message: str, request: PushRequest, wording: Wording) -> ShownPush | None:
    headers = {"Host": urlsplit(PUBLIC_URL).netloc, **request.headers, **(request.sign(NOW_MS) if request.sign else {})}
    target = request.path + (f"?{request.query}" if request.query else "")
    push = WholePush(request.method, target, headers, request.body.decode())
    said = become(request.platform, flow, push, wording)
    return ShownPush(request.platform, flow, message, push, said) if said else None


def become(platform: str, flow: str, push: WholePush, wording: Wording) -> str:
    """Return the sentence that says what becomes of *push*; '' where nothing of it is an event, but for `trade`."""
    path, _, query = push.target.partition("?")
    adapter = adapter_for(platform, path.rsplit("/", 1)[1])
    assert adapter is not None
    sent = Sent(push.body.encode(), push.headers, query.encode(), push.method)
    native = make_push(sent, account(platform), path.rsplit("/", 1)[1], [secret_of(platform, flow)], at_ms(flow))
    reading = adapter.adapt(native)
    assert isinstance(reading, VerifiedPush), (flow, reading)
    answer = wording.answered.format(f"{adapter.positive.status} `{adapter.positive.body.decode()}`")
    said = [_event(message, wording) for message in reading.messages if isinstance(message, MappedMessage)]
    if flow == TRADE[1]:
        (kept,) = reading.messages
        assert isinstance(kept, UnmappedMessage)
        return wording.kept.format(answer, kept.reason.value)
    return wording.becomes.format(answer, wording.and_.join(said)) if said else ""


def _event(message: MappedMessage, wording: Wording) -> str:
    fields = message.fields
    amount = wording.amount.format(fields["amount_fen"]) if fields.get("amount_fen") is not None else ""
    waits = wording.waits if fields["kind"] == "order.refunded" and not amount else ""
    return wording.event.format(fields["kind"], fields["event_id"]) + amount + waits


def _trade(wording: Wording) -> ShownPush:
    vector = _vector()
    headers = {"Host": urlsplit(PUBLIC_URL).netloc, "content-type": "application/json", **vector["header"]}
    push = WholePush("POST", "/in/douyin-main/trade", headers, vector["body"])
    return ShownPush(*TRADE, TRADE_MESSAGE, push, become(*TRADE, push, wording))


def page(platform: str, wording: Wording = ENGLISH) -> str:
    """Return the page of a platform's whole pushes."""
    shown = list(_messages(platform, wording))
    flows = list(dict.fromkeys(push.flow for push in shown))
    own = f"../{platform}{wording.suffix}.md"
    introduction = "\n".join(wording.introduction).format(seconds=NOW_MS // 1000, page=own)
    lines = [
        wording.title.format(wording.platforms[platform]),
        "",
        introduction,
        "",
        wording.columns,
        "|---|---|",
        *(f"| `{flow}` | {_secret_cell(platform, flow, wording)} |" for flow in flows),
        "",
    ]
    for flow in flows:
        lines += [f"## `{flow}`", ""]
        if flow == TRADE[1]:
            lines += [wording.key, "", "```", *_pem(), "```", ""]
        for one in (push for push in shown if push.flow == flow):
            lines += [f"### `{one.message}`", "", f"```http\n{one.push.text()}```", "", one.said, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _secret_cell(platform: str, flow: str, wording: Wording) -> str:
    return wording.by_rsa if (platform, flow) == TRADE else f"`{SECRETS[platform, flow]}`"


def _pem() -> list[str]:
    return secret_of(*TRADE).decode().strip().split("\n")


def main_page(platform: str, text: str, wording: Wording = ENGLISH) -> str:
    """Return a platform's own page with its whole pushes renewed between their marks."""
    for push in read_pushes(platform, wording):
        mark = OPENED.format(push.flow)
        if SHOWN.get((platform, push.flow), TRADE_MESSAGE) != push.message or mark not in text:
            continue
        before, _, rest = text.partition(mark)
        _, _, after = rest.partition(CLOSED)
        text = f"{before}{mark}\n```http\n{push.push.text()}```\n{push.said}\n{CLOSED}{after}"
    return text


def signed_values(push: WholePush, secret: str) -> dict[str, object]:
    """Return what a page's `sign` may ask for, by the name it asks with."""
    path, _, _ = push.target.partition("?")
    decoded = {name: unquote(value) for name, value in push.form.items()}
    return {
        "secret": secret, "headers": push.headers, "body": push.body.encode(), "query": push.query,
        "address": PUBLIC_URL + path, "parameters": push.form, "decoded": decoded,
        "webhook_id": push.headers.get("webhook-id"), "timestamp": int(push.headers.get("webhook-timestamp", "0")),
    }  # fmt: skip


def main() -> int:
    """Write the pages, or say which are not as they would be written."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.whole_pushes", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write them")
    write = parser.parse_args().write
    stale = []
    for platform, wording in product(PLATFORMS, LANGUAGES):
        name = f"{platform}{wording.suffix}.md"
        for path, whole in ((PUSHES / name, True), (PARTNER_PAGES / name, False)):
            old = path.read_text() if path.exists() else ""
            new = page(platform, wording) if whole else main_page(platform, old, wording)
            if new != old:
                stale.append(path)
                _put(path, new, write=write)
    print("\n".join(f"{'wrote' if write else 'stale:'} {path.name}" for path in stale))  # noqa: T201  a command's own
    return 1 if stale and not write else 0


def _put(path: Path, text: str, *, write: bool) -> None:
    if write:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    raise SystemExit(main())
