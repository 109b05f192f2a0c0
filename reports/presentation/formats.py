"""Numbers, money, durations and times as each language reads them; made here, since browsers differ from each other."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_decimal

from reports.metrics import METRICS, Unit
from reports.presentation.language import Translator
from reports.queries.model import Number
from schemas.registry import MetricId

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOTHING = "–"
COUNTED: frozenset[Unit] = frozenset({"events", "people", "sessions", "fen"})
"""Units of sums: of nothing they are 0, where a share or a mean of nothing is none."""
MINUTE_S = 60
HOUR_S = 3600
DAY_S = 86_400
_PATTERNS = {
    "moment": {"zh": "M月d日 HH:mm", "en": "d MMM HH:mm"},
    "exact": {"zh": "M月d日 HH:mm:ss", "en": "d MMM HH:mm:ss"},
    "clock": {"zh": "HH:mm", "en": "HH:mm"},
    "day": {"zh": "M月d日 EEE", "en": "EEE d MMM"},
    "short": {"zh": "M月d日", "en": "d MMM"},
    "date": {"zh": "yyyy年M月d日", "en": "d MMM yyyy"},
}


@dataclass(frozen=True, slots=True)
class LocaleFormatter:
    """How *translator* writes quantities."""

    translator: Translator

    def metric(self, metric: MetricId, value: Number | None) -> str:
        """Return *value* of *metric* in its unit; a dash where there is nothing to compute from."""
        return self.quantity(METRICS[metric].unit, value)

    def estimate(self, metric: MetricId, value: Number | None) -> str:
        """Return an estimate of *metric*; counts are means per placement-day and keep a decimal."""
        if value is not None and METRICS[metric].unit in {"events", "people", "sessions"}:
            return self.decimal(value, 1)
        return self.metric(metric, value)

    def between(self, metric: MetricId, low: Number | None, high: Number | None) -> str:
        """Return the interval of an estimate of *metric*; nothing where it has none."""
        return "" if low is None or high is None else f"{self.estimate(metric, low)} – {self.estimate(metric, high)}"

    def quantity(self, unit: Unit, value: Number | None) -> str:
        """Return *value* of *unit*: shares as per cent, fen as yuan, milliseconds as a duration."""
        if value is None:
            return NOTHING
        match unit:
            case "share":
                return self.percent(value)
            case "fen":
                return self.money(value)
            case "ms":
                return self.duration(value)
            case "stars":
                return self.decimal(value, 2)
            case _:
                return self.whole(value)

    def none_of(self, metric: MetricId) -> str:
        """Return what stands where events came and none of them is *metric*'s: 0 of what it counts, else a dash."""
        return self.metric(metric, 0) if METRICS[metric].unit in COUNTED else NOTHING

    def whole(self, value: Number) -> str:
        """Return *value* rounded to a whole number, in groups of three."""
        return format_decimal(round(value), locale=self.translator.locale)

    def decimal(self, value: Number, digits: int) -> str:
        """Return *value* with exactly *digits* decimals."""
        return format_decimal(_rounded(value, digits), format="#,##0." + "0" * digits, locale=self.translator.locale)

    def figures(self, value: Number) -> str:
        """Return *value* with the digits that it needs, three significant ones at most, so that it is never a 0."""
        return format_decimal(Decimal(f"{value:.3g}"), format="#,##0.##########", locale=self.translator.locale)

    def effect(self, metric: MetricId, effect: Number) -> str:
        """Return a difference of *metric* that is looked for, never as a 0; of a count it is one per placement-day."""
        known = METRICS[metric]
        shown = self.figures(effect)
        match known.unit:
            case "share":
                shown = self.translator.say("%(n)s points", n=self.figures(effect * 100))
            case "ms":
                shown = self.duration(effect) if effect >= 1 else self.translator.say("%(n)s ms", n=shown)
            case "fen":
                shown = self.money(effect) if effect >= 1 else f"¥{self.figures(effect / 100)}"
        return self.translator.say("%(effect)s per placement-day", effect=shown) if known.counts else shown

    def percent(self, share: Number) -> str:
        """Return *share* (0…1) as per cent with one decimal."""
        return f"{self.decimal(share * 100, 1)}%"

    def money(self, fen: Number) -> str:
        """Return *fen* as ¥ yuan with two decimals, the same pattern in both languages."""
        yuan = Decimal(round(fen)) / 100
        sign = "−" if yuan < 0 else ""
        return f"{sign}¥{format_decimal(abs(yuan), format='#,##0.00', locale=self.translator.locale)}"

    def duration(self, ms: Number) -> str:
        """Return *ms* milliseconds in the largest unit that reads well."""
        if ms < 1000:
            return self.translator.say("%(n)s ms", n=self.whole(ms))
        seconds = ms / 1000
        if seconds < MINUTE_S:
            return self.translator.say("%(n)s s", n=self.decimal(seconds, 1))
        minutes, rest = divmod(round(seconds), MINUTE_S)
        if minutes < MINUTE_S:
            return self.translator.say("%(m)s min %(s)s s", m=minutes, s=rest)
        hours, minutes = divmod(minutes, 60)
        return self.translator.say("%(h)s h %(m)s min", h=self.whole(hours), m=minutes)

    def ago(self, at_ms: int, now_ms: int) -> str:
        """Return how long before *now_ms* the time *at_ms* was, in one unit."""
        seconds = max(0, (now_ms - at_ms) // 1000)
        if seconds < 2 * MINUTE_S:
            return self.translator.say("%(n)s s ago", n=seconds)
        if seconds < 2 * HOUR_S:
            return self.translator.say("%(n)s min ago", n=seconds // MINUTE_S)
        if seconds < 2 * DAY_S:
            return self.translator.say("%(n)s h ago", n=seconds // HOUR_S)
        return self.translator.say("%(n)s days ago", n=self.whole(seconds // DAY_S))

    def moment(self, at_ms: int) -> str:
        """Return day and minute in Shanghai."""
        return self._time(at_ms, "moment")

    def exact(self, at_ms: int) -> str:
        """Return day and second in Shanghai."""
        return self._time(at_ms, "exact")

    def clock(self, at_ms: int) -> str:
        """Return the time of day in Shanghai."""
        return self._time(at_ms, "clock")

    def day(self, at_ms: int) -> str:
        """Return the day with its weekday in Shanghai."""
        return self._time(at_ms, "day")

    def days(self, from_ms: int, to_ms: int) -> str:
        """Return the days from that of *from_ms* to that before *to_ms* in Shanghai, without a year."""
        first, last = self._time(from_ms, "short"), self._time(to_ms - 1, "short")
        return first if first == last else f"{first} – {last}"

    def date(self, at_ms: int) -> str:
        """Return the day with its year in Shanghai."""
        return self._time(at_ms, "date")

    def _time(self, at_ms: int, pattern: str) -> str:
        return format_datetime(
            shanghai(at_ms), _PATTERNS[pattern][self.translator.language], locale=self.translator.locale
        )


def shanghai(at_ms: int) -> datetime:
    """Return Unix milliseconds as a time in Shanghai."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(SHANGHAI)


def iso(at_ms: int) -> str:
    """Return Unix milliseconds as RFC 3339 with Shanghai's offset, to the second."""
    return shanghai(at_ms).isoformat(timespec="seconds")


def _rounded(value: Number, digits: int) -> Decimal:
    return Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
