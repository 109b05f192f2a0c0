"""What became of each line of a file that is sent, written beside it: it says where to go on after a kill.

One JSON object a line: of each event that was not accepted its verdict, then of each batch its lines, their SHA-256 and
its sums. A batch counts as done when its line is whole and on disk; whatever stands after the last such line is of a
batch that was cut short, and is sent again, which is harmless.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from avenue.sending.lines import NumberedLine, RequestBatch
from runtime.errors import ConfigurationError

SUFFIX = ".verdicts.ndjson"
_encode = msgspec.json.Encoder().encode


class DoneBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines *first* to *last* of the file have their verdicts."""

    first: int
    last: int
    sha256: str
    accepted: int
    duplicate: int
    rejected: int


_decode_done = msgspec.json.Decoder(DoneBatch).decode


def verdicts_beside(file: str) -> Path:
    """Return where the verdicts of *file* stand."""
    return Path(file + SUFFIX)


@dataclass(slots=True)
class VerdictFile:
    """Opened by `started` or `resumed`; what is added is on disk when `done` returns."""

    file: IO[bytes]
    before: tuple[DoneBatch, ...] = ()
    """Batches that an earlier run has done, in the file's order."""
    _held: list[bytes] = field(default_factory=list)

    @classmethod
    def started(cls, path: Path) -> "VerdictFile":
        """Begin *path* anew. Raises `OSError`."""
        return cls(path.open("wb"))

    @classmethod
    def resumed(cls, path: Path) -> "VerdictFile":
        """Go on with *path*; what was cut short in it is cut off. Raises `ConfigurationError`, `OSError`."""
        if not path.is_file():
            raise ConfigurationError(f"{path} is not there, so nothing tells where to go on; send without --resume")
        before, whole = _read(path)
        file = path.open("r+b")
        file.truncate(whole)
        file.seek(whole)
        return cls(file, before)

    def not_accepted(self, verdict: dict[str, object]) -> None:
        """Take what became of a line of the batch in hand."""
        self._held.append(_encode(verdict) + b"\n")

    def done(self, batch: RequestBatch, sums: dict[str, int]) -> None:
        """Write what became of *batch*."""
        first, last = batch.lines[0].number, batch.lines[-1].number
        line = DoneBatch(first, last, hashlib.sha256(batch.body).hexdigest(), **sums)
        self.file.write(b"".join([*self._held, _encode(line), b"\n"]))
        self.file.flush()
        os.fsync(self.file.fileno())
        self._held.clear()

    def left_out(self) -> None:
        """Forget what was taken of a batch that has no verdicts: it is sent again by the next run."""
        self._held.clear()

    def left(self, lines: Iterable[NumberedLine]) -> Iterator[NumberedLine]:
        """Yield those of *lines* that have no verdict yet.

        Raises `ConfigurationError` where lines that have one are no longer what was sent.
        """
        batches = iter(self.before)
        done, digest = next(batches, None), hashlib.sha256()
        for line in lines:
            if done is None or line.number < done.first:
                yield line
                continue
            digest.update(line.content + b"\n")
            if line.number >= done.last:
                _check(done, digest.hexdigest())
                done, digest = next(batches, None), hashlib.sha256()
        if done is not None:
            _check(done, "")


def _check(done: DoneBatch, found: str) -> None:
    if found != done.sha256:
        raise ConfigurationError(
            f"lines {done.first} to {done.last} are not those that were sent before: the file has changed; "
            "send it without --resume, which is harmless"
        )


def _read(path: Path) -> tuple[tuple[DoneBatch, ...], int]:
    """Return the batches that are done, by line, and how many bytes of the file are whole."""
    found: list[DoneBatch] = []
    whole = position = 0
    with path.open("rb") as file:
        for line in file:
            position += len(line)
            if not line.endswith(b"\n"):
                break
            try:
                found.append(_decode_done(line))
            except (msgspec.ValidationError, msgspec.DecodeError):
                continue  # a verdict of a line, or the remains of one
            whole = position
    return tuple(sorted(found, key=lambda done: done.first)), whole
