"""Differences between two arms as each language reads them: shares in points, everything else in its own unit."""

from dataclasses import dataclass

from reports.metrics import METRICS, Unit
from reports.presentation.formats import NOTHING, LocaleFormatter
from reports.presentation.language import Translator
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


def signed(number: float, text: str) -> str:
    """Return *text*, of a magnitude, with the sign of *number*."""
    return f"{'−' if number < 0 else '+'}{text}"
