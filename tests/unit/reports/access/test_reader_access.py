"""Sessions that end and links that are made: in the process that does it, and in the others."""

from collections.abc import Mapping

import pytest

from reports.access.ledger import AccessLedger
from reports.access.reader_access import ReaderAccess, ReaderSession
from runtime.errors import UnavailableError

NOW = 1_000_000
HOUR = 3_600_000


class SharedTopic:
    """What one process writes, every ledger reads; a broker that is away keeps nothing."""

    def __init__(self) -> None:
        self.ledgers: list[AccessLedger] = []
        self.kept: dict[str, bytes | None] = {}
        self.away = False

    def process(self, max_ended: int = 100) -> ReaderAccess:
        """Return the view of one more process, which reads what was kept before it."""
        ledger = AccessLedger()
        for key, value in self.kept.items():
            ledger.take(key, value)
        self.ledgers.append(ledger)
        return ReaderAccess(ledger, self, max_ended=max_ended)

    def write(self, entries: Mapping[str, bytes | None]) -> None:
        if self.away:
            raise UnavailableError("the broker is away")
        self.kept.update(entries)
        for ledger in self.ledgers:
            for key, value in entries.items():
                ledger.take(key, value)


@pytest.fixture
def topic() -> SharedTopic:
    return SharedTopic()


def session(name: str = "1", key_id: str = "k-1", began_ms: int = NOW) -> ReaderSession:
    return ReaderSession(id=name, key_id=key_id, began_ms=began_ms, until_ms=began_ms + HOUR)


def test_a_session_that_was_signed_out_has_ended_in_every_process_and_after_a_restart(topic: SharedTopic) -> None:
    here, there = topic.process(), topic.process()
    assert not there.has_ended(session())

    here.end_session(session(), NOW)

    assert [access.has_ended(session()) for access in (here, there, topic.process())] == [True, True, True]
    assert not there.has_ended(session("2"))


def test_a_sign_out_holds_here_where_the_broker_is_away_and_says_that_it_holds_nowhere_else(topic: SharedTopic) -> None:
    here = topic.process()
    topic.away = True

    with pytest.raises(UnavailableError):
        here.end_session(session(), NOW)

    assert here.has_ended(session())


def test_beyond_the_bound_a_sign_out_ends_every_session_of_its_key_rather_than_forget_one(topic: SharedTopic) -> None:
    here = topic.process(max_ended=2)
    for name in ("1", "2", "3"):
        here.end_session(session(name), NOW)

    assert [here.has_ended(session(name)) for name in ("1", "2", "3", "4")] == [True] * 4
    assert not here.has_ended(session("5", key_id="k-2"))
    assert not here.has_ended(session("6", began_ms=NOW + 1))
    assert here.ledger.count_signed_out(NOW) == 2
    assert here.ledger.count_signed_out(NOW + HOUR) == 0


def test_a_link_opens_with_its_token_alone_until_its_time_is_over(topic: SharedTopic) -> None:
    here, there = topic.process(), topic.process()

    made = here.make_share("t-1", "k-1", now_ms=NOW, until_ms=NOW + HOUR)

    assert there.share_of(made.token, NOW) == made.entry
    assert there.share_of(made.token, NOW + HOUR) is None
    assert [there.share_of(text, NOW) for text in ("", made.entry.id, made.entry.sha256, made.token + "x")] == [
        None
    ] * 4
    assert there.shares_of("t-1", NOW) == (made.entry,)
    assert there.shares_of("t-2", NOW) == ()


def test_of_a_token_nothing_but_its_hash_is_kept_or_told(topic: SharedTopic) -> None:
    made = topic.process().make_share("t-1", "k-1", now_ms=NOW, until_ms=NOW + HOUR)

    (kept,) = [value for value in topic.kept.values() if value]
    assert made.entry.sha256.encode() in kept
    assert made.token.encode() not in kept
    assert made.token.removeprefix("avs_").encode() not in kept
    assert made.token not in repr(made)


def test_an_ended_link_opens_nothing_anywhere_and_one_that_is_over_leaves_the_topic(topic: SharedTopic) -> None:
    here, there = topic.process(), topic.process()
    ended = here.make_share("t-1", "k-1", now_ms=NOW, until_ms=NOW + HOUR)
    over = here.make_share("t-1", "k-1", now_ms=NOW, until_ms=NOW + 1)

    here.end_share(ended.entry.id)
    here.end_share(ended.entry.id)
    new = here.make_share("t-2", "k-1", now_ms=NOW + 1, until_ms=NOW + HOUR)

    assert there.share_of(ended.token, NOW) is None
    assert there.share_of(over.token, NOW) is None
    assert {key for key, value in topic.kept.items() if value} == {f"share:{new.entry.id}"}


def test_no_link_is_made_where_the_broker_is_away(topic: SharedTopic) -> None:
    here = topic.process()
    topic.away = True

    with pytest.raises(UnavailableError):
        here.make_share("t-1", "k-1", now_ms=NOW, until_ms=NOW + HOUR)

    assert here.shares_of("t-1", NOW) == ()


@pytest.mark.parametrize(("key", "value"), [("other:1", b"{}"), ("share:1", b"{}"), ("signed-out:1", b"no")])
def test_a_record_that_is_no_entry_is_refused(key: str, value: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        AccessLedger().take(key, value)
