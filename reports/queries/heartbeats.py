"""Signs of life of a trial's placements, and their switches: from summed days where they hold, else as they came."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.queries import sources
from reports.queries.context import QueryContext, range_parameters
from reports.queries.model import Interval
from reports.queries.sources import RollupSplit, split_interval
from reports.queries.spans import step_start


@dataclass(frozen=True, slots=True)
class PlacementHeartbeats:
    """What a trial's placements said of themselves in an interval; some of what lies before it may be there too."""

    hours: Mapping[tuple[str, int], int]
    """How many events came, by placement and start of an hour."""
    spans: Mapping[str, list[tuple[int, int]]]
    """Spans (first, last), in order, that hold no silence longer than the placement's; some may belong together."""


def heartbeats(
    context: QueryContext, trial_id: str, interval: Interval, silences_ms: Mapping[str, int]
) -> PlacementHeartbeats:
    """Return the signs of *interval*; an answer reads them once. *silences_ms* are the trial's, by placement."""
    key = "heartbeats", trial_id, interval
    if key not in context.memo:
        context.memo[key] = _read_heartbeats(context, trial_id, interval, silences_ms)
    found: PlacementHeartbeats = context.memo[key]
    return found


def hours(
    context: QueryContext, trial_id: str, interval: Interval, silences_ms: Mapping[str, int]
) -> Mapping[tuple[str, int], int]:
    """Return how many events came in each hour of *interval*, and maybe in others, by placement and start."""
    for key, found in context.memo.items():
        match key:
            case ("heartbeats", known, Interval(from_ms, to_ms)) if known == trial_id:
                if from_ms <= interval.from_ms and interval.to_ms <= to_ms:
                    read: PlacementHeartbeats = found
                    return read.hours
    return heartbeats(context, trial_id, interval, silences_ms).hours


def _read_heartbeats(
    context: QueryContext, trial_id: str, interval: Interval, silences_ms: Mapping[str, int]
) -> PlacementHeartbeats:
    split = _split_until(context, trial_id, interval.to_ms)
    hours: dict[tuple[str, int], int] = defaultdict(int)
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for placement, starts, events, firsts, lasts, *_ in _rolled_rows(context, trial_id, split, silences_ms):
        hours.update(zip(zip(repeat(placement), _ms(starts)), _list(events), strict=True))
        spans[placement] += _pairs(firsts, lasts)
    # Whole days: what is summed is then the same as for switches, and no day is in both parts.
    from_ms = step_start(interval.from_ms, "day")
    ranges = [Interval(max(r.from_ms, from_ms), r.to_ms) for r in split.unrolled if r.to_ms > from_ms]
    source = (sources.by_minute if silences_ms else sources.by_ranges)(context.span(trial_id), ranges)
    answer = source.rows(context, "heartbeats_unrolled", _silent(silences_ms))
    for placement, start, events, firsts, lasts in answer:
        hours[placement, start * 1000] += events
        spans[placement] += _pairs(firsts, lasts)
    return PlacementHeartbeats(hours, {placement: sorted(found) for placement, found in spans.items()})


def switches(
    context: QueryContext, trial_id: str, until_ms: int, silences_ms: Mapping[str, int]
) -> Mapping[str, list[tuple[int, bool]]]:
    """Return what was switched before *until_ms*, by placement and in order: when, and whether on.

    Of two at the same instant the one that switches off comes first.
    """
    split = _split_until(context, trial_id, until_ms)
    found: dict[str, list[tuple[int, bool]]] = defaultdict(list)
    for placement, *_, at_ms, on in _rolled_rows(context, trial_id, split, silences_ms):
        found[placement] += [(at, bool(is_on)) for at, is_on in _pairs(at_ms, on)]
    parameters = {"trial": trial_id, **range_parameters("events", split.unrolled)}
    for placement, at, is_on in context.rows("heartbeats_switches", parameters, events=len(split.unrolled)):
        found[placement].append((at, bool(is_on)))
    return {placement: sorted(switched) for placement, switched in found.items() if switched}


def _split_until(context: QueryContext, trial_id: str, until_ms: int) -> RollupSplit:
    return split_interval(context, context.span(trial_id).product_id, Interval(0, until_ms))


def _rolled_rows(
    context: QueryContext, trial_id: str, split: RollupSplit, silences_ms: Mapping[str, int]
) -> Sequence[Sequence[Any]]:
    if not split.days:
        return ()
    given = {"product": context.span(trial_id).product_id, "trial": trial_id, **split.parameters}
    return context.cached_rows("heartbeats_days", given | _silent(silences_ms))


def _silent(silences_ms: Mapping[str, int]) -> dict[str, Any]:
    return {"silent_placements": list(silences_ms), "silences_ms": list(silences_ms.values())}


def _pairs(left: Iterable[int], right: Iterable[int]) -> list[tuple[int, int]]:
    return list(zip(_list(left), _list(right), strict=True))


def _list(values: Iterable[int]) -> list[int]:
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


def _ms(seconds: Sequence[int] | NDArray[Any]) -> list[int]:
    # As 64 bits: what is kept may be 32 bits wide.
    found: list[int] = (np.asarray(seconds, dtype=np.int64) * 1000).tolist()
    return found
