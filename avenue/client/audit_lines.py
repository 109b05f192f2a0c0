"""Reads `audit.v1`: the lines since a time, and whether any is missing between them."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from registry.log import CompactedLog
from runtime.errors import ProtocolError
from runtime.settings import Settings
from schemas.audit import AuditLine
from schemas.topics import Topic

_decode = msgspec.json.Decoder(AuditLine).decode


def read_audit(settings: Settings, *, since_ms: int, prefix: str = "") -> list[AuditLine]:
    """Return the lines written since then, by time. Raises `UnavailableError`, and `ProtocolError` on a foreign one."""
    with CompactedLog(settings.kafka, prefix + Topic.AUDIT) as topic:
        records = topic.read(since_ms=since_ms)
    try:
        found = [_decode(record.value) for record in records]
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"{Topic.AUDIT} holds a line that is none: {error}") from error
    return sorted(found, key=lambda line: (line.at_ms, line.process, line.number))


def missing_lines(lines: Iterable[AuditLine]) -> int:
    """Return how many numbers are missing between the first and the last line of each process."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for line in lines:
        numbers[line.process].add(line.number)
    return sum(max(found) - min(found) + 1 - len(found) for found in numbers.values())
