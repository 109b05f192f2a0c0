"""A body is unpacked within its bound and split into the bytes of its elements."""

import gzip

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from producers.parsing.body import BodyProblem, split, unpack

JSON = "application/json"


def pieces(body: bytes, content_type: str = JSON) -> list[bytes]:
    found = split(body, content_type, max_events=100)
    assert not isinstance(found, BodyProblem), found
    return [bytes(piece) for piece in found]


@given(st.binary(max_size=5000), st.sampled_from(["gzip", "zstd", ""]))
def test_unpacking_gives_back_what_was_packed(body: bytes, encoding: str) -> None:
    packed = gzip.compress(body) if encoding == "gzip" else zstandard.compress(body) if encoding == "zstd" else body
    assert unpack(packed, encoding, max_bytes=10_000) == body


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_bomb_is_refused_while_it_is_unpacked(encoding: str) -> None:
    zeros = bytes(50_000_000)
    packed = gzip.compress(zeros) if encoding == "gzip" else zstandard.compress(zeros)
    problem = unpack(packed, encoding, max_bytes=100_000)
    assert isinstance(problem, BodyProblem)
    assert problem.status == 413


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_truncated_and_foreign_bytes_are_refused(encoding: str) -> None:
    packed = gzip.compress(b"x" * 1000) if encoding == "gzip" else zstandard.compress(b"x" * 1000)
    for broken in (packed[:-3], packed[: len(packed) // 2], b"not packed at all"):
        problem = unpack(broken, encoding, max_bytes=10_000)
        assert isinstance(problem, BodyProblem)
        assert problem.status == 400


def test_several_members_are_one_body() -> None:
    assert unpack(gzip.compress(b"a") + gzip.compress(b"b"), "gzip", max_bytes=10) == b"ab"
    assert unpack(zstandard.compress(b"a") + zstandard.compress(b"b"), "zstd", max_bytes=10) == b"ab"


def test_unknown_encodings_and_types_are_415() -> None:
    refused = unpack(b"x", "br", max_bytes=10)
    assert isinstance(refused, BodyProblem)
    assert refused.status == 415
    other = split(b"x", "text/html", max_events=1)
    assert isinstance(other, BodyProblem)
    assert other.status == 415


@pytest.mark.parametrize(
    ("body", "content_type", "elements"),
    [
        (b'[{"a":1}, 2]', JSON, [b'{"a":1}', b"2"]),
        (b'{"events":[{"a":1}]}', JSON, [b'{"a":1}']),
        (b' {"a":1} ', JSON, [b'{"a":1}']),
        (b"[]", JSON, []),
        (b'{"events":[]}', JSON, []),
        (b'{"a":1}\n\n  \n{"b":2}\r\n', "application/x-ndjson", [b'{"a":1}', b'{"b":2}\r']),
        (b'\xef\xbb\xbf{"a":1}\n{"b":2}', "application/x-ndjson", [b'{"a":1}', b'{"b":2}']),
        (b"\xff\n{}", "application/x-ndjson; charset=utf-8", [b"\xff", b"{}"]),
    ],
)
def test_each_form_is_split_into_its_elements(body: bytes, content_type: str, elements: list[bytes]) -> None:
    assert pieces(body, content_type) == elements


@pytest.mark.parametrize("body", [b"", b"3", b'"x"', b"null", b"[", b'[{"a"}]', b'{"events":3}', b"[" * 1_000_000])
def test_unreadable_bodies_are_400(body: bytes) -> None:
    problem = split(body, JSON, max_events=100)
    assert isinstance(problem, BodyProblem)
    assert problem.status == 400


DEEP = b"[" * 3000 + b"]" * 3000


@pytest.mark.parametrize(
    ("body", "elements"),
    [
        (b'[{"a":"cut \\ud83d"}, {"b":1}]', [b'{"a":"cut \\ud83d"}', b'{"b":1}']),
        (b'\xef\xbb\xbf [{"a":1}]', [b'{"a":1}']),
        (b'\xef\xbb\xbf{"events":[1]}', [b"1"]),
        (b'[{"a":1}, %b , {"b":"]"}]' % DEEP, [b'{"a":1}', DEEP, b'{"b":"]"}']),
        (b'[{"a":"\xff"}, {"b":"\\udc00"}]', [b'{"a":"\xff"}', b'{"b":"\\udc00"}']),
        (b'[%b,{"b":"\\udc00"}]' % (b"9" * 5000), [b"9" * 5000, b'{"b":"\\udc00"}']),
        (b'{ "sent" : "now \\ud83d", "events" : [ {"a":1} , 2 ] , "by": {"x":[1]} }', [b'{"a":1}', b"2"]),
        (b'{"\\u0065vents":[{"a":1}]}', [b'{"a":1}']),
        (b'{"event_id":"cut \\ud83d"}', [b'{"event_id":"cut \\ud83d"}']),
        (b'{"a":1,"a":"\\ud83d"}', [b'{"a":1,"a":"\\ud83d"}']),
        (b'[{"a":1,"a":2}]', [b'{"a":1,"a":2}']),
        (b'{"events":[],"sent":1}', []),
        (b'["\\ud83d" ]', [b'"\\ud83d"']),
    ],
)
def test_one_event_s_fault_is_left_to_that_event(body: bytes, elements: list[bytes]) -> None:
    assert pieces(body) == elements


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"events":[1],"events":[2]}', "twice"),
        (b'{"events":[1],"\\u0065vents":[2]}', "twice"),
        (b'{"events":{"a":"\\ud83d"}}', "must be an array"),
        (b'["\\ud83d",]', "broken"),
        (b'["\\ud83d" 2]', "missing"),
        (b'["\\ud83d"] 2', "follows"),
        (b'["\\ud83d", NaN]', "broken"),
        (b'["\\ud83d"', "missing"),
        (b'{"a":"\\ud83d" "b":2}', "missing"),
        (b'{"a" "\\ud83d"}', "missing"),
        (b'{a:"\\ud83d"}', "name is missing"),
        (b'{"a', "without an end"),
        (b"[" * 200_000 + b"]" * 200_000, "too deep"),
    ],
)
def test_what_is_no_json_as_a_whole_is_400(body: bytes, why: str) -> None:
    problem = split(body, JSON, max_events=100)
    assert isinstance(problem, BodyProblem)
    assert problem.status == 400
    assert why in problem.detail


@pytest.mark.parametrize("first", [b"1", b'"\\ud83d"'])
def test_more_events_than_are_taken_are_413_however_they_are_read(first: bytes) -> None:
    problem = split(b"[%b,2,3]" % first, JSON, max_events=2)
    assert isinstance(problem, BodyProblem)
    assert problem.status == 413


def test_too_many_events_are_413() -> None:
    problem = split(b"[1,2,3]", JSON, max_events=2)
    assert isinstance(problem, BodyProblem)
    assert problem.status == 413
