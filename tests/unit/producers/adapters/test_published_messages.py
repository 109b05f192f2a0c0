"""The partners' pages list every published message, and each becomes what its line says: sent and read here."""

import random
import re
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives import serialization

from avenue.simulator.messages.base import FlowSigner, MessageContext, PushRequest
from avenue.simulator.messages.catalogue import FLAWED, MESSAGE_TYPES, PUBLISHED
from producers.adapters import (
    bilibili_live,
    bilibili_webhook,
    douyin_live,
    douyin_webhook,
    meituan_waimai,
    sunmi_receipt,
)
from producers.adapters.base import AdapterResult, MappedMessage, PlatformHandshake, UnmappedMessage, VerifiedPush
from producers.adapters.catalogue import ADAPTERS, adapter_for
from schemas.outcomes import RejectReason
from tests.support.adapter_signing import (
    NOW_MS,
    WHSEC_1,
    Sent,
    bilibili,
    live,
    make_account,
    make_push,
    public_pem,
    rsa_key,
)
from tests.support.adapter_signing import (
    douyin_webhook as sign_douyin,
)
from tests.support.paths import PARTNER_PAGES

COLUMNS = ["flow", "message", "becomes", "why nothing more", "source", "noted"]
FLOWS = {(adapter.platform, adapter.flow) for adapter in ADAPTERS}
SECRETS = {("aihuishou", "webhook"): WHSEC_1, ("bilibili", "live"): WHSEC_1}
# What an address is checked with stands in nobody's sums, so the simulator does not send it.
CHECKS: dict[tuple[str, str], tuple[str, Sent]] = {
    ("douyin", "webhook"): (
        "verify_webhook",
        sign_douyin(b'{"event":"verify_webhook","client_key":"","content":{"challenge":1}}', b"secret"),
    ),
    ("douyin", "live"): ("verify_request", live(b"", b"secret", x_msg_type="verify_request")),
    ("bilibili", "webhook"): (
        "verify_webhooks",
        bilibili(b'{"event":"verify_webhooks","content":{"data":1}}', b"secret"),
    ),
    ("meituan", "waimai"): ("empty probe", Sent(method="GET")),
}


class Line(NamedTuple):
    """One line of a page's list."""

    platform: str
    flow: str
    message: str
    becomes: str
    why: str
    source: str
    noted: str


def lines_of(platform: str) -> list[Line]:
    """Return the list of *platform*'s page; fail on a line that is not whole."""
    text = (PARTNER_PAGES / f"{platform}.md").read_text()
    (section,) = re.findall(r"^## Every published message\n(.*?)(?=^## )", text, re.DOTALL | re.MULTILINE)
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in section.splitlines() if row[:1] == "|"]
    assert rows[0] == COLUMNS
    assert all(set(cell) == {"-"} for cell in rows[1])
    found = [Line(platform, *(cell.strip("`") if i < 3 else cell for i, cell in enumerate(row))) for row in rows[2:]]
    assert found
    return found


PLATFORMS = sorted(page.stem for page in PARTNER_PAGES.glob("*.md") if "." not in page.stem and page.stem != "README")
LINES = [line for platform in PLATFORMS for line in lines_of(platform)]
SENT = [line for line in LINES if line.becomes not in {"handshake", "not pushed"}]


def names(lines: list[Line]) -> set[tuple[str, str, str]]:
    return {(line.platform, line.flow, line.message) for line in lines}


def signer(platform: str, flow: str) -> FlowSigner:
    account = make_account(platform, message_types={"580001": "order.paid"} if flow == "service" else {})
    if flow == "trade":
        pem = rsa_key("trade").private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return FlowSigner(account, flow, pem, rsa=True)
    return FlowSigner(account, flow, SECRETS.get((platform, flow), b"secret"))


def scene(serial: int) -> MessageContext:
    keys = (
        "account_id",
        "client_key",
        "room_id",
        "client_id",
        "app_poi_code",
        "opBizCode",
        "store_id",
        "sn",
        "shop_id",
    )
    return MessageContext(
        random.Random(serial), "run", serial, NOW_MS, NOW_MS - 5000, dict.fromkeys(keys, "9001"), "o-1", 1990
    )


def read(by: FlowSigner, request: PushRequest) -> AdapterResult:
    adapter = adapter_for(request.platform, request.flow)
    assert adapter is not None
    headers = {**request.headers, **(request.sign(NOW_MS) if request.sign else {})}
    sent = Sent(request.body, headers, request.query.encode(), request.method)
    secret = public_pem("trade") if by.rsa else by.secret
    return adapter.adapt(make_push(sent, by.account, request.flow, [secret]))


def become(line: Line, serial: int = 1) -> MappedMessage | UnmappedMessage:
    by = signer(line.platform, line.flow)
    message = PUBLISHED[line.platform, line.flow][line.message](by, scene(serial))
    reading = read(by, message.request)
    assert isinstance(reading, VerifiedPush), reading
    return reading.messages[0]


