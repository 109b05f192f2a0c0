"""Metric cells: what is kept per product, trial, platform, placement, arm, kind and minute, and how it merges.

Everything in a cell merges by addition or maximum. Sketches take their bits from the keyed hash that a subject
already is, so that Python and SQL compute the same registers from the same events.
"""

import msgspec

HLL_BITS = 10
HLL_REGISTERS = 1 << HLL_BITS
"""1,024 registers: standard error 3.25 %. Readouts and reports count people exactly, from stored events."""
RANK_BITS = 6

METRICS_KEY_CELLS = b"cells"
METRICS_KEY_PROGRESS = b"progress"
METRICS_KEY_SOURCE = b"source"
METRICS_KEY_REPEATS = b"repeats"


class CellRow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One version of one live cell on `product-metrics.v1`: cumulative, replaced by any higher version.

    `version` is the offset in the source (epoch, partition) of the last record that touched the cell.
    """

    product_id: str
    trial_id: str
    platform: str
    placement_id: str
    arm: str
    kind: str
    minute_ms: int
    epoch: int
    partition: int
    version: int
    events: int = 0
    failed: int = 0
    abandoned: int = 0
    duration_count: int = 0
    duration_ms_sum: int = 0
    duration_bins: list[int] = []
    """Bins seen, ascending; `duration_counts` holds their counts."""
    duration_counts: list[int] = []
    amount_count: int = 0
    amount_fen_sum: int = 0
    rating_count: int = 0
    rating_sum: int = 0
    subjects: list[int] = []
    """HyperLogLog registers seen, packed (index << 6 | rank), ascending."""
    sessions: list[int] = []
    first_ms: int = 0
    last_ms: int = 0


class ProgressRow(msgspec.Struct, kw_only=True):
    """What a worker made of the events that one account sent in one minute of receipt, cumulative per source."""

    epoch: int
    partition: int
    version: int
    account_id: str
    received_minute_ms: int
    counted: int = 0
    repeated: int = 0
    late: int = 0
    disordered: int = 0
    """Not late by themselves, but their minute was closed (disorder beyond the slack) or not open yet (further ahead
    than the lead). Stored and settled, not live."""
    rejected: int = 0


class RepeatRow(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """A line of `pilot-events.v1` that a worker found to be a repeat: its position and its place in the store.

    The store tells repeats by their whole content's key, the time among it. A message whose time is that of its receipt
    comes with another time when it is sent again, so that only the worker, who goes by the id, can tell.
    """

    epoch: int
    partition: int
    offset: int
    line: int
    event_id: str
    account_id: str
    product_id: str
    trial_id: str
    occurred_ms: int
    received_ms: int
    is_repeat: int = 1


class SourceRow(msgspec.Struct, kw_only=True):
    """How far a worker has come in a source: every cell touched before `next_offset` has been sent."""

    epoch: int
    partition: int
    version: int
    next_offset: int
    watermark_ms: int


def duration_bin(duration_ms: int) -> int:
    """Return the histogram bin of *duration_ms*: exact below 256 ms, then 128 bins per doubling (width <= 0.79 %)."""
    exponent = max(0, duration_ms.bit_length() - 8)
    return (exponent << 7) + (duration_ms >> exponent)


def bin_bounds_ms(index: int) -> tuple[int, int]:
    """Return the lowest and the highest duration, in ms, of bin *index*."""
    if index < 256:
        return index, index
    exponent = (index >> 7) - 1
    low = ((index & 127) + 128) << exponent
    return low, low + (1 << exponent) - 1


def register_of(hash_hex: str) -> int:
    """Return the packed HyperLogLog register of a subject's hash.

    Index = low bits, rank = trailing zeros of the rest + 1. The 64 bits are the first 16 hex digits, big-endian.
    """
    bits = int(hash_hex[:16], 16)
    rest = bits >> HLL_BITS
    # SQL says bitCount(bitXor(x, x - 1)): the trailing zeros plus one; all ones where x = 0.
    rank = min((rest ^ (rest - 1)).bit_count(), 64 - HLL_BITS + 1) if rest else 64 - HLL_BITS + 1
    return (bits & (HLL_REGISTERS - 1)) << RANK_BITS | rank
