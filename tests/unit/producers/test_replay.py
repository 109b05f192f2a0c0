"""Kept rejects read again: the very event that would have been accepted, or why it cannot be."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.adapters.base import MappedMessage, VerifiedPush
from producers.adapters.catalogue import adapter_for
from producers.consent.ledger import ConsentChange, ConsentLedger, consent_key
from producers.gateway.ingest_request import window_of
from producers.orders.ledger import FactKey, OrderLedger, event_digest, order_digest
from producers.replay import (
    DryRunConsent,
    NotReplayable,
    PrehashedPseudonyms,
    ReadableReject,
    reread_reject,
    revalidate,
)
from producers.validation.validator import AcceptedEvent, EventValidator, RejectedEvent, ValidationResult, ValidatorDeps
from registry.directory import Directory
from registry.pseudonyms import Pseudonyms
from runtime.settings import GatewaySettings
from schemas.event import KINDS, REQUIRED_BY_KIND
from schemas.lines import RejectLine, StoredEvent
from schemas.outcomes import RejectReason
from schemas.registry import Account, Placement
from schemas.timing import DAY_MS, MINUTE_MS
from tests.support.adapter_signing import Sent, make_account, make_push
from tests.support.factories import NOW, NOW_MS, REGISTRY, SENTINEL, HashKeys, sent_line, validator_deps
from tests.support.paths import ADAPTER_GOLDENS
from tests.support.properties import examples

FILES = [json.loads(path.read_text()) for path in sorted(ADAPTER_GOLDENS.glob("*.json"))]
LATER_MS = NOW_MS + 40 * DAY_MS
"""When the replay is asked for: by then every event is too old for a push."""


def directory_with(account: Account, *placements: dict[str, Any]) -> Directory:
    """Return the test's registry with *account* and more *placements* of it."""
    span = {"from": datetime(2026, 10, 1, tzinfo=UTC), "until": datetime(2027, 1, 1, tzinfo=UTC)}
    base = {
        "trial": "neuro-band-2026q4",
        "arm": "pilot",
        "account": account.id,
        "metre": 1,
        "side": "north",
        "zone": "café",
        **span,
    }
    more = [Placement.model_validate({**base, **placement}) for placement in placements]
    accounts = [*(known for known in REGISTRY.accounts if known.id != account.id), account]
    known = [place for place in REGISTRY.placements if place.account != account.id]
    return Directory(
        version=2, registry=REGISTRY.model_copy(update={"accounts": accounts, "placements": [*known, *more]})
    )


def intake(deps: ValidatorDeps, account: Account, flow: str, *, received_ms: int = NOW_MS) -> EventValidator:
    window = window_of(account, GatewaySettings(), received_ms)
    return EventValidator(deps, account, flow, delivery_id="d-1", window=window)


def again(
    line: RejectLine, account: Account, directory: Directory, *, now_ms: int = NOW_MS, orders: OrderLedger | None = None
) -> ValidationResult:
    """Return the outcome of *line*'s replay at *now_ms*."""
    item = reread_reject(line, account)
    assert isinstance(item, ReadableReject), item
    deps = replace(validator_deps(directory=directory), pseudonyms=PrehashedPseudonyms(Pseudonyms(HashKeys())))
    deps = replace(deps, orders=orders or deps.orders)
    desk = intake(deps, account, line.flow, received_ms=now_ms)
    return revalidate(desk, item, window_of(account, GatewaySettings(), line.received_ms), 0)


def orders_with(message: MappedMessage, account: Account) -> OrderLedger:
    """Return orders among which is that of *message*: it was paid with 20.50 yuan."""
    ledger = OrderLedger(max_orders=10, max_waiting=10)
    if message.order_id and message.fields["kind"] == "order.refunded":
        order = order_digest(account.id, message.order_id)
        ledger.note(FactKey(order, "paid", event_digest("paid")), 2050)
    return ledger


def kept(judgement: ValidationResult) -> RejectLine:
    assert isinstance(judgement, RejectedEvent), judgement
    return judgement.line


def line_of(judgement: ValidationResult) -> StoredEvent:
    assert isinstance(judgement, AcceptedEvent), judgement
    return msgspec.json.decode(judgement.line, type=StoredEvent)


NATIVE = [
    pytest.param(file, example, index, id=f"{file['platform']} {example['name']} {index}")
    for file in FILES
    for example in file["examples"]
    if isinstance(example["expect"], list)
    for index, expected in enumerate(example["expect"])
    if "event" in expected
]


def messages_of(file: dict[str, Any], example: dict[str, Any], account: Account) -> VerifiedPush:
    flow = example.get("flow", file["flow"])
    sent = Sent(example["body"].encode(), example["headers"], example["query"].encode(), example["method"])
    adapter = adapter_for(file["platform"], flow)
    assert adapter is not None
    secrets = [secret.encode() for secret in file["secrets"]]
    reading = adapter.adapt(make_push(sent, account, flow, secrets, example["received_ms"]))
    assert isinstance(reading, VerifiedPush)
    return reading


