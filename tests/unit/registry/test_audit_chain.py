"""The chain over audit lines: whatever is changed, left out, put in or moved on the topic is named, and nothing else."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.audit_chain import AuditChain, ChainHead, canonical, line_hash
from registry.audit_check import RECENT_LINES, RETENTION_MS, SILENT_MS, AuditCheck, AuditFindings, BreakKind
from schemas.audit import AuditLine

NOW = 1_790_000_000_000


@dataclass(frozen=True)
class Record:
    offset: int
    key: bytes
    value: bytes

    @property
    def line(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.value)
        return found

    def with_fields(self, *, resealed: bool = False, **changed: Any) -> "Record":
        fields = {**self.line, **changed}
        if resealed:
            fields["sha256"] = line_hash(fields)
        return replace(self, value=canonical(fields))


class Topic:
    """A topic in memory with its writers."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._chains: dict[str, tuple[AuditChain, int]] = {}
        self.now_ms = NOW

    def write(self, process: str, lines: int = 1, *, ends: bool = False) -> None:
        """Write a batch, as one process does: sealed, then confirmed."""
        chain, number = self._chains.get(process, (AuditChain(), 0))
        for i in range(lines):
            number += 1
            line = audit_line(process, number, at_ms=self.now_ms, ends=ends and i == lines - 1)
            self.put(f"{process}:{number}", chain.seal(line))
        chain.confirm(number, self.records[-1].offset)
        self._chains[process] = chain, number

    def lose(self, process: str, lines: int) -> None:
        """Let a process lose lines before they come into its chain."""
        chain, number = self._chains[process]
        self._chains[process] = chain, number + lines

    def put(self, key: str, value: bytes) -> None:
        self.records.append(Record(len(self.records), key.encode(), value))


def audit_line(process: str, number: int, *, at_ms: int = NOW, ends: bool = False, key: str = "k-1") -> AuditLine:
    return AuditLine(at_ms=at_ms, process=process, number=number, key=key, scope="operator", method="GET",
                     route="/v1/me", status=200, ends=ends)  # fmt: skip


def check(
    records: Iterable[Record], *, anew: bool = True, now_ms: int = NOW, heads: dict[str, ChainHead] | None = None
) -> AuditFindings:
    """Verify *records*; *anew*: written to a new topic, where they stand without a gap."""
    verifier = AuditCheck(heads)
    for place, record in enumerate(records):
        verifier.take(place if anew else record.offset, record.key, record.value)
    return verifier.findings(now_ms)


def named(found: AuditFindings) -> list[tuple[str, str, int]]:
    return [(found.kind.value, found.process, found.number) for found in found.breaks]


@pytest.fixture
def topic() -> Topic:
    """Return two chains, written in turn: a 1 2, b 1, a 3 4, b 2 3, a 5, b 4 (its last)."""
    made = Topic()
    for process, lines, ends in (("a", 2, False), ("b", 1, False), ("a", 2, False), ("b", 2, False), ("a", 1, False)):
        made.write(process, lines, ends=ends)
    made.write("b", ends=True)
    return made


def place_of(topic: Topic, process: str, number: int) -> int:
    return next(i for i, record in enumerate(topic.records) if record.key == f"{process}:{number}".encode())


def test_two_writers_at_once_hold_and_their_ends_are_told(topic: Topic) -> None:
    found = check(topic.records, anew=False)
    later = check(topic.records, anew=False, now_ms=NOW + SILENT_MS + 1)

    assert found.breaks == ()
    assert (found.lines, found.repeated, found.unchained, found.from_middle) == (9, 0, 0, 0)
    assert (found.ended, found.open, found.silent) == (1, 1, 0)
    assert (later.ended, later.open, later.silent) == (1, 0, 1)
    assert [(head.process, head.number, head.offset) for head in found.heads] == [("a", 5, 7), ("b", 4, 8)]


def test_a_line_s_hash_is_what_anyone_can_compute_from_its_record(topic: Topic) -> None:
    """As docs/operations.md says: without `sha256`, members by name, no space, UTF-8."""
    for before, after in ((None, "a:1"), ("a:1", "a:2")):
        (value,) = (record.value for record in topic.records if record.key == after.encode())
        fields = json.loads(value)
        said = fields.pop("sha256")
        form = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert hashlib.sha256(form).hexdigest() == said
        first = [record.line["sha256"] for record in topic.records if before and record.key == before.encode()]
        assert fields["before"] == "".join(first)


def test_a_changed_line_is_named(topic: Topic) -> None:
    at = place_of(topic, "a", 3)
    topic.records[at] = topic.records[at].with_fields(key="k-another")

    assert named(check(topic.records)) == [("changed", "a", 3)]


