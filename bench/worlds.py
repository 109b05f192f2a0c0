"""Trials that are drawn: places, days and uses anew each time, and a truth that is known."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from reports.stats.trial_grid import BEFORE, NOTHING, TrialGrid
from reports.stats.trial_rows import UnitRow

Floats = npt.NDArray[np.float64]
Rota = Literal["by day", "by week", "all at once", "drawn", "once each", "before and after", "side by side"]
Measure = Literal["share", "counts", "counts, many days none", "revenue", "durations"]
BEFORE_DAYS = 14
PERCENT = 95
"""Which percentile is compared of durations."""
WITHIN = 0.6
"""Standard deviation of the logarithms of a unit's durations."""


@dataclass(frozen=True, slots=True)
class World:
    """What is drawn. Standard deviations are of logits or logarithms; *effect* is in points of a share.

    Of counts, revenue and durations *effect* is by what share the arm's are more.
    """

    rota: Rota
    places: int = 3
    """An arm's."""
    others: int | None = None
    """The baseline's places, where they are not as many."""
    arms: int = 2
    metrics: int = 1
    """Primary ones, which have nothing to do with each other; the effect is in the first."""
    measure: Measure = "share"
    place: float = 0.5
    street: float = 0.6
    own: float = 0.3
    carried: float = 0.0
    """How much of a placement-day's own luck goes on to the next day (AR 1)."""
    street_carried: float = 0.0
    """The same of what the street's days share."""
    together: float = 0.0
    """What all of an arm's places share on a day, half of it going on to the next."""
    moved: float = 0.0
    """By what places change for themselves when the trial begins."""
    week: float = 0.0
    uses: float = 40.0
    pareto: bool = False
    """Whether places differ in traffic, as Pareto's law with 1.5 has it."""
    rate: float = 0.8
    effect: float = 0.0
    fades: float = 0.0
    """Days after which a third of the effect is left."""
    late: int = 0
    """Days after which the last place opens."""
    silent: float = 0.0
    """Share of placement-days without data; of busy days twice as many."""
    closed: bool = False
    """Whether the street is closed for a week in the third."""
    before: int = BEFORE_DAYS
    days: int = 60

    @property
    def arm_names(self) -> tuple[str, ...]:
        """Return the arms, the baseline first."""
        return ("baseline", "pilot", *(f"pilot-{number}" for number in range(2, self.arms)))


@dataclass(frozen=True, slots=True)
class DrawnTrials:
    """Trials with units in the same cells, and what is true of each."""

    grid: TrialGrid
    first_day: int
    truth: Floats
    """By how much the pilot's units are better, on average to the end of each day of the trial."""
    expected: Floats
    """What each unit would come to as the pilot's, on average over the luck of days; no number where it wears off."""
    others: tuple[TrialGrid, ...] = ()
    """The same trials' further primary metrics."""
    durations: Floats | None = None
    """Of each unit's uses, along a last axis; those that there are not are endless."""


def draw(world: World, trials: int, rng: np.random.Generator) -> DrawnTrials:
    """Return *trials* of *world*; silence and drawn rotas are the same for all of them."""
    before = world.before if world.rota == "before and after" else 0
    theirs = world.places if world.others is None else world.others
    shape = (theirs + world.places * (world.arms - 1), before + world.days)
    arms = _arms(world, shape, before, rng)
    luck, fixed = _luck(world, arms == 1, trials, rng)
    if world.measure == "durations":
        return _of_durations(world, arms, (luck, fixed), rng)
    top, bottom, gain = _measured(world, arms == 1, luck, rng)
    there = _there(world, bottom[0], before, rng)
    numbers = np.where(np.arange(shape[1]) < before, BEFORE, arms)
    by_day = gain[..., before:].mean(axis=-2)
    grid = TrialGrid(
        arms=world.arm_names,
        places=tuple(f"place-{place:02}" for place in range(shape[0])),
        first_weekday=0,
        days=np.arange(shape[1]),
        arm=np.where(there, numbers, NOTHING),
        top=np.where(there, top, 0.0),
        bottom=np.where(there, bottom, 0.0),
    )
    truth = np.cumsum(by_day, axis=-1) / np.arange(1, world.days + 1)
    others = []
    for _ in range(world.metrics - 1):
        apart, _ = _luck(world, arms == 1, trials, rng)
        measured, _, _ = _measured(replace(world, effect=0.0), arms == 1, apart, rng)
        others.append(replace(grid, top=np.where(there, measured, 0.0)))
    return DrawnTrials(grid, before, truth, _expected(world, fixed), tuple(others))


