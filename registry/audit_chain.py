"""The chain of hashes over one process's audit lines: made here, and taken in again by whoever verifies it.

The hash of a line is the SHA-256 of its JSON in canonical form without the member `sha256`: members by name, no space
between them, UTF-8. A record's value is that form with the member.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.audit import AuditLine

_decode = msgspec.json.Decoder(AuditLine).decode


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last line of a chain: who keeps it elsewhere sees whether the chain was cut or made anew."""

    process: str
    number: int
    sha256: str
    offset: int
    at_ms: int


class AuditChain:
    """One process's chain, as its writer has it."""

    def __init__(self) -> None:
        self._head = ""
        self._stood = (0, -1)

    def seal(self, line: AuditLine) -> bytes:
        """Return *line* as the next record's value. Sealed once, it is to be written, as often as it takes."""
        stood_number, stood_offset = self._stood
        linked = msgspec.structs.replace(
            line, before=self._head, stood_number=stood_number, stood_offset=stood_offset, sha256=""
        )
        fields = msgspec.structs.asdict(linked)
        self._head = fields["sha256"] = line_hash(fields)
        return canonical(fields)

    def confirm(self, number: int, offset: int) -> None:
        """Take in that line *number* stands at *offset*: the next lines say so."""
        self._stood = (number, offset)

    def head(self, process: str, at_ms: int) -> ChainHead:
        """Return the head of *process*'s chain, once its last line is confirmed, which was written at *at_ms*."""
        number, offset = self._stood
        return ChainHead(process, number, self._head, offset, at_ms)


def canonical(fields: dict[str, Any]) -> bytes:
    """Return *fields* in the form that is hashed and written."""
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def line_hash(fields: dict[str, Any]) -> str:
    """Return the hash of a line, whatever it says itself to be."""
    return hashlib.sha256(canonical({name: value for name, value in fields.items() if name != "sha256"})).hexdigest()


def read_line(value: bytes) -> AuditLine | None:
    """Return the line in a record's *value*, or None where it is none."""
    try:
        return _decode(value)
    except (msgspec.MsgspecError, RecursionError):
        return None


def holds_its_hash(value: bytes) -> bool:
    """Tell whether the line in *value* is, byte for byte, what its own hash was made of."""
    try:
        fields = json.loads(value)
        return value == canonical(fields) and fields["sha256"] == line_hash(fields)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
