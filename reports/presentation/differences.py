"""Differences between two arms as each language reads them: shares in points, everything else in its own unit."""

from dataclasses import dataclass

from reports.metrics import METRICS, Unit
from reports.presentation.formats import NOTHING, LocaleFormatter
from reports.presentation.language import Translator
from reports.queries.readout import ArmLift
from schemas.registry import MetricId

_NOUGHT = 1e-12
_COUNTS = frozenset({"events", "people", "sessions"})


@dataclass(frozen=True, slots=True)
class DifferenceFormatter:
    """How *translator* writes differences of a quantity of *unit*."""

    translator: Translator
    unit: Unit

    @classmethod
    def of(cls, metric: MetricId, translator: Translator) -> "DifferenceFormatter":
        """Return the formatter of *metric*'s differences."""
        return cls(translator, METRICS[metric].unit)

    def one(self, difference: float | None) -> str:
        """Return *difference* with its sign and unit."""
        if difference is None:
            return NOTHING
        number = self.bare(difference)
        return self.translator.say("%(n)s points", n=number) if self.unit == "share" else number

    def bare(self, difference: float) -> str:
        """Return *difference* with its sign; points without their name, for an axis."""
        formats, size = LocaleFormatter(self.translator), abs(difference)
        if self.unit == "share":
            return signed(difference, formats.decimal(size * 100, 1))
        return signed(
            difference, formats.decimal(size, 1) if self.unit in _COUNTS else formats.quantity(self.unit, size)
        )

    def tick(self, difference: float) -> str:
        """Return *difference* as it stands beside an axis: no more digits than round values need."""
        if abs(difference) < _NOUGHT:
            return "0"
        scaled = abs(difference) * (100 if self.unit == "share" else 1)
        if self.unit != "share" and self.unit not in _COUNTS:
            return self.bare(difference)
        return signed(difference, LocaleFormatter(self.translator).figures(scaled))

    def between(self, low: float, high: float) -> str:
        """Return a range of differences."""
        return self.translator.say("%(low)s to %(high)s", low=self.bare(low), high=self.one(high))


@dataclass(frozen=True, slots=True)
class LiftFormatter:
    """How *translator* writes lifts: those of shares in points, all others per cent of the baseline's value."""

    translator: Translator

    def value(self, metric: MetricId, lift: ArmLift | None) -> str:
        """Return by how much the arm differs; '' where that is not known."""
        if lift is None or lift.absolute is None:
            return ""
        if METRICS[metric].unit == "share":
            return DifferenceFormatter.of(metric, self.translator).one(lift.absolute)
        return self._percent(lift.relative)

    def interval(self, metric: MetricId, lift: ArmLift | None) -> str:
        """Return between which bounds; '' where there are none."""
        if lift is None:
            return ""
        if METRICS[metric].unit == "share":
            low, high = lift.absolute_low, lift.absolute_high
            if low is None or high is None:
                return ""
            return DifferenceFormatter.of(metric, self.translator).between(low, high)
        low, high = lift.relative_low, lift.relative_high
        if low is None or high is None:
            return ""
        return self.translator.say("%(low)s to %(high)s", low=self._percent(low), high=self._percent(high))

    def worst(self, metric: MetricId, lift: ArmLift) -> str:
        """Return the end of the interval that lies on the side of harm; in the metric's unit where no per cent is."""
        falls = METRICS[metric].harm == "falls"
        relative = lift.relative_low if falls else lift.relative_high
        if METRICS[metric].unit == "share" or relative is None:
            absolute = lift.absolute_low if falls else lift.absolute_high
            return DifferenceFormatter.of(metric, self.translator).one(absolute)
        return self._percent(relative)

    def _percent(self, share: float | None) -> str:
        if share is None:
            return NOTHING
        return signed(share, LocaleFormatter(self.translator).percent(abs(share)))


def signed(number: float, text: str) -> str:
    """Return *text*, of a magnitude, with the sign of *number*."""
    return f"{'−' if number < 0 else '+'}{text}"
