"""Verifies the chains of `audit.v1`: takes its records one after another, and names each place that does not hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from registry.audit_chain import ChainHead, holds_its_hash, read_line
from schemas.audit import CHECKPOINT_S, AuditLine
from schemas.topics import SPECS, Topic

RECENT_LINES = 20_000
"""Lines that are remembered beside the last one of each chain: what a writer writes again, or says of where it stood,
is a batch of its own back (500 lines), with those of some others in between.
"""
MAX_BREAKS = 1000
"""So many are named: a log with more is no log of ours, and must not fill memory."""
RETENTION_MS = (SPECS[Topic.AUDIT].retention_s or 0) * 1000
SILENT_MS = 3 * CHECKPOINT_S * 1000
"""A chain without a line for so long has no writer any more."""


class BreakKind(StrEnum):
    """In which way the log does not hold."""

    UNREADABLE = "unreadable"
    CHANGED = "changed"
    UNLINKED = "unlinked"
    MISSING = "missing"
    LOST = "lost"
    PUT_IN = "put_in"
    MOVED = "moved"
    CUT_BEGINNING = "cut_beginning"
    AFTER_END = "after_end"
    HOLE = "hole"
    SHIFTED = "shifted"
    UNCHAINED = "unchained"
    HEAD = "head"


@dataclass(frozen=True, slots=True)
class AuditBreak:
    """One place: *offset* is of the record at which it shows, -1 where there is none."""

    kind: BreakKind
    process: str
    number: int
    offset: int
    message: str


@dataclass(slots=True)
class _Chain:
    """What is known of one process so far."""

    number: int
    sha256: str
    at_ms: int
    offset: int
    ended: bool = False


@dataclass(frozen=True, slots=True)
class AuditFindings:
    """What a log came to. It holds where there is no break; the numbers beside are no fault."""

    breaks: tuple[AuditBreak, ...]
    breaks_beyond: int
    """Breaks that are only counted."""
    heads: tuple[ChainHead, ...]
    lines: int
    """Distinct lines of chains."""
    unchained: int
    """From before the chain."""
    repeated: int
    """Written again by their writer, to the same bytes."""
    from_middle: int
    """Chains whose beginning is past the topic's retention: verified from their first kept line."""
    ended: int
    open: int
    silent: int
    """Chains that ended without saying so: their process was killed."""
    heads_gone: int
    """Of the heads given: lines that went at the end of the topic's retention."""


