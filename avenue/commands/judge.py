"""`avenue judge`: the verdict over a file of placement-days, for whoever wants to check one or to plan."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

if TYPE_CHECKING:
    from reports.stats.course import CourseDay
    from reports.stats.placebo import PlaceboStreet
    from reports.stats.trial_rows import UnitRow
    from reports.stats.verdict import LiftInterval, TrialVerdict

EXAMPLE = """
Examples:

    avenue judge days.csv --planned-units 360

    avenue judge days.csv --course --placebo 1000

The file has a line of names, period, arm, place, day, numerator and denominator, and a line for each placement-day:

    trial,pilot,cafe,0,41,50

period is before or trial (arm may be empty before), day a whole number, and a count per day has the denominator 1.
--course says what could be told after each day; --placebo of how many random splits of the same days and places look
at least this far from nothing. Needs no pipeline. Exits 2 where a line is wrong, with every one of them named.
"""

COLUMNS = ("period", "arm", "place", "day", "numerator", "denominator")
MAX_LINES = 1_000_000
"""A street's trial has some ten thousand; what is longer is not one, and is all kept in memory."""
SHOWN_FAULTS = 50
MAX_SPLITS = 100_000
"""Some seconds; a share of 1 in 1,000 is known well enough by then."""
STANDARD_INPUT = Path("-")
_WHY = {
    "no_data": "there is no data of one of the arms",
    "too_few_days": "too few days so far",
    "too_few_changes": "all places change arms together and too seldom, so arm and time cannot be told apart",
    "no_spread": "the days do not differ, so nothing says how sure it is",
    "one_place": "place and arm cannot be told apart: let places change arms by day or week, or give a week before",
    "one_arm": "there is one arm only",
}


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(epilog=EXAMPLE)(judge)


