"""Trials of every design on a small street, their events, and the rows of a verdict worked out in plain Python."""

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from registry.directory import Directory
from reports.presentation.health import health_words
from reports.presentation.language import Language, translator
from reports.queries.health_lines import HealthLine
from schemas.lines import StoredEvent
from tests.support.reports_harness import DAY, HOUR, START, directory, event, expected

SHANGHAI = timezone(timedelta(hours=8))
ARMS = ("baseline", "pilot")
TRIAL = "neuro"


@dataclass(frozen=True)
class Standing:
    """A placement: where, in which arm, from which until before which hour since the trial's start."""

    place: str
    arm: str
    from_h: int
    until_h: int

    @property
    def placement(self) -> str:
        """Its id."""
        return f"{self.place}-{self.arm}-{self.from_h + 1000}"


def switching(places: int, days: int) -> list[Standing]:
    """Return places that change their arm each day, half of them on the one foot and half on the other."""
    return [
        Standing(f"s{n}", ARMS[(n + day) % 2], 24 * day, 24 * (day + 1)) for n in range(places) for day in range(days)
    ]


def side_by_side(places: int, days: int, *, before: int = 0) -> list[Standing]:
    """Return so many places of each arm that keep it, standing there *before* so many days already."""
    return [Standing(f"{arm[0]}{n}", arm, -24 * before, 24 * days) for arm in ARMS for n in range(places)]


def street(standings: Iterable[Standing], *, before_days: int = 0, days: int = 60, **trial: Any) -> Directory:
    """Return a directory whose trial `neuro` has *standings*; *trial* changes its fields."""
    text = {"zh": "假设", "en": "hypothesis"}
    fields = {
        "id": TRIAL,
        "product": "neuro-band",
        "arms": list(ARMS),
        "hypothesis": text,
        "primary_metric": "success_rate",
        "starts": _hour(0),
        "ends": _hour(24 * days),
        **({"baseline_from": _hour(-24 * before_days)} if before_days else {}),
        **trial,
    }
    placements = [
        {
            "id": one.placement,
            "trial": TRIAL,
            "arm": one.arm,
            "place": one.place,
            "account": "sunmi-main",
            "metre": 10,
            "side": "north",
            "from": _hour(one.from_h),
            "until": _hour(one.until_h),
        }
        for one in standings
    ]
    return directory(trials=[fields], placements=placements)


def _hour(hours: int) -> str:
    return (datetime.fromtimestamp(START / 1000, SHANGHAI) + timedelta(hours=hours)).isoformat()


def events_of(
    standings: Iterable[Standing], rng: random.Random, *, uses: int = 8, spread: float = 0.5, silent: float = 0.0
) -> list[StoredEvent]:
    """Return uses of each placement and day: places differ by *spread* (logit), arms do not; some days are *silent*."""
    level: dict[str, float] = defaultdict(lambda: rng.gauss(1.4, spread))
    found: list[dict[str, Any]] = []
    for one in standings:
        chance = 1 / (1 + math.exp(-level[one.place]))
        for day_h in range(one.from_h, one.until_h, 24):
            if rng.random() < silent:
                continue
            found += [_use(one, day_h, chance, rng) for _ in range(rng.randrange(1, 2 * uses))]
    return [event(n, **fields) for n, fields in enumerate(found)]


def _use(one: Standing, day_h: int, chance: float, rng: random.Random) -> dict[str, Any]:
    hours = min(24, one.until_h - day_h)
    kind = rng.choices(["use.completed", "exposure", "order.paid"], [6, 2, 1])[0]
    return {
        "placement_id": one.placement,
        "arm": one.arm if day_h >= 0 else "",
        "occurred_ms": START + day_h * HOUR + rng.randrange(hours * HOUR),
        "kind": kind,
        "subject": f"{rng.randrange(40):032x}",
        "outcome": ("ok" if rng.random() < chance else "failed") if kind == "use.completed" else "",
        "duration_ms": int(rng.lognormvariate(8, 0.6)) if kind == "use.completed" else None,
        "amount_fen": rng.randrange(1, 9000) if kind == "order.paid" else None,
    }


def plain_rows(events: Iterable[StoredEvent], place_of: Mapping[str, str], metric: str, now_ms: int) -> list[Any]:
    """Return the rows of *metric* for `judge`: of whole days at places, in the arm that the events name."""
    groups: dict[tuple[str, str, str, int], list[StoredEvent]] = defaultdict(list)
    for one in events:
        day = (one.occurred_ms - START) // DAY
        if one.placement_id and START + (day + 1) * DAY <= now_ms:
            period = "trial" if one.occurred_ms >= START else "before"
            groups[period, one.arm, place_of[one.placement_id], day].append(one)
    return [(*key, *_parts(metric, group)) for key, group in sorted(groups.items())]


def _parts(metric: str, group: list[StoredEvent]) -> tuple[float, float]:
    value, n = expected(metric, group)
    if metric in {"success_rate", "failure_rate", "abandon_rate", "duration_mean", "rating_mean", "refund_rate"}:
        return (value or 0.0) * n, n
    return value or 0.0, 1


def told(line: HealthLine, language: Language = "en") -> str:
    """Return what a line of the health list says in *language*."""
    return health_words(line, translator(language))
