"""Reading what cells keep as sketches: people from HyperLogLog registers, quantiles from duration bins."""

import math

from schemas.cells import HLL_REGISTERS, bin_bounds_ms

_ALPHA = 0.7213 / (1 + 1.079 / HLL_REGISTERS)
"""Bias correction for 128 registers and more: Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog", 2007, figure 3."""
_SMALL_RANGE = 2.5 * HLL_REGISTERS


def estimate(seen: int, power_sum: float) -> int:
    """Return how many different hashes filled *seen* registers whose sum of 2^-rank is *power_sum*.

    Linear counting in the small range, as the paper has it; 64-bit hashes need no large-range correction.
    """
    empty = HLL_REGISTERS - seen
    raw = _ALPHA * HLL_REGISTERS**2 / (empty + power_sum)
    if raw <= _SMALL_RANGE and empty:
        raw = HLL_REGISTERS * math.log(HLL_REGISTERS / empty)
    return round(raw)


def bin_middle_ms(index: int) -> float:
    """Return the middle of duration bin *index*: at most 0.4 % from any duration in it, exact below 256 ms."""
    low, high = bin_bounds_ms(index)
    return (low + high) / 2
