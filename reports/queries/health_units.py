"""Health lines of a trial's placement-days: how many, which were silent, and whether they can be judged."""

from collections.abc import Mapping

from reports.health_rules import APART, ENOUGH_SEEN, FEW_CROSSING, FEW_SILENT, MANY_SILENT
from reports.queries.health_lines import HealthFinding, HealthLine, HealthState
from reports.queries.model import Number
from reports.queries.readout import ArmReadout, TrialReadout
from reports.stats.balance import balance
from schemas.registry import Trial

Numbers = Mapping[str, Number | None]


def unit_line(found: TrialReadout, planned: int | None, *, over: bool = False) -> HealthLine:
    """Return how many placement-days there are, and what stands outside them; of a trial that is *over*, all."""
    units = found.units
    due, seen = len(units.due), len(units.counted)
    numbers: Numbers = {
        "due": due,
        "seen": seen,
        "planned": planned,
        "unfinished": len(units.unfinished),
        "changed": len(units.changed),
        "outside_events": units.outside_events,
    }
    wanted = max(due, planned or 0) if over else due
    state: HealthState = "unknown" if not due else "good" if seen >= ENOUGH_SEEN * wanted else "warning"
    return HealthLine("units", state, "counted", numbers)


def silent_line(found: TrialReadout, primary: list[ArmReadout]) -> HealthLine:
    """Return which share of each arm's days was silent, and whether that could have hidden another verdict."""
    due, silent = (found.units.by_arm(units) for units in (found.units.due, found.units.silent))
    shares = {arm: silent[arm] / n for arm, n in due.items() if n}
    numbers: Numbers = {f"silent_{arm}": n for arm, n in silent.items()} | {f"due_{arm}": n for arm, n in due.items()}
    if not shares:
        return HealthLine("silent", "unknown", "none_due", numbers)
    if max(shares.values()) <= 0:
        return HealthLine("silent", "good", "none_silent", numbers)
    changes = any(row.lift is not None and row.lift.silence is not None and row.lift.silence.changes for row in primary)
    judged = any(row.lift is not None and row.lift.absolute_low is not None for row in primary)
    finding: HealthFinding = "would_change" if changes else "would_hold" if judged else "not_judged"
    return HealthLine("silent", _silent_state(list(shares.values()), changes=changes), finding, numbers)


def _silent_state(shares: list[float], *, changes: bool) -> HealthState:
    if changes or max(shares) >= MANY_SILENT or max(shares) - min(shares) >= APART:
        return "bad"
    return "good" if max(shares) <= FEW_SILENT else "warning"


def balance_line(found: TrialReadout) -> HealthLine:
    """Return whether the arms reported in the planned proportion."""
    due, came = (found.units.by_arm(units) for units in (found.units.due, found.units.counted))
    checked = balance(due, came)
    numbers: Numbers = {"p_value": checked.p_value, **came}
    if checked.p_value is None:
        return HealthLine("balance", "unknown", "no_two_arms", numbers)
    if checked.alarming:
        return HealthLine("balance", "bad", "unequal", numbers)
    shares = [came[arm] / n for arm, n in due.items() if n]
    if max(shares) - min(shares) >= APART:
        return HealthLine("balance", "warning", "unlike", numbers)
    return HealthLine("balance", "good", "as_planned", numbers)


def judged_line(found: TrialReadout, trial: Trial, primary: list[ArmReadout]) -> HealthLine:
    """Return whether the primary metric can be judged, else why not."""
    counted = found.units.by_arm(found.units.counted)
    numbers: Numbers = {"fewest": min(counted.values(), default=0)}
    judged = [row.lift for row in primary if row.lift is not None] if len(trial.arms) > 1 else primary
    whys = [one.why for one in judged if one.why is not None]
    if not whys:
        return HealthLine("blocks", "good", "judged", numbers)
    not_yet = whys[0] == "one_place" and found.planned_design == "switching"
    return HealthLine("blocks", "warning", "not_yet_changed" if not_yet else whys[0], numbers)


def crossover_lines(found: TrialReadout) -> tuple[HealthLine, ...]:
    """Return how many people came to both arms, where that was asked and any did."""
    if found.crossover is None or not found.crossover.both:
        return ()
    both, people = found.crossover.both, found.crossover.people
    state: HealthState = "good" if both <= FEW_CROSSING * people else "warning"
    return (HealthLine("crossover", state, "both_arms", {"both": both, "people": people}),)