class AuditCheck:
    """Takes a topic's records from its beginning, in order. *kept_heads*: heads that were kept elsewhere."""

    def __init__(self, kept_heads: Mapping[str, ChainHead] | None = None) -> None:
        self._waited = dict(kept_heads or {})
        self._chains: dict[str, _Chain] = {}
        self._plain: set[str] = set()
        self._recent: dict[tuple[str, int], tuple[str, tuple[int, ...]]] = {}
        """By process and number: the hash, and every offset where the line stands."""
        self._breaks: list[AuditBreak] = []
        self._breaks_beyond = 0
        self._next_offset: int | None = None
        self._first_offset = 0
        self._first_ms: int | None = None
        self._shift = 0
        self._lines = self._unchained = self._repeated = self._from_middle = 0

    def take(self, offset: int, key: bytes | None, value: bytes) -> None:
        """Take the record at *offset*. Total: whatever it holds is a line or a break."""
        self._look_at_offset(offset)
        line = read_line(value)
        if line is None:
            self._add(AuditBreak(BreakKind.UNREADABLE, "", 0, offset, "what stands there is no line of this log"))
            return
        self._first_ms = line.at_ms if self._first_ms is None else self._first_ms
        if not line.sha256:
            self._take_unchained(line, offset)
        elif not holds_its_hash(value) or key != f"{line.process}:{line.number}".encode():
            self._say(BreakKind.CHANGED, line, offset, "its content is not what its hash was made of")
            self._link(line, offset)
        else:
            self._link(line, offset)

    def findings(self, now_ms: int) -> AuditFindings:
        """Return what came of it."""
        gone = self._missing_heads(now_ms)
        chains = self._chains.values()
        silent = sum(not chain.ended and now_ms - chain.at_ms > SILENT_MS for chain in chains)
        ended = sum(chain.ended for chain in chains)
        return AuditFindings(
            breaks=tuple(self._breaks),
            breaks_beyond=self._breaks_beyond,
            heads=tuple(ChainHead(name, c.number, c.sha256, c.offset, c.at_ms) for name, c in self._chains.items()),
            lines=self._lines,
            unchained=self._unchained,
            repeated=self._repeated,
            from_middle=self._from_middle,
            ended=ended,
            open=len(chains) - ended - silent,
            silent=silent,
            heads_gone=gone,
        )

    def _look_at_offset(self, offset: int) -> None:
        """Nothing compacts this topic and nothing on it is transactional: its offsets have no gap."""
        if self._next_offset is None:
            self._first_offset = offset
        elif offset != self._next_offset:
            told = f"the records at offsets {self._next_offset} to {offset - 1} are gone"
            self._add(AuditBreak(BreakKind.HOLE, "", 0, offset, told))
        self._next_offset = offset + 1

    def _take_unchained(self, line: AuditLine, offset: int) -> None:
        self._unchained += 1
        if line.process in self._chains or (self._chains and line.process not in self._plain):
            self._say(BreakKind.UNCHAINED, line, offset, "it has no hash, though the chains had begun before it")
        self._plain.add(line.process)

    def _link(self, line: AuditLine, offset: int) -> None:
        chain = self._chains.get(line.process)
        if chain is None:
            self._begin(line, offset)
        elif line.number <= chain.number:
            self._look_back(chain, line, offset)
            return
        else:
            self._follow(chain, line, offset)
        self._lines += 1
        self._look_at_place(self._chains[line.process], line, offset)
        self._remember(line, offset)
        if (head := self._waited.get(line.process)) and (head.number, head.sha256) == (line.number, line.sha256):
            del self._waited[line.process]

    def _begin(self, line: AuditLine, offset: int) -> None:
        """Take the first line that is kept of a chain."""
        self._chains[line.process] = _Chain(line.number, line.sha256, line.at_ms, offset)
        if not line.before:
            return
        # The broker cuts whole segments from the topic's beginning, and a living chain has a line every hour.
        reaches_back = line.at_ms - (self._first_ms or line.at_ms) > SILENT_MS
        if self._first_offset == 0 or reaches_back:
            self._say(BreakKind.CUT_BEGINNING, line, offset, "the lines of its process before it are missing, though "
                      "the topic reaches further back")  # fmt: skip
        else:
            self._from_middle += 1

    def _follow(self, chain: _Chain, line: AuditLine, offset: int) -> None:
        """Hold a line to the one before it in its chain."""
        first, last = chain.number + 1, line.number - 1
        linked = line.before == chain.sha256
        if chain.ended:
            self._say(BreakKind.AFTER_END, line, offset, f"its process said that line {chain.number} is its last")
        if not linked and first <= last:
            self._say(
                BreakKind.MISSING, line, offset, f"{_lines(first, last)} missing, which its process wrote before it"
            )
        elif not linked:
            self._say(BreakKind.UNLINKED, line, offset, f"line {chain.number} of its process is not the one that it "
                      "was written after")  # fmt: skip
        elif first <= last:
            self._say(BreakKind.LOST, line, offset, f"{_lines(first, last)} not there: by its process's own "
                      "chain they were never written, for want of a broker")  # fmt: skip

    def _look_back(self, chain: _Chain, line: AuditLine, offset: int) -> None:
        """Look at a line that stands behind a later one of its process."""
        sha256, offsets = self._known(chain, line, line.number)
        if sha256 == line.sha256:
            self._repeated += 1
            self._recent[line.process, line.number] = (sha256, (*offsets, offset))
        elif sha256:
            self._say(BreakKind.PUT_IN, line, offset, "another line of this number stands before it")
        else:
            self._say(BreakKind.MOVED, line, offset, f"it stands behind line {chain.number} of its process")

    def _look_at_place(self, chain: _Chain, line: AuditLine, offset: int) -> None:
        """Hold where the line says that an earlier one of its process stood to where that stands: records that were
        taken out or put in between, of whichever process, move it.
        """
        _, offsets = self._known(chain, line, line.stood_number)
        if not offsets or line.stood_offset + self._shift in offsets:
            return
        stands = offsets[-1]
        moved = stands - line.stood_offset - self._shift
        self._shift += moved
        how = f"{-moved} record{'s' * (moved < -1)} before it gone" if moved < 0 else f"{moved} put in before it"
        self._say(BreakKind.SHIFTED, line, offset, f"line {line.stood_number} of its process stood at offset "
                  f"{line.stood_offset} and stands at {stands}: {how}, of whichever process")  # fmt: skip

    def _known(self, chain: _Chain, line: AuditLine, number: int) -> tuple[str, tuple[int, ...]]:
        """Return the hash of that line of the same process, and where it stands; ('', ()) where it is not known."""
        last = (chain.sha256, (chain.offset,)) if chain.number == number else ("", ())
        return self._recent.get((line.process, number), last)

    def _remember(self, line: AuditLine, offset: int) -> None:
        chain = self._chains[line.process]
        chain.number, chain.sha256, chain.at_ms, chain.offset = line.number, line.sha256, line.at_ms, offset
        chain.ended = chain.ended or line.ends
        self._recent[line.process, line.number] = (line.sha256, (offset,))
        if len(self._recent) > RECENT_LINES:
            del self._recent[next(iter(self._recent))]

    def _missing_heads(self, now_ms: int) -> int:
        """Name the heads that were kept elsewhere and are not here; return how many are past retention."""
        gone = 0
        for head in self._waited.values():
            before_beginning = head.offset < self._first_offset
            if before_beginning and head.at_ms < now_ms - RETENTION_MS + SILENT_MS:
                gone += 1
                continue
            told = "the line that was kept elsewhere as the head of its chain is not here, or is another"
            if before_beginning:
                told = (
                    "the line that was kept elsewhere was cut off the topic's beginning before its retention was over"
                )
            self._add(AuditBreak(BreakKind.HEAD, head.process, head.number, -1, told))
        self._waited = {}
        return gone

    def _say(self, kind: BreakKind, line: AuditLine, offset: int, message: str) -> None:
        self._add(AuditBreak(kind, line.process, line.number, offset, message))

    def _add(self, found: AuditBreak) -> None:
        if len(self._breaks) < MAX_BREAKS:
            self._breaks.append(found)
        else:
            self._breaks_beyond += 1


def _lines(first: int, last: int) -> str:
    return f"line {first} is" if first == last else f"lines {first} to {last} are"
