"""A trial's lottery in its report: the seed, what was drawn from it, and how many placement-days stand otherwise."""

import msgspec

from registry.rota import PERIOD_DAYS, draw_rota, rota_differences, rota_places
from reports.trial_report.content import TrialReport


class DrawnPlaceJson(msgspec.Struct, frozen=True):
    """What was drawn for a place: for each block of days the number of the arm among the trial's, from 0."""

    place: str
    drawn: str


class RotaJson(msgspec.Struct, frozen=True):
    """The lottery: anybody can draw it again from *seed* (registry/rota.py says how)."""

    seed: str
    block: str
    places: list[DrawnPlaceJson]
    other_days: int
    """Placement-days that the registry has in another arm than was drawn."""


def rota_json(report: TrialReport) -> RotaJson | None:
    """Return the lottery of the report's trial, None where its arms were not drawn by one."""
    trial, registry = report.trial, report.directory.registry
    if trial.rota is None or registry is None:
        return None
    drawn = draw_rota(trial, rota_places(registry, trial))
    step = PERIOD_DAYS[trial.rota.block]
    return RotaJson(
        seed=trial.rota.seed,
        block=trial.rota.block,
        places=[
            DrawnPlaceJson(place, " ".join(str(trial.arms.index(arm)) for arm in arms[::step]))
            for place, arms in drawn.arms.items()
        ],
        other_days=sum(len(one.days) for one in rota_differences(registry, trial, drawn)),
    )
