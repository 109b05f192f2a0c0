"""The edges of what is let in, to the millisecond and the byte, and the words that a partner reads beyond them."""

from datetime import timedelta

import pytest

from producers.validation.pii import find_pii
from producers.validation.placement import TimeWindow
from producers.validation.validator import AcceptedEvent, EventValidator, RejectedEvent
from schemas.event import MAX_ATTRIBUTES_BYTES, MAX_EVENT_BYTES
from schemas.outcomes import RejectReason
from schemas.timing import DAY_MS, HOUR_MS, MINUTE_MS
from tests.support.factories import NOW, NOW_MS, sent_line, validator_deps
from tests.unit.producers.validation.test_validator import validate

AHEAD_MS = 10_000


def at(ms_from_now: int) -> str:
    return (NOW + timedelta(milliseconds=ms_from_now)).isoformat()


@pytest.mark.parametrize(
    ("ahead_ms", "told"),
    [
        (AHEAD_MS + 1, "10 s"),
        (MINUTE_MS - 1, "59 s"),
        (MINUTE_MS, "1 min"),
        (HOUR_MS - 1, "59 min"),
        (HOUR_MS, "1 h"),
        (DAY_MS - 1, "23 h"),
        (DAY_MS, "1 d"),
        (3 * DAY_MS, "3 d"),
    ],
)
def test_an_event_from_the_future_is_told_how_far_ahead_it_is(ahead_ms: int, told: str) -> None:
    given = validator_deps()
    window = TimeWindow(NOW_MS - 30 * DAY_MS, NOW_MS + AHEAD_MS, NOW_MS)
    way = EventValidator(given, given.directory.accounts["sunmi-main"], "events", delivery_id="d-1", window=window)

    assert isinstance(way.validate_bytes(sent_line(event_id="e-2", occurred_at=at(AHEAD_MS)), 0), AcceptedEvent)
    outcome = way.validate_bytes(sent_line(occurred_at=at(ahead_ms)), 1)

    assert isinstance(outcome, RejectedEvent)
    assert (outcome.fault.reason, outcome.fault.field, outcome.fault.message) == (
        RejectReason.OCCURRED_AT_IN_FUTURE,
        "occurred_at",
        f"{told} ahead of the server; check the device's clock",
    )


@pytest.mark.parametrize(("age_ms", "told"), [(30 * DAY_MS + 1, "30 d"), (45 * DAY_MS, "45 d")])
def test_an_event_too_old_is_told_its_age_and_the_limit(age_ms: int, told: str) -> None:
    outcome, just_taken = (
        validate(sent_line(occurred_at=at(-age_ms))),
        validate(sent_line(occurred_at=at(-30 * DAY_MS))),
    )

    assert isinstance(outcome, RejectedEvent)
    assert outcome.fault.reason is RejectReason.OCCURRED_AT_TOO_OLD
    assert outcome.fault.message == f"{told} old; at most 30 d is taken"
    assert isinstance(just_taken, AcceptedEvent)


def test_attributes_have_as_many_bytes_as_is_said_and_not_one_more() -> None:
    texts = {f"k{number:02d}": "x" * 240 for number in range(16)}
    fill = MAX_ATTRIBUTES_BYTES - len('{"last":""}') - sum(len(f'"{key}":"{text}",') for key, text in texts.items())
    assert 0 < fill < 250

    outcomes = [validate(sent_line(attributes={**texts, "last": "x" * (fill + more)})) for more in (0, 1)]

    assert isinstance(outcomes[0], AcceptedEvent)
    assert isinstance(outcomes[1], RejectedEvent)
    assert (outcomes[1].fault.reason, outcomes[1].fault.field, outcomes[1].fault.message) == (
        RejectReason.TOO_LARGE,
        "attributes",
        "attributes have at most 4096 bytes in all",
    )


def test_an_event_has_as_many_bytes_as_is_said_and_not_one_more() -> None:
    outcomes = [validate(sent_line().ljust(size)) for size in (MAX_EVENT_BYTES, MAX_EVENT_BYTES + 1)]

    assert isinstance(outcomes[0], AcceptedEvent)
    assert isinstance(outcomes[1], RejectedEvent)
    assert (outcomes[1].fault.reason, outcomes[1].fault.field, outcomes[1].fault.message) == (
        RejectReason.TOO_LARGE,
        "",
        "an event has at most 16384 bytes; this one has 16385",
    )


def identity(region: str, born: str) -> str:
    """Return a made-up number of that region and day whose check digit is right (ISO 7064, MOD 11-2)."""
    digits = f"{region}0105{born}002"
    total = sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(digits))
    return digits + "0123456789X"[(12 - total % 11) % 11]


@pytest.mark.parametrize(
    ("number", "sort"),
    [
        (identity("11", "19491231"), "identity"),
        (identity("31", "18800101"), "identity"),
        (identity("31", "20000229"), "identity"),
        # No such day, nobody so old, no such region.
        (identity("31", "19490132"), None),
        (identity("31", "18791231"), None),
        (identity("99", "19491231"), None),
    ],
)
def test_an_identity_number_is_one_by_region_day_and_check_digit(number: str, sort: str | None) -> None:
    assert (find_pii(f"no {number}") == "identity") == (sort == "identity")


@pytest.mark.parametrize("number", ["5555555555554444", "5105105105105100", "4012888888881881", "371449635398431"])
def test_the_card_schemes_own_test_numbers_are_cards(number: str) -> None:
    assert find_pii(number) == "card"
    assert find_pii(number[:-1] + str((int(number[-1]) + 1) % 10)) is None
