"""A placement that changes arm by day gives each day, and what was due on it, to the arm of that day."""

from datetime import date

from registry.directory import Directory
from reports.queries.model import Interval
from reports.queries.presence import PlacementShare, lines, whole
from reports.queries.spans import due_spans
from schemas.registry import Registry, day_ms
from schemas.timing import DAY_MS, HOUR_MS
from tests.support.factories import REGISTRY

FIRST = day_ms(date(2026, 11, 20))


def switching() -> Directory:
    """Return the example directory where p-017, of the pilot, is in the baseline on 21 November."""
    registry: Registry = REGISTRY.model_copy(
        update={
            "placements": [
                p.model_copy(update={"arm_days": {"baseline": [date(2026, 11, 21)]}}) if p.id == "p-017" else p
                for p in REGISTRY.placements
            ]
        }
    )
    return Directory(version=2, registry=registry)


def found(directory: Directory) -> list[PlacementShare]:
    """Return three days of p-017: due always, reporting but for the middle of the night between the first two."""
    due = due_spans(directory, "p-017", Interval(FIRST, FIRST + 3 * DAY_MS))
    met = [(FIRST, FIRST + 20 * HOUR_MS), (FIRST + 30 * HOUR_MS, FIRST + 3 * DAY_MS)]
    return [PlacementShare("p-017", due, met, "coverage")]


def test_due_and_met_hours_are_the_arms_of_their_day() -> None:
    directory = switching()

    sums = whole(directory, found(directory), ("arm",))

    assert {key: (point.value, point.n) for key, point in sums.items()} == {
        ("baseline",): (18 / 24, 24),
        ("pilot",): (44 / 48, 48),
    }


def test_by_arm_and_placement_each_day_is_counted_once() -> None:
    directory = switching()

    by_both = whole(directory, found(directory), ("placement", "arm"))
    by_nothing = whole(directory, found(directory), ())

    assert sum(point.n for point in by_both.values()) == by_nothing[()].n == 72
    assert set(by_both) == {("p-017", "baseline"), ("p-017", "pilot")}


def test_a_line_of_an_arm_has_points_on_its_own_days_only() -> None:
    directory = switching()

    found_lines = lines(directory, found(directory), "arm", "day")

    assert [point.start_ms for point in found_lines["baseline"]] == [FIRST + DAY_MS]
    assert [point.start_ms for point in found_lines["pilot"]] == [FIRST, FIRST + 2 * DAY_MS]
