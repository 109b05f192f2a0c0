"""A file is cut into batches, every line in one of them, with its number."""

from codecs import BOM_UTF8

from hypothesis import given
from hypothesis import strategies as st

from avenue.sending.lines import NumberedLine, RequestBatch, batches, numbered

CONTENT = st.binary(max_size=40).map(lambda content: content.replace(b"\n", b"").replace(b"\r", b""))


@given(st.lists(CONTENT), st.integers(1, 7), st.integers(1, 90))
def test_every_line_that_is_not_blank_is_in_exactly_one_batch(
    contents: list[bytes], max_events: int, max_bytes: int
) -> None:
    cut = list(batches(numbered(c + b"\n" for c in contents), max_events=max_events, max_bytes=max_bytes))

    sent = [(line.number, line.content) for batch in cut for line in batch.lines]
    # A file may begin with a byte order mark, which is no part of its first line.
    said = [contents[0].removeprefix(BOM_UTF8), *contents[1:]] if contents else []
    assert sent == [(number, c) for number, c in enumerate(said, 1) if c.strip()]
    for batch in cut:
        assert 1 <= len(batch.lines) <= max_events
        assert len(batch.body) <= max_bytes or len(batch.lines) == 1


def test_lines_keep_their_bytes_whatever_they_are() -> None:
    stream = [b'{"a": 1}\r\n', b"  \n", b"\xff\xfe not json\n", b"last without an end"]
    assert list(numbered(stream)) == [
        NumberedLine(1, b'{"a": 1}'),
        NumberedLine(3, b"\xff\xfe not json"),
        NumberedLine(4, b"last without an end"),
    ]


@given(st.integers(2, 30))
def test_halves_hold_all_lines_in_order(count: int) -> None:
    lines = tuple(NumberedLine(number, b"x") for number in range(count))
    first, second = RequestBatch(lines).halves()

    assert first.lines + second.lines == lines
    assert first.lines
    assert second.lines


def test_a_mark_before_the_first_line_is_no_part_of_it() -> None:
    marked = b"\xef\xbb\xbf"
    assert list(numbered([marked + b'{"a":1}\n', marked + b"2\n"])) == [
        NumberedLine(1, b'{"a":1}'), NumberedLine(2, marked + b"2"),
    ]  # fmt: skip
    assert list(numbered([marked + b"\n", b"1\n"])) == [NumberedLine(2, b"1")]
