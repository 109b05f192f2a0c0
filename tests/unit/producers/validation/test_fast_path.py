"""The fast path of a batch gives the exact path's outcomes, byte for byte, and is taken where an event is sound."""

import asyncio
import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from producers.parsing.body import Element, split
from producers.validation.effects import EventEffect
from producers.validation.fast_path import CHUNK_EVENTS, FastPath
from producers.validation.pii import attributes_may_hold_pii, find_pii_attribute
from producers.validation.placement import TimeWindow, resolve_placement
from producers.validation.placement_cache import PlacementCache
from producers.validation.pseudonym_cache import COUNT_EVERY, PseudonymCache
from producers.validation.results import BatchResults
from producers.validation.validator import AcceptedEvent, EventValidator, RejectedEvent, ValidationResult, ValidatorDeps
from registry.directory import Directory
from schemas.codec import encode
from schemas.event import EVENT_ID_PATTERN, KINDS, MAX_ID_CHARS
from schemas.event_struct import EventStruct, are_event_ids
from tests.support.factories import NOW, NOW_MS, REGISTRY, HashKeys, make_validator, validator_deps
from tests.support.properties import examples

MINUTES_AGO = [(NOW - timedelta(minutes=minutes)).isoformat() for minutes in (1, 2, 7)]
personal = st.sampled_from(
    ["13800138000", "a@example.com", "１３８００１３８０００", "x＠example.com", "café", "好，的", "🙂"]
)
texts = st.one_of(personal, st.text(max_size=8), st.sampled_from(['"', "\\", "\n", "\u2028", "\x00", "\x7f"]))
numbers = st.one_of(
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, width=64),
    st.sampled_from([13800138000, -13800138000, 13800138000.0, 6222021234567890, 1.38e10, 0.13800138, -0.0, 1e-7]),
)
attributes = st.dictionaries(texts, st.one_of(texts, numbers, st.booleans()), max_size=4)
changes: dict[str, st.SearchStrategy[Any]] = {
    "event_id": st.sampled_from(["held", "sent", "13800138000", "not an id", "é", "", "x" * 65]),
    "kind": st.sampled_from([*KINDS, "no-such-kind"]),
    "occurred_at": st.sampled_from(
        ["2026-11-22T11:58:30.123+08:00", "2026-11-22T03:58:30.12345678Z", "2026-11-22 03:58:30",
         "2026-10-01T00:00:00Z", "2026-11-22T06:00:00.000Z"]
    ),
    "placement_id": st.sampled_from(["p-018", "p-999", None]),
    "product_id": st.sampled_from(["neuro-band", "emg-arm", "no-such", None]),
    "trial_id": st.sampled_from(["neuro-band-2026q4", "emg-arm-2026q4", "no-such", None]),
    "arm": st.sampled_from(["pilot", "baseline", "third", None]),
    "subject": st.sampled_from(["another", "", "x" * 129, None]),
    "session_id": st.sampled_from(["s-1", "s-2", "", None]),
    "outcome": st.sampled_from(["ok", "failed", "no", None]),
    "duration_ms": st.sampled_from([0, 5, 86_400_000, -1, None]),
    "amount_fen": st.sampled_from([0, 1990, 10**12, 1.5, None]),
    "rating": st.sampled_from([1, 5, 6, None]),
    "attributes": st.one_of(attributes, st.none(), st.just({f"k{n}": "y" * 250 for n in range(20)})),
}  # fmt: skip
# Mostly sound, with ids of which few are different, so that they meet; at most two fields are changed.
base = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from("abcdef"),
        "kind": st.sampled_from(["exposure", "interaction"]),
        "occurred_at": st.sampled_from(MINUTES_AGO),
        "placement_id": st.just("p-017"),
        "subject": st.just("somebody"),
    }
)
changed = st.lists(st.sampled_from(sorted(changes)), max_size=2, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: changes[name] for name in names})
)


def spelt(pairs: list[tuple[str, Any]], colon: str, escape: bool) -> bytes:
    """Spell an object as somebody might: names twice, blanks before colons, quotation marks as escapes."""
    text = ", ".join(f"{json.dumps(name)}{colon}{json.dumps(value)}" for name, value in pairs)
    return "{{{}}}".format(text.replace('\\"', "\\u0022") if escape else text).encode("utf-8", "surrogatepass")


