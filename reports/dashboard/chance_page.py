"""What would change the verdict, and what chance alone would show: silent days at their worst, random splits."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from reports.metrics import METRICS, DueShareRule, QuantileRule
from reports.presentation.differences import DifferenceFormatter
from reports.presentation.formats import LocaleFormatter
from reports.presentation.language import Translator
from reports.presentation.names import arm_name
from reports.presentation.scales import LinearScale, scale_of
from reports.presentation.verdicts import short_reason
from reports.queries.readout import ArmLift, ArmReadout, TrialReadout
from reports.queries.silence import SilenceBounds
from reports.queries.verdict_course import ArmCourse, PlaceboCount
from schemas.registry import MetricId, Trial

BARS_HEIGHT = 96
EDGE = 4
"""So near to the ends, in hundredths of the width, a number would stand out of the picture."""
FEW_SPLITS = 100
"""Where there are fewer different splits, chance is not worth a picture of a thousand."""


@dataclass(frozen=True, slots=True)
class ChancePage:
    """Of one primary metric of a trial, in one language."""

    found: TrialReadout
    trial: Trial
    courses: Sequence[ArmCourse]
    """Of that metric."""
    words: Translator
    metric: MetricId | None = None
    """None: the first that decides."""

    def values(self) -> dict[str, Any]:
        """Return what the template needs: a block for each arm but the baseline."""
        lifts = {row.arm: row for row in self._primary if row.lift is not None}
        courses = {course.arm: course for course in self.courses}
        return {
            "name": self.words.pick(METRICS[self.judged].name),
            "arms": [
                {
                    "arm": arm,
                    "name": arm_name(arm, self.words),
                    "silence": self._silence(arm, row.lift) if row.lift else None,
                    "placebo": self._placebo(arm, courses.get(arm), row.lift),
                }
                for arm, row in lifts.items()
            ],
            "height": BARS_HEIGHT,
        }

    @property
    def judged(self) -> MetricId:
        """The metric that this is about."""
        return self.metric or self.trial.primary_metric

    @property
    def _primary(self) -> list[ArmReadout]:
        return [row for row in self.found.rows if row.metric == self.judged]

    @property
    def _differences(self) -> DifferenceFormatter:
        return DifferenceFormatter.of(self.judged, self.words)

    @property
    def _formats(self) -> LocaleFormatter:
        return LocaleFormatter(self.words)

    def _silence(self, arm: str, lift: ArmLift) -> dict[str, Any]:
        found = lift.silence
        if lift.absolute_low is None or lift.absolute_high is None:
            why = self.words.say(short_reason(lift.why))
            text = self.words.say("There is no verdict yet that silence could change: %(why)s.", why=why)
            return {"text": text, "rows": []}
        if found is None:
            return {"text": self._nothing_silent(arm), "rows": []}
        worst, best = found.lowest, found.highest
        if METRICS[self.judged].better == "lower":
            worst, best = best, worst
        cases = [
            (self.words.say("As it was seen"), (lift.absolute_low, lift.absolute_high), lift.absolute),
            (self.words.say("Silent days at their worst"), worst, None),
            (self.words.say("Silent days at their best"), best, None),
        ]
        told = [(name, ends, at) for name, ends, at in cases if None not in ends]
        scale = scale_of([0.0, *(end for _, ends, _ in told for end in ends if end is not None)], start=0, end=100)
        return {
            "text": self._changes(arm, found, told=not lift.absolute_low <= 0 <= lift.absolute_high),
            "zero": scale.at(0),
            "rows": [self._case(name, ends, at, scale) for name, ends, at in told],
        }

    def _case(
        self, name: str, ends: tuple[float | None, float | None], at: float | None, scale: LinearScale
    ) -> dict[str, Any]:
        low, high = ends[0] or 0.0, ends[1] or 0.0
        return {
            "name": name,
            "from": scale.at(low),
            "to": scale.at(high),
            "at": None if at is None else scale.at(at),
            "text": self._differences.between(low, high),
        }

    def _nothing_silent(self, arm: str) -> str:
        rule = METRICS[self.judged].rule
        if isinstance(rule, DueShareRule):
            return self.words.say("Silence is what this metric measures: it is in the numbers, not missing from them.")
        counts = self.found.silent_units
        if isinstance(rule, QuantileRule) and (counts.get(arm) or counts.get(self.found.baseline_arm or "")):
            return self.words.say("Some placement-days were silent; for a quantile their worst case is not worked out.")
        return self.words.say("No placement-day was silent: nothing is missing that could change the verdict.")

    def _changes(self, arm: str, found: SilenceBounds, *, told: bool) -> str:
        silent = self.words.count(
            "%(n)s placement-day (%(share)s of those due) was silent and is in no number.",
            "%(n)s placement-days (%(share)s of those due) were silent and are in no number.",
            found.units,
            n=self._formats.whole(found.units),
            share=self._formats.percent(found.share),
        )
        return f"{silent}{' ' if self.words.language == 'en' else ''}{self._outcome(arm, found, told=told)}"

    def _outcome(self, arm: str, found: SilenceBounds, *, told: bool) -> str:
        name = arm_name(arm, self.words)
        if not told:
            return self.words.say("No difference is told yet that they could turn.")
        if found.changes:
            return self.words.say(
                "Had they gone as badly for %(arm)s as they can, the verdict would not stand: find out why they are "
                "silent, and have what devices still hold sent.",
                arm=name,
            )
        return self.words.say("Even had they gone as badly for %(arm)s as they can, the verdict would stand.", arm=name)

    def _placebo(self, arm: str, course: ArmCourse | None, lift: ArmLift | None) -> dict[str, Any]:
        street = course.placebo if course else None
        if street is None or not street.splits:
            why = self.words.say(short_reason(lift.why if lift else None))
            return {"text": self.words.say("No random split can be made: %(why)s.", why=why), "bars": []}
        scale = scale_of([street.edges[0], street.edges[-1], street.seen, 0.0], start=0, end=100)
        return {
            "text": self._looks(arm, street),
            "note": self._few(street),
            "bars": _bars(street, scale),
            "seen": scale.at(street.seen),
            "seen_text": self.words.say("this trial: %(n)s", n=self._judged.one(street.seen)),
            "seen_right": scale.at(street.seen) > 50,
            "axis": [
                {"x": scale.at(tick), "text": self._judged.tick(tick)}
                for tick in scale.ticks(4)
                if EDGE < scale.at(tick) < 100 - EDGE
            ],
        }

    @property
    def _judged(self) -> DifferenceFormatter:
        """Return how differences of what was judged are written: of a quantile, shares of uses up to it."""
        metric = METRICS[self.judged]
        unit = "share" if isinstance(metric.rule, QuantileRule) else metric.unit
        return DifferenceFormatter(self.words, unit)

    def _looks(self, arm: str, street: PlaceboCount) -> str:
        whole = self._formats.whole
        if METRICS[self.judged].better == "neither":
            return self.words.count(
                "Of %(all)s random splits of the same days and places, %(n)s differs at least this much.",
                "Of %(all)s random splits of the same days and places, %(n)s differ at least this much.",
                street.as_far,
                all=whole(street.splits),
                n=whole(street.as_far),
            )
        return self.words.count(
            "Of %(all)s random splits of the same days and places, %(n)s looks at least this good for %(arm)s.",
            "Of %(all)s random splits of the same days and places, %(n)s look at least this good for %(arm)s.",
            street.as_good,
            all=whole(street.splits),
            n=whole(street.as_good),
            arm=arm_name(arm, self.words),
        )

    def _few(self, street: PlaceboCount) -> str:
        if street.possible >= FEW_SPLITS:
            return ""
        return self.words.count(
            "Only %(n)s split is possible here, so all of these are the same.",
            "Only %(n)s different splits are possible here, so many of these are the same.",
            round(street.possible),
            n=self._formats.whole(street.possible),
        )


def _bars(street: PlaceboCount, scale: LinearScale) -> list[dict[str, float]]:
    most = max(street.bars) or 1
    found = []
    for (left, right), count in zip(pairwise(street.edges), street.bars, strict=True):
        height = round(count / most * BARS_HEIGHT, 1)
        if count:
            x, end = scale.at(left), scale.at(right)
            found.append({"x": x, "width": round(max(end - x - 0.3, 0.2), 2), "y": BARS_HEIGHT - height, "h": height})
    return found
