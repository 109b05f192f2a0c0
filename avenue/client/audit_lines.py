"""Reads `audit.v1`: the lines since a time, whether the chains over them hold, and heads that were kept elsewhere."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from registry.audit_chain import ChainHead, read_line
from registry.audit_check import AuditCheck, AuditFindings
from registry.log import CompactedLog
from runtime.errors import ConfigurationError, ProtocolError
from runtime.settings import Settings
from schemas.audit import AuditLine
from schemas.topics import Topic

MAX_HEADS_BYTES = 64 * 1_048_576
"""About 400,000 chains; what is larger is another file."""


def read_audit(settings: Settings, *, since_ms: int, prefix: str = "") -> list[AuditLine]:
    """Return the lines written since then, by time, each once.

    Raises `UnavailableError`, and `ProtocolError` on a record that is none.
    """
    found: dict[tuple[str, int, str], AuditLine] = {}
    with CompactedLog(settings.kafka, prefix + Topic.AUDIT) as topic:
        for record in topic.each(since_ms=since_ms):
            line = read_line(record.value)
            if line is None:
                raise ProtocolError(
                    f"{Topic.AUDIT} holds at offset {record.offset} what is no line; `avenue audit --verify` names all"
                )
            # Written again by its writer it is the same; of two that differ both are shown.
            found[line.process, line.number, line.sha256] = line
    return sorted(found.values(), key=lambda line: (line.at_ms, line.process, line.number))


def verify_audit(
    settings: Settings, *, now_ms: int, kept_heads: Mapping[str, ChainHead] | None = None, prefix: str = ""
) -> AuditFindings:
    """Return what the whole topic comes to. Raises `UnavailableError`."""
    check = AuditCheck(kept_heads)
    with CompactedLog(settings.kafka, prefix + Topic.AUDIT) as topic:
        for record in topic.each():
            check.take(record.offset, record.key, record.value)
    return check.findings(now_ms)


def head_lines(heads: Iterable[ChainHead]) -> list[str]:
    """Return *heads* as the lines of a file that is kept elsewhere."""
    return [msgspec.json.encode(head).decode() for head in heads]


def read_heads(path: Path) -> dict[str, ChainHead]:
    """Return the heads kept in the file *path*, by process: of several of one chain the last, which holds the others.

    Raises `ConfigurationError` where it cannot be read, is none, or says two things of one line.
    """
    try:
        if path.stat().st_size > MAX_HEADS_BYTES:
            raise ConfigurationError(f"{path} is larger than {MAX_HEADS_BYTES} bytes: it holds no heads")
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    found: dict[str, ChainHead] = {}
    for number, text in enumerate(lines, 1):
        try:
            head = msgspec.convert(json.loads(text), ChainHead)
        except (ValueError, RecursionError) as error:
            told = f"{path}:{number} is no head as `avenue audit --heads` prints them: {error}"
            raise ConfigurationError(told) from error
        known = found.get(head.process)
        if known and known.number == head.number and known != head:
            raise ConfigurationError(f"{path}:{number} says another line {head.number} of {head.process} than before")
        if known is None or known.number < head.number:
            found[head.process] = head
    if not found:
        raise ConfigurationError(f"{path} holds no head; `avenue audit --heads > FILE` writes them")
    return found
