"""Frames of Bilibili's live rooms: spelt and read as a public client does, and nothing that bursts."""

import json
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avenue.connectors.bilibili import frames
from avenue.connectors.bilibili.frames import (
    OP_AUTH,
    OP_HEARTBEAT,
    OP_MESSAGE,
    Frame,
    FrameError,
    decode_frames,
    encode_frame,
)
from tests.support.bilibili_platform import pack, packed

# Made by the npm package bilibili-live-ws 6.3.1:
# node -e 'const {encoder} = require("bilibili-live-ws/src/buffer.js");
#   console.log(encoder("join", {Buffer}, {roomid: 1000001, key: "game-0001", protover: 2}).toString("hex"),
#   encoder("heartbeat", {Buffer}).toString("hex"))'
# Its decoder reads the stand-in's packed frames (tests/support/bilibili_platform.py), zlib and brotli, as these tests do.
JOIN = bytes.fromhex(
    "000000410010000100000007000000017b22726f6f6d6964223a313030303030312c226b6579223a2267616d652d30303031222c2270726f74"
    "6f766572223a327d"
)
HEARTBEAT = bytes.fromhex("00000010001000010000000200000001")
MESSAGES = [b'{"cmd":"LIVE_OPEN_PLATFORM_DM"}', json.dumps({"cmd": "x", "data": {"msg": "你好"}}).encode()]


def test_frames_are_spelt_as_a_public_client_spells_them() -> None:
    assert encode_frame(OP_AUTH, b'{"roomid":1000001,"key":"game-0001","protover":2}') == JOIN
    assert encode_frame(OP_HEARTBEAT) == HEARTBEAT
    assert list(decode_frames(JOIN)) == [Frame(OP_AUTH, JOIN[16:])]


@pytest.mark.parametrize("version", [0, 2, 3], ids=["plain", "zlib", "brotli"])
def test_packed_frames_are_read_as_plain_ones(version: int) -> None:
    assert list(decode_frames(packed(MESSAGES, version))) == [Frame(OP_MESSAGE, message) for message in MESSAGES]


@given(st.lists(st.binary(max_size=200), max_size=5), st.sampled_from([0, 2, 3]))
def test_whatever_is_packed_comes_out(messages: list[bytes], version: int) -> None:
    assert [frame.body for frame in decode_frames(packed(messages, version))] == messages


@given(st.binary(max_size=64))
def test_any_bytes_are_frames_or_an_error(data: bytes) -> None:
    try:
        found = list(decode_frames(data))
    except FrameError:
        return
    assert sum(16 + len(frame.body) for frame in found) <= len(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (JOIN[:-1], "does not fit"),
        (JOIN + b"\x00", "no header"),
        (struct.pack(">IHHII", 4, 16, 0, 5, 0), "does not fit"),
        (struct.pack(">IHHII", 16, 8, 0, 5, 0), "does not fit"),
        (pack(5, b"no zlib", 2), "zlib"),
        (pack(5, b"no brotli at all", 3), "brotli"),
        (pack(5, packed(MESSAGES, 2)[16:-6], 2), "cut short"),
        (pack(5, packed(MESSAGES, 3)[16:-2], 3), "cut short"),
    ],
)
def test_what_is_no_frame_is_said(data: bytes, why: str) -> None:
    with pytest.raises(FrameError, match=why):
        list(decode_frames(data))


def test_packed_within_packed_is_refused() -> None:
    with pytest.raises(FrameError, match="another packed frame"):
        list(decode_frames(pack(5, zlib.compress(packed(MESSAGES, 2)), 2)))


@pytest.mark.parametrize("version", [2, 3])
def test_what_unpacks_to_more_than_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    message = b"x" * 200
    monkeypatch.setattr(frames, "MAX_UNPACKED_BYTES", 16 + 200)
    assert [frame.body for frame in decode_frames(packed([message], version))] == [message]

    with pytest.raises(FrameError, match="larger than 216 bytes"):
        list(decode_frames(packed([message + b"x"], version)))
