"""Which hash keys are destroyed when, and what is written about them."""

import pytest

from registry.hash_keys import wanted_keys
from registry.key_retention import KeyRetentionActions, retention_actions
from registry.retention import kept_until_ms, retention_ms
from runtime.kafka import LogRecord
from runtime.settings import ClickHouseSettings, Settings
from schemas.registry import Registry
from schemas.timing import DAY_MS
from tests.support.factories import registry_of_trials

ENDS_MS = 1_793_000_000_000
YEAR_MS = 365 * DAY_MS
SETTINGS = Settings()
KEY = b'{"wrapped": "00", "master": "00000000"}'


def registry_of(
    *trials: str, accounts: tuple[str, ...] = ("sunmi-main",), max_event_age: int | None = None
) -> Registry:
    spans = dict.fromkeys(trials, (ENDS_MS - DAY_MS, ENDS_MS))
    return registry_of_trials(spans, accounts=accounts, max_event_age=max_event_age)


def records(*entries: tuple[str, bytes]) -> list[LogRecord]:
    return [LogRecord("t", 0, at, 0, key.encode(), value, {}) for at, (key, value) in enumerate(entries)]


TOPIC = records(("account:sunmi-main", KEY), ("trial:q4", KEY))


def test_a_trials_key_is_destroyed_a_year_after_its_end_and_no_earlier() -> None:
    registry = registry_of("q4")

    assert retention_actions(TOPIC, registry, SETTINGS, ENDS_MS + YEAR_MS - 1) == KeyRetentionActions()
    assert retention_actions(TOPIC, registry, SETTINGS, ENDS_MS + YEAR_MS) == KeyRetentionActions(destroy=("trial:q4",))


def test_a_key_is_made_until_then_and_never_again() -> None:
    registry = registry_of("q4")

    assert wanted_keys(SETTINGS, registry, ENDS_MS + YEAR_MS - 1) == ["account:sunmi-main", "trial:q4"]
    assert wanted_keys(SETTINGS, registry, ENDS_MS + YEAR_MS) == ["account:sunmi-main"]


@pytest.mark.parametrize(
    ("days", "max_event_age", "expected"),
    [(365, None, 365), (365, 400, 490), (30, None, 120), (1000, 400, 1000)],
    ids=["the setting", "a backfill and the replay of a reject", "no less than an event may come", "a longer setting"],
)
def test_a_trial_is_kept_as_long_as_its_events_may_come(days: int, max_event_age: int | None, expected: int) -> None:
    settings = Settings(clickhouse=ClickHouseSettings(event_retention_days=days))
    registry = registry_of("q4", max_event_age=max_event_age)

    assert retention_ms(registry, settings) == expected * DAY_MS
    assert kept_until_ms(registry.trials[0], registry, settings) == ENDS_MS + expected * DAY_MS


def test_a_key_whose_account_or_trial_is_gone_is_noted_and_destroyed_a_year_after_that() -> None:
    empty = registry_of(accounts=())
    first = retention_actions(TOPIC, empty, SETTINGS, ENDS_MS)

    assert first == KeyRetentionActions(gone=("account:sunmi-main", "trial:q4"))
    written = first.entries(ENDS_MS)
    noted = [*TOPIC, *records(*((key, value or b"") for key, value in written.items()))]
    assert retention_actions(noted, empty, SETTINGS, ENDS_MS + YEAR_MS - 1) == KeyRetentionActions()
    last = retention_actions(noted, empty, SETTINGS, ENDS_MS + YEAR_MS)
    assert last.destroy == ("account:sunmi-main", "trial:q4")
    assert last.entries(0) == {
        "gone:account:sunmi-main": None,
        "gone:trial:q4": None,
        "account:sunmi-main": None,
        "trial:q4": None,
    }


def test_one_that_comes_back_is_no_longer_gone() -> None:
    since = b'{"since_ms": 1}'
    noted = [*TOPIC, *records(("gone:account:sunmi-main", since))]

    actions = retention_actions(noted, registry_of("q4"), SETTINGS, ENDS_MS)

    assert actions == KeyRetentionActions(done=("gone:account:sunmi-main",))


def test_a_destroyed_key_is_followed_by_records_until_it_cannot_be_read() -> None:
    registry = registry_of("q4")
    destroyed = [*TOPIC, *records(("trial:q4", b""))]
    compacted = [TOPIC[0], *records(("trial:q4", b""), ("roll", b"1"))]

    actions = retention_actions(destroyed, registry, SETTINGS, ENDS_MS + YEAR_MS)

    assert actions == KeyRetentionActions(readable=("trial:q4",))
    assert actions.entries(7) == {"roll": b"7"}
    assert retention_actions(compacted, registry, SETTINGS, ENDS_MS + YEAR_MS) == KeyRetentionActions()


def test_a_note_that_cannot_be_read_is_written_anew() -> None:
    noted = [*TOPIC, *records(("gone:trial:q4", b"?"))]

    assert retention_actions(noted, registry_of(), SETTINGS, ENDS_MS).gone == ("trial:q4",)
