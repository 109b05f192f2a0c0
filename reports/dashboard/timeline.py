"""What happened along a trial that may explain a number: notes, changes of its plan, places that came or went."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from registry.directory import Directory
from registry.plan_history import changes_of
from reports.presentation.formats import LocaleFormatter
from reports.presentation.labels import BETWEEN_NAMES
from reports.presentation.language import Translator
from reports.presentation.plan import field_name
from schemas.registry import epoch_ms
from schemas.timing import day_of

MarkSort = Literal["own", "shared", "plan", "place", "design"]
"""A note of the trial, one of the whole avenue; a changed plan, a place that came or went, another comparison."""


@dataclass(frozen=True, slots=True)
class TimelineMark:
    """Something that happened at a time, in one language."""

    at_ms: int
    sort: MarkSort
    text: str


@dataclass(frozen=True, slots=True)
class MarkedDay:
    """A day with marks; *number* is what it is called in the pictures of one page."""

    number: int
    day_ms: int
    when: str
    marks: tuple[TimelineMark, ...]

    @property
    def changes(self) -> bool:
        """Whether what was judged, or how, changed on that day; a note only tells what happened."""
        return any(mark.sort in {"plan", "place", "design"} for mark in self.marks)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A trial's marks by day, numbered from the first."""

    days: tuple[MarkedDay, ...]

    def within(self, from_ms: int, to_ms: int) -> tuple[MarkedDay, ...]:
        """Return the days that begin from *from_ms* until before *to_ms*."""
        return tuple(day for day in self.days if from_ms <= day.day_ms < to_ms)


def timeline(
    directory: Directory, trial_id: str, words: Translator, more: Iterable[TimelineMark] = (), *, now_ms: int
) -> Timeline:
    """Return what the registry knows of a trial until *now_ms*, and *more*, by day."""
    marks = [
        *_notes(directory, trial_id, words),
        *_plan_changes(directory, trial_id, words),
        *_places(directory, trial_id, words),
        *more,
    ]
    told = sorted((mark for mark in marks if mark.at_ms <= now_ms), key=lambda mark: mark.at_ms)
    days = groupby(told, key=lambda mark: day_of(mark.at_ms))
    formats = LocaleFormatter(words)
    return Timeline(
        tuple(
            MarkedDay(number, day, formats.day(day), tuple(found)) for number, (day, found) in enumerate(days, start=1)
        )
    )


def sort_name(sort: MarkSort, words: Translator) -> str:
    """Return what a *sort* of mark is called."""
    names = {
        "own": words.say("Note"),
        "shared": words.say("Note for the whole street"),
        "plan": words.say("Plan changed"),
        "place": words.say("Places changed"),
        "design": words.say("Comparison changed"),
    }
    return names[sort]


def mark_rows(days: Sequence[MarkedDay], words: Translator) -> list[dict[str, Any]]:
    """Return what happened, by day, for a list under a picture."""
    return [
        {
            "number": day.number,
            "when": day.when,
            "marks": [
                {"sort": mark.sort, "name": sort_name(mark.sort, words), "text": mark.text} for mark in day.marks
            ],
        }
        for day in days
    ]


def _notes(directory: Directory, trial_id: str, words: Translator) -> Iterator[TimelineMark]:
    for note in directory.notes_of(trial_id):
        yield TimelineMark(epoch_ms(note.at), "own" if note.trial else "shared", words.pick(note.text))


def _plan_changes(directory: Directory, trial_id: str, words: Translator) -> Iterator[TimelineMark]:
    for at, found in groupby(changes_of(directory, trial_id), key=lambda change: change.at):
        fields = [field_name(change.field, words) for change in found]
        yield TimelineMark(epoch_ms(at), "plan", words.say(BETWEEN_NAMES).join(fields))


def _places(directory: Directory, trial_id: str, words: Translator) -> Iterator[TimelineMark]:
    """Yield each place that came after the trial had begun, or went before it ended."""
    span = directory.trial_spans[trial_id]
    spans: dict[str, list[tuple[int, int]]] = {}
    for placed in directory.placed.values():
        if placed.trial_id == trial_id:
            spans.setdefault(placed.place_id, []).append((placed.from_ms, placed.until_ms))
    for place, found in sorted(spans.items()):
        began, ended = min(since for since, _ in found), max(until for _, until in found)
        if span.starts_ms < began < span.ends_ms:
            yield TimelineMark(began, "place", words.say("%(place)s joins", place=place))
        if span.starts_ms < ended < span.ends_ms:
            yield TimelineMark(ended, "place", words.say("%(place)s leaves", place=place))