def _of_durations(
    world: World, arms: npt.NDArray[np.int64], lucks: tuple[Floats, Floats], rng: np.random.Generator
) -> DrawnTrials:
    """Return trials whose uses take lognormal times; the truth is that of the 95th percentile."""
    luck, fixed = lucks
    shape, before = luck.shape, luck.shape[-1] - world.days
    uses = np.maximum(1, rng.poisson(world.uses, shape))
    logs = 8 + luck[..., None] + rng.normal(0, WITHIN, (*shape, int(uses.max())))
    logs += math.log(1 + world.effect) * (arms == 1)[..., None]
    durations = np.where(np.arange(logs.shape[-1]) < uses[..., None], np.ceil(np.exp(logs)), np.inf)
    grid = TrialGrid(
        arms=world.arm_names,
        places=tuple(f"place-{place:02}" for place in range(shape[1])),
        first_weekday=0,
        days=np.arange(shape[2]),
        arm=np.where(np.arange(shape[2]) < before, BEFORE, arms),
        top=np.zeros(shape),
        bottom=uses.astype(float),
    )
    spread = math.sqrt(world.street**2 + world.own**2 + WITHIN**2)
    low, high = np.zeros(shape[0]), np.full(shape[0], 20.0)
    for _ in range(60):
        middle = (low + high) / 2
        reached = ndtr((middle[:, None] - 8 - fixed[..., 0]) / spread).mean(axis=-1) >= PERCENT / 100
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    truth = np.repeat(world.effect * np.exp(high)[:, None], world.days, axis=1)
    return DrawnTrials(grid, before, truth, np.full(fixed.shape, math.nan), durations=durations)


def rows_of(grid: TrialGrid, trial: int) -> list[UnitRow]:
    """Return one of the *grid*'s trials as the rows that `judge` takes."""
    return [
        UnitRow(
            "before" if grid.arm[place, day] == BEFORE else "trial",
            "" if grid.arm[place, day] == BEFORE else grid.arms[int(grid.arm[place, day])],
            grid.places[place],
            int(grid.days[day]),
            float(grid.top[trial, place, day]),
            float(grid.bottom[trial, place, day]),
        )
        for place, day in zip(*np.nonzero(grid.arm != NOTHING), strict=True)
    ]