# The last of two values under one name is sound as often as not.
doubled = st.builds(
    lambda fields, change, again, colon, escape: spelt([*(fields | change).items(), *again.items()], colon, escape),
    base, changed, changed, st.sampled_from([":", " :", " : "]), st.booleans(),
)  # fmt: skip
odd: st.SearchStrategy[Any] = st.sampled_from(['"', '""', "\ud83d", 10**309, 1e-320, None, {"a": 1}, [[]]])
twice_within = st.builds(
    lambda fields, pairs, escape: spelt([*fields.items()], ":", escape=False)[:-1]
    + b', "attributes": %b}' % spelt(pairs, ":", escape),
    base, st.lists(st.tuples(st.sampled_from(["a", "b", 'c"']), odd | texts | numbers), max_size=4), st.booleans(),
)  # fmt: skip
batches = st.lists(
    st.one_of(
        doubled,
        twice_within,
        st.tuples(base, changed).map(
            lambda both: json.dumps(both[0] | both[1], ensure_ascii=False).encode("utf-8", "surrogatepass")
        ),
        st.tuples(base, changed).map(
            lambda both: json.dumps(both[0] | both[1], ensure_ascii=False).encode("utf-8", "surrogatepass")
        ),
        st.binary(max_size=30),
        st.sampled_from([b"7", b"null", b"{}", b"[]", b'{"event_id":"a"' + b" " * 5000 + b"}"]),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def world(loop: asyncio.AbstractEventLoop) -> ValidatorDeps:
    made = validator_deps()
    made.duplicates.settle("sunmi-main", ["held"], acknowledged=True, now_ms=NOW_MS)
    made.duplicates.claim("sunmi-main", ["sent"], loop.create_future())
    return made


def exactly(validator: EventValidator, elements: list[bytes]) -> list[Any]:
    return [comparable(index, validator.validate_bytes(element, index)) for index, element in enumerate(elements)]


def caused(validator: EventValidator, elements: list[bytes]) -> list[EventEffect]:
    judgements = (validator.validate_bytes(element, index) for index, element in enumerate(elements))
    return [
        effect for found in judgements if isinstance(found, AcceptedEvent | RejectedEvent) for effect in found.effects
    ]


def comparable(index: int, judgement: ValidationResult) -> Any:
    if isinstance(judgement, AcceptedEvent):
        return (index, judgement.partition, judgement.event_id, judgement.line)
    # Two worlds have two futures.
    return (index, type(judgement).__name__, getattr(judgement, "event_id", None) or getattr(judgement, "line", None))


def gathered(judged: BatchResults) -> list[Any]:
    accepted = [
        (index, pile.partition, event_id, line)
        for pile in judged.accepted
        for index, event_id, line in zip(pile.indexes, pile.ids, pile.lines, strict=True)
    ]
    return sorted([*accepted, *(comparable(*other) for other in judged.others)], key=lambda found: int(found[0]))


@given(batches)
@examples(600)
def test_the_fast_path_gives_the_exact_path_s_outcomes(loop: asyncio.AbstractEventLoop, batch: list[bytes]) -> None:
    exact = make_validator(world(loop))
    short = make_validator(world(loop))
    way = FastPath(short)
    half = len(batch) // 2
    halves = way.validate(batch[:half], range(half)), way.validate(batch[half:], range(half, len(batch)))
    assert gathered(halves[0]) + gathered(halves[1]) == exactly(exact, batch)
    assert [*halves[0].effects, *halves[1].effects] == caused(make_validator(world(loop)), batch)
    assert short.taken == exact.taken


class NoOtherWay(EventValidator):
    def validate_bytes(self, raw: Any, index: int) -> ValidationResult:
        raise AssertionError((raw, index))


def sound(number: int) -> dict[str, Any]:
    return {
        "event_id": f"e-{number}",
        "kind": "use.completed",
        "outcome": "ok",
        "occurred_at": MINUTES_AGO[number % 3],
        "placement_id": ["p-017", "p-018"][number % 2],
        "subject": f"visitor-{number % 4:032d}",
        "session_id": f"session-{number % 5:016d}",
        "duration_ms": number,
        "attributes": {"scene": "café", "temp": 21.5},
    }


@pytest.mark.parametrize("content_type", ["application/json", "application/x-ndjson"])
def test_sound_events_need_no_other_way(content_type: str) -> None:
    events = [json.dumps(sound(number), ensure_ascii=False) for number in range(40)]
    body = "\n".join(events) if "ndjson" in content_type else f"[{','.join(events)}]"
    elements = split(body.encode(), content_type, max_events=100)
    assert isinstance(elements, list)
    validator = make_validator()
    only = NoOtherWay(validator_deps(), validator.account, "events", delivery_id="d-1", window=validator.window)
    assert gathered(FastPath(only).validate(elements, range(40))) == exactly(validator, [bytes(e) for e in elements])


def test_a_session_passed_on_is_stored_with_whom_each_event_names() -> None:
    subjects = ["one", "two", "one", "", None, "two", None, "one"]
    sessions = ["s", "s", "s", "s", "s", "", None, "t"]
    events = [
        {**sound(number), "subject": subject, "session_id": session, "placement_id": "p-017"}
        for number, (subject, session) in enumerate(zip(subjects, sessions, strict=True))
    ]
    elements: list[Element] = [json.dumps(event).encode() for event in events]
    validator = make_validator()
    only = NoOtherWay(validator_deps(), validator.account, "events", delivery_id="d-1", window=validator.window)
    assert gathered(FastPath(only).validate(elements, range(8))) == exactly(validator, [bytes(e) for e in elements])


def test_a_long_run_is_judged_as_one() -> None:
    # An id comes again, and a subject withdraws, further on than what is decoded at once.
    events = [sound(number) for number in range(3 * CHUNK_EVENTS)]
    events[2 * CHUNK_EVENTS + 7]["event_id"] = "e-3"
    withdrawn = {"kind": "consent.withdrawn", "outcome": None, "occurred_at": MINUTES_AGO[2]}
    events[CHUNK_EVENTS + 5] |= withdrawn | {"subject": events[0]["subject"]}
    elements: list[Element] = [json.dumps(event).encode() for event in events]
    exact, short = make_validator(), make_validator()
    found = gathered(FastPath(short).validate(elements, range(len(elements))))
    assert found == exactly(exact, [bytes(e) for e in elements])
    assert short.taken == exact.taken
    assert {name for _, name, *_ in found if isinstance(name, str)} == {"DuplicateEvent", "RejectedEvent"}


def test_a_destroyed_key_is_not_used_by_the_next_request() -> None:
    class Replaced(HashKeys):
        salt = b"1"

        def trial_key(self, trial_id: str) -> bytes:
            return super().trial_key(trial_id)[1:] + self.salt

    from registry.pseudonyms import Pseudonyms

    keys = Replaced()
    made = validator_deps()
    made = ValidatorDeps(made.directory, 4, made.duplicates, made.consent, made.orders, Pseudonyms(keys), made.caches)
    elements: list[Element] = [json.dumps({**sound(n), "subject": "one", "session_id": "s"}).encode() for n in (1, 3)]
    before = gathered(FastPath(make_validator(made)).validate(elements[:1], [0]))
    keys.salt = b"2"
    after = gathered(FastPath(make_validator(made)).validate(elements[1:], [0]))
    hashed = [json.loads(line)[name] for ((_, _, _, line),) in (before, after) for name in ("subject", "session_id")]
    assert len(set(hashed)) == 4


def test_known_texts_are_forgotten_when_old_or_many() -> None:
    recent, pseudonyms = PseudonymCache(keep_ms=1000, max_texts=3), validator_deps().pseudonyms
    recent.forget_old(5000)
    for text in ("a", "b"):
        assert recent.within("sunmi-main", "t", pseudonyms).subjects[text]
    recent.forget_old(5999)
    assert set(recent.within("sunmi-main", "t", pseudonyms).subjects) == {"a", "b"}
    recent.forget_old(6000)
    assert not recent.within("sunmi-main", "t", pseudonyms).subjects
    for text in ("a", "b", "c"):
        assert recent.within("sunmi-main", "t", pseudonyms).sessions[text].session_part
    for _ in range(COUNT_EVERY):
        recent.forget_old(6001)
    assert not recent.within("sunmi-main", "t", pseudonyms).sessions


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["p-017", "p-018", None]),
            st.sampled_from(["neuro-band", "emg-arm", None]),
            st.sampled_from(["neuro-band-2026q4", None]),
            st.sampled_from(["pilot", "baseline", None]),
            st.integers(-14, 14),
            st.sampled_from([-1, 0, 1]),
        ),
        max_size=20,
    )
)
@examples(300)
def test_a_remembered_place_is_where_the_event_belongs(asked: list[Any]) -> None:
    # Trials and placements begin, end and change arm around now, at noon, so that a stretch ends within the window.
    trials = [t.model_copy(update={"starts": NOW - timedelta(hours=9), "baseline_from": NOW - timedelta(hours=13),
                                   "ends": NOW + timedelta(hours=14)}) for t in REGISTRY.trials]  # fmt: skip
    today = {other: [date(2026, 11, 22)] for other in ("baseline", "pilot")}
    placements = [p.model_copy(update={"from_": NOW - timedelta(hours=14 - n), "until": NOW + timedelta(hours=13),
                                       "arm_days": {arm: days for arm, days in today.items() if arm != p.arm}})
                  for n, p in enumerate(REGISTRY.placements)]  # fmt: skip
    directory = Directory(version=2, registry=REGISTRY.model_copy(update={"trials": trials, "placements": placements}))
    account = directory.accounts["sunmi-main"]
    cache = PlacementCache(directory, account, 4)
    window = make_validator().window
    anywhere = TimeWindow(NOW_MS - 10**8, NOW_MS + 10**8, NOW_MS)
    within = named("p-017", None, None, None)
    assert cache.find(within, NOW_MS + 3 * 3_600_000, anywhere) is not None
    for placement, product, trial, arm, hours, ms in asked:
        event = named(placement, product, trial, arm)
        if placement is None and product is None:
            continue
        at_ms = NOW_MS + hours * 3_600_000 + ms
        window = type(window)(NOW_MS - 10**8, NOW_MS + 10**8, NOW_MS)
        found, located = cache.find(event, at_ms, window), resolve_placement(event, at_ms, directory, window)
        allowed = directory.products_of(account.id)
        if found is None:
            assert not hasattr(located, "product_id") or located.product_id not in allowed
        else:
            expected = PlacementCache(directory, account, 4).find(event, at_ms, window)
            assert expected is not None
            assert (found.parts, found.partition) == (expected.parts, expected.partition)


