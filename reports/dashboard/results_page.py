"""The results table: of each metric baseline and arm, what they stand on, and the lift drawn to one scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from reports.dashboard.readout_page import ReadoutPage
from reports.metrics import METRICS
from reports.presentation.names import arm_name
from reports.presentation.scales import LinearScale, scale_of
from reports.queries.readout import ArmLift, ArmReadout, Role
from schemas.registry import MetricId

EDGE = 3
"""So much of a hundred is left free at both ends of a drawing, for the dot at its end."""


@dataclass(frozen=True, slots=True)
class ResultsPage:
    """One readout as a table in one language; the words are the readout page's."""

    readout: ReadoutPage

    def values(self) -> dict[str, Any]:
        """Return what the template needs: a block for each metric, with a row for each arm that is compared."""
        told = self.readout.values()
        rows = {metric: list(found) for metric, found in groupby(self.readout.found.rows, key=_metric)}
        blocks = [self._block(block, rows[block["id"]]) for block in told["blocks"]]
        return {
            "blocks": blocks,
            "drawn": any(row["drawn"] for block in blocks for row in block["rows"]),
            "confidence": told["confidence"],
            "compared": told["compared"],
            "secondary": told["secondary"],
            "baseline": told["baseline"],
            "arm": self._only_arm(),
            "silent_drawn": any(_silent(row) for found in rows.values() for row in found),
        }

    def _only_arm(self) -> str:
        """Return what the one arm that is compared is called, '' where there are more."""
        others = [arm for arm in self.readout.trial.arms if arm != self.readout.found.baseline_arm]
        return arm_name(others[0], self.readout.words) if len(others) == 1 else ""

    def _block(self, block: Mapping[str, Any], rows: Sequence[ArmReadout]) -> dict[str, Any]:
        role: Role = rows[0].role
        told = dict(zip((row.arm for row in rows), block["rows"], strict=True))
        baseline = next((row for row in rows if row.arm == self.readout.found.baseline_arm), None)
        compared = [row for row in rows if row.lift is not None]
        drawn = self._drawn(compared, baseline)
        return {
            **{name: block[name] for name in ("id", "name", "per_unit", "role")},
            "role_name": self.readout.words.say("Secondary") if role == "other" else block["role_name"],
            "baseline": told[baseline.arm] if baseline else None,
            "rows": [told[row.arm] | {"drawn": drawn.get(row.arm)} for row in (compared or rows)],
        }

    def _drawn(self, compared: Sequence[ArmReadout], baseline: ArmReadout | None) -> dict[str, dict[str, Any]]:
        """Return each lift's drawing, all of one metric to one scale; nothing where no lift is known."""
        ends = {row.arm: _ends(row) for row in compared}
        known = [end for found in ends.values() for end in found if end is not None]
        if not known or not compared:
            return {}
        effects = self._effects(compared[0].metric, baseline)
        silent = [end for row in compared for end in _silent(row)]
        scale = scale_of([0.0, *known, *effects, *silent], start=EDGE, end=100 - EDGE, margin=0.0)
        return {
            row.arm: _lift_drawing(row, scale, effects)
            for row in compared
            if row.lift is not None and ends[row.arm][0] is not None
        }

    def _effects(self, metric: MetricId, baseline: ArmReadout | None) -> list[float]:
        """Return the smallest differences looked for, as they are drawn; those of the primary metric are registered."""
        effect, trial = self.readout.trial.smallest_effect, self.readout.trial
        if not effect or metric != trial.primary_metric:
            return []
        if METRICS[metric].unit != "share":
            if baseline is None or not baseline.estimate or baseline.estimate <= 0:
                return []
            effect /= baseline.estimate
        return {"higher": [effect], "lower": [-effect], "neither": [-effect, effect]}[METRICS[metric].better]


def _metric(row: ArmReadout) -> MetricId:
    return row.metric


def _ends(row: ArmReadout) -> tuple[float | None, float | None, float | None]:
    """Return the lift and its bounds as they are written: shares by their difference, all others per cent."""
    lift = row.lift or ArmLift()
    if METRICS[row.metric].unit == "share":
        return lift.absolute, lift.absolute_low, lift.absolute_high
    return lift.relative, lift.relative_low, lift.relative_high


def _silent(row: ArmReadout) -> list[float]:
    """Return the outer bounds that silent days leave, where they are drawn in the metric's own unit."""
    silence = row.lift.silence if row.lift else None
    if silence is None or silence.low is None or silence.high is None or METRICS[row.metric].unit != "share":
        return []
    return [silence.low, silence.high]


def _lift_drawing(row: ArmReadout, scale: LinearScale, effects: Sequence[float]) -> dict[str, Any]:
    at, low, high = _ends(row)
    silent = _silent(row)
    return {
        "zero": scale.at(0.0),
        "effects": [scale.at(effect) for effect in effects],
        "at": None if at is None else scale.at(at),
        "from": None if low is None else scale.at(low),
        "to": None if high is None else scale.at(high),
        "silent": [scale.at(end) for end in silent],
    }