def judge(  # noqa: PLR0913 - the options of a command are its parameters
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file, or - for standard input.")],
    *,
    baseline: Annotated[str, typer.Option(help="The arm that the others are compared with.")] = "baseline",
    alpha: Annotated[float, typer.Option(help="The risk of ever excluding the truth.")] = 0.05,
    planned_units: Annotated[int, typer.Option(help="Placement-days planned in all; 0: not planned.", min=0)] = 0,
    smallest_effect: Annotated[float, typer.Option(help="The difference worth finding; 0: none stated.", min=0)] = 0.0,
    course: Annotated[bool, typer.Option("--course", help="What could be told after each day, too.")] = False,
    placebo: Annotated[
        int, typer.Option(help="Random splits to hold the difference against.", min=0, max=MAX_SPLITS)
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of sentences.")] = False,
) -> None:
    """Say what a trial's placement-days allow to be said of its arms."""
    import msgspec

    from avenue.exit_codes import exit_codes
    from reports.stats import judge as verdict_of
    from runtime.errors import ConfigurationError

    asked: dict[str, Any] = {
        "baseline": baseline,
        "alpha": alpha,
        "planned_units": planned_units or None,
        "smallest_effect": smallest_effect or None,
    }
    with exit_codes():
        rows = _read(file)
        try:
            found = verdict_of(rows, **asked)
            days = _course(rows, asked) if course else ()
            streets = _placebo(rows, found, baseline, placebo)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
    if as_json:
        answer = msgspec.to_builtins(found)
        answer |= {"course": msgspec.to_builtins(days)} if course else {}
        answer |= {"placebo": msgspec.to_builtins(streets)} if placebo else {}
        print(json.dumps(answer, ensure_ascii=False))
        return
    for line in (*sentences(found, baseline), *_course_lines(days), *_placebo_lines(streets)):
        print(line)


def _course(rows: "list[UnitRow]", asked: dict[str, Any]) -> "tuple[CourseDay, ...]":
    from reports.stats.course import course_of
    from reports.stats.verdict import JudgeSettings

    return course_of(rows, JudgeSettings(**asked))


def _course_lines(days: "Iterable[CourseDay]") -> Iterator[str]:
    for one in days:
        for name, lift in one.verdict.lifts.items():
            yield f"day {one.day}, {name}: {_lift(lift)}"


def _placebo(
    rows: "list[UnitRow]", found: "TrialVerdict", baseline: str, splits: int
) -> "dict[str, PlaceboStreet | None]":
    from reports.stats.placebo import placebo_street

    if not splits:
        return {}
    return {arm: placebo_street(rows, arm, baseline=baseline, splits=splits) for arm in found.lifts}


def _placebo_lines(streets: "dict[str, PlaceboStreet | None]") -> Iterator[str]:
    for arm, street in streets.items():
        if street is None:
            yield f"{arm}: there is nothing that could be split at random"
        else:
            yield f"{arm}: of {street.splits:,} random splits {street.as_far:,} look as far from nothing"


def sentences(found: "TrialVerdict", baseline: str) -> Iterator[str]:
    """Yield the lines of a verdict for people."""
    yield f"design: {found.design}"
    for name, arm in found.arms.items():
        bounds = _bounds(arm.low, arm.high) or f"no bounds: {_WHY[arm.why or 'no_data']}"
        yield f"{name}: {_number(arm.estimate)} ({bounds}), {arm.units} placement-days at {arm.places} places"
    for name, lift in found.lifts.items():
        yield f"{name} against {baseline}: {_lift(lift)}"


def _lift(lift: "LiftInterval") -> str:
    if lift.why is not None or lift.low is None or lift.high is None:
        value = "" if lift.absolute is None else f"{_number(lift.absolute)}, "
        return f"{value}not told: {_WHY[lift.why or 'no_data']}"
    told = "no difference told yet" if lift.low <= 0 <= lift.high else "higher" if lift.low > 0 else "lower"
    most = "many" if lift.days_high is None else lift.days_high
    more = "" if lift.days_low is None else f"; {lift.days_low} to {most} more days"
    return f"{_number(lift.absolute)} ({_bounds(lift.low, lift.high)}): {told}{more}"


def _bounds(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{_number(low)} to {_number(high)}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _read(file: Path) -> "list[UnitRow]":
    from runtime.errors import ConfigurationError
    from runtime.files import explain

    if file == STANDARD_INPUT:
        return _units(sys.stdin, "standard input")
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return _units(lines, str(file))
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file} is not UTF-8") from error
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {explain(error)}") from error


def _units(lines: TextIO, name: str) -> "list[UnitRow]":
    from reports.stats.trial_rows import checked_row
    from runtime.errors import ConfigurationError

    reader = csv.DictReader(lines)
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise ConfigurationError(f"{name}: its first line must name the columns; missing: {', '.join(missing)}")
    units, faults = [], []
    for row in reader:
        if reader.line_num > MAX_LINES:
            raise ConfigurationError(f"{name} has more than {MAX_LINES} lines")
        try:
            units.append(checked_row(reader.line_num, _values(row)))
        except ValueError as error:
            faults.append(str(error).replace("row", "line", 1))
    if faults:
        raise ConfigurationError("\n".join(_first(faults)))
    if not units:
        raise ConfigurationError(f"{name} has no line of a placement-day")
    return units


def _values(row: dict[str, Any]) -> list[Any]:
    period, arm, place, day, top, bottom = (row[column] for column in COLUMNS)
    return [period, arm, place, _converted(day, int), _converted(top, float), _converted(bottom, float)]


def _converted(text: Any, kind: type[int] | type[float]) -> Any:
    try:
        return kind(text)
    except (TypeError, ValueError):
        return text  # refused below, by the field's name


def _first(faults: list[str]) -> Iterable[str]:
    yield from faults[:SHOWN_FAULTS]
    if len(faults) > SHOWN_FAULTS:
        yield f"and {len(faults) - SHOWN_FAULTS} more"
