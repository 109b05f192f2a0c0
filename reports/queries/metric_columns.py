"""From metrics to the columns of one SELECT, and from its rows to values: the arithmetic of every one."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from reports.metrics import (
    MEASURES,
    METRICS,
    DistinctRule,
    DueShareRule,
    QuantileRule,
    RatioRule,
    SumRule,
    percent_rank,
)
from reports.queries.model import Number
from schemas.cells import HLL_REGISTERS, RANK_BITS, bin_bounds_ms
from schemas.registry import MetricId

Layer = Literal["cells", "units", "events"]
"""What is summed: cells, the rows of `exact.by_unit`, or stored events one by one."""


_REGISTERS = (
    "arrayFilter((register, next) -> bitShiftRight(register, 6) != bitShiftRight(next, 6), "
    "arraySort(groupUniqArrayArray({0})) AS all_{0}, arrayShiftLeft(CAST(all_{0}, 'Array(UInt32)'), 1, 65536))"
)
"""Registers are packed as index << 6 | rank (`schemas.cells`): in order, the last of each index has its maximum."""
_BINS = "sumMapIf(duration_bins, duration_counts, kind = 'use.completed')"
DURATIONS = "arraySort(groupArrayIf(assumeNotNull(duration_ms), kind = 'use.completed' AND isNotNull(duration_ms)))"
"""Of uses, in order, from stored events."""
_EXACT_COLUMN = {"subjects": "subject", "sessions": "session_id"}

_ALPHA = 0.7213 / (1 + 1.079 / HLL_REGISTERS)
"""Bias correction for 128 registers and more: Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog", 2007, figure 3."""
_SMALL_RANGE = 2.5 * HLL_REGISTERS

KNOWN = 256
"""Lists of metrics whose columns are known, in the orders in which they are asked for."""

MetricValue = tuple[Number | None, int]
"""A metric's value, None where there is nothing to compute it from, and its n."""


@dataclass(frozen=True, slots=True, eq=False)
class MetricColumns:
    """What to select for *metrics*, by name: sums made while grouping, and what is derived from them row by row."""

    metrics: tuple[MetricId, ...]
    layer: Layer
    sums: Mapping[str, str]
    derived: Mapping[str, str]

    def values(self, row: Sequence[Any]) -> dict[MetricId, MetricValue]:
        """Return what the derived columns in *row* come to, by metric."""
        named = dict(zip(self.derived, row, strict=True))
        return {metric: value_of(metric, named, self.layer) for metric in self.metrics}


@dataclass(frozen=True, slots=True, eq=False)
class MergeableColumns:
    """What to select of cells for *metrics*, by name, where rows are merged afterwards."""

    metrics: tuple[MetricId, ...]
    sums: Mapping[str, str]

    def values(self, parts: Sequence[Mapping[str, Any]]) -> dict[MetricId, MetricValue]:
        """Return what rows, by the columns' names, come to together, by metric."""
        row = merged(self.metrics, parts)
        return {metric: value_of(metric, row, "cells") for metric in self.metrics}


@lru_cache(maxsize=KNOWN)
def columns_of(metrics: tuple[MetricId, ...], layer: Layer) -> MetricColumns:
    """Return the columns that *metrics* need, each once."""
    sums: dict[str, str] = {}
    derived: dict[str, str] = {}
    for metric in metrics:
        match METRICS[metric].rule:
            case SumRule(first, second) | RatioRule(first, second):
                for measure in (first, second):
                    sums[f"m_{measure}"] = _measure(measure, layer)
            case DistinctRule(column):
                sums["m_events"] = _measure("events", layer)
                _distinct(column, layer, sums, derived)
            case QuantileRule(percent):
                sums["m_timed_uses"] = _measure("timed_uses", layer)
                _quantile(percent, layer, sums, derived)
            case DueShareRule():
                pass
    derived = {**{name: name for name in sums if name.startswith("m_")}, **derived}
    return MetricColumns(metrics, layer, sums, derived)


@lru_cache(maxsize=KNOWN)
def mergeable_columns(metrics: tuple[MetricId, ...]) -> MergeableColumns:
    """Return the columns of cells that *metrics* need, each once; bins as two arrays."""
    found: dict[str, str] = {}
    for name, expression in columns_of(metrics, "cells").sums.items():
        if name == "bins":
            found |= {"bins_at": f"tupleElement({expression}, 1)", "bins_n": f"tupleElement({expression}, 2)"}
        else:
            found[name] = expression
    return MergeableColumns(metrics, found)


