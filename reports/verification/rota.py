"""The lottery of a trial, drawn anew from the registered seed as its documentation says, without the road's code."""

import hashlib
from collections.abc import Iterable
from typing import Any

from reports.verification.snapshot import TrialSnapshot
from schemas.event import parse_time_ms
from schemas.timing import DAY_MS, day_of

PERIOD_DAYS = {"day": 1, "week": 7}


def rota(trial: TrialSnapshot) -> dict[str, Any] | None:
    """Return what was drawn, as the report's JSON has it; None where the trial registers no lottery.

    In each block places and arms stand in the order of the SHA-256 of `seed/trial/block/place:ID` and `…/arm:ID`; the
    place of rank i has in the block's period j the arm of rank (i + j) modulo the number of arms.
    """
    if trial.rota is None:
        return None
    days = list(range(day_of(trial.starts_ms), trial.ends_ms, DAY_MS))
    length, arms = PERIOD_DAYS[trial.rota.block], trial.arms
    periods = -(-len(days) // length)
    drawn: dict[str, list[str]] = {place: [] for place in sorted(set(trial.rota.places))}
    for block in range(-(-periods // len(arms))):
        salt = f"{trial.rota.seed}/{trial.trial}/{block}"
        order = _by_hash(arms, f"{salt}/arm")
        for rank, place in enumerate(_by_hash(drawn, f"{salt}/place")):
            drawn[place] += [order[(rank + period) % len(arms)] for period in range(len(arms))]
    numbers = {place: " ".join(str(arms.index(arm)) for arm in found[:periods]) for place, found in drawn.items()}
    return {
        "seed": trial.rota.seed,
        "block": trial.rota.block,
        "places": [{"place": place, "drawn": said} for place, said in numbers.items()],
        "other_days": sum(
            placement.arm_at(day) != drawn[placement.place][number // length]
            for placement in trial.placements
            if placement.place in drawn
            for number, day in enumerate(days)
            if day_of(parse_time_ms(placement.from_)) <= day < parse_time_ms(placement.until)
        ),
    }


def _by_hash(names: Iterable[str], salt: str) -> list[str]:
    return sorted(names, key=lambda name: hashlib.sha256(f"{salt}:{name}".encode()).digest())
