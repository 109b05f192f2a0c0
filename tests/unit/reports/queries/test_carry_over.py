"""Days after a change of a place's arm are left out as registered, and notes are of their trial or of all."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from registry.directory import Directory
from registry.file import check_registry
from registry.render import render
from reports.api.responses import trial_json
from reports.queries.carry_over import left_out_days
from schemas.registry import BilingualText, Registry, TimelineNote, date_of
from tests.support.factories import REGISTRY

TRIAL = REGISTRY.trials[0].id
WEEKS = [date(2026, 10, day) for day in (8, 9, 10, 11, 12, 13, 14)]


def directory(carry_over: int | None, **changes: Any) -> Directory:
    """Return the example where p-017, of the pilot, is in the baseline from 8 to 14 October."""
    placements = [
        p.model_copy(update={"arm_days": {"baseline": WEEKS}}) if p.id == "p-017" else p for p in REGISTRY.placements
    ]
    trials = [t.model_copy(update={"carry_over_days": carry_over}) if t.id == TRIAL else t for t in REGISTRY.trials]
    registry: Registry = REGISTRY.model_copy(update={"placements": placements, "trials": trials, **changes})
    return Directory(version=1, registry=registry)


@pytest.mark.parametrize(
    ("days", "left_out"), [(None, []), (1, [8, 15]), (2, [8, 9, 15, 16]), (3, [8, 9, 10, 15, 16, 17])]
)
def test_as_many_days_as_are_registered_are_left_out_after_each_change(days: int | None, left_out: list[int]) -> None:
    found = left_out_days(directory(days), TRIAL)

    assert sorted(date_of(day).day for _, day in found) == left_out
    assert {place for place, _ in found} <= {"p-017"}


def test_a_change_by_two_placements_one_after_the_other_is_one_too() -> None:
    moment = datetime(2026, 10, 19, 16, tzinfo=UTC)
    first = next(p for p in REGISTRY.placements if p.id == "p-018")
    second = first.model_copy(update={"id": "p-018-b", "arm": "pilot", "place": "p-018", "from_": moment})
    placements = [first.model_copy(update={"until": moment}), second]

    found = left_out_days(directory(1, placements=placements), TRIAL)

    assert [(place, date_of(day).isoformat()) for place, day in found] == [("p-018", "2026-10-20")]


def test_notes_are_those_of_the_trial_and_of_the_avenue_while_it_lasts_and_no_other_trials() -> None:
    def note(name: str, month: int, trial: str | None = None) -> TimelineNote:
        text = BilingualText(zh=name, en=name)
        return TimelineNote(id=name, at=datetime(2026, month, 3, tzinfo=UTC), text=text, trial=trial)

    notes = [note("rain", 11), note("summer", 7), note("ours", 10, TRIAL), note("theirs", 10, REGISTRY.trials[1].id)]
    found = directory(None, notes=notes)

    told = trial_json(found.trials[TRIAL], found).notes

    assert [(n.id, n.shared) for n in told] == [("ours", False), ("rain", True)]
    assert check_registry(render(found.registry or REGISTRY).encode()).registry == found.registry
