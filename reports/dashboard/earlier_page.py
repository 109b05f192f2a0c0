"""Earlier weeks beside a trend: the period before it as a line, how far earlier weeks reached as a band, and words."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reports.presentation.formats import NOTHING, LocaleFormatter
from reports.presentation.language import Translator
from reports.queries.earlier_weeks import EarlierPoint, EarlierWeeks
from reports.queries.weeks import WEEK_MS
from schemas.registry import MetricId


@dataclass(frozen=True, slots=True)
class EarlierPage:
    """The earlier weeks of one metric in one language; `whose` says of what they are, `when` names a bucket."""

    found: EarlierWeeks
    metric: MetricId
    whose: str
    when: Callable[[int], str]
    words: Translator

    def drawn(self) -> dict[str, Any] | None:
        """Return what the script draws; None where there is nothing, so that the legend names nothing either."""
        found = self.found
        if not found.told:
            return None
        return {
            "name": self.name(),
            "key": "before",
            "points": [self._point(point) for point in found.points],
            "band": [[p.start_ms, p.low, p.high, self._range(p)] for p in found.points] if found.most_weeks else [],
            "bandName": self._band_name() if found.most_weeks else "",
        }

    def name(self) -> str:
        """Return what the period before is called."""
        weeks = self._weeks
        name = self.words.count("%(n)s week before", "%(n)s weeks before", weeks, n=weeks)
        return self.words.say("%(name)s (%(more)s)", name=name, more=self.whose) if self.whose else name

    def word(self) -> str:
        """Say that there is nothing to compare with, or no range; nothing where both are drawn."""
        weeks = self._weeks
        if not self.found.told:
            return self.words.count(
                "Nothing came %(n)s week before.", "Nothing came %(n)s weeks before.", weeks, n=weeks
            )
        if not self.found.most_weeks:
            return self.words.say("No band: a range needs two earlier weeks with the same weekday and hour.")
        return self.words.say("The band reaches from the lowest to the highest of the same weekday in earlier weeks.")

    def cell(self, start_ms: int) -> dict[str, Any]:
        """Return the table's cell for the bucket that starts at *start_ms*."""
        found = next((point for point in self.found.points if point.start_ms == start_ms), None)
        if found is None:
            return {"value": NOTHING, "n": "", "range": "", "open": False}
        formats = LocaleFormatter(self.words)
        value, n = formats.metric(self.metric, found.value), "" if found.value is None else formats.whole(found.n)
        return {"value": value, "n": n, "range": self._range(found), "open": False}

    @property
    def _weeks(self) -> int:
        return self.found.by_ms // WEEK_MS

    def _band_name(self) -> str:
        weeks = self.found.most_weeks
        return self.words.count("range of %(n)s earlier week", "range of %(n)s earlier weeks", weeks, n=weeks)

    def _range(self, point: EarlierPoint) -> str:
        if point.low is None or point.high is None:
            return ""
        formats = LocaleFormatter(self.words)
        return f"{formats.metric(self.metric, point.low)} – {formats.metric(self.metric, point.high)}"

    def _point(self, point: EarlierPoint) -> list[Any]:
        text = LocaleFormatter(self.words).metric(self.metric, point.value)
        return [point.start_ms, point.value, point.n, text, self.when(point.start_ms - self.found.by_ms), 0]