def needs_sets(metrics: Iterable[MetricId]) -> bool:
    """Tell whether one of *metrics* is counted from single people, sessions or durations."""
    return any(isinstance(METRICS[metric].rule, DistinctRule | QuantileRule) for metric in metrics)


def _measure(measure: str, layer: Layer) -> str:
    found = MEASURES[measure]
    return found.events if layer == "events" else found.cells


def _distinct(column: str, layer: Layer, sums: dict[str, str], derived: dict[str, str]) -> None:
    if layer == "events":
        name = _EXACT_COLUMN[column]
        sums[f"d_{column}"] = f"uniqExactIf({name}, {name} != '')"
        derived[f"d_{column}"] = f"d_{column}"
        return
    if layer == "units":
        sums[f"d_{column}"] = f"uniqExactArray({column})"
        derived[f"d_{column}"] = f"d_{column}"
        return
    sums[f"r_{column}"] = _REGISTERS.format(column)
    derived[f"seen_{column}"] = f"length(r_{column})"
    derived[f"power_{column}"] = f"arraySum(register -> exp2(-toFloat64(bitAnd(register, 63))), r_{column})"


def _quantile(percent: int, layer: Layer, sums: dict[str, str], derived: dict[str, str]) -> None:
    rank = f"intDiv(m_timed_uses * {percent} + 99, 100)"
    if layer != "cells":
        sums["all_durations"] = DURATIONS if layer == "events" else "arraySort(groupArrayArray(durations))"
        derived[f"q_{percent}"] = f"if(m_timed_uses = 0, 0, all_durations[{rank}])"
        return
    sums["bins"] = _BINS
    derived[f"q_{percent}"] = (
        "if(m_timed_uses = 0, 0, tupleElement(bins, 1)["
        f"arrayFirstIndex(reached -> reached >= {rank}, arrayCumSum(tupleElement(bins, 2)))])"
    )


def merged(metrics: tuple[MetricId, ...], parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one row of *parts*, of the columns of `mergeable_columns`: numbers added, registers and bins merged."""
    wanted = (name for name in columns_of(metrics, "cells").sums if name.startswith("m_"))
    row: dict[str, Any] = {name: sum(int(part[name]) for part in parts) for name in wanted}
    for metric in metrics:
        match METRICS[metric].rule:
            case DistinctRule(column) if f"seen_{column}" not in row:
                ranks = np.zeros(HLL_REGISTERS, dtype=np.int64)
                for part in parts:
                    packed = np.asarray(part[f"r_{column}"], dtype=np.int64)
                    np.maximum.at(ranks, packed >> RANK_BITS, packed & (1 << RANK_BITS) - 1)
                row[f"seen_{column}"] = int(np.count_nonzero(ranks))
                row[f"power_{column}"] = float(np.exp2(-ranks[ranks > 0].astype(np.float64)).sum())
            case QuantileRule(percent):
                row[f"q_{percent}"] = _bin_of_rank(parts, percent_rank(row["m_timed_uses"], percent))
            case _:
                pass
    return row


def _bin_of_rank(parts: Sequence[Mapping[str, Any]], rank: int) -> int:
    found: Counter[int] = Counter()
    for part in parts:
        for at, n in zip(part["bins_at"], part["bins_n"], strict=True):
            found[int(at)] += int(n)
    for at in sorted(found):
        rank -= found[at]
        if rank <= 0:
            return at
    return 0


def value_of(metric: MetricId, row: Mapping[str, Any], layer: Layer) -> tuple[Number | None, int]:
    """Return the value and n of *metric* from *row*, which holds what `columns_of` asked for."""
    match METRICS[metric].rule:
        case SumRule(measure, of):
            return int(row[f"m_{measure}"]), int(row[f"m_{of}"])
        case RatioRule(top, bottom):
            n = int(row[f"m_{bottom}"])
            return (row[f"m_{top}"] / n if n else None), n
        case DistinctRule(column):
            return _people(column, row, layer), int(row["m_events"])
        case QuantileRule(percent):
            n = int(row["m_timed_uses"])
            if not n:
                return None, 0
            found = int(row[f"q_{percent}"])
            return (bin_middle_ms(found) if layer == "cells" else found), n
        case DueShareRule():
            raise KeyError(f"{metric} is not computed from events")


def _people(column: str, row: Mapping[str, Any], layer: Layer) -> int:
    if layer != "cells":
        return int(row[f"d_{column}"])
    return estimate(int(row[f"seen_{column}"]), float(row[f"power_{column}"]))


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
