"""Last uses of keys: noted by a look-up, once an hour; and whose last key ends when."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from registry.directory import Directory
from registry.key_uses import KeyUses, last_uses
from registry.keys import IssuedKey, ending_owners, issue_key, seconds_left
from schemas.timing import HOUR_MS

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)


def key(scope: str, days: float | None) -> IssuedKey:
    return issue_key(scope, now=NOW, expires_at=None if days is None else NOW + timedelta(days=days))


def test_a_look_up_notes_the_key_s_hour_and_a_wrong_key_notes_nothing() -> None:
    issued, uses = key("operator", None), KeyUses()
    directory = Directory(keys={issued.entry.sha256: issued.entry}, uses=uses)

    directory.key_of("avk_none", now_ms=NOW_MS)
    nothing = uses.take()
    directory.key_of(issued.secret, now_ms=NOW_MS + 7)
    directory.key_of(issued.secret, now_ms=NOW_MS + 9)
    first, second = uses.take(), uses.take()
    directory.key_of(issued.secret, now_ms=NOW_MS + HOUR_MS)
    third = uses.take()

    assert (nothing, second) == ({}, {})
    assert (first, third) == ({issued.entry.id: NOW_MS}, {issued.entry.id: NOW_MS + HOUR_MS})


def test_what_could_not_be_written_is_written_later_unless_there_is_something_newer() -> None:
    uses = KeyUses()
    uses.note("k-1", NOW_MS)
    uses.note("k-2", NOW_MS)
    taken = uses.take()
    uses.note("k-1", NOW_MS + HOUR_MS)

    uses.give_back(taken)

    assert uses.take() == {"k-1": NOW_MS + HOUR_MS, "k-2": NOW_MS}


def test_of_two_gateways_the_later_hour_stands() -> None:
    entries = [("used:k-1", b"7200000"), ("used:k-1", b"3600000"), ("key:k-1", b"{}"), ("used:k-2", b"no number")]

    assert last_uses(entries) == {"k-1": 7_200_000}


def test_an_owner_ends_when_the_last_of_its_keys_does() -> None:
    revoked = key("account:a", None).entry.model_copy(update={"revoked_at": NOW})
    keys = [
        key("account:a", 3).entry, key("account:a", 90).entry, revoked, key("account:b", 5).entry,
        key("account:c", 1).entry, key("account:c", None).entry, key("account:d", -1).entry,
    ]  # fmt: skip

    ends = ending_owners(keys, now=NOW)

    assert ends == {"account:a": NOW + timedelta(days=90), "account:b": NOW + timedelta(days=5)}
    assert seconds_left(keys, now=NOW) == 5 * 86_400
    assert seconds_left(keys[4:], now=NOW) == math.inf


def test_where_uses_are_noted_makes_no_other_directory() -> None:
    assert replace(Directory(), uses=KeyUses()) == Directory()