def test_a_changed_line_with_a_hash_that_fits_is_named_by_the_one_after_it(topic: Topic) -> None:
    at = place_of(topic, "a", 3)
    topic.records[at] = topic.records[at].with_fields(key="k-another", resealed=True)

    assert named(check(topic.records)) == [("unlinked", "a", 4)]


def test_another_spelling_of_the_same_line_is_named(topic: Topic) -> None:
    at = place_of(topic, "a", 3)
    spaced = json.dumps(topic.records[at].line, sort_keys=True).encode()
    topic.records[at] = replace(topic.records[at], value=spaced)

    assert named(check(topic.records)) == [("changed", "a", 3)]


def test_a_line_under_another_key_is_named(topic: Topic) -> None:
    at = place_of(topic, "a", 3)
    topic.records[at] = replace(topic.records[at], key=b"a:30")

    assert named(check(topic.records)) == [("changed", "a", 3)]


def test_a_line_taken_out_of_its_middle_is_named(topic: Topic) -> None:
    del topic.records[place_of(topic, "a", 3)]

    found = check(topic.records)

    assert named(found) == [("missing", "a", 4), ("shifted", "a", 5)]
    assert found.breaks[0].message == "line 3 is missing, which its process wrote before it"
    assert "1 record before it gone" in found.breaks[1].message


def test_a_line_taken_out_of_the_files_leaves_a_hole(topic: Topic) -> None:
    del topic.records[place_of(topic, "b", 2)]

    assert named(check(topic.records, anew=False)) == [("hole", "", 0), ("missing", "b", 3)]


def test_a_line_put_in_is_named(topic: Topic) -> None:
    chain = AuditChain()
    for number in (1, 2):
        sealed = chain.seal(audit_line("a", number, key="k-forged"))
    forged = Record(0, b"a:2", sealed)
    topic.records.insert(place_of(topic, "a", 2) + 1, forged)

    assert ("put_in", "a", 2) in named(check(topic.records))


def test_a_whole_foreign_chain_put_in_moves_what_comes_after_it(topic: Topic) -> None:
    other = Topic()
    other.write("forged", ends=True)
    topic.records.insert(2, other.records[0])

    assert named(check(topic.records)) == [("shifted", "b", 2)]


def test_a_moved_line_is_named(topic: Topic) -> None:
    moved = topic.records.pop(place_of(topic, "a", 3))
    topic.records.insert(place_of(topic, "a", 4) + 1, moved)

    assert named(check(topic.records))[:2] == [("missing", "a", 4), ("moved", "a", 3)]


def test_a_line_behind_the_last_is_named(topic: Topic) -> None:
    topic.write("b")

    assert named(check(topic.records)) == [("after_end", "b", 5)]


def test_what_is_no_line_is_named(topic: Topic) -> None:
    topic.put("a:6", b"{")

    found = check(topic.records)

    assert named(found) == [("unreadable", "", 0)]
    assert found.breaks[0].offset == 9


def test_a_cut_tail_of_a_killed_process_is_seen_by_where_others_stood() -> None:
    topic = Topic()
    for process in ("a", "b", "a", "b", "b"):
        topic.write(process, 2)
    killed = [record for record in topic.records if record.key != b"a:4"]

    assert named(check(killed)) == [("shifted", "b", 5)]


def test_a_cut_end_of_the_topic_is_seen_by_a_head_that_was_kept(topic: Topic) -> None:
    heads = {head.process: head for head in check(topic.records).heads}

    assert named(check(topic.records[:-1])) == []
    assert named(check(topic.records[:-1], heads=heads)) == [("head", "b", 4)]
    assert check(topic.records, heads=heads).breaks == ()


def test_a_log_made_anew_with_hashes_that_fit_is_seen_by_a_head_that_was_kept(topic: Topic) -> None:
    heads = {head.process: head for head in check(topic.records).heads}
    forged = Topic()
    for record in topic.records:
        forged.write(record.line["process"], ends=record.line["ends"])
    forged.records[-1] = forged.records[-1].with_fields(key="k-another", resealed=True)

    assert named(check(forged.records)) == []
    assert {kind for kind, _, _ in named(check(forged.records, heads=heads))} == {"head"}


def test_lines_that_their_process_lost_are_told_apart_from_lines_taken_out(topic: Topic) -> None:
    topic.lose("a", 2)
    topic.write("a")

    found = check(topic.records)

    assert named(found) == [("lost", "a", 8)]
    assert "lines 6 to 7 are not there: by its process's own chain they were never written" in found.breaks[0].message