@given(st.lists(st.text(min_size=1, max_size=MAX_ID_CHARS, alphabet=st.characters(codec="utf-8")), max_size=3))
@example(["a-b", "c\n"])
@examples(300)
def test_ids_looked_at_together_are_ids_each(ids: list[str]) -> None:
    assert are_event_ids(ids) == all(re.match(EVENT_ID_PATTERN, event_id) for event_id in ids)


@given(attributes)
@example({"n": 13800138000.0})
@example({"n": 1.2345678901e-5})
@example({"1380013８000": "x"})
@examples(500)
def test_the_look_at_encoded_attributes_misses_nothing(found: dict[str, Any]) -> None:
    sound = {key: value for key, value in found.items() if not isinstance(value, float) or abs(value) < 2**53}
    assert attributes_may_hold_pii(encode([{}, sound])) or find_pii_attribute(sound) is None


def test_normalisation_does_not_reach_across_json_s_own_characters() -> None:
    # What the look at many rests on: texts stand between quotes, commas and colons, none of which composes with a mark.
    for mark in range(0x300, 0x370):
        for sign in '",:{}[]':
            assert unicodedata.normalize("NFKC", sign + chr(mark))[0] == sign


def named(placement: str | None, product: str | None, trial: str | None, arm: str | None) -> EventStruct:
    return EventStruct("e-1", "exposure", NOW.isoformat(), product, placement, trial, arm)