@pytest.mark.parametrize(("file", "example", "index"), NATIVE)
def test_a_native_message_kept_for_its_place_becomes_the_event_that_it_was(
    file: dict[str, Any], example: dict[str, Any], index: int
) -> None:
    account = make_account(file["platform"], **file["account"])
    message = messages_of(file, example, account).messages[index]
    assert isinstance(message, MappedMessage)
    at_ms, flow = example["received_ms"], example.get("flow", file["flow"])
    before = directory_with(account)
    after = directory_with(account, *({"id": f"p-{n}", "match": dict(keys)} for n, keys in enumerate(message.match)))
    first = intake(validator_deps(directory=before), account, flow, received_ms=at_ms).validate_mapped(
        message, index, b"bytes"
    )

    replayed = again(kept(first), account, after, now_ms=at_ms, orders=orders_with(message, account))

    there = replace(validator_deps(directory=after), orders=orders_with(message, account))
    direct = intake(there, account, flow, received_ms=at_ms).validate_mapped(message, index, b"bytes")
    if message.match:
        assert line_of(replayed) == line_of(direct)
    else:
        # A change of consent that names no place: it held at once, and there is nothing to register.
        assert kept(replayed) == kept(first)
    assert getattr(replayed, "alias", "") == getattr(direct, "alias", "")


def test_the_examples_hold_every_platform() -> None:
    assert {file["platform"] for file in FILES} == {"douyin", "bilibili", "meituan", "aihuishou", "sunmi"}
    assert len(NATIVE) > 20


_ACCOUNT = next(account for account in REGISTRY.accounts if account.id == "sunmi-main")
_VALUES = {
    "outcome": st.sampled_from(["ok", "failed", "abandoned"]),
    # Of eleven digits it could be a telephone number, and is not kept.
    "amount_fen": st.integers(0, 10**10 - 1),
    "rating": st.integers(1, 5),
    "duration_ms": st.integers(0, 86_400_000),
    "subject": st.text(max_size=20),
    "session_id": st.text(min_size=1, max_size=20),
    "arm": st.just("pilot"),
    "product_id": st.just("neuro-band"),
    "trial_id": st.just("neuro-band-2026q4"),
    "attributes": st.dictionaries(
        st.text(st.characters(categories=["L"]), min_size=1, max_size=12),
        st.text(st.characters(categories=["L", "P", "Zs"]), max_size=30) | st.booleans() | st.integers(0, 9999)
        | st.sampled_from([0.5, 2.25]),
        max_size=6,
    ),
}  # fmt: skip