def _arms(world: World, shape: tuple[int, int], before: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    place, day = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    match world.rota:
        case "by day":
            return (place + day) % world.arms
        case "by week":
            return (place + day // 7) % world.arms
        case "all at once":
            return (0 * place + day) % world.arms
        case "drawn":
            return rng.integers(0, world.arms, shape)
        case "once each":
            # The places begin with the arm one after the other, three days apart, from day 10 on.
            return (day >= 10 + 3 * place).astype(np.int64)
        case _:
            theirs = shape[0] - world.places * (world.arms - 1)
            arm = np.where(place < theirs, 0, 1 + (place - theirs) // world.places)
            return np.where(day >= before, arm, 0)


def _luck(world: World, treated: npt.NDArray[np.bool_], trials: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return what places, the street's days and placement-days add, in logits or logarithms; and what of it stays."""
    places, days = treated.shape
    own = _carried(rng.normal(0, world.own, (trials, places, days)), world.carried)
    street = _carried(rng.normal(0, world.street, (trials, 1, days)), world.street_carried)
    fixed = rng.normal(0, world.place, (trials, places, 1)) + world.week * np.sin(2 * math.pi * np.arange(days) / 7)
    if world.moved:
        fixed += rng.normal(0, world.moved, (trials, places, 1)) * (np.arange(days) >= world.before)
    luck: Floats = fixed + street + own
    if world.together:
        luck += treated * _carried(rng.normal(0, world.together, (trials, 1, days)), 0.5)
    return luck, fixed


def _expected(world: World, fixed: Floats) -> Floats:
    """Return the mean over the luck of days, by Gauss and Hermite."""
    square = world.street**2 + world.own**2 + world.together**2
    if world.measure != "share":
        scale = {"revenue": 1.0, "counts": world.uses, "counts, many days none": world.uses / 2}[world.measure]
        mean: Floats = scale * np.exp(fixed + square / 2) * (1 + world.effect)
        return mean
    if world.fades:
        return np.full(fixed.shape, math.nan)
    found = np.zeros(fixed.shape)
    at, weights = np.polynomial.hermite_e.hermegauss(21)
    for node, weight in zip(at, weights, strict=True):
        chance = 1 / (1 + np.exp(-(math.log(world.rate / (1 - world.rate)) + fixed + node * math.sqrt(square))))
        found += weight / weights.sum() * np.clip(chance + world.effect, 0, 1)
    return found


def _carried(luck: Floats, share: float) -> Floats:
    for day in range(1, luck.shape[-1]):
        luck[..., day] = share * luck[..., day - 1] + math.sqrt(1 - share**2) * luck[..., day]
    return luck


def _measured(
    world: World, treated: npt.NDArray[np.bool_], luck: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Return numerators, denominators, and by what each unit would be more with the arm than without."""
    shape, full = luck.shape, np.ones(luck.shape)
    trials = shape[0]
    if world.measure != "share":
        mean = (1.0 if world.measure == "revenue" else world.uses) * np.exp(luck)
        if world.measure == "counts, many days none":
            mean *= rng.random(shape) < 0.5
        seen = mean * (1 + world.effect * treated)
        return seen if world.measure == "revenue" else rng.poisson(seen).astype(float), full, mean * world.effect
    chance = 1 / (1 + np.exp(-(math.log(world.rate / (1 - world.rate)) + luck)))
    faded = np.exp(-np.arange(shape[2]) / world.fades) if world.fades else np.ones(shape[2])
    helped = np.clip(chance + world.effect * faded, 0, 1)
    crowd = rng.pareto(1.5, (trials, shape[1], 1)) + 0.3 if world.pareto else np.ones((trials, shape[1], 1))
    uses = np.maximum(1, rng.poisson(np.maximum(world.uses * crowd, 3) * full))
    done = rng.binomial(uses, np.where(treated, helped, chance))
    return done.astype(float), uses.astype(float), helped - chance


def _there(world: World, bottom: Floats, before: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return which placement-days have data."""
    busy = bottom > np.median(bottom)
    there = rng.random(bottom.shape) >= world.silent * np.where(busy, 4 / 3, 2 / 3)
    there[-1, : before + world.late if world.late else 0] = False
    if world.closed:
        there[:, before + 16 : before + 23] = False
    return there


WORLDS: Mapping[str, World] = {
    "switching by day": World("by day"),
    "switching by day, every placement-day alike": World("by day", place=0, street=0, own=0),
    "switching by day, one place an arm": World("by day", places=1),
    "switching by day, six places": World("by day", places=6),
    "switching by day, luck carried over": World("by day", carried=0.5),
    "switching by day, unequal traffic": World("by day", pareto=True, uses=20),
    "switching by day, weekdays": World("by day", week=0.5),
    "switching by day, 6 units": World("by day", places=1, days=3),
    "switching by day, 14 days": World("by day", days=14),
    "switching by day, 20 days": World("by day", days=20),
    "switching by day, 28 days": World("by day", days=28),
    "switching by day, 100 days": World("by day", days=100),
    "switching by day, revenue": World("by day", measure="revenue", own=1.0),
    "switching by day, revenue +30 %": World("by day", measure="revenue", own=1.0, effect=0.3),
    "switching by day, counts": World("by day", measure="counts"),
    "switching by day, counts, many days none": World("by day", measure="counts, many days none", uses=4),
    "switching by day, rate near 1": World("by day", rate=0.985),
    "switching by day, a place opens late": World("by day", late=25),
    "switching by day, silent on busy days": World("by day", silent=0.3),
    "switching by day, closed for a week": World("by day", closed=True),
    "switching by day, novelty fades": World("by day", rate=0.7, effect=0.1, fades=10),
    "switching by day, five arms": World("by day", places=2, arms=5),
    "switching by day, +5 points, five arms": World("by day", places=2, arms=5, rate=0.75, effect=0.05),
    "switching by day, two metrics": World("by day", metrics=2),
    "switching by day, two metrics, luck carried over": World("by day", metrics=2, carried=0.5),
    "switching by day, two metrics of two arms": World("by day", places=2, arms=3, metrics=2),
    "switching by day, two metrics of two arms, +8 points in one": World(
        "by day", places=2, arms=3, metrics=2, rate=0.75, effect=0.08
    ),
    "switching by day, five metrics of two arms, luck carried over": World(
        "by day", places=2, arms=3, metrics=5, carried=0.5
    ),
    "switching by day, p95 of durations": World("by day", measure="durations", place=0.3, street=0.3, uses=20),
    "switching by day, p95 of durations +10 %": World(
        "by day", measure="durations", place=0.3, street=0.3, uses=20, effect=0.1
    ),
    "switching by day, most luck carried over": World("by day", carried=0.8, uses=400),
    "switching by day, places far apart": World("by day", place=1.5),
    "switching by day, 600 units": World("by day", places=5),
    "switching by week": World("by week"),
    "switching by week, luck carried over": World("by week", carried=0.5),
    "switching everywhere at once": World("all at once"),
    "switching as drawn": World("drawn"),
    "switching once each": World("once each"),
    "switching once each, luck carried over": World("once each", carried=0.5),
    "switching by day, +8 points": World("by day", rate=0.75, effect=0.08),
    "before and after": World("before and after"),
    "before and after, one place an arm": World("before and after", places=1),
    "before and after, six places": World("before and after", places=6),
    "before and after, luck carried over": World("before and after", carried=0.5),
    "before and after, one place an arm, luck carried over": World("before and after", places=1, carried=0.5),
    "before and after, six places, luck carried over": World("before and after", places=6, carried=0.5),
    "before and after, most luck carried over": World("before and after", carried=0.8, uses=400),
    "before and after, a week before": World("before and after", before=7),
    "before and after, ten days before, weekdays": World("before and after", before=10, week=0.5),
    "before and after, unequal traffic": World("before and after", pareto=True, uses=20),
    "before and after, weekdays": World("before and after", week=0.5, street=0.3),
    "before and after, 28 days": World("before and after", days=28),
    "before and after, 100 days": World("before and after", days=100),
    "before and after, one place against five": World("before and after", places=1, others=5),
    "before and after, revenue": World("before and after", measure="revenue", own=1.0),
    "before and after, counts": World("before and after", measure="counts"),
    "before and after, silent on busy days": World("before and after", silent=0.3),
    "before and after, a place opens late": World("before and after", late=10),
    "before and after, closed for a week": World("before and after", closed=True),
    "before and after, novelty fades": World("before and after", rate=0.7, effect=0.1, fades=10),
    "before and after, rate near 1": World("before and after", rate=0.985),
    "before and after, five arms": World("before and after", places=2, arms=5),
    "before and after, two metrics": World("before and after", metrics=2),
    "before and after, two metrics of two arms": World("before and after", arms=3, metrics=2),
    "before and after, two metrics of two arms, +8 points in one": World(
        "before and after", arms=3, metrics=2, rate=0.75, effect=0.08
    ),
    "before and after, p95 of durations": World(
        "before and after", measure="durations", place=0.3, street=0.3, uses=20
    ),
    "before and after, 14 days": World("before and after", days=14),
    "before and after, 6 units": World("before and after", places=1, days=3),
    "before and after, 600 units": World("before and after", places=5),
    "before and after, a month before": World("before and after", before=28),
    "before and after, +8 points": World("before and after", rate=0.75, effect=0.08),
    "side by side": World("side by side"),
    "side by side, places alike": World("side by side", place=0.0),
    "side by side, places differ a little": World("side by side", place=0.15),
    "side by side, six places": World("side by side", places=6),
    "side by side, 100 days": World("side by side", days=100),
    "side by side, two places against ten": World("side by side", places=2, others=10),
    "side by side, revenue": World("side by side", measure="revenue", own=1.0, places=6),
    "side by side, luck carried over": World("side by side", carried=0.5),
    "side by side, weekdays": World("side by side", week=0.5),
    "side by side, unequal traffic": World("side by side", pareto=True, uses=20),
    "side by side, counts": World("side by side", measure="counts", places=6),
    "side by side, a place opens late": World("side by side", late=10),
    "side by side, silent on busy days": World("side by side", silent=0.3),
    "side by side, novelty fades": World("side by side", rate=0.7, effect=0.1, fades=10),
    "side by side, five arms": World("side by side", arms=5),
    "side by side, two metrics": World("side by side", metrics=2),
    "side by side, two metrics of two arms": World("side by side", arms=3, metrics=2),
    "side by side, p95 of durations": World(
        "side by side", measure="durations", place=0.3, street=0.3, uses=20, places=6
    ),
    "side by side, 6 units": World("side by side", days=1),
    "side by side, 600 units": World("side by side", places=5),
    "one place an arm": World("side by side", places=1),
}

BEYOND: Mapping[str, World] = {
    "before and after, most luck carried over, one place an arm": World(
        "before and after", carried=0.8, uses=400, places=1
    ),
    "before and after, places change when it begins": World("before and after", uses=400, moved=0.2),
    "before and after, most of what the street shares carried over": World(
        "before and after", street_carried=0.7, uses=400, own=0.0
    ),
    "switching by day, an arm's places have days together": World("by day", uses=400, together=0.3),
}
"""What the method does not promise to hold in; drawn to know how far it is off."""
