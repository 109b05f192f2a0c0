"""One event in, exactly one outcome out: place, consent, personal data, duplicates, what is kept."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.adapters.base import MappedMessage
from producers.validation.validator import (
    AcceptedEvent,
    DuplicateEvent,
    InFlightDuplicate,
    RejectedEvent,
    ValidationResult,
)
from registry.directory import Directory
from schemas.lines import StoredEvent
from schemas.outcomes import RejectReason
from schemas.topics import partition_of
from tests.support.factories import NOW, NOW_MS, REGISTRY, SENTINEL, make_validator, sent_line, validator_deps
from tests.support.properties import examples

MINUTES_AGO = [(NOW - timedelta(minutes=minutes)).isoformat() for minutes in range(10)]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def validate(raw: bytes, **where: Any) -> ValidationResult:
    return make_validator(**where).validate_bytes(raw, 0)


def reason_of(judgement: ValidationResult) -> tuple[RejectReason, str]:
    assert isinstance(judgement, RejectedEvent), judgement
    return judgement.fault.reason, judgement.fault.field


def stored(judgement: ValidationResult) -> StoredEvent:
    assert isinstance(judgement, AcceptedEvent), judgement
    return msgspec.json.decode(judgement.line, type=StoredEvent)


def test_an_accepted_event_is_placed_and_stamped() -> None:
    outcome = validate(sent_line())
    line = stored(outcome)
    assert (line.product_id, line.trial_id, line.placement_id, line.arm) == (
        "neuro-band", "neuro-band-2026q4", "p-017", "pilot",
    )  # fmt: skip
    assert (line.account_id, line.platform, line.received_ms, line.delivery_id) == (
        "sunmi-main",
        "sunmi",
        NOW_MS,
        "d-1",
    )
    assert isinstance(outcome, AcceptedEvent)
    assert outcome.partition == partition_of("neuro-band", 4)


def test_subjects_are_one_value_within_a_trial_and_unlinkable_between_trials() -> None:
    of = [
        stored(validate(sent_line(placement_id=..., product_id=p))).subject
        for p in ("neuro-band", "neuro-band", "emg-arm")
    ]
    assert of[0] == of[1]
    assert of[0] != of[2]
    assert all(len(value) == 32 and SENTINEL not in value for value in of)


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        ({"product_id": "nope", "placement_id": ...}, RejectReason.UNKNOWN_PRODUCT, "product_id"),
        ({"placement_id": "p-999"}, RejectReason.UNKNOWN_PLACEMENT, "placement_id"),
        ({"product_id": "emg-arm"}, RejectReason.INVALID_VALUE, "product_id"),
        ({"trial_id": "no-such-trial"}, RejectReason.INVALID_VALUE, "trial_id"),
        ({"trial_id": "emg-arm-2026q4"}, RejectReason.INVALID_VALUE, "trial_id"),
        ({"arm": "baseline"}, RejectReason.INVALID_VALUE, "arm"),
        ({"placement_id": ..., "product_id": "neuro-band", "arm": "third"}, RejectReason.INVALID_VALUE, "arm"),
        ({"occurred_at": (NOW + timedelta(hours=4)).isoformat()}, RejectReason.OCCURRED_AT_IN_FUTURE, "occurred_at"),
        ({"occurred_at": (NOW - timedelta(days=31)).isoformat()}, RejectReason.OCCURRED_AT_TOO_OLD, "occurred_at"),
        (
            {"attributes": {"note": "x" * 250, **{f"k{i}": "y" * 250 for i in range(20)}}},
            RejectReason.TOO_LARGE,
            "attributes",
        ),
        ({"attributes": {"phone": "13800138000"}}, RejectReason.PERSONAL_DATA, "attributes.phone"),
        ({"event_id": "13800138000"}, RejectReason.PERSONAL_DATA, "event_id"),
    ],
)
def test_each_fault_has_its_reason_and_field(change: dict[str, Any], reason: RejectReason, field: str) -> None:
    assert reason_of(validate(sent_line(**change))) == (reason, field)


def test_a_time_outside_the_placement_is_outside_trial() -> None:
    early = [p.model_copy(update={"from_": NOW - timedelta(hours=1)}) for p in REGISTRY.placements]
    directory = Directory(version=2, registry=REGISTRY.model_copy(update={"placements": early}))
    raw = sent_line(occurred_at=(NOW - timedelta(hours=2)).isoformat())
    assert reason_of(validate(raw, deps=validator_deps(directory=directory))) == (
        RejectReason.OUTSIDE_TRIAL,
        "occurred_at",
    )


def test_another_account_s_product_is_not_your_product() -> None:
    assert reason_of(validate(sent_line(placement_id=..., product_id="neuro-band"), account="meituan-main")) == (
        RejectReason.NOT_YOUR_PRODUCT, "product_id",
    )  # fmt: skip


def test_a_contradiction_between_two_foreign_names_is_not_your_product() -> None:
    accounts = [a.model_copy(update={"products": []}) if a.id == "bilibili-main" else a for a in REGISTRY.accounts]
    directory = Directory(version=2, registry=REGISTRY.model_copy(update={"accounts": accounts}))
    raw = sent_line(product_id="emg-arm")
    assert reason_of(validate(raw, deps=validator_deps(directory=directory), account="bilibili-main")) == (
        RejectReason.NOT_YOUR_PRODUCT, "product_id",
    )  # fmt: skip


def test_the_baseline_before_the_start_is_stored_without_an_arm() -> None:
    later = [
        t.model_copy(update={"starts": NOW + timedelta(days=1), "baseline_from": NOW - timedelta(days=9)})
        for t in REGISTRY.trials
    ]
    directory = Directory(version=2, registry=REGISTRY.model_copy(update={"trials": later}))
    assert stored(validate(sent_line(), deps=validator_deps(directory=directory))).arm == ""


def switching(*days: date) -> Directory:
    """Return the example directory where p-017 is in the baseline on *days*."""
    placements = [
        p.model_copy(update={"arm_days": {"baseline": list(days)}}) if p.id == "p-017" else p
        for p in REGISTRY.placements
    ]
    return Directory(version=2, registry=REGISTRY.model_copy(update={"placements": placements}))


def test_a_placement_that_changes_arm_gives_an_event_the_arm_of_its_own_day_in_the_streets_time() -> None:
    deps = validator_deps(directory=switching(date(2026, 11, 21)))
    days = {
        "2026-11-20T23:59:59.999+08:00": "pilot",
        "2026-11-20T16:00:00Z": "baseline",
        "2026-11-21T23:59:59.999+08:00": "baseline",
        "2026-11-22T00:00:00+08:00": "pilot",
    }

    for at, arm in days.items():
        assert stored(validate(sent_line(f"e-{len(at)}-{arm}", occurred_at=at), deps=deps)).arm == arm
        assert stored(validate(sent_line(f"a-{len(at)}-{arm}", occurred_at=at, arm=arm), deps=deps)).arm == arm
        other = sent_line("other", occurred_at=at, arm="pilot" if arm == "baseline" else "baseline")
        assert reason_of(validate(other, deps=deps)) == (RejectReason.INVALID_VALUE, "arm")


def test_the_same_id_twice_in_one_request_is_a_duplicate() -> None:
    validator = make_validator()
    assert isinstance(validator.validate_bytes(sent_line(), 0), AcceptedEvent)
    assert validator.validate_bytes(sent_line(rating=3), 1) == DuplicateEvent("e-1")


def test_an_acknowledged_id_is_a_duplicate_before_anything_else_is_asked() -> None:
    deps = validator_deps()
    deps.duplicates.settle("sunmi-main", ["e-1"], acknowledged=True, now_ms=NOW_MS)
    raw = sent_line(attributes={"phone": "13800138000"}, occurred_at=(NOW - timedelta(days=99)).isoformat())
    assert validate(raw, deps=deps) == DuplicateEvent("e-1")
    assert isinstance(validate(sent_line(), deps=deps, account="meituan-main"), RejectedEvent)


def test_an_id_on_its_way_waits_for_its_twin(loop: asyncio.AbstractEventLoop) -> None:
    deps, twin = validator_deps(), loop.create_future()
    deps.duplicates.claim("sunmi-main", ["e-1"], twin)
    assert validate(sent_line(), deps=deps) == InFlightDuplicate("e-1", twin)
    deps.duplicates.settle("sunmi-main", ["e-1"], acknowledged=False, now_ms=NOW_MS)
    assert isinstance(validate(sent_line(), deps=deps), AcceptedEvent)


def test_consent_is_judged_by_the_latest_change_at_or_before_the_event() -> None:
    validator = make_validator()
    at = {name: (NOW - timedelta(minutes=m)).isoformat() for name, m in (("before", 9), ("out", 6), ("in", 3))}
    consent = {"placement_id": "p-017", "outcome": ...}
    out = validator.validate_bytes(
        sent_line(event_id="w", kind="consent.withdrawn", occurred_at=at["out"], **consent), 0
    )
    assert isinstance(out, AcceptedEvent)
    assert reason_of(validator.validate_bytes(sent_line(event_id="a"), 1)) == (
        RejectReason.CONSENT_WITHDRAWN,
        "subject",
    )
    assert isinstance(validator.validate_bytes(sent_line(event_id="b", occurred_at=at["before"]), 2), AcceptedEvent)
    assert isinstance(validator.validate_bytes(sent_line(event_id="c", subject="another"), 3), AcceptedEvent)
    back = validator.validate_bytes(sent_line(event_id="g", kind="consent.granted", occurred_at=at["in"], **consent), 4)
    assert isinstance(back, AcceptedEvent)
    assert isinstance(validator.validate_bytes(sent_line(event_id="d"), 5), AcceptedEvent)
    assert [fact.key.rsplit(":", 1)[1] for fact in (*out.effects, *back.effects)] == ["withdrawn", "granted"]
    assert SENTINEL not in str((out.effects, back.effects))


def test_a_change_of_consent_holds_from_its_line_on_however_late_an_event_before_it_is_judged() -> None:
    validator = make_validator()
    withdrawn = sent_line(event_id="w", kind="consent.withdrawn", outcome=..., occurred_at=MINUTES_AGO[5])
    granted = sent_line(event_id="g", kind="consent.granted", outcome=..., occurred_at=MINUTES_AGO[4])
    assert isinstance(validator.validate_bytes(withdrawn, 2), AcceptedEvent)
    assert isinstance(validator.validate_bytes(sent_line(event_id="before"), 1), AcceptedEvent)
    assert reason_of(validator.validate_bytes(sent_line(event_id="behind"), 3))[0] is RejectReason.CONSENT_WITHDRAWN
    assert isinstance(validator.validate_bytes(granted, 5), AcceptedEvent)
    assert reason_of(validator.validate_bytes(sent_line(event_id="between"), 4))[0] is RejectReason.CONSENT_WITHDRAWN
    assert isinstance(validator.validate_bytes(sent_line(event_id="last"), 6), AcceptedEvent)


def test_a_change_known_before_the_request_holds_for_all_of_it() -> None:
    shared = validator_deps()
    withdrawn = sent_line(event_id="w", kind="consent.withdrawn", outcome=..., occurred_at=MINUTES_AGO[5])
    make_validator(shared).validate_bytes(withdrawn, 0)
    validator = make_validator(shared)
    again = validator.validate_bytes(withdrawn, 1)
    assert isinstance(again, AcceptedEvent)
    assert len(again.effects) == 1, "a publish may have failed, so it is caused again"
    assert reason_of(validator.validate_bytes(sent_line(event_id="before"), 0))[0] is RejectReason.CONSENT_WITHDRAWN


def test_a_change_of_consent_holds_though_its_placement_is_unknown() -> None:
    validator = make_validator()
    withdrawn = sent_line(event_id="w", kind="consent.withdrawn", outcome=..., placement_id="p-999",
                      occurred_at=(NOW - timedelta(minutes=5)).isoformat())  # fmt: skip
    assert reason_of(validator.validate_bytes(withdrawn, 0)) == (RejectReason.UNKNOWN_PLACEMENT, "placement_id")
    assert reason_of(validator.validate_bytes(sent_line(), 1)) == (RejectReason.CONSENT_WITHDRAWN, "subject")


def test_a_redelivered_reject_has_the_same_id_and_other_bytes_another() -> None:
    first, again, other = (validate(sent_line(placement_id=p)) for p in ("p-999", "p-999", "p-998"))
    assert isinstance(first, RejectedEvent)
    assert isinstance(again, RejectedEvent)
    assert isinstance(other, RejectedEvent)
    assert first.line.reject_id == again.line.reject_id != other.line.reject_id


def mapped(**change: Any) -> MappedMessage:
    base = MappedMessage(
        fields={"event_id": "sm-r:1", "kind": "order.paid", "occurred_at": NOW_MS - 5000, "amount_fen": 100, "subject": SENTINEL},
        match=({"sn": "N302TEST"}, {"shop_id": "1"}),
        payload={"id": "1", "subject": SENTINEL},
    )  # fmt: skip
    return replace(base, **change)


def test_a_native_message_is_placed_by_the_first_keys_that_match() -> None:
    line = stored(make_validator(flow="receipt").validate_mapped(mapped(), 0, b"body"))
    assert (line.placement_id, line.arm, line.kind, line.amount_fen) == ("p-018", "baseline", "order.paid", 100)


def test_a_native_message_s_time_is_a_number_of_milliseconds_or_said_to_be_none() -> None:
    soon = mapped(fields={**mapped().fields, "occurred_at": "soon"})
    outcome = make_validator(flow="receipt").validate_mapped(soon, 0, b"body")
    assert reason_of(outcome) == (RejectReason.INVALID_VALUE, "occurred_at")


def test_an_unplaced_native_message_is_kept_for_replay_without_the_subject() -> None:
    outcome = make_validator(flow="receipt").validate_mapped(mapped(match=({"sn": "unknown"},)), 0, b"body")
    assert reason_of(outcome)[0] is RejectReason.UNKNOWN_PLACEMENT
    assert isinstance(outcome, RejectedEvent)
    kept = json.loads(outcome.line.payload)
    assert kept["match"] == [{"sn": "unknown"}]
    assert kept["event"]["subject_hash"] == kept["message"]["subject_hash"]
    assert SENTINEL not in outcome.line.payload


def test_an_alias_joins_redeliveries_whose_bytes_differ() -> None:
    validator = make_validator(flow="receipt")
    first = validator.validate_mapped(mapped(alias="msg-1"), 0, b"body")
    assert isinstance(first, AcceptedEvent)
    deps = validator_deps()
    deps.duplicates.settle("sunmi-main", [first.alias], acknowledged=True, now_ms=NOW_MS)
    again = mapped(alias="msg-1", fields={**mapped().fields, "event_id": "sm-r:2"})
    assert make_validator(deps, flow="receipt").validate_mapped(again, 0, b"other") == DuplicateEvent("sm-r:2")


def test_an_alias_joins_two_messages_of_one_request_and_only_an_accepted_one_has_it() -> None:
    """As in a replay of two rejects of one refund, which the shop and the platform told in other words."""
    validator = make_validator(flow="receipt")
    unplaced = validator.validate_mapped(mapped(alias="msg-1", match=({"sn": "unknown"},)), 0, b"")
    first, second, other = (
        validator.validate_mapped(
            mapped(alias=alias, fields={**mapped().fields, "event_id": f"sm-r:{index}"}), index, b""
        )
        for index, alias in ((1, "msg-1"), (2, "msg-1"), (3, "msg-2"))
    )
    assert isinstance(unplaced, RejectedEvent)
    assert isinstance(first, AcceptedEvent)
    assert second == DuplicateEvent("sm-r:2")
    assert isinstance(other, AcceptedEvent)


@given(
    st.binary(max_size=400)
    | st.dictionaries(st.text(max_size=20), st.text(max_size=20) | st.integers() | st.none()).map(
        lambda d: json.dumps(d).encode()
    )
)
@examples(300)
def test_any_bytes_get_exactly_one_outcome(raw: bytes) -> None:
    outcome = validate(raw)
    assert isinstance(outcome, AcceptedEvent | RejectedEvent)


@given(
    st.dictionaries(
        st.sampled_from(["event_id", "kind", "occurred_at", "placement_id", "note", "subject", "session_id", "phone"]),
        st.sampled_from([SENTINEL, "13800138000", 13800138000, "someone@example.com", "e-1", "exposure", None]),
    ),
    st.dictionaries(st.sampled_from(["a", "13800138000"]), st.sampled_from(["13800138000", 13800138000, "ok"])),
)
@examples(300)
def test_nothing_personal_is_kept_of_a_reject(fields: dict[str, Any], attributes: dict[str, Any]) -> None:
    # What a sender calls a subject may be anything; elsewhere a subject's text cannot be known to be one.
    sound = {name: value for name, value in fields.items() if value != SENTINEL or name in {"subject", "session_id"}}
    outcome = validate(json.dumps({**sound, "attributes": attributes}).encode())
    assert isinstance(outcome, RejectedEvent | AcceptedEvent)
    if isinstance(outcome, RejectedEvent):
        text = outcome.line.payload + outcome.line.event_id + outcome.line.message + outcome.line.field
        assert not any(secret in text for secret in (SENTINEL, "13800138000", "someone@example.com"))