@st.composite
def sound_events(draw: st.DrawFn) -> bytes:
    """Return a batch's element with any of the fields that its kind may have."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    needed = {name for name in (REQUIRED_BY_KIND.get(kind),) if name}
    names = needed | draw(st.sets(st.sampled_from(sorted(_VALUES))))
    fields: dict[str, Any] = {name: draw(_VALUES[name]) for name in sorted(names) if name in _VALUES}
    fields |= {"subject": SENTINEL} if kind.startswith("consent.") else {}
    fixed: dict[str, Any] = {"kind": kind, "outcome": ..., "placement_id": "p-late"}
    return sent_line(**(fixed | fields))


@given(sound_events().filter(lambda raw: b'"outcome"' in raw or b"use.completed" not in raw))
@examples(200)
def test_every_field_of_a_kept_batch_event_comes_back(raw: bytes) -> None:
    after = directory_with(_ACCOUNT, {"id": "p-late", "match": {"sn": "late"}})
    first = intake(validator_deps(), _ACCOUNT, "events").validate_bytes(raw, 0)

    replayed = again(kept(first), _ACCOUNT, after)

    direct = intake(validator_deps(directory=after), _ACCOUNT, "events").validate_bytes(raw, 0)
    assert line_of(replayed) == line_of(direct)


def rejected(**change: Any) -> RejectLine:
    return kept(intake(validator_deps(), _ACCOUNT, "events").validate_bytes(sent_line(**change), 0))


def test_it_is_judged_by_the_clock_of_its_first_receipt_and_stamped_now() -> None:
    after = directory_with(_ACCOUNT, {"id": "p-late", "match": {"sn": "late"}})

    outcome = again(rejected(placement_id="p-late"), _ACCOUNT, after, now_ms=LATER_MS)

    assert line_of(outcome).received_ms == LATER_MS
    assert line_of(outcome).occurred_ms == NOW_MS - MINUTE_MS


def test_what_was_too_old_is_taken_once_the_account_may_send_older_events() -> None:
    line = rejected(occurred_at=(NOW - timedelta(days=31)).isoformat())
    patient = _ACCOUNT.model_copy(update={"max_event_age_days": 60})
    directory = Directory(version=2, registry=REGISTRY)

    assert kept(again(line, _ACCOUNT, directory, now_ms=LATER_MS)) == line
    assert isinstance(again(line, patient, directory, now_ms=LATER_MS), AcceptedEvent)


def test_what_came_from_the_future_stays_rejected_however_late_it_is_replayed() -> None:
    line = rejected(occurred_at=(NOW + timedelta(hours=4)).isoformat())

    assert kept(again(line, _ACCOUNT, Directory(version=2, registry=REGISTRY), now_ms=LATER_MS)) == line


def test_one_rejected_again_keeps_its_line_and_names_the_reason_of_today() -> None:
    line = rejected(placement_id="p-late")
    outside = {"id": "p-late", "match": {"sn": "late"}, "from": NOW + timedelta(days=1)}

    outcome = again(line, _ACCOUNT, directory_with(_ACCOUNT, outside))

    assert kept(outcome) == line
    assert isinstance(outcome, RejectedEvent)
    assert outcome.fault.reason is RejectReason.OUTSIDE_TRIAL


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"{broken", "only its length and SHA-256 were kept"),
        (b"7", "value was kept as type and length only"),
        (sent_line(attributes={"phone": "13800138000"}), "personal data is not kept"),
        (sent_line(placement_id="p-late", event_id="13800138000"), "event_id was kept as type and length only"),
        (sent_line(placement_id="p-late", attributes={"note": "13800138000"}), "attributes.note was kept as type"),
        (sent_line(attributes=[1, 2, 3]), "attributes was kept as type and length only"),
        (sent_line(attributes={"x" * 65: 1}), "attributes.(65 characters) was kept as type"),
        (sent_line(subject=20481234), "subject was kept as type and length only"),
        (sent_line(outcome="x" * 65), "outcome was kept as type and length only"),
        (sent_line(owner="somebody"), "owner was kept as type and length only"),
        (sent_line(attributes={f"k{n}": "y" * 250 for n in range(80)}), "it was too large to be kept whole"),
        (sent_line() + b" " * 17_000, "it was too large to be kept whole"),
    ],
)
def test_what_was_not_kept_is_never_made_up(raw: bytes, why: str) -> None:
    item = reread_reject(kept(intake(validator_deps(), _ACCOUNT, "events").validate_bytes(raw, 0)), _ACCOUNT)

    assert isinstance(item, NotReplayable)
    assert why in item.why


def test_a_reject_whose_account_or_flow_is_gone_says_so() -> None:
    line = rejected(placement_id="p-late")
    native = msgspec.structs.replace(line, flow="receipts")

    for item, why in (
        (reread_reject(line, None), "account sunmi-main is no longer in the registry"),
        (reread_reject(native, _ACCOUNT), "account sunmi-main has no flow receipts of sunmi any more"),
        (reread_reject(msgspec.structs.replace(line, flow="foreign"), None), "the gateway did not write this line"),
    ):
        assert isinstance(item, NotReplayable)
        assert why in item.why


def test_a_native_field_that_was_masked_is_named() -> None:
    file = next(file for file in FILES if file["platform"] == "aihuishou")
    account = make_account("aihuishou")
    payload = {"event_id": "ahs:1", "body": {"type": "recycle.order.status_changed", "data": {"status": "quoted",
               "order_no": "1", "store_id": {"type": "string", "length": 200}, "occurred_at": NOW_MS}}}  # fmt: skip
    line = msgspec.structs.replace(
        rejected(placement_id="p-late"),
        account_id="acct",
        platform="aihuishou",
        flow=file["flow"],
        payload=json.dumps({"message": payload}),
    )

    item = reread_reject(line, account)

    assert isinstance(item, NotReplayable)
    assert item.why.startswith("data.store_id was kept as type and length only")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["event", "message", "attributes", "type", "length", "subject_hash", "kind", "body", "form"]), inner, max_size=4), max_leaves=8))  # fmt: skip
@examples(300)
def test_any_payload_is_read_again_or_refused_and_never_an_exception(payload: Any) -> None:
    base = rejected(placement_id="p-late")
    for flow in ("events", "receipt", "callback"):
        line = msgspec.structs.replace(base, flow=flow, payload=json.dumps(payload))

        assert isinstance(reread_reject(line, _ACCOUNT), ReadableReject | NotReplayable)


def test_a_trial_of_consent_leaves_the_ledger_as_it_was() -> None:
    ledger = ConsentLedger(max_subjects=10)
    ledger.merge(consent_key("a", "1"), [ConsentChange(5, granted=False)])
    tried = DryRunConsent(ledger)

    tried.merge(consent_key("a", "1"), [ConsentChange(9, granted=True)])
    tried.merge(consent_key("a", "2"), [ConsentChange(1, granted=False)])

    assert [tried.allows(consent_key("a", "1"), at) for at in (4, 6, 10)] == [True, False, True]
    assert not tried.allows(consent_key("a", "2"), 2)
    assert (len(ledger), ledger.allows(consent_key("a", "1"), 10), ledger.allows(consent_key("a", "2"), 2)) == (
        1, False, True,
    )  # fmt: skip
