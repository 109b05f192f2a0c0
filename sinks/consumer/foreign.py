"""Records that our own roles did not write, line by line: stored where they can be read, else kept as rejects."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from schemas.codec import decode_delivery, decode_reject, encode
from schemas.foreign import position_reject, read_foreign, split_lines
from schemas.lines import DeliveryLine, RejectLine
from schemas.topics import Topic
from sinks.consumer.positions import RecordPosition

_decode_any = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_NO_ATTRIBUTES = msgspec.Raw(b"{}")


@dataclass(slots=True)
class ForeignRows:
    """What a foreign record comes to."""

    lines: list[bytes] = field(default_factory=list)
    rejects: list[RejectLine] = field(default_factory=list)
    accounts: Counter[str] = field(default_factory=Counter)
    """Lines by account; those of nobody under ''."""


def take_foreign(position: RecordPosition, value: bytes) -> ForeignRows:
    """Return the rows and the rejects of a foreign record; each line is exactly one of them."""
    read = _READERS.get(position.topic, _read_nothing)
    taken = ForeignRows()
    for index, line in split_lines(value):
        found = read(position, index, line)
        if found is None:
            taken.rejects.append(reject_line(position, index, line))
            taken.accounts[""] += 1
        else:
            account, row = found
            taken.lines.append(row)
            taken.accounts[account] += 1
    return taken


def reject_line(position: RecordPosition, index: int, line: bytes) -> RejectLine:
    """Return the kept reject of a line that could not be stored."""
    where = (position.epoch, position.partition, position.offset)
    reject = position_reject(where, index, line, received_ms=max(0, position.stamped_ms))
    if position.topic is Topic.EVENTS:
        return reject
    # Positions are those of the events' topic; another topic's carry its name.
    return msgspec.structs.replace(reject, reject_id=reject.reject_id.replace("pos-", f"pos-{position.topic}-", 1))


_ReadLine = Callable[[RecordPosition, int, bytes], tuple[str, bytes] | None]


def _read_event(position: RecordPosition, index: int, line: bytes) -> tuple[str, bytes] | None:
    event = read_foreign(line)
    if event is None:
        return None
    others = _decode_any(line)
    row: dict[str, Any] = {
        "epoch": position.epoch,
        "partition": position.partition,
        "offset": position.offset,
        "line": index,
        **msgspec.structs.asdict(event),
        "attributes": _object_or_none(others.get("attributes", _NO_ATTRIBUTES)),
        "delivery_id": _text_or_empty(others.get("delivery_id")),
    }
    return event.account_id, encode(row)


def _object_or_none(raw: msgspec.Raw) -> msgspec.Raw:
    return raw if bytes(raw).startswith(b"{") else _NO_ATTRIBUTES


def _text_or_empty(raw: msgspec.Raw | None) -> str:
    value = None if raw is None else msgspec.json.decode(raw)
    return value if isinstance(value, str) else ""


def _read_reject(_place: RecordPosition, _index: int, line: bytes) -> tuple[str, bytes] | None:
    return _as(decode_reject, line)


def _read_delivery(_place: RecordPosition, _index: int, line: bytes) -> tuple[str, bytes] | None:
    return _as(decode_delivery, line)


def _as(decode: Callable[[bytes], RejectLine | DeliveryLine], line: bytes) -> tuple[str, bytes] | None:
    try:
        item = decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return item.account_id, encode(item)


def _read_nothing(_place: RecordPosition, _index: int, _line: bytes) -> None:
    return None


_READERS: Mapping[Topic, _ReadLine] = {
    Topic.EVENTS: _read_event,
    Topic.REJECTS: _read_reject,
    Topic.DELIVERIES: _read_delivery,
}