def test_no_cell_of_a_list_is_blank_and_no_message_stands_there_twice() -> None:
    assert len(LINES) > 100
    assert len(names(LINES)) == len(LINES)
    assert [line for line in LINES if not all(line)] == []
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", line.noted) for line in LINES)


def test_every_flow_has_its_list_and_what_is_not_pushed_has_no_flow() -> None:
    assert {(line.platform, line.flow) for line in LINES if line.becomes != "not pushed"} == FLOWS
    assert not {(line.platform, line.flow) for line in LINES if line.becomes == "not pushed"} & FLOWS


def test_the_simulator_sends_exactly_what_the_lists_name() -> None:
    published = {(*flow, name) for flow, messages in PUBLISHED.items() for name in messages}

    assert published == names(SENT)
    assert {(sort.platform, sort.flow) for sort in MESSAGE_TYPES} | set(FLAWED) == set(PUBLISHED)


@pytest.mark.parametrize("line", SENT, ids=lambda line: f"{line.platform} {line.flow} {line.message}")
def test_a_published_message_becomes_what_its_line_says(line: Line) -> None:
    message = become(line)

    if line.becomes == "kept":
        assert isinstance(message, UnmappedMessage), message
        assert message.reason is RejectReason.UNSUPPORTED_EVENT
        assert line.why in message.message
    else:
        assert isinstance(message, MappedMessage), message
        assert message.fields["kind"] == line.becomes


@pytest.mark.parametrize("line", SENT, ids=lambda line: f"{line.platform} {line.flow} {line.message}")
def test_ids_amounts_and_times_of_a_published_message_are_kept_for_a_mapping_to_come(line: Line) -> None:
    payload = become(line).payload

    masked = sorted(
        name for name, value in leaves(payload) if is_masked(value) and name.endswith(TOLD) and name not in NEVER
    )
    assert list(leaves(payload))
    assert masked == []


TOLD = (
    "_id",
    "Id",
    "id",
    "_no",
    "order",
    "amount",
    "amount_fen",
    "money",
    "total",
    "time",
    "timestamp",
    "status",
    "type",
)
# Persons' and devices' own, and the till's number of the chain; `content` and the like are free text.
NEVER = {
    "uid",
    "conversation_short_id",
    "to_user_id",
    "open_id",
    "iccid",
    "imei",
    "imsi",
    "log_id",
    "avatar",
    "sec_openid",
}


def leaves(tree: Any, name: str = "") -> Any:
    if isinstance(tree, dict) and not is_masked(tree):
        for key, value in tree.items():
            yield from leaves(value, key)
    else:
        yield name, tree


def is_masked(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"type", "length"}


@pytest.mark.parametrize(("platform", "flow"), CHECKS)
def test_a_check_of_the_address_is_answered_and_no_message(platform: str, flow: str) -> None:
    name, sent = CHECKS[platform, flow]
    adapter = adapter_for(platform, "waimai-order-paid" if flow == "waimai" else flow)
    assert adapter is not None

    reading = adapter.adapt(make_push(sent, make_account(platform), flow, [b"secret"]))

    assert isinstance(reading, PlatformHandshake)
    assert name in [line.message for line in LINES if (line.platform, line.flow) == (platform, flow)]


def test_every_check_of_an_address_stands_on_its_page() -> None:
    listed = names([line for line in LINES if line.becomes == "handshake"])

    assert listed == {(*flow, name) for flow, (name, _) in CHECKS.items()}


@pytest.mark.parametrize(
    ("platform", "flow", "table"),
    [
        ("douyin", "webhook", [*douyin_webhook.MAPPINGS, *douyin_webhook.UNMAPPED_EVENTS]),
        ("douyin", "live", [*douyin_live.ACTIONS, *douyin_live.UNMAPPED_EVENTS]),
        ("bilibili", "webhook", list(bilibili_webhook.MAPPINGS)),
        (
            "bilibili",
            "live",
            [*bilibili_live.ACTIONS, *bilibili_live.SIGNS_OF_LIFE, *bilibili_live.UNMAPPED_EVENTS],
        ),
        ("meituan", "waimai", [*meituan_waimai.MAPPINGS, *meituan_waimai.UNMAPPED_EVENTS]),
        ("sunmi", "receipt", [*sunmi_receipt.PARSED]),
    ],
)
def test_whatever_an_adapter_knows_by_name_stands_on_its_page(platform: str, flow: str, table: list[str]) -> None:
    listed = {line.message.split()[0] for line in LINES if (line.platform, line.flow) == (platform, flow)}

    assert set(table) <= listed


def test_the_states_of_a_refund_stand_on_the_page_with_what_each_moves() -> None:
    moves = {
        line.message.removeprefix("order-refunded status="): line.becomes
        for line in LINES
        if line.message.startswith("order-refunded status=")
    }

    assert set(meituan_waimai.REFUND_STATES) == {name for name in moves if " " not in name}
    assert {name for name, becomes in moves.items() if becomes == "order.refunded"} == {
        "21",
        "27",
        "10 service_type=1",
        "17 service_type=1",
    }
