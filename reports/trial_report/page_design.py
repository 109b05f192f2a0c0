"""Where a trial's places stand along the avenue, which arm each had on which day, and how arms were drawn."""

from dataclasses import dataclass
from functools import cached_property, partial

from registry.directory import PlacementSpan
from reports.presentation.language import Message
from reports.presentation.names import arm_name
from reports.queries.model import Interval
from reports.queries.spans import starts
from reports.trial_report import words
from reports.trial_report.blocks import ChartBlock, Drawing
from reports.trial_report.charts_of_street import (
    ArmDaysDrawing,
    StripDrawing,
    StripPlace,
    arm_colours,
    arm_days_chart,
    strip_chart,
)
from reports.trial_report.content import TrialReport
from reports.trial_report.fonts import shown
from reports.trial_report.page_charts import day_names
from reports.trial_report.rota import rota_json
from reports.trial_report.voice import ReportVoice
from schemas.registry import Placement
from schemas.timing import DAY_MS

MAX_ROWS, MAX_DAYS = 40, 200
"""Of the drawing of arms by day: more could not be told apart on paper."""
NAMED = 40
"""Places named under the strip."""
NAME_CHARACTERS = 22
AXIS_PARTS = 4


@dataclass(frozen=True)
class DesignDrawings:
    """The drawings of *report*'s design."""

    report: TrialReport
    voice: ReportVoice

    def drawn(self) -> list[tuple[ChartBlock, Drawing]]:
        """Return the strip and the arms by day; nothing where no place is registered."""
        if not self._places:
            return []
        found = [self._strip()]
        if len(self._places) <= MAX_ROWS and len(self._days) <= MAX_DAYS:
            found.append(self._arm_days())
        return found

    def lottery(self) -> list[tuple[Message, str]]:
        """Return the fact of the lottery: its seed, and whether placements stand as drawn."""
        rota = rota_json(self.report)
        if rota is None:
            return []
        block = self.voice.say(words.ROTA_BLOCKS[rota.block])
        drawn = self.voice.say(words.ROTA_VALUE, seed=rota.seed, block=block)
        other = rota.other_days
        stand = self.voice.count(words.ROTA_OTHER, other) if other else self.voice.say(words.ROTA_AS_DRAWN)
        return [(words.ROTA, self.voice.listed([drawn, stand]))]

    @cached_property
    def _places(self) -> list[tuple[str, list[Placement]]]:
        """Return the places with their placements, along the avenue."""
        found: dict[str, list[Placement]] = {}
        for placement in self.report.placements:
            found.setdefault(placement.place_id, []).append(placement)
        return list(found.items())

    @cached_property
    def _colours(self) -> dict[str, str]:
        return arm_colours(self.report.trial.arms, self.report.readout.baseline_arm)

    @cached_property
    def _days(self) -> list[int]:
        return list(starts(Interval(self.report.span.starts_ms, self.report.span.ends_ms), "day"))

    @property
    def _legend(self) -> tuple[tuple[str, str], ...]:
        return tuple((shown(arm_name(arm, self.voice.translator)), self._colours[arm]) for arm in self._colours)

    def _spans(self, placements: list[Placement]) -> list[PlacementSpan]:
        return [self.report.directory.placed[placement.id] for placement in placements]

    def _strip(self) -> tuple[ChartBlock, Drawing]:
        length = self.report.avenue.length_m
        places = tuple(
            StripPlace(str(number), own[0].metre, own[0].side, self._arms_of(own))
            for number, (_, own) in enumerate(self._places, start=1)
        )
        drawing = StripDrawing(
            length_m=length,
            places=places,
            sides=(shown(self.voice.say(words.NORTH)), shown(self.voice.say(words.SOUTH))),
            metres=tuple((length * n / AXIS_PARTS, f"{length * n / AXIS_PARTS:g} m") for n in range(AXIS_PARTS + 1)),
            arms=self._legend,
        )
        chart = ChartBlock("strip", self.voice.say(words.STRIP), self._places_said(), self._places_said())
        return chart, partial(strip_chart, f"strip-{self.voice.language}", drawing)

    def _arms_of(self, placements: list[Placement]) -> tuple[str, ...]:
        had = {arm for span in self._spans(placements) for arm in span.arms}
        return tuple(self._colours[arm] for arm in self.report.trial.arms if arm in had)

    def _places_said(self) -> str:
        said = [
            f"{number} {self._name(place, own)}, {own[0].metre:g} m"
            for number, (place, own) in enumerate(self._places[:NAMED], start=1)
        ]
        return self.voice.listed(said)

    def _name(self, place: str, placements: list[Placement]) -> str:
        return f"{place} {self.voice.translator.pick(placements[0].zone_name)}".strip()

    def _arm_days(self) -> tuple[ChartBlock, Drawing]:
        rows = tuple(
            (self._row_name(number, place, own), tuple(self._colour(own, day) for day in self._days))
            for number, (place, own) in enumerate(self._places, start=1)
        )
        drawing = ArmDaysDrawing(
            rows=rows,
            days=day_names(self.voice, self._days),
            over=sum(day + DAY_MS <= self.report.present_ms for day in self._days),
            arms=self._legend,
        )
        title, note = self.voice.say(words.ARM_DAYS), self.voice.say(words.ARM_DAYS_NOTE)
        chart = ChartBlock("arm-days", title, f"{title}. {note}", note)
        return chart, partial(arm_days_chart, f"arm-days-{self.voice.language}", drawing)

    def _row_name(self, number: int, place: str, placements: list[Placement]) -> str:
        name = f"{number} {self._name(place, placements)}"
        return shown(name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1] + "…")

    def _colour(self, placements: list[Placement], day: int) -> str | None:
        standing = (span for span in self._spans(placements) if span.from_ms < day + DAY_MS and day < span.until_ms)
        return next((self._colours.get(span.arm_at(day)) for span in standing), None)
