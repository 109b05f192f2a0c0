"""What a metric cell takes from hashes and durations, worked out for a whole record at once.

The same numbers as `schemas.cells.register_of` and `duration_bin`, which are the definition, at a fifth of the cost:
these two were the largest part of the worker's time.
"""

from collections.abc import Sequence

import numpy as np

from schemas.cells import HLL_BITS, HLL_REGISTERS, RANK_BITS, duration_bin, register_of

NO_REGISTER = 0
"""Of an absent or an odd hash: no hash's register is 0, as a rank is at least 1."""
NO_BIN = -1
_HEX_DIGITS = 32
_NOBODY = "0" * _HEX_DIGITS
_FEW = 16
"""Up to so many, one by one is cheaper: arrays cost some 10 µs each, however short they are."""
_TOP_RANK = 64 - HLL_BITS + 1


def registers_of(hashes: Sequence[str]) -> list[int]:
    """Return the packed HyperLogLog register of each of *hashes*; `NO_REGISTER` for an absent or an odd one."""
    if len(hashes) <= _FEW:
        return [_register_or_none(hashed) for hashed in hashes]
    text = "".join([hashed or _NOBODY for hashed in hashes])
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    # A hash has 32 characters at most, so that none makes up for a shorter one; `fromhex` skips blanks.
    if 2 * len(raw) != _HEX_DIGITS * len(hashes):
        return [_register_or_none(hashed) for hashed in hashes]
    bits = np.frombuffer(raw, dtype=">u8")[::2].astype(np.uint64)
    rest = bits >> np.uint64(HLL_BITS)
    # Where nothing is left, x - 1 wraps round to all ones.
    rank = np.minimum(np.bitwise_count(rest ^ (rest - np.uint64(1))), _TOP_RANK)
    packed = (bits & np.uint64(HLL_REGISTERS - 1)) << np.uint64(RANK_BITS) | rank
    return [register if hashed else NO_REGISTER for register, hashed in zip(packed.tolist(), hashes, strict=True)]


def _register_or_none(hashed: str) -> int:
    try:
        return register_of(hashed) if hashed else NO_REGISTER
    except ValueError:
        return NO_REGISTER


def duration_bins(durations_ms: Sequence[int | None]) -> list[int]:
    """Return the histogram bin of each of *durations_ms*; `NO_BIN` for an absent one."""
    if len(durations_ms) <= _FEW:
        return [NO_BIN if value is None else duration_bin(value) for value in durations_ms]
    values = np.array([NO_BIN if value is None else value for value in durations_ms], dtype=np.int64)
    # The exponent of a float is the bit length of an integer below 2 ** 53.
    exponents = np.maximum(np.frexp(values)[1] - 8, 0)
    bins: list[int] = ((exponents << 7) + (values >> exponents)).tolist()
    return bins