def test_what_a_writer_wrote_twice_is_no_break() -> None:
    topic = Topic()
    topic.write("a", 5)
    for record in topic.records[1:3]:
        topic.put(record.key.decode(), record.value)
    topic.write("a")

    found = check(topic.records)

    assert found.breaks == ()
    assert (found.lines, found.repeated) == (6, 2)


def test_lines_from_before_the_chain_are_counted_and_a_hash_taken_away_is_named(topic: Topic) -> None:
    plain = [Record(0, b"old:1", msgspec.json.encode(audit_line("old", number))) for number in (1, 2)]
    at = place_of(topic, "b", 3)
    stripped = [*topic.records]
    stripped[at] = stripped[at].with_fields(sha256="")

    sound = check([plain[0], *topic.records[:2], plain[1]])
    assert (sound.unchained, sound.breaks) == (2, ())
    assert named(check(stripped)) == [("unchained", "b", 3), ("missing", "b", 4)]
    assert named(check([*topic.records, plain[0]])) == [("unchained", "old", 1)]


def test_a_chain_whose_beginning_is_past_retention_is_verified_from_its_first_kept_line(topic: Topic) -> None:
    heads = {"a": ChainHead("a", 1, topic.records[0].line["sha256"], 0, NOW)}

    found = check(topic.records[1:], anew=False, heads=heads, now_ms=NOW + RETENTION_MS)

    assert found.breaks == ()
    assert (found.from_middle, found.heads_gone) == (1, 1)


def test_a_beginning_cut_off_before_its_time_is_seen_by_a_head_that_was_kept(topic: Topic) -> None:
    heads = {"a": ChainHead("a", 1, topic.records[0].line["sha256"], 0, NOW)}

    found = check(topic.records[1:], anew=False, heads=heads)

    assert (named(found), found.heads_gone) == ([("head", "a", 1)], 0)
    assert "before its retention was over" in found.breaks[0].message


def test_a_beginning_cut_off_though_the_topic_reaches_further_back_is_named(topic: Topic) -> None:
    late = Topic()
    late.records = topic.records[:2]
    late.now_ms = NOW + SILENT_MS + 1
    late.write("c", 2)
    late.write("c", 1)
    cut = [record for record in late.records if record.key != b"c:1"]

    assert named(check(topic.records[1:])) == [("cut_beginning", "a", 2), ("shifted", "a", 3)]
    assert ("cut_beginning", "c", 2) in named(check([replace(r, offset=r.offset + 7) for r in cut], anew=False))


def test_breaks_are_bounded_and_counted_beyond() -> None:
    found = check(Record(0, b"", b"?") for _ in range(1500))

    assert (len(found.breaks), found.breaks_beyond) == (1000, 500)


def test_what_is_remembered_is_bounded() -> None:
    topic = Topic()
    topic.write("a", RECENT_LINES + 50)
    verifier = AuditCheck()
    for record in topic.records:
        verifier.take(record.offset, record.key, record.value)

    assert verifier.findings(NOW).breaks == ()
    assert len(verifier._recent) == RECENT_LINES


@given(st.binary(max_size=200))
def test_any_bytes_are_a_line_or_a_break(value: bytes) -> None:
    found = check([Record(0, b"", value)])

    assert found.lines + len(found.breaks) + found.unchained >= 1


BATCHES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4)), min_size=2, max_size=12)


@given(BATCHES)
def test_whatever_honest_writers_write_holds(batches: list[tuple[str, int]]) -> None:
    topic = Topic()
    for process, lines in batches:
        topic.write(process, lines)

    found = check(topic.records, anew=False)

    assert found.breaks == ()
    assert found.lines == len(topic.records)


@given(BATCHES, st.data())
def test_any_one_tampering_before_a_chain_s_last_line_is_found(
    batches: list[tuple[str, int]], data: st.DataObject
) -> None:
    topic = Topic()
    for process, lines in [*batches, ("a", 2), ("b", 2), ("c", 2)]:
        topic.write(process, lines)
    inner = [i for i, record in enumerate(topic.records[:-6])]
    at = data.draw(st.sampled_from(inner))
    records = [*topic.records]
    match data.draw(st.sampled_from(["change", "reseal", "remove", "swap", "insert"])):
        case "change":
            records[at] = records[at].with_fields(status=404)
        case "reseal":
            records[at] = records[at].with_fields(status=404, resealed=True)
        case "remove":
            del records[at]
        case "swap":
            other = next(
                i for i in range(at + 1, len(records)) if records[i].line["process"] == records[at].line["process"]
            )
            records[at], records[other] = records[other], records[at]
        case _:
            records.insert(at, records[at].with_fields(status=404, resealed=True))

    found = check(records)

    assert found.breaks
    assert {each.kind for each in found.breaks} <= set(BreakKind)
